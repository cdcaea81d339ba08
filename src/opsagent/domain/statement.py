"""Finds the `{{holes}}` of an SQL statement: the text keeps them, and the driver binds their values.

Quotes, comments and dollar quotes follow PostgreSQL 4.1 (Lexical Structure) and MySQL 9.1 (Literal Values), whichever
hides more: a hole inside any of them would be text to one server and code to the other.
"""

from __future__ import annotations

import re

from opsagent.domain.command import BoundValue
from opsagent.domain.placeholders import Hole
from opsagent.domain.render import Rendered, Values, value_of
from opsagent.domain.runbook import PLACEHOLDER
from opsagent.errors import InputError

_DOLLAR = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)?\$")
_WORD = re.compile(r"[A-Za-z0-9_$@`\"'.:\\]|[^\x00-\x7f]")
_INSIDE = "it stands inside quotes or a comment"
_GLUED = "it is glued to other text"


def statement_holes(text: str) -> tuple[Hole, ...]:
    """Every placeholder, in order, with what is wrong about its place."""
    if PLACEHOLDER.search(text) is None:
        return ()
    free = _free(text)
    return tuple(
        Hole(one.group(1), one.start(), one.end(), _problem(text, one.start(), one.end(), free))
        for one in PLACEHOLDER.finditer(text)
    )


def render_statement(text: str, values: Values) -> Rendered:
    """The statement as it stands, and the values of its holes beside it. InputError."""
    bound: dict[str, BoundValue] = {}
    for hole in statement_holes(text):
        if hole.problem:
            raise InputError(
                f"{{{{{hole.name}}}}} cannot be filled: {hole.problem}.",
                fix="Let the value stand where a number or a quoted text would, without quotes around it.",
            )
        value, origin = value_of(hole.name, values)
        bound[hole.name] = BoundValue(hole.name, value, origin)
    return Rendered(text, bound=tuple(bound.values()))


def _problem(text: str, start: int, end: int, free: list[bool]) -> str:
    if not all(free[start:end]):
        return _INSIDE
    before, after = text[start - 1 : start], text[end : end + 1]
    return _GLUED if _WORD.match(before) or _WORD.match(after) or after == "(" else ""


def _free(text: str) -> list[bool]:
    """For each character whether it stands outside of quotes and comments; what is never closed hides all the rest."""
    free = [True] * len(text)
    at = 0
    while at < len(text):
        end = _hidden_until(text, at)
        if end > at:
            free[at:end] = [False] * (end - at)
            at = end
        else:
            hole = PLACEHOLDER.match(text, at)
            at = hole.end() if hole else at + 1
    return free


def _hidden_until(text: str, at: int) -> int:
    """Where what begins at `at` ends, if it is a quote or a comment; else `at`."""
    if text[at] in "'\"`":
        return _quoted(text, at)
    if text[at] == "#" or text.startswith("--", at):
        end = text.find("\n", at)
        return len(text) if end < 0 else end
    if text.startswith("/*", at):
        end = text.find("*/", at + 2)
        return len(text) if end < 0 else end + 2
    if (tag := _DOLLAR.match(text, at)) is not None:
        end = text.find(tag.group(), tag.end())
        return len(text) if end < 0 else end + len(tag.group())
    return at


def _quoted(text: str, at: int) -> int:
    """A backslash takes the next character with it: where it does not, less is hidden by it than we say."""
    quote, at = text[at], at + 1
    while at < len(text):
        if text[at] == "\\" and quote != "`":
            at += 2
        elif text[at] == quote:
            if text[at + 1 : at + 2] != quote:
                return at + 1
            at += 2
        else:
            at += 1
    return len(text)
