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

MAX_CAPTURE_BYTES = 1024
MAX_LINE_CHARS = 4096  # what a pattern sees of one line: a backtracking engine on an endless line takes for ever
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


def capture(patterns: Mapping[str, str], outcome: Outcome) -> dict[str, str]:
    """The captured values by name. InputError unless each pattern has exactly one match with a usable value."""
    if not patterns:
        return {}
    text, cut = _searchable(outcome)
    if cut:
        raise InputError(
            "The output was cut, so nothing is captured from it.", fix="Make the step print only what is captured."
        )
    values: dict[str, str] = {}
    for name, pattern in patterns.items():
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
    return "it never reported an exit code" if outcome.exit_code is None else ""


def _searchable(outcome: Outcome) -> tuple[str, bool]:
    """Stdout as patterns see it, and whether something is missing from it."""
    lines = outcome.stdout.replace("\r\n", "\n").split("\n")
    long = any(len(line) > MAX_LINE_CHARS for line in lines)
    return "\n".join(line[:MAX_LINE_CHARS] for line in lines), outcome.truncated or long


def _json_meets(expect: Expect, outcome: Outcome) -> tuple[bool, str]:
    try:
        node: object = json.loads(outcome.stdout)
    except (ValueError, RecursionError):
        return False, "the output is not JSON"
    for part in expect.json_path.split("."):
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.isascii() and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            return False, f"the JSON output has no `{expect.json_path}` (nothing at `{part}`)"
    seen = node if isinstance(node, str) else json.dumps(node)
    if seen != expect.equals:
        return False, f"`{expect.json_path}` is `{_short(seen)}`, expected `{expect.equals}`"
    return True, f"`{expect.json_path}` is `{_short(seen)}`"


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
