"""What a shell word can become when bash expands it: a set of patterns, never less than what is possible."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

Node = dict[str, Any]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Stand-ins inside a pattern. They are private-use characters; a text that holds one is refused before parsing.
STAR = "\ue000"  # any characters within one path name: an unquoted glob
QUERY = "\ue001"  # one character within one path name
ANY = "\ue002"  # anything at all
IDENT = "\ue003"  # a number or plain name: letters, digits, `._:+`; no slash, no blank, never a dash first
IDENTS = "\ue004"  # several of those, separated by blanks
BELOW = "\ue005"  # any path below a folder: what `find` hands on
NUMBER = "\ue006"  # digits and commas
NUMBERS = "\ue007"  # several of those, separated by blanks
_LISTS = {IDENTS: IDENT, NUMBERS: NUMBER}
_MARKS = {
    NUMBER: "<number>",
    NUMBERS: "<numbers>",
    BELOW: "...",
    STAR: "*",
    QUERY: "?",
    ANY: "<unknown>",
    IDENT: "<id>",
    IDENTS: "<ids>",
}
_MAX_ALTERNATIVES = 64
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]+")
_BRACES = re.compile(r"\{[^{}]*(?:,|\.\.)[^{}]*\}")
_QUOTED_ESCAPE = re.compile(r"\\([$`\"\\\n])")
_NUMERIC_VARIABLES = _words("UID EUID PPID RANDOM SECONDS LINENO BASHPID EPOCHSECONDS ? # $ !")
_PLAIN_VARIABLES = _words("HOSTNAME USER LOGNAME HOSTTYPE MACHTYPE OSTYPE BASH_VERSION")
_ANSI = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"', "?": "?", "a": "\a", "b": "\b", "e": "\x1b", "r": "\r"}
_ANSI_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Word:
    """`alternatives` are the patterns the word can be; `many` says it may become no word or several."""

    alternatives: tuple[str, ...]
    many: bool = False

    @property
    def text(self) -> str | None:
        """The word when it is exactly one known word, else None."""
        if self.many or len(self.alternatives) != 1 or any(mark in self.alternatives[0] for mark in _MARKS):
            return None
        return self.alternatives[0]

    @property
    def may_be_option(self) -> bool:
        """Whether it can begin with a dash."""
        return any(one[:1] in {"-", STAR, QUERY, ANY} for one in self.alternatives)

    @property
    def numeric(self) -> bool:
        """Whether it can only be numbers."""
        return all(re.fullmatch(f"[0-9,{NUMBER}]+", one) for one in self.alternatives)

    @property
    def samples(self) -> tuple[str, ...]:
        """The alternatives with every number made one, for matching."""
        return tuple(one.replace(NUMBER, "0") for one in self.alternatives)

    @property
    def unknown(self) -> bool:
        """Whether it can be anything."""
        return any(ANY in one for one in self.alternatives)

    @property
    def shown(self) -> str:
        """For people."""
        return shown(self.alternatives[0]) if self.alternatives else ""


UNKNOWN = Word((ANY,), many=True)


def dynamic(pattern: str) -> bool:
    """Whether a pattern holds anything that is not written out."""
    return any(mark in pattern for mark in _MARKS)


def shown(pattern: str) -> str:
    """A pattern for people: globs as they were written, the rest named."""
    for mark, readable in _MARKS.items():
        pattern = pattern.replace(mark, readable)
    return pattern


@dataclass(slots=True)
class Scope:
    """The variables a script sets, without regard to order: every value each can ever hold.

    `values` maps a name to words (as nodes, with True when the value is split into words as in `for`) or to None where
    the value cannot be known; an empty node is a number. `prints` says which mark stands for a command's output.
    `unsure` are the names that may also hold what they held before the script, or nothing.
    """

    prints: Callable[[str, Sequence[str]], str]
    values: dict[str, list[tuple[Node | None, bool]]] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    unsure: frozenset[str] = frozenset()
    _busy: set[str] = field(default_factory=set)

    def assign(self, name: str, value: Node | None, *, split: bool = False) -> None:
        """One more value `name` can hold."""
        self.values.setdefault(name, []).append((value, split))

    # -- words ---------------------------------------------------------------------------------------------------

    def words(self, node: Node) -> list[Word]:
        """A word node as it stands among arguments: brace expansion may make several."""
        parts: list[Node] = node.get("Parts") or []
        literal = "".join(part.get("Value", "") for part in parts if part.get("Type") == "Lit")
        if "{" in literal and (_BRACES.search(literal) or (len(parts) > 1 and "}" in literal and "," in literal)):
            if len(parts) == 1 and "\\" not in literal and (expanded := _expand(literal)) is not None:
                return [self._join([{"Type": "Lit", "Value": one}]) for one in expanded]
            return [UNKNOWN]
        return [self._join(parts)]

    def single(self, node: Node | None) -> Word:
        """A word node where no splitting happens: an assignment, a redirect, a `[[ ]]` operand."""
        parts = node.get("Parts") or [] if node else []
        return Word(self._join(parts, quoted=True, literal=True).alternatives)

    def _join(self, parts: list[Node], *, quoted: bool = False, literal: bool = False) -> Word:
        """`literal`: the parts stand bare, though their expansions are not split (an assignment, a redirect)."""
        pieces = [
            _literal(part.get("Value", ""))
            if literal and part.get("Type") == "Lit"
            else self._part(part, quoted=quoted)
            for part in parts
        ]
        if len(parts) > 1 and any(_open_bracket(part) for part in parts) and not quoted:
            return UNKNOWN
        many = any(piece.many for piece in pieces)
        if many and any(ANY in one for piece in pieces if piece.many for one in piece.alternatives):
            return UNKNOWN
        size = 1
        for piece in pieces:
            size *= len(piece.alternatives)
        if size > _MAX_ALTERNATIVES:
            return UNKNOWN if not quoted else Word((ANY,))
        joined = tuple(
            dict.fromkeys("".join(combination) for combination in product(*(p.alternatives for p in pieces)))
        )
        return _spread(joined, many=many) if not quoted else Word(joined, many)

    def _part(self, part: Node, *, quoted: bool) -> Word:
        kind = part.get("Type")
        if kind == "Lit":
            text = part.get("Value", "")
            return Word((_QUOTED_ESCAPE.sub(_unescaped, text),)) if quoted else _literal(text)
        if kind == "DblQuoted":
            inner = self._join(part.get("Parts") or [], quoted=True)
            return inner if quoted else Word(tuple(_one_word(text) for text in inner.alternatives), inner.many)
        if kind == "CmdSubst":
            return Word((self._output(part),), many=not quoted)
        if kind == "ParamExp":
            return self._parameter(part, quoted=quoted)
        return _plain_part(part)

    def _parameter(self, part: Node, *, quoted: bool) -> Word:
        name = (part.get("Param") or {}).get("Value", "")
        if part.get("Length") and not part.get("Excl"):
            return Word((NUMBER,))
        if set(part) & {"Excl", "Index", "Slice", "Repl", "Names", "Exp", "Flags", "NestedParam", "Width"}:
            return Word((ANY,), many=True)
        alternatives = self.variable(name)
        if name in {"@", "*"} or (not quoted and _splits(alternatives)):
            return UNKNOWN
        return Word(alternatives, many=not quoted and any(mark in one for one in alternatives for mark in _LISTS))

    def variable(self, name: str) -> tuple[str, ...]:
        """Every value a variable can hold, as patterns; not yet split."""
        if name not in self.values:
            if name in _NUMERIC_VARIABLES or name in _PLAIN_VARIABLES:
                return (NUMBER if name in _NUMERIC_VARIABLES else IDENT,)
            return ("~",) if name == "HOME" else (ANY,)
        if name in self._busy or name in self.unsure:
            return (ANY,)
        self._busy.add(name)
        try:
            found: dict[str, None] = {}
            for node, split in self.values[name]:
                found.update(dict.fromkeys(self._value(node, split=split)))
        finally:
            self._busy.discard(name)
        return tuple(found) if len(found) <= _MAX_ALTERNATIVES else (ANY,)

    def _value(self, node: Node | None, *, split: bool) -> Iterable[str]:
        if node is None:
            return (ANY,)
        if not node:
            return (NUMBER, "-" + NUMBER)
        if split:
            return [_one_word(one) for word in self.words(node) for one in word.alternatives]
        return self.single(node).alternatives

    def _output(self, part: Node) -> str:
        """The mark for what a command substitution prints: numbers, plain names, or anything."""
        statements = part.get("Stmts") or []
        if len(statements) != 1:
            return ANY
        command = statements[0].get("Cmd") or {}
        while command.get("Type") == "BinaryCmd" and command.get("Op") == "|":
            statements = [command["Y"]]
            command = statements[0].get("Cmd") or {}
        redirects = statements[0].get("Redirs") or []
        if command.get("Type") != "CallExpr" or command.get("Assigns"):
            return ANY
        if any(one.get("Op") != "<" and not _to_null(one) for one in redirects):
            return ANY
        texts = [word.text for node in command.get("Args") or [] for word in self.words(node)]
        known = [text for text in texts if text is not None]
        if not texts or len(known) != len(texts) or known[0] in self.functions:
            return ANY
        return self.prints(known[0], known[1:])

    # -- arithmetic ----------------------------------------------------------------------------------------------

    def arithmetic_problem(self, node: Any) -> str:
        """Why evaluating this arithmetic could run a command, in words; empty when it cannot.

        Bash evaluates the content of a variable again, and a subscript in it may hold a command substitution.
        """
        if isinstance(node, list):
            return next((problem for one in node if (problem := self.arithmetic_problem(one))), "")
        if not isinstance(node, dict):
            return ""
        if "Parts" in node:
            return self._operand_problem(node)
        return next((problem for child in node.values() if (problem := self.arithmetic_problem(child))), "")

    def _operand_problem(self, node: Node) -> str:
        for part in node["Parts"]:
            if part.get("Type") == "Lit" and _NUMBER.fullmatch(part.get("Value", "")):
                continue
            if part.get("Type") == "Lit" and _IDENTIFIER.fullmatch(part.get("Value", "")):
                values: tuple[str, ...] = self.variable(part["Value"])
            elif part.get("Type") in {"ParamExp", "CmdSubst", "ArithmExp", "DblQuoted"}:
                values = self._part(part, quoted=True).alternatives
            else:
                return "its arithmetic uses something that is not a plain number"
            if not all(_NUMBER.fullmatch(re.sub(f"[{NUMBER}{NUMBERS}]", "0", one).lstrip("-")) for one in values):
                return "bash evaluates a variable's content in arithmetic, and that content is not known to be a number"
        return ""


def _unescaped(match: re.Match[str]) -> str:
    return "" if match[1] == "\n" else match[1]


def _plain_part(part: Node) -> Word:
    """Parts that mean the same quoted or not."""
    kind, value = part.get("Type"), part.get("Value", "")
    if kind == "SglQuoted":
        return Word((_ansi(value) if part.get("Dollar") else value,))
    if kind == "ArithmExp":
        return Word((NUMBER, "-" + NUMBER))
    return Word(("/dev/fd/63",)) if kind == "ProcSubst" else UNKNOWN


def _to_null(redirect: Node) -> bool:
    parts = (redirect.get("Word") or {}).get("Parts") or []
    return len(parts) == 1 and parts[0].get("Value") == "/dev/null"


def _open_bracket(part: Node) -> bool:
    return part.get("Type") == "Lit" and "[" in re.sub(r"\\.|\[[^\]]+\]", "", part.get("Value", ""))


def _splits(alternatives: Iterable[str]) -> bool:
    """Whether an unquoted expansion of these values can become other words: blanks, globs, nothing, anything."""
    return any(one == "" or re.search(f"[\\s*?\\[\\\\{STAR}{QUERY}{ANY}]", one) for one in alternatives)


def _one_word(text: str) -> str:
    """A list of numbers or names taken as one of them."""
    return text.replace(IDENTS, IDENT).replace(NUMBERS, NUMBER)


def _spread(joined: tuple[str, ...], *, many: bool) -> Word:
    """An unquoted list of identifiers falls apart at its blanks: each piece may carry what stands around it."""
    if not any(mark in one for one in joined for mark in _LISTS):
        return Word(joined, many)
    pieces: dict[str, None] = {}
    for one in joined:
        marks = [mark for mark in _LISTS for _ in range(one.count(mark))]
        if not marks:
            pieces[one] = None
            continue
        if len(marks) > 1:
            return UNKNOWN
        before, _, after = one.partition(marks[0])
        single = _LISTS[marks[0]]
        for piece in (before + single + after, before + single, single, single + after):
            pieces[piece] = None
    return Word(tuple(pieces), many=True)


def _literal(text: str) -> Word:
    """An unquoted literal: escapes removed, globs marked."""
    out: list[str] = []
    many = False
    index = 0
    if text[:1] == "~" and text[1:2] not in {"", "/"}:  # another user's home, or a folder the shell remembers
        out.append(ANY)
        index = text.find("/") if "/" in text else len(text)
    while index < len(text):
        character = text[index]
        if character == "\\":
            index += 1
            if index < len(text) and text[index] != "\n":
                out.append(text[index])
        elif character in "*?":
            many = True
            out.append(STAR if character == "*" else QUERY)
        elif character == "[" and (end := text.find("]", index + 2)) > 0:
            if end == index + 2 and text[index + 1].isalnum() and not any(mark in text for mark in "*?\\"):
                own = "".join(out)  # `[n]ginx`: itself, or the one file of that name
                rest = _literal(text[end + 1 :])
                if not rest.many and len(rest.alternatives) == 1:
                    tail = rest.alternatives[0]
                    return Word((own + text[index : end + 1] + tail, own + text[index + 1] + tail), many)
            many = True
            out.append(STAR)
            index = end
        else:
            out.append(character)
        index += 1
    return Word(("".join(out),), many)


def _ansi(text: str) -> str:
    """The content of `$'...'`, or ANY when it holds an escape that is not known here."""
    if re.search(r"\\[^xabenrt0-7\\'\"?]|\\x(?![0-9a-fA-F])|\\x0{1,2}(?![0-9a-fA-F])|\\0{1,3}(?![0-7])", text):
        return ANY

    def decode(match: re.Match[str]) -> str:
        if match[1] or match[2]:
            code = int(match[1], 16) if match[1] else int(match[2], 8) & 0xFF
            return chr(code) if code < 0x80 else ANY
        return _ANSI[match[3]]

    return _ANSI_ESCAPE.sub(decode, text)


def _expand(text: str) -> list[str] | None:
    """Brace expansion of one simple list (`a{b,c}d`) or number range; None for anything more."""
    if text.count("{") != 1 or text.count("}") != 1:
        return None
    before, _, rest = text.partition("{")
    inside, _, after = rest.partition("}")
    if span := re.fullmatch(r"(\d{1,4})\.\.(\d{1,4})", inside):
        first, last = int(span[1]), int(span[2])
        if abs(last - first) >= _MAX_ALTERNATIVES or (span[1] + span[2]).startswith("0"):
            return None
        step = 1 if last >= first else -1
        return [f"{before}{number}{after}" for number in range(first, last + step, step)]
    if ".." in inside or "," not in inside:
        return None
    return [f"{before}{one}{after}" for one in inside.split(",")]
