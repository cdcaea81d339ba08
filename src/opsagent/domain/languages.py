"""Which renderer fills the holes of a command, by the language it is written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from opsagent.domain.placeholders import Hole, holes
from opsagent.domain.powershell_text import powershell_holes, render_powershell
from opsagent.domain.render import Rendered, Values
from opsagent.domain.render import render as render_words
from opsagent.domain.request_values import render_request, request_holes, request_problem
from opsagent.domain.runbook import PLACEHOLDER
from opsagent.domain.statement import render_statement, statement_holes
from opsagent.domain.tool_call import render_tool_call, tool_call_holes, tool_call_problem
from opsagent.errors import InputError

Render = Callable[[str, Values], Rendered]
Find = Callable[[str], tuple[Hole, ...]]

# A cloud's command line is split into words like a shell's, so a value is one quoted word there too.
_LANGUAGES: Mapping[str, tuple[Render, Find]] = {
    "shell": (render_words, holes),
    "aws": (render_words, holes),
    "sql": (render_statement, statement_holes),
    "powershell": (render_powershell, powershell_holes),
    "http": (render_request, request_holes),
    "mcp": (render_tool_call, tool_call_holes),
}
_PROBLEMS: Mapping[str, Callable[[str], str]] = {"http": request_problem, "mcp": tool_call_problem}


def render(language: str, text: str, values: Values) -> Rendered:
    """The command with its values. InputError when a value may not stand there."""
    known = _LANGUAGES.get(language)
    if known is not None:
        return known[0](text, values)
    if PLACEHOLDER.search(text):
        raise InputError(f"Values cannot stand in a {language} command.", fix="Write the value out.")
    return Rendered(text)


def holes_in(language: str, text: str) -> tuple[Hole, ...]:
    """Every hole of a command, with what is wrong about its place."""
    known = _LANGUAGES.get(language)
    if known is not None:
        return known[1](text)
    problem = f"values cannot stand in a step of {language}"
    return tuple(Hole(one.group(1), one.start(), one.end(), problem) for one in PLACEHOLDER.finditer(text))


def misread(language: str, text: str) -> str:
    """Why a command cannot be one of its language, whatever its values, in words; empty where nobody can tell yet."""
    problem = _PROBLEMS.get(language)
    return problem(text) if problem else ""
