"""Turns a command that ran back into a template: values that came from elsewhere become holes again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from opsagent.domain.languages import holes_in
from opsagent.domain.render import CONNECTION_PREFIX
from opsagent.domain.runbook import DEFAULT_PARAMETER_PATTERN, Parameter

LEAST_CHARS = 3  # a shorter value stands in commands by chance
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_]")
_IN_WORDS = frozenset({"shell", "aws"})  # languages in which a value is one quoted word
_NO_VALUES = frozenset({"alertname", "severity"})  # they name the problem, not what a command works on


@dataclass(frozen=True, slots=True, kw_only=True)
class Generalised:
    """The texts as templates, in the order given, with what they need and the values they had."""

    language: str
    texts: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def outside_values(values: Mapping[str, str]) -> Mapping[str, tuple[str, str]]:
    """Labels and parameters as values a command may have: parameter name to (label, value); of equal ones the first."""
    found: dict[str, tuple[str, str]] = {}
    taken: set[str] = set()
    for label, value in sorted(values.items()):
        name = _NOT_A_NAME.sub("_", label)[:64]
        name = name if name[:1].isalpha() or name.startswith("_") else f"_{name}"[:64]
        if label in _NO_VALUES or len(value) < LEAST_CHARS or value in taken or name in found:
            continue
        taken.add(value)
        found[name] = (label, value)
    return found


def generalise(
    language: str,
    texts: Sequence[str],
    *,
    registered: Mapping[str, str],
    outside: Mapping[str, tuple[str, str]],
) -> Generalised:
    """Put holes where the whole words of `texts` are known values, where a value may stand; others are noted.

    What people registered wins over what came from outside: it is the same on every run against that target.
    """
    known = {f"{CONNECTION_PREFIX}{name}": value for name, value in registered.items() if len(value) >= LEAST_CHARS}
    values = known | {name: value for name, (_, value) in outside.items() if value not in known.values()}
    if language not in _IN_WORDS:
        notes = tuple(_left(texts, outside))
        return Generalised(language=language, texts=tuple(texts), notes=notes)
    made = [_with_holes(language, text, values) for text in texts]
    used = {hole.name for text in made for hole in holes_in(language, text)}
    parameters = tuple(
        Parameter(name=name, source=label, pattern=_pattern(value))
        for name, (label, value) in outside.items()
        if name in used
    )
    return Generalised(
        language=language,
        texts=tuple(made),
        parameters=parameters,
        given={name: value for name, (_, value) in outside.items() if name in used},
        notes=tuple(_left(made, outside)),
    )


def _with_holes(language: str, text: str, values: Mapping[str, str]) -> str:
    for name, value in sorted(values.items(), key=lambda one: (-len(one[1]), one[0])):
        word = re.compile(rf"(?<![^\s;|&()]){re.escape(shlex.quote(value))}(?![^\s;|&()])")
        for match in reversed(list(word.finditer(text))):
            tried = f"{text[: match.start()]}{{{{{name}}}}}{text[match.end() :]}"
            if not any(hole.problem for hole in holes_in(language, tried)):
                text = tried
    return text


def _left(texts: Sequence[str], outside: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    for label, value in outside.values():
        if any(value in text for text in texts):
            yield f"`{value}` is the label {label}, and stands in the command as it was."


def _pattern(value: str) -> str:
    """Its own pattern where the usual one does not fit: the characters it has, and no more."""
    if Parameter(name="x").accepts(value):
        return DEFAULT_PARAMETER_PATTERN
    others = "".join(sorted({re.escape(one) for one in value if not one.isalnum() or not one.isascii()}))
    return f"^[A-Za-z0-9{others}]{{1,{max(128, len(value))}}}$"
