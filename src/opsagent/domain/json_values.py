"""Where a `{{hole}}` may stand in a JSON text, and how a value is written there so that it never leaves its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from opsagent.domain.command import OutsideSpan
from opsagent.domain.render import Rendered, Values, value_of
from opsagent.domain.runbook import PLACEHOLDER
from opsagent.errors import InputError

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")  # RFC 8259 6
_BEFORE, _BEHIND = re.compile(r"[ \t\n:,\[]"), re.compile(r"[ \t\n,\]}]|\Z")  # what a JSON number stands between

Encode = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ValuePlace:
    """Where a hole stands: how a value is written there, or why none may."""

    encode: Encode | None = None
    problem: str = ""


def put_in(text: str, places: Iterable[ValuePlace], values: Values, *, fix: str) -> Rendered:
    """The text with every value in its place, encoded; `places` are those of its placeholders, in order. InputError."""
    pieces: list[str] = []
    spans: list[OutsideSpan] = []
    done = length = 0
    for one, place in zip(PLACEHOLDER.finditer(text), places, strict=True):
        name = one.group(1)
        if place.encode is None:
            raise InputError(f"{{{{{name}}}}} cannot be filled: {place.problem}.", fix=fix)
        value, source = value_of(name, values)
        try:
            written = place.encode(value)
        except ValueError as error:
            raise InputError(f"The value `{name}` cannot stand there: {error}.", fix="Give another value.") from None
        before = text[done : one.start()]
        start = length + len(before)
        pieces += [before, written]
        done, length = one.end(), start + len(written)
        if source:
            spans.append(OutsideSpan(start, length, source))
    return Rendered("".join([*pieces, text[done:]]), tuple(spans))


def filled(text: str, numbers: Collection[int]) -> str:
    """The text with a plain word, or a number, of the same length in place of each placeholder."""
    return PLACEHOLDER.sub(lambda one: ("1" if one.start() in numbers else "x") * len(one.group()), text)


def number_places(places: Mapping[int, ValuePlace]) -> set[int]:
    """Where the placeholders are that stand for a JSON number."""
    return {start for start, place in places.items() if place.encode is _number}


def json_places(text: str, begin: int) -> dict[int, ValuePlace]:
    """The place of each placeholder behind `begin`, taken as JSON: in a text, in a name, or where a number stands."""
    places: dict[int, ValuePlace] = {}
    at, inside = begin, False
    of_this_text: list[int] = []
    while at < len(text):
        hole = PLACEHOLDER.match(text, at)
        if hole is not None:
            glued = not (_BEFORE.match(text, at - 1) and _BEHIND.match(text, hole.end()))
            problem = "" if inside or not glued else "it is glued to other text"
            places[at] = ValuePlace(problem=problem) if problem else ValuePlace(_text if inside else _number)
            of_this_text += [at] if inside else []
            at = hole.end()
        elif inside and text[at] == "\\":
            at += 2
        else:
            if text[at] == '"':
                inside = not inside
                if not inside and text[at + 1 :].lstrip(" \t\n").startswith(":"):
                    places |= dict.fromkeys(of_this_text, ValuePlace(problem="it stands in a name of the JSON body"))
                of_this_text = []
            at += 1
    return places


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _number(value: str) -> str:
    if not _NUMBER.fullmatch(value):
        raise ValueError("it is no JSON number; a text stands inside quotes")
    return value
