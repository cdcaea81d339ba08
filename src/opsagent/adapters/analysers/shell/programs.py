"""Proves of a program in awk, sed or jq that it only reads and prints; what is not understood is a reason to ask."""

from __future__ import annotations

import re

_AWK_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\\\n|\#[^\n]*)|(?P<newline>\n)|(?P<string>"(?:[^"\\\n]|\\.)*")
    |(?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<operator>\+\+|--|&&|\|\||>>|[-+*/%^=!<>]=|[-+*/%^=!<>~?:,;(){}\[\]$|@&])""",
    re.VERBOSE | re.DOTALL,
)
# Where awks differ on where a pattern ends (a slash or an escape within [...]), it is not understood.
_AWK_REGEX = re.compile(r"/(?:[^/\\\n]|\\[^\n])*/")
_AWK_BRACKETS = re.compile(r"\[\^?(?:[^\]\[\\/^]|\\[^\]\\/]|\[:[a-z]+:\])+\]")
# A slash after one of these: awks read a division, a pattern or an error. After the others it is a division.
_AWK_OPENS = frozenset({"if", "while", "for", "switch"})
_AWK_UNSURE = frozenset(
    {"++", "--", "$", "/", "else", "do", "next", "nextfile", "exit", "break", "continue", "delete", "default", "length"}
    | {"function", "func", "BEGIN", "END", "BEGINFILE", "ENDFILE"}
    | _AWK_OPENS
)
_AWK_REFUSED = {
    "system": "its awk program starts commands (system)",
    "getline": "its awk program reads from elsewhere (getline)",
    "ARGV": "its awk program chooses the files it reads (ARGV)",
    "ARGC": "its awk program chooses the files it reads (ARGC)",
    "SYMTAB": "its awk program reaches every variable (SYMTAB)",
    "FUNCTAB": "its awk program calls functions by name (FUNCTAB)",
}


class _AwkReader:
    """Reads one awk program token by token, as awk's own grammar tells a division from a pattern."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.at = 0
        self.previous = ""
        self.after_operand = False
        self.depth = 0
        self.opened: list[str] = []  # the word before each parenthesis that is open
        self.printing: int | None = None  # the depth at which the present print statement began
        self.reveals = ""

    def read(self) -> str:
        while self.at < len(self.program):
            if problem := self._slash() if self.program[self.at] == "/" else self._token():
                return problem
        return ""

    def _slash(self) -> str:
        if self.previous in _AWK_UNSURE:
            return f"its awk program was not understood (a slash after {self.previous})"
        if self.after_operand:
            assigned = self.program.startswith("/=", self.at)  # after what is no variable, a pattern that begins with =
            return "its awk program was not understood (/=)" if assigned else self._token()
        match = _AWK_REGEX.match(self.program, self.at)
        if match is None or "[" in _AWK_BRACKETS.sub("", _escaped_away(match[0])):
            return "its awk program was not understood (a pattern)"
        self.at, self.previous, self.after_operand = match.end(), "/", True
        return ""

    def _token(self) -> str:
        match = _AWK_TOKEN.match(self.program, self.at)
        if match is None:
            return f"its awk program was not understood near {self.program[self.at : self.at + 10]!r}"
        self.at, kind, text = match.end(), match.lastgroup, match[0]
        if kind == "space":
            return ""
        if kind == "newline":  # a statement or a rule ends here: a slash would begin a pattern
            self.previous, self.after_operand = text, False
            return ""
        if kind == "name" and text in _AWK_REFUSED:
            return _AWK_REFUSED[text]
        if text == "ENVIRON":
            self.reveals = "shows the environment (awk ENVIRON)"
        if text == "(":
            self.opened.append(self.previous)
        # What follows `if (...)` is a statement, and a slash there begins a pattern in some awks.
        before = self.opened.pop() if text == ")" and self.opened else ""
        self.previous = before if before in _AWK_OPENS else text
        self.after_operand = (kind in {"number", "name", "string"} or text in {")", "]"}) and text not in _AWK_WORDS
        return self._statement(text)

    def _statement(self, text: str) -> str:
        """Pipes, calls by name, and `>` after print are where awk leaves reading."""
        if text == "@":
            return "its awk program loads or calls something by name (@)"
        if text in {"|", "&"}:
            return "its awk program starts commands (a pipe)"
        if text in {"print", "printf"}:
            self.printing = self.depth
        elif text in {">", ">>"} and self.printing is not None and self.depth <= self.printing:
            return "its awk program writes to a file"
        elif text in {";", "}"}:
            self.printing = None
        self.depth += (text in {"(", "["}) - (text in {")", "]"})
        return ""


_AWK_WORDS = frozenset({"print", "printf", "return", "in", "case"})  # a pattern, not a division, follows these


def _escaped_away(pattern: str) -> str:
    """The pattern without escaped characters outside its brackets, where they could look like one."""
    return re.sub(r"(?P<kept>" + _AWK_BRACKETS.pattern + r")|\\.", lambda found: found["kept"] or "", pattern)


