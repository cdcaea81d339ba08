"""Finds and fills the `{{holes}}` of a PowerShell command: a value becomes one single-quoted literal.

A value comes from outside, so the text around it must be plain: commands, parameters, words, quotes, pipes, blocks
without holes. Quoting rules: about_Quoting_Rules and about_Parsing of PowerShell 7. No PowerShell was run: whatever is
not understood here is refused, never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from opsagent.domain.command import OutsideSpan
from opsagent.domain.placeholders import Hole
from opsagent.domain.render import Rendered, Values, value_of
from opsagent.domain.runbook import PLACEHOLDER
from opsagent.errors import InputError

# PowerShell takes these for plain quotes and dashes (its tokenizer: IsSingleQuote, IsDoubleQuote, IsDash).
SINGLE_QUOTES = frozenset("\u2018\u2019\u201a\u201b")
DOUBLE_QUOTES = frozenset("\u201c\u201d\u201e")
DASHES = frozenset("\u2013\u2014\u2015")
_TYPOGRAPHIC = SINGLE_QUOTES | DOUBLE_QUOTES | DASHES
_TOKEN = re.compile(
    rf"""(?P<blank>[ \t]+)|(?P<end>[;|\n])|(?P<hole>{PLACEHOLDER.pattern})
    |(?P<single>'(?:[^'\n]|'')*')|(?P<double>"[^"`$\n]*")
    |(?P<open>@?[{{(])|(?P<close>[}})])|(?P<comma>,)
    |(?P<word>[A-Za-z0-9_.*?\\/:+=%$-]+)""",
    re.VERBOSE,
)
_CMDLET = re.compile(r"[A-Za-z]+-[A-Za-z]+")
# They take a text as code, as a program, or as a question to a database of the system.
_CODE_WORDS = """
    invoke-expression invoke-command invoke-item invoke-history invoke-cimmethod invoke-wmimethod invoke-webrequest
    invoke-restmethod start-process start-job start-threadjob add-type new-object new-alias set-alias import-module
    import-alias foreach-object where-object set-item new-service new-scheduledtaskaction register-scheduledjob
    register-objectevent register-engineevent register-cimindicationevent enter-pssession new-pssession update-typedata
    powershell.exe pwsh.exe cmd.exe wscript.exe cscript.exe mshta.exe rundll32.exe regsvr32.exe wmic.exe bash.exe
    wsl.exe forfiles.exe schtasks.exe psexec.exe ssh.exe sqlcmd.exe msiexec.exe python.exe node.exe perl.exe ruby.exe
    java.exe certutil.exe bitsadmin.exe at.exe
"""
_CODE = frozenset(_CODE_WORDS.split())
_CODE_PARAMETERS = frozenset(
    [
        "-scriptblock",
        "-filterscript",
        "-command",
        "-encodedcommand",
        "-expression",
        "-argumentlist",
        "-query",
        "-filter",
        "-filterxpath",
    ]
)
_CODE_DRIVES = ("function:", "alias:", "variable:", "env:")
_GLUED = "it is glued to other text"


class _NotPlainError(Exception):
    """The command has something in which a value's place cannot be certain; the text names it."""


@dataclass(slots=True)
class _Command:
    """The command being read: its words so far; `alone` says that a blank stands before what comes."""

    words: list[str] = field(default_factory=list)
    alone: bool = True

    def add(self, kind: str | None, word: str) -> None:
        """Take in the next token; what is glued to a word belongs to it."""
        if kind in ("blank", "end"):
            self.alone = True
            return
        self.words = [*self.words, word] if self.alone else [*self.words[:-1], self.words[-1] + word]
        self.alone = False


def powershell_holes(text: str) -> tuple[Hole, ...]:
    """Every placeholder, in order, with what is wrong about its place."""
    found = tuple(Hole(one.group(1), one.start(), one.end()) for one in PLACEHOLDER.finditer(text))
    if not found:
        return ()
    try:
        judged = _judged(text)
    except _NotPlainError as reason:
        return tuple(replace(hole, problem=f"the command is not plain enough for a value: {reason}") for hole in found)
    return tuple(replace(hole, problem=judged.get(hole.start, "it stands inside double quotes")) for hole in found)


