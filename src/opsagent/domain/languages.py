"""Which renderer fills the holes of a command, by the language it is written in."""

from __future__ import annotations

from opsagent.domain.placeholders import Hole, holes
from opsagent.domain.render import Rendered, Values
from opsagent.domain.render import render as render_shell


def render(language: str, text: str, values: Values) -> Rendered:
    """The command with its values. InputError when a value may not stand there."""
    return render_shell(text, values)


def holes_in(language: str, text: str) -> tuple[Hole, ...]:
    """Every hole of a command, with what is wrong about its place."""
    return holes(text)
