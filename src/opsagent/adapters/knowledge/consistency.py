"""Checks a runbook as a whole: names, conditions on earlier steps, and every hole a value is to fill."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from opsagent.adapters.knowledge.located import Place
from opsagent.domain.languages import holes_in, misread
from opsagent.domain.placeholders import names
from opsagent.domain.render import CONNECTION_PREFIX
from opsagent.domain.runbook import PLACEHOLDER, Runbook, RunbookStep
from opsagent.errors import RunbookError

_ALMOST = re.compile(r"\{\{\s*[A-Za-z_][A-Za-z0-9_.]*-[A-Za-z0-9_.-]*\s*\}\}")
_CONNECTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_PLACE_FIX = "Let the value stand alone, with a space on both sides, as an argument of a plain command."
_MISREAD = {
    "http": ("request", "Write METHOD /path, then `Name: value` lines, an empty line and the body."),
    "mcp": ("tool call", 'Write TOOL {"name": "value"}: the tool, then its arguments as one JSON object.'),
}
_PLACE_FIXES = {
    "sql": "Let the value stand where a number or a quoted text would, without quotes around it.",
    "http": "Let it stand in the path, as the value of a query or a header, or in a JSON body as text or a number.",
    "mcp": "Let it be a whole text, in quotes, or a number among the arguments.",
}


@dataclass(frozen=True, slots=True)
class Warned:
    """Something an author should know although the runbook loads."""

    line: int
    message: str
    fix: str


@dataclass(slots=True)
class _Known:
    """The names a hole may have at one point of the runbook, and those that were used so far."""

    parameters: frozenset[str]
    captures: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)


def check(runbook: Runbook, lines: Mapping[str, int], place: Place) -> list[Warned]:
    """Refuse (RunbookError) what cannot work; return what should be known. `steps` are in the order they run in."""
    known = _Known(frozenset(parameter.name for parameter in runbook.parameters))
    for alert, measure in runbook.measures.items():
        line = lines.get(f"measures.{alert}", 1)
        _check_target(measure.connection, f"the measure for {alert}", line, place)
        _check_text(measure.text, measure.executor, line, known, place)
    if runbook.guard is not None:
        line = lines.get("guard", 1)
        _check_target(runbook.guard.connection, "the guard", line, place)
        _check_text(runbook.guard.text, runbook.guard.executor, line, known, place)
    earlier: list[RunbookStep] = []
    for step in runbook.steps:
        _check_name(step, earlier, place)
        _check_when(step, earlier, runbook.steps, place)
        _check_step(step, known, place)
        earlier.append(step)
    return [*_unused(runbook, lines, known), *_advice(runbook)]


def _check_name(step: RunbookStep, earlier: Iterable[RunbookStep], place: Place) -> None:
    for other in earlier:
        if other.name == step.name:
            raise place.error(
                f"the step name `{step.name}` is taken by line {other.line}", step.line, "Give each step its own name."
            )


def _check_when(step: RunbookStep, earlier: Sequence[RunbookStep], every: Sequence[RunbookStep], place: Place) -> None:
    before = [other.name for other in earlier]
    for condition in step.when:
        if condition.step in before:
            continue
        if condition.step == step.name:
            raise place.error(f"the step `{step.name}` waits for itself", step.line, "Name an earlier step in `when`.")
        if any(other.name == condition.step for other in every):
            fix = f"Put `{condition.step}` before it: diagnosis runs before mitigation, then by line."
            raise place.error(f"`{step.name}` waits for `{condition.step}`, which runs later", step.line, fix)
        near = difflib.get_close_matches(condition.step, before, n=1)
        fix = f"Did you mean `{near[0]}`?" if near else "Name a step above it."
        raise place.error(f"`when` names the step `{condition.step}`, which does not exist", step.line, fix)


def _check_target(connection: str, what: str, line: int, place: Place) -> None:
    """Refuse what cannot be the name of a connection: a value from outside never says where something is done."""
    if connection and not _CONNECTION.fullmatch(connection):
        fix = "Write the name as it is registered: letters, digits, dots, dashes and underscores, no {{value}}."
        raise place.error(f"{what} names the connection `{connection}`, which is no name", line, fix)


def _check_step(step: RunbookStep, known: _Known, place: Place) -> None:
    """All of a step is rendered before it runs: its own captures are there for later steps alone."""
    _check_target(step.connection, f"the step `{step.name}`", step.line, place)
    _check_text(step.text, step.executor, step.line + 1, known, place)
    _check_text(step.probe, step.executor, step.line, known, place)
    _check_own(step, known, place)
    if step.save and step.executor != "shell":
        fix = "Capture what it changes in an earlier step, and write it back in `undo`."
        raise place.error(f"`save` keeps files, and `{step.name}` is a step of {step.executor}", step.line, fix)
    if step.rows is not None and step.executor != "sql":
        raise place.error(f"`rows` is for statements, and `{step.name}` is none", step.line, "Leave it out.")
    _check_text(step.undo.text if step.undo else "", step.executor, step.line, known, place)
    for path in step.save:
        for name in names(path):
            _check_known(name, step.line, known, place)
            if not PLACEHOLDER.fullmatch(path):
                raise place.error(f"the saved path `{path}` mixes a value with text", step.line, "Use the value alone.")
    for name in step.captures:
        if name in known.parameters:
            raise place.error(f"`{name}` is a parameter and a capture", step.line, "Give one of the two another name.")
    known.captures.update(step.captures)


def _check_own(step: RunbookStep, known: _Known, place: Place) -> None:
    """Refuse `undo` and `save` that wait for what this very step captures, unless an earlier step captured it too."""
    for key, texts in (("undo", (step.undo.text,) if step.undo else ()), ("save", step.save)):
        for name in (name for text in texts for name in names(text)):
            if name in step.captures and name not in known.captures:
                fix = f"Capture `{name}` in a step before this one: what a step captures is known only after it ran."
                raise place.error(f"`{key}` uses `{name}`, which this very step captures", step.line, fix)


def _check_text(text: str, executor: str, line: int, known: _Known, place: Place) -> None:
    if almost := _ALMOST.search(text):
        raise place.error(
            f"`{almost.group()}` looks like a value and is none", _line(text, almost.start(), line), "Write _ for -."
        )
    for match in PLACEHOLDER.finditer(text):
        at = _line(text, match.start(), line)
        _check_known(match.group(1), at, known, place)
    if text and (problem := misread(executor, text)):
        kind, fix = _MISREAD[executor]
        raise place.error(f"this is no {executor} {kind}. {problem}", line, fix)
    for hole in holes_in(executor, text):
        if hole.problem:
            message = f"{{{{{hole.name}}}}} cannot stand here: {hole.problem}"
            raise place.error(message, _line(text, hole.start, line), _PLACE_FIXES.get(executor, _PLACE_FIX))


def _check_known(name: str, line: int, known: _Known, place: Place) -> None:
    if name.startswith(CONNECTION_PREFIX) and name.count(".") == 1 and len(name) > len(CONNECTION_PREFIX):
        return
    known.used.add(name)
    if name in known.parameters or name in known.captures:
        return
    raise _undeclared(name, line, known, place)


def _undeclared(name: str, line: int, known: _Known, place: Place) -> RunbookError:
    near = difflib.get_close_matches(name, {*known.parameters, *known.captures}, n=1)
    fix = f"Did you mean `{near[0]}`?" if near else "Declare it under parameters:, or capture it in an earlier step."
    return place.error(f"the value `{name}` is used and nobody gives it", line, fix)


def _line(text: str, position: int, first: int) -> int:
    return first + text.count("\n", 0, position)


def _unused(runbook: Runbook, lines: Mapping[str, int], known: _Known) -> Iterable[Warned]:
    for parameter in runbook.parameters:
        if parameter.name not in known.used:
            line = lines.get(f"parameters.{parameter.name}", 1)
            yield Warned(line, f"the parameter `{parameter.name}` is declared and never used", "Remove it, or use it.")
    for step in runbook.steps:
        for name in step.captures:
            if name not in known.used:
                yield Warned(step.line, f"the capture `{name}` is never used", "Remove it, or use it in a later step.")


def _advice(runbook: Runbook) -> Iterable[Warned]:
    if not runbook.steps:
        fix = "Put fenced commands below a heading such as Diagnosis or Mitigation."
        yield Warned(1, "there is no step", fix)
    if not runbook.measures:
        fix = "Add measures: with a command that tells whether the condition is healthy."
        yield Warned(1, "nothing measures whether it helped, so a person has to close the ticket", fix)
    for step in runbook.steps:
        if step.retries and not step.probe:
            fix = 'Add probe="...", a read that tells whether the effect happened, or leave retries out.'
            yield Warned(step.line, f"`{step.name}` is only tried again if it is proven to be a read", fix)
