"""Fills the `{{holes}}` of a command: each value becomes exactly one shell word, and where it came from is noted.

Parameters and captures come from outside; connection values were registered by people. Only the shell is rendered
here; statements and requests take their values bound, not written into the text, and `value_of` is their seam.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opsagent.domain.command import BoundValue, OutsideSpan
from opsagent.domain.connection import Connection
from opsagent.domain.placeholders import holes
from opsagent.domain.runbook import PLACEHOLDER, Parameter
from opsagent.domain.text_safety import hidden_character
from opsagent.errors import InputError

MAX_VALUE_CHARS = 4096  # PATH_MAX of Linux: nothing longer names a thing
CONNECTION_PREFIX = "connection."


@dataclass(frozen=True, slots=True)
class Rendered:
    """A command text with its values, which stretches of it came from outside, and the values handed over beside it."""

    text: str
    outside: tuple[OutsideSpan, ...] = ()
    bound: tuple[BoundValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What may fill the holes of a runbook: declared parameters with their values, captures, and one connection."""

    declared: Sequence[Parameter] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    captures: Mapping[str, str] = field(default_factory=dict)
    connection: Connection | None = None


def render(text: str, values: Values) -> Rendered:
    """The shell command with every value in place as one word.

    Raises InputError naming the value and the fix: no such value, one that does not fit its pattern, one that no
    shell word may hold, or a hole in a place where a value could become more than a word.
    """
    pieces: list[str] = []
    spans: list[OutsideSpan] = []
    done = length = 0
    for hole in holes(text):
        if hole.problem:
            raise InputError(
                f"{{{{{hole.name}}}}} cannot be filled: {hole.problem}.",
                fix="Let the value stand alone, with a space on both sides, as an argument of a plain command.",
            )
        value, origin = value_of(hole.name, values)
        word = shlex.quote(value)
        before = text[done : hole.start]
        start = length + len(before)
        pieces += [before, word]
        done, length = hole.end, start + len(word)
        if origin:
            spans.append(OutsideSpan(start, length, origin))
    return Rendered("".join([*pieces, text[done:]]), tuple(spans))


def render_plain(text: str, values: Values) -> str:
    """A text that is no command, such as a path to save: the value itself when the whole text is one hole.

    Raises InputError like `render`, and for a hole with text around it.
    """
    match = PLACEHOLDER.fullmatch(text)
    if match is None:
        if PLACEHOLDER.search(text):
            raise InputError(f"`{text}` mixes a value with text.", fix="Use the value alone, or no value.")
        return text
    return value_of(match.group(1), values)[0]


def value_of(name: str, values: Values) -> tuple[str, str]:
    """The checked value of one hole, and its origin (`parameter NAME`, `capture NAME`; empty: registered by people).

    Raises InputError when there is none, or it does not fit.
    """
    if name.startswith(CONNECTION_PREFIX):
        return _registered(name.removeprefix(CONNECTION_PREFIX), values.connection), ""
    parameter = next((one for one in values.declared if one.name == name), None)
    if parameter is not None:
        return _parameter(parameter, values.parameters), f"parameter {name}"
    captured = values.captures.get(name)
    if captured is None:
        raise InputError(
            f"`{name}` has no value: no step has captured it.",
            fix="Look at the step that captures it: did it run, and did its output have exactly one match?",
        )
    check_value(captured, called=f"The captured value `{name}`")
    return captured, f"capture {name}"


def check_value(value: str, *, called: str) -> None:
    """Raise InputError unless the value may stand in a command as one word."""
    if not value:
        raise InputError(f"{called} is empty.", fix="Give it a value.")
    if value.startswith("-"):
        raise InputError(
            f"{called} begins with `-`, so a command would take it as an option.",
            fix="Give a value that does not begin with `-`; write a path as ./-name or in full.",
        )
    if len(value) > MAX_VALUE_CHARS:
        raise InputError(f"{called} is longer than {MAX_VALUE_CHARS} characters.", fix="Shorten it.")
    if hidden := hidden_character(value):
        raise InputError(
            f"{called} has a character that cannot be seen ({hidden[1]}) at position {hidden[0] + 1}.",
            fix="Give it in printable characters, on one line.",
        )


def _parameter(parameter: Parameter, given: Mapping[str, str]) -> str:
    value = given.get(parameter.name, parameter.default)
    if value is None:
        source = f", or an alert with the label `{parameter.source}`" if parameter.source else ""
        raise InputError(
            f"The parameter `{parameter.name}` has no value.", fix=f"Start the run with {parameter.name}=VALUE{source}."
        )
    check_value(value, called=f"The parameter `{parameter.name}`")
    if not parameter.accepts(value):
        raise InputError(
            f"The value of the parameter `{parameter.name}` does not fit its pattern {parameter.pattern}",
            fix="Give a value that matches the whole pattern, or widen the pattern in the runbook.",
        )
    return value


def _registered(name: str, connection: Connection | None) -> str:
    value = None if connection is None else connection.values.get(name)
    if value is None:
        target = f"The connection `{connection.name}`" if connection else "No connection is chosen, so it"
        raise InputError(f"{target} has no value `{name}`.", fix=f"Register it: the connection's values need `{name}`.")
    check_value(value, called=f"The connection's value `{name}`")
    return value