def render_powershell(text: str, values: Values) -> Rendered:
    """The command with every value in place. InputError naming the value and the fix."""
    pieces: list[str] = []
    spans: list[OutsideSpan] = []
    done = length = 0
    for hole in powershell_holes(text):
        if hole.problem:
            raise InputError(
                f"{{{{{hole.name}}}}} cannot be filled: {hole.problem}.",
                fix="Let the value stand alone, with a space on both sides, as an argument of a Verb-Noun command.",
            )
        value, origin = value_of(hole.name, values)
        _check(value, hole.name, outside=bool(origin))
        inside = _inside_single(text, hole.start)
        doubled = value.replace("'", "''")
        word = doubled if inside else f"'{doubled}'"
        before = text[done : hole.start]
        start = length + len(before)
        pieces += [before, word]
        done, length = hole.end, start + len(word)
        if origin:
            spans.append(OutsideSpan(start, length, origin))
    return Rendered("".join([*pieces, text[done:]]), tuple(spans))


def _check(value: str, name: str, *, outside: bool) -> None:
    """What a quoted value could still do: end its quotes, become two arguments of a program, stand for many names."""
    if bad := next((one for one in value if one == '"' or one in _TYPOGRAPHIC), ""):
        raise InputError(
            f"The value of `{name}` has {bad!r}, which PowerShell reads as a quote or a dash, or hands on unprotected.",
            fix="Give it with plain characters, without double quotes.",
        )
    if value.endswith("\\") and " " in value:
        raise InputError(
            f"The value of `{name}` has a blank and ends with a backslash: a program would read on behind it.",
            fix="Leave out the last backslash.",
        )
    if value.startswith("/") and outside:
        raise InputError(
            f"The value of `{name}` begins with `/`, so a program of Windows would take it as an option.",
            fix="Write a path with its drive, and backslashes.",
        )
    if outside and (bad := next((one for one in value if one in "*?[]`"), "")):
        raise InputError(
            f"The value of `{name}` has {bad!r}: quotes do not keep PowerShell from reading it as a pattern.",
            fix="Give one exact name.",
        )


def _inside_single(text: str, start: int) -> bool:
    at = 0
    while at < start:
        token = _TOKEN.match(text, at)
        if token is None:
            return False
        if token.lastgroup == "single" and token.end() > start:
            return True
        at = token.end()
    return False


def _judged(text: str) -> dict[int, str]:
    """Where each placeholder begins, with its problem (empty: fine)."""
    if bad := next((one for one in text if one in _TYPOGRAPHIC), ""):
        raise _NotPlainError(f"it has {bad!r}, which PowerShell reads as a plain one")
    judged: dict[int, str] = {}
    command, depth, at = _Command(), 0, 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise _NotPlainError(f"it has {text[at]!r}")
        if token.lastgroup in ("hole", "single"):
            problem = _problem(text, token, command, depth)
            judged.update({one.start() + at: problem for one in PLACEHOLDER.finditer(token.group())})
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        if depth < 0:
            raise _NotPlainError(f"it has a {token.group()!r} too many")
        command = _Command() if token.lastgroup == "end" and not depth else command
        if not depth:
            command.add(token.lastgroup, token.group())
        at = token.end()
    if depth:
        raise _NotPlainError("a bracket is not closed")
    return judged


def _problem(text: str, token: re.Match[str], command: _Command, depth: int) -> str:
    behind = text[token.end() : token.end() + 1]
    if depth:
        return "it stands in a block"
    return _place(command.words) if command.alone and (not behind or behind in " \t\n;|") else _GLUED


def _place(words: list[str]) -> str:
    """What would run an argument behind these words as code; empty when nothing does."""
    if not words:
        return "it is the name of the command"
    lowered = [word.lower() for word in words]
    name = lowered[0]
    if not (_CMDLET.fullmatch(words[0]) or re.fullmatch(r"[a-z0-9_.-]+\.exe", name)):
        return f"`{words[0]}` is neither a Verb-Noun command nor an .exe, so nobody knows what takes the value"
    if name in _CODE or name.startswith(("invoke-sql", "register-")):
        return f"`{words[0]}` would take it as code"
    if lowered[-1] in _CODE_PARAMETERS:
        return f"`{words[-1]}` would take it as code"
    if any(drive in word for word in lowered for drive in _CODE_DRIVES):
        return "it would become a function, an alias or a variable"
    return ""