def awk_problem(program: str) -> tuple[str, str]:
    """(why it is not proven to read, what it reveals), each empty when there is nothing to say."""
    reader = _AwkReader(program)
    return reader.read(), reader.reveals


_SED_ADDRESS = re.compile(r"(?:[0-9]+(?:~[0-9]+)?|\$)")
_SED_SECOND = re.compile(r"[+~][0-9]+")
_SED_FLAGS = re.compile(r"[gpiImM0-9]*")
_SED_PLAIN = frozenset("pPdD=nNgGhHxlzF")
_SED_BRACKETS = re.compile(r"\\.|\[\^?\]?[^\]]*\]", re.DOTALL)
_SED_REFUSED = {
    "w": "its sed script writes to a file",
    "W": "its sed script writes to a file",
    "e": "its sed script starts commands",
    "r": "its sed script reads another file",
    "R": "its sed script reads another file",
}
_BLANKS = " \t\n;"


class _SedReader:
    """Reads one sed script from left to right; `problem` is set at the first thing that is not proven to only print."""

    def __init__(self, script: str) -> None:
        self.script = script
        self.at = 0
        self.problem = ""

    def read(self) -> str:
        while not self.problem:
            self._skip(_BLANKS + "}")
            if self.at >= len(self.script):
                return ""
            self._addresses()
            self._command()
        return self.problem

    def _skip(self, characters: str) -> None:
        while self.at < len(self.script) and self.script[self.at] in characters:
            self.at += 1

    def _take(self) -> str:
        self.at += 1
        return self.script[self.at - 1 : self.at]

    def _refuse(self, words: str) -> None:
        self.problem = words

    def _delimited(self, delimiter: str) -> None:
        """Up to the next bare delimiter; GNU sed looks at nothing but backslashes here."""
        start = self.at
        while self.at < len(self.script):
            character = self._take()
            if character == "\\":
                self.at += 1
            elif character == delimiter:
                # Other seds skip a delimiter inside [...]: where the two readings differ, it is not understood.
                if "[" in _SED_BRACKETS.sub("", self.script[start : self.at - 1]):
                    break
                return
            elif character == "\n":
                break
        self._refuse("its sed script was not understood (an open expression)")

    def _address(self) -> bool:
        if match := _SED_ADDRESS.match(self.script, self.at):
            self.at = match.end()
            return True
        if self.script[self.at : self.at + 1] not in {"/", "\\"}:
            return False
        delimiter = self._take()
        self._delimited(self._take() if delimiter == "\\" else delimiter)
        while self.script[self.at : self.at + 1] in {"I", "M"}:
            self.at += 1
        return True

    def _addresses(self) -> None:
        if self._address():
            self._skip(" \t")
            if self.script[self.at : self.at + 1] == ",":
                self.at += 1
                self._skip(" \t")
                if match := _SED_SECOND.match(self.script, self.at):
                    self.at = match.end()
                elif not self._address():
                    self._refuse("its sed script was not understood (an address)")
        self._skip(" \t!")

    def _command(self) -> None:
        if self.problem:
            return
        command = self._take()
        if command == "{":
            return
        if command in _SED_PLAIN:
            self._end()
        elif command in {"q", "Q", "l"}:
            self._skip(" \t0123456789")
            self._end()
        elif command in {"s", "y"}:
            self._replacement(command)
        elif command in {"b", "t", "T", ":"}:
            while self.at < len(self.script) and self.script[self.at] not in ";\n}":
                self.at += 1
        else:
            self._refuse(_SED_REFUSED.get(command, f"its sed script was not understood near {command!r}"))

    def _replacement(self, command: str) -> None:
        delimiter = self._take()
        if delimiter in {"", "\\", "\n"}:
            self._refuse("its sed script was not understood (a delimiter)")
            return
        self._delimited(delimiter)
        self._delimited(delimiter)
        if command == "s" and (match := _SED_FLAGS.match(self.script, self.at)):
            self.at = match.end()
        self._end()

    def _end(self) -> None:
        self._skip(" \t")
        following = self.script[self.at : self.at + 1]
        if following and following not in ";\n}#":
            self._refuse(_SED_REFUSED.get(following, f"its sed script was not understood near {following!r}"))
        if following == "#":
            while self.at < len(self.script) and self.script[self.at] != "\n":
                self.at += 1


def sed_problem(script: str) -> str:
    """Why a sed script is not proven to only print; empty when it is."""
    return _SedReader(script).read()


_JQ_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def jq_problem(program: str) -> tuple[str, str]:
    """(why it is not proven to read, what it reveals)."""
    reveals = "shows the environment (jq env)" if re.search(r"\$?\b(?:env|ENV|__prog_args)\b", program) else ""
    bare = program if "\\(" in program else _JQ_STRING.sub('""', program)
    if re.search(r"\b(?:import|include|get_search_list|modulemeta)\b", bare):
        return "its jq program loads another file", reveals
    return "", reveals
