"""Reads the plain part of PowerShell: pipelines of commands with literal arguments, and nothing else.

It is the first of two readers that must agree (the analyser has the other): no PowerShell could be run, so what it
would do with a text is only claimed of texts that leave it no choice. ASCII only (PowerShell takes typographic quotes
and dashes for plain ones), no backtick, no variable but `$_` in a filter, no expression, no redirection, no comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_CHARS = 8_000
_STRING = r"'(?:[^'\n]|'')*'|\"[^\"`$\n]*\""
_ENDS = r"(?=[ \t\n;|,]|$)"
_TOKEN = re.compile(
    rf"""(?P<blank>[ \t]+)|(?P<line>\n)|(?P<semicolon>;)|(?P<pipe>\|(?!\|))|(?P<comma>,)
    |(?P<string>{_STRING}){_ENDS}
    |(?P<constant>\$(?:true|false|null)){_ENDS}
    |(?P<parameter>-[A-Za-z]+){_ENDS}
    |(?P<word>[A-Za-z0-9_.*?\\/:+=%-]+){_ENDS}""",
    re.VERBOSE | re.IGNORECASE,
)
# A filter compares properties of what comes: no bare word (it would be a command), no call, no index, no type.
_OPERAND = rf"\$_(?:\.[A-Za-z][A-Za-z0-9]*)*|\$(?:true|false|null)|[0-9]+(?:\.[0-9]+)?(?:[kmgt]b)?|{_STRING}"
_OPERATOR = "-(?:eq|ne|gt|ge|lt|le|like|notlike|match|notmatch|contains|notcontains|in|notin|and|or|not)"
_BLOCK = re.compile(
    rf"\{{(?:[ \t\n]|[()](?=[ \t\n()$'\"0-9}}-])|(?:{_OPERAND}|{_OPERATOR})(?=[ \t\n)}},])|,)*\}}{_ENDS}", re.IGNORECASE
)
_TABLE_VALUE = rf"(?:{_STRING}|[0-9]+)"
_TABLE_ENTRY = rf"[ \t\n]*([A-Za-z]+)[ \t]*=[ \t]*({_TABLE_VALUE}(?:,[ \t]*{_TABLE_VALUE})*)[ \t\n]*"
_TABLE = re.compile(rf"@\{{{_TABLE_ENTRY}(?:;{_TABLE_ENTRY})*;?[ \t\n]*\}}{_ENDS}")


class NotPlainError(Exception):
    """The text has something of which nothing is claimed; the message names it."""


@dataclass(frozen=True, slots=True)
class PlainArgument:
    """`-Name` (then `parameter` holds it), or one value: a list of texts, or a block or a table as written."""

    parameter: str = ""
    values: tuple[str, ...] = ()
    written: str = ""


@dataclass(frozen=True, slots=True)
class PlainCall:
    """One command of a pipeline."""

    name: str
    arguments: tuple[PlainArgument, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments as a program would get them."""
        return tuple(
            f"-{one.parameter}" if one.parameter else one.written or ",".join(one.values) for one in self.arguments
        )


@dataclass(frozen=True, slots=True)
class PlainScript:
    """The pipelines of a text, in order. `quoted` is the same text with quotes around the words of lists.

    tree-sitter's grammar (0.26) knows no list of bare words: `Name,Status` is an error to it, `'Name','Status'` is not.
    """

    pipelines: tuple[tuple[PlainCall, ...], ...]
    quoted: str


def read(text: str) -> PlainScript:
    """What a plain text says. NotPlainError."""
    if len(text) > MAX_CHARS:
        raise NotPlainError(f"it is longer than {MAX_CHARS} characters")
    for character in text:
        if not (" " <= character <= "~" or character in "\n\t"):
            raise NotPlainError("it has a character that PowerShell may read as a quote, a dash or a blank")
    if "`" in text:
        raise NotPlainError("it has a backtick")
    reader = _Reader(text)
    pipelines = reader.pipelines()
    return PlainScript(pipelines, reader.quoted())


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._listed: list[tuple[int, int]] = []

    def quoted(self) -> str:
        pieces, done = [], 0
        for start, end in self._listed:
            pieces += [self._text[done:start], f"'{self._text[start:end]}'"]
            done = end
        return "".join([*pieces, self._text[done:]])

    def pipelines(self) -> tuple[tuple[PlainCall, ...], ...]:
        found: list[tuple[PlainCall, ...]] = []
        calls: list[PlainCall] = []
        self._skip("blank line semicolon")
        while self._at < len(self._text):
            calls.append(self._call())
            if self._skip("pipe") == "pipe":
                self._skip("blank line")
                if self._at >= len(self._text):
                    raise NotPlainError("it ends with a `|`")
                continue
            found.append(tuple(calls))
            calls = []
            if self._at < len(self._text) and not self._skip("line semicolon"):
                raise NotPlainError(self._about())
            self._skip("blank line semicolon")
        if not found:
            raise NotPlainError("it is empty")
        return tuple(found)

    def _call(self) -> PlainCall:
        kind, name = self._token()
        if kind != "word" or not re.fullmatch(r"[A-Za-z][A-Za-z0-9.]*(?:-[A-Za-z]+)?|[?%]", name):
            raise NotPlainError("it has something else where the name of a command belongs")
        arguments: list[PlainArgument] = []
        while self._skip("blank") and self._at < len(self._text) and self._text[self._at] not in "|;\n":
            arguments.append(self._argument())
        if self._at < len(self._text) and self._text[self._at] not in "|;\n":
            raise NotPlainError(self._about())
        return PlainCall(name, tuple(arguments))

    def _argument(self) -> PlainArgument:
        for pattern in (_BLOCK, _TABLE):
            found = pattern.match(self._text, self._at)
            if found:
                self._at = found.end()
                return PlainArgument(written=found.group())
        if self._kind() == "parameter":
            return PlainArgument(parameter=self._token()[1][1:])
        words: list[tuple[int, int]] = []
        values = [self._item(words)]
        while self._at < len(self._text) and self._text[self._at] == ",":
            self._at += 1
            values.append(self._item(words))
        self._listed += words if len(values) > 1 else []
        return PlainArgument(values=tuple(values))

    def _item(self, words: list[tuple[int, int]]) -> str:
        start = self._at
        kind, text = self._token()
        if kind == "string":
            return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1]
        if kind not in ("word", "constant"):
            raise NotPlainError("a list of values has a gap")
        if kind == "word":
            words.append((start, self._at))
        return text

    def _kind(self) -> str | None:
        found = _TOKEN.match(self._text, self._at)
        return found.lastgroup if found else None

    def _token(self) -> tuple[str, str]:
        found = _TOKEN.match(self._text, self._at)
        if found is None or found.lastgroup is None:
            raise NotPlainError(self._about())
        self._at = found.end()
        return found.lastgroup, found.group()

    def _skip(self, kinds: str) -> str:
        """Skip tokens of those kinds; the last one's kind, or empty."""
        last = ""
        while (found := _TOKEN.match(self._text, self._at)) and found.lastgroup in kinds.split():
            self._at, last = found.end(), found.lastgroup
            if last == "pipe":
                break
        return last

    def _about(self) -> str:
        return f"it has {self._text[self._at : self._at + 20].split(chr(10))[0]!r}, of which nothing is claimed"
