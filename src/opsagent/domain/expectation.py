"""Compares an outcome with what was expected, takes captures from it, and decides conditions on earlier steps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from opsagent.domain.outcome import Outcome
from opsagent.domain.runbook import Expect, When
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.text_safety import hidden_character
from opsagent.errors import InputError

JSON_CAPTURE = "json:"
MAX_CAPTURE_BYTES = 1024
MAX_LINE_CHARS = 4096  # what a pattern sees of one line: a backtracking engine on an endless line takes for ever
_REASON_CHARS = 400  # of why something was not started: an executor's words and what to do, in one line
_RAN = frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED})
_OK = frozenset({StepStatus.SUCCEEDED, StepStatus.HAPPENED})


def meets(expect: Expect, outcome: Outcome) -> tuple[bool, str]:  # noqa: PLR0911 - one return per condition
    """Whether an outcome is as expected, and the reason in words for a person."""
    if broken := _never_ended(outcome):
        return False, broken
    if expect.statuses and outcome.status not in expect.statuses:
        wanted = " or ".join(str(status) for status in expect.statuses)
        return False, f"status {outcome.status}, expected {wanted}"
    if not expect.statuses and outcome.exit_code not in expect.exit_codes:
        wanted = " or ".join(str(code) for code in expect.exit_codes)
        return False, f"exit code {outcome.exit_code}, expected {wanted}"
    text, cut = _searchable(outcome)
    if expect.matches and not re.search(expect.matches, text, re.MULTILINE):
        seen = " in what is left of a cut output" if cut else ""
        return False, f"the output has no match for /{expect.matches}/{seen}"
    if expect.absent and (found := re.search(expect.absent, text, re.MULTILINE)):
        return False, f"the output has `{_short(found.group())}`, which should be absent"
    if expect.absent and cut:
        return False, f"the output was cut, so nobody can tell that /{expect.absent}/ is absent"
    if expect.json_path:
        return _json_meets(expect, outcome)
    return True, _as_words(expect)


def met(step: Step) -> tuple[bool, str]:
    """Whether a step that has an outcome went as expected; the reason quotes nothing that may hold secrets."""
    if step.outcome is None:
        return False, "it has no outcome"
    ok, reason = meets(step.expect, step.outcome)
    if step.may_show_secrets and step.expect != Expect(exit_codes=step.expect.exit_codes):
        return ok, f"{'as expected' if ok else 'not as expected'} (its output may hold secrets and is withheld)"
    return ok, reason


def capture(patterns: Mapping[str, str], outcome: Outcome) -> dict[str, str]:
    """The captured values by name. InputError unless each pattern has exactly one match with a usable value.

    `json:PATH` in place of a pattern takes one value out of a JSON output.
    """
    if not patterns:
        return {}
    text, cut = _searchable(outcome)
    if outcome.truncated or (cut and not all(one.startswith(JSON_CAPTURE) for one in patterns.values())):
        raise InputError(
            "The output was cut, so nothing is captured from it.", fix="Make the step print only what is captured."
        )
    values: dict[str, str] = {}
    for name, pattern in patterns.items():
        if pattern.startswith(JSON_CAPTURE):
            values[name] = _json_captured(name, pattern.removeprefix(JSON_CAPTURE), outcome)
            continue
        found = [match.group(1) or "" for match in re.finditer(pattern, text, re.MULTILINE)]
        if len(found) != 1:
            raise InputError(
                f"`{name}` needs exactly one match for /{pattern}/ and the output has {len(found)}.",
                fix="Make the step print that line once, or tell the lines apart in the pattern.",
            )
        _check_capture(name, found[0])
        values[name] = found[0]
    return values


def holds(when: Iterable[When], steps: Sequence[Step]) -> bool:
    """Whether every condition holds; of a step that was tried again the latest attempt counts."""
    latest = {step.name: step for step in sorted(steps, key=lambda step: step.number) if not step.undo_of}
    return all(_one_holds(condition, latest.get(condition.step)) for condition in when)


def describe(when: Iterable[When]) -> str:
    """The conditions in words: `check failed and size matches /big/`."""
    return " and ".join(f"{one.step} {one.state}" + (f" /{one.pattern}/" if one.pattern else "") for one in when)


def _one_holds(condition: When, step: Step | None) -> bool:
    if step is None:
        return False
    if condition.state == "ok":
        return step.status in _OK
    if condition.state == "failed":
        return step.status is StepStatus.FAILED
    if step.status not in _RAN or step.outcome is None:
        return False
    return re.search(condition.pattern, _searchable(step.outcome)[0], re.MULTILINE) is not None


def _never_ended(outcome: Outcome) -> str:
    """Why an outcome says nothing about the world; empty when the command came to its own end."""
    if not outcome.known:
        return "nobody can tell whether it ran"
    if outcome.cancelled:
        return "it was cancelled"
    if outcome.timed_out:
        return f"it did not end within its time (stopped after {outcome.duration_s:.0f} s)"
    if outcome.signal is not None:
        return f"it was killed by signal {outcome.signal}"
    if outcome.exit_code is None:
        return _short(outcome.note, _REASON_CHARS).rstrip(".") or "it never reported an exit code"
    return ""


def _searchable(outcome: Outcome) -> tuple[str, bool]:
    """Stdout as patterns see it, and whether something is missing from it."""
    lines = outcome.stdout.replace("\r\n", "\n").split("\n")
    long = any(len(line) > MAX_LINE_CHARS for line in lines)
    return "\n".join(line[:MAX_LINE_CHARS] for line in lines), outcome.truncated or long


def _json_meets(expect: Expect, outcome: Outcome) -> tuple[bool, str]:
    try:
        node = _at(expect.json_path, outcome.stdout)
    except ValueError as error:
        return False, str(error)
    seen = node if isinstance(node, str) else json.dumps(node)
    if seen != expect.equals:
        return False, f"`{expect.json_path}` is `{_short(seen)}`, expected `{expect.equals}`"
    return True, f"`{expect.json_path}` is `{_short(seen)}`"


def _json_captured(name: str, path: str, outcome: Outcome) -> str:
    fix = "Look at the output of the step, and at the path."
    try:
        node = _at(path, outcome.stdout)
    except ValueError as error:
        raise InputError(f"`{name}` captured nothing: {error}.", fix=fix) from None
    if isinstance(node, bool) or not isinstance(node, str | int | float):
        raise InputError(f"`{name}` is at `{path}` neither a text nor a number.", fix=fix)
    value = node if isinstance(node, str) else json.dumps(node)
    _check_capture(name, value)
    return value


def _at(path: str, text: str) -> object:
    """What a JSON text has at a dotted path. ValueError, in words, when it has nothing there."""
    try:
        node: object = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("the output is not JSON") from None
    for part in path.split("."):
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.isascii() and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            raise ValueError(f"the JSON output has no `{path}` (nothing at `{part}`)")
    return node


def _check_capture(name: str, value: str) -> None:
    if not value:
        raise InputError(f"`{name}` captured nothing.", fix="Let its pattern ask for at least one character.")
    if len(value.encode("utf-8", "replace")) > MAX_CAPTURE_BYTES:
        raise InputError(f"`{name}` captured more than {MAX_CAPTURE_BYTES} bytes.", fix="Narrow its pattern.")
    if hidden := hidden_character(value):
        raise InputError(f"`{name}` captured a character that cannot be seen ({hidden[1]}).", fix="Narrow its pattern.")


def _as_words(expect: Expect) -> str:
    parts = ["exit code as expected"]
    parts += [f"/{expect.matches}/ found"] if expect.matches else []
    parts += [f"/{expect.absent}/ absent"] if expect.absent else []
    return ", ".join(parts)


def _short(text: str, limit: int = 80) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= limit else one_line[: limit - 1] + "…"
