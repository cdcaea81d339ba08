"""Finds the `{{holes}}` of a shell command and says of each whether a value may stand there as one whole word.

A value comes from outside, so the command around it must be plain enough to be certain about: words, quotes, pipes,
lists, redirects, groups, `if`, `while` and `$(...)`. Whatever is not understood here is refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from opsagent.domain.runbook import PLACEHOLDER
from opsagent.domain.value_places import code_place

_BREAKS = " \t\n;&|<>()"
_REDIRECT = re.compile(r"(?:&>>|&>|<<<|<>|>>|>\||>&|<&|>|<)")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_VARIABLE = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|[0-9#?@*!$-]|\{[A-Za-z0-9_#?@*]+\})")
_KEYWORDS = frozenset({"if", "then", "else", "elif", "fi", "while", "until", "do", "done", "!", "{", "}"})
_NOT_PLAIN = frozenset({"case", "esac", "select", "function", "coproc", "[[", "for", "time"})


@dataclass(frozen=True, slots=True)
class Hole:
    """A placeholder at `start`..`end`; `problem` is empty when a value may stand there, else it says why not."""

    name: str
    start: int
    end: int
    problem: str = ""


class _NotPlainError(Exception):
    """The command has something in which a value's place cannot be certain; the text names it."""


@dataclass(slots=True)
class _Simple:
    """The simple command being read: its words so far, and what the next word would be."""

    words: list[str] = field(default_factory=list)
    redirect: bool = False
    closed: bool = False  # it is a group that has ended: only redirects may follow


def names(text: str) -> Iterator[str]:
    """The names of all placeholders, in order, wherever they stand."""
    return (match.group(1) for match in PLACEHOLDER.finditer(text))


def holes(text: str) -> tuple[Hole, ...]:
    """Every placeholder of a shell command, in order, with what is wrong about its place."""
    found = tuple(Hole(match.group(1), match.start(), match.end()) for match in PLACEHOLDER.finditer(text))
    if not found:
        return ()
    scanner = _Scanner(text)
    try:
        scanner.commands(0, closing="")
    except _NotPlainError as reason:
        return tuple(replace(hole, problem=f"the command is not plain enough for a value: {reason}") for hole in found)
    inside = "it stands inside quotes, $(...), a comment or an assignment"
    return tuple(replace(hole, problem=scanner.judged.get(hole.start, inside)) for hole in found)


class _Scanner:
    """One pass over the command; `judged` maps where a placeholder begins to its problem (empty: fine)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.judged: dict[int, str] = {}
        self.depth = 0

    def commands(self, at: int, *, closing: str, outer: bool = True) -> int:  # noqa: C901 - a branch a token
        """Read commands until `closing` (or the end); returns the position behind the last character read."""
        text, simple = self.text, _Simple()
        while at < len(text):
            character = text[at]
            if character in " \t" or text.startswith("\\\n", at):
                at += 1 if character in " \t" else 2
            elif simple.redirect and character in "#;&|\n()<>":
                raise _NotPlainError("a redirect has no target")
            elif character == "#":
                at = self._line_end(at)
            elif character == ")":
                if closing != ")":
                    raise _NotPlainError("it has a `)` too many")
                return at + 1
            elif character == "(":
                at = self._group(at, simple, outer=outer)
            elif match := _REDIRECT.match(text, at):
                at = self._redirect(match, simple)
            elif character in ";&|\n":
                at, simple = at + 1, _Simple()
            else:
                at = self._word(at, simple, outer=outer)
        if closing:
            raise _NotPlainError(f"`{closing}` is missing")
        return at

    def _group(self, at: int, simple: _Simple, *, outer: bool) -> int:
        if simple.words or simple.closed or self.text.startswith("((", at):
            raise _NotPlainError("it has a function, an array, a pattern or arithmetic in parentheses")
        end = self.commands(at + 1, closing=")", outer=outer)
        simple.closed = True
        return end

    def _redirect(self, match: re.Match[str], simple: _Simple) -> int:
        if self.text.startswith("<<", match.start()):
            raise _NotPlainError("it has a here-document or a here-string")
        if self.text.startswith("(", match.end()):
            raise _NotPlainError("it has a process substitution")
        simple.redirect = True
        return match.end()

    def _line_end(self, at: int) -> int:
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end

    def _word(self, at: int, simple: _Simple, *, outer: bool) -> int:
        hole = PLACEHOLDER.match(self.text, at)
        end = self._word_end(at)
        word = self.text[at:end]
        if hole is not None and outer:
            self.judged[at] = "" if end == hole.end() else "it is glued to other text"
            redirected = "it is the target of a redirect" if simple.redirect else ""
            self.judged[at] = self.judged[at] or redirected or code_place(simple.words)
        elif hole is None and outer:
            for later in PLACEHOLDER.finditer(self.text, at, end):
                quoted = any(mark in word for mark in "'\"$")
                self.judged[later.start()] = "it stands inside quotes" if quoted else "it is glued to other text"
        numbered = word.isdigit() or (word.startswith("{") and word.endswith("}"))
        if not (numbered and self.text[end : end + 1] in {"<", ">"}):  # `2>` and `{name}>` belong to the redirect
            self._note(word, simple)
        return end

    def _note(self, word: str, simple: _Simple) -> None:
        word = word.replace("\\\n", "")
        if simple.redirect:
            simple.redirect = False
        elif simple.closed:
            raise _NotPlainError("a word follows a `)`")
        elif not simple.words and word in _NOT_PLAIN:
            raise _NotPlainError(f"it has `{word}`")
        elif not (not simple.words and (word in _KEYWORDS or _ASSIGNMENT.match(word))):
            simple.words.append(word)

    def _word_end(self, at: int) -> int:
        """Where the word ends that begins at `at`; quotes, variables and placeholders belong to it."""
        text = self.text
        while at < len(text) and text[at] not in _BREAKS:
            if hole := PLACEHOLDER.match(text, at):
                at = hole.end()
            elif text[at] == "\\":
                at += 2
            elif text[at] == "'":
                at = self._closing("'", at + 1)
            elif text[at] == '"':
                at = self._double(at + 1)
            elif text[at] == "$":
                at = self._dollar(at)
            elif text[at] == "`":
                raise _NotPlainError("it has backticks")
            else:
                at += 1
        if at < len(text) and text[at] == "(":
            raise _NotPlainError("it has a function, an array or a pattern in parentheses")
        return min(at, len(text))

    def _closing(self, quote: str, at: int) -> int:
        end = self.text.find(quote, at)
        if end < 0:
            raise _NotPlainError("a quote is not closed")
        return end + 1

    def _double(self, at: int) -> int:
        text = self.text
        while at < len(text) and text[at] != '"':
            if text[at] == "`":
                raise _NotPlainError("it has backticks")
            at = at + 2 if text[at] == "\\" else self._dollar(at) if text[at] == "$" else at + 1
        if at >= len(text):
            raise _NotPlainError("a quote is not closed")
        return at + 1

    def _dollar(self, at: int) -> int:
        text = self.text
        if text.startswith("$'", at):
            raise _NotPlainError("it has $'...'")
        if text.startswith("$((", at) or text.startswith("$[", at):
            raise _NotPlainError("it has arithmetic")
        if text.startswith("$(", at):
            self.depth += 1
            if self.depth > 6:
                raise _NotPlainError("it is nested too deeply")
            end = self.commands(at + 2, closing=")", outer=False)
            self.depth -= 1
            return end
        if match := _VARIABLE.match(text, at):
            return match.end()
        if text.startswith("${", at):
            raise _NotPlainError("it has a ${...} that is more than a name")
        return at + 1
