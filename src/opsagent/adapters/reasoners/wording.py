"""The words of a run's summary: a few lines a tired person understands."""

from __future__ import annotations

from collections.abc import Sequence

from opsagent.domain.expectation import met
from opsagent.domain.run import Run, RunStatus, Verified
from opsagent.domain.runbook import Phase
from opsagent.domain.step import Step, StepStatus
from opsagent.ports.reasoner import Part, Situation

_LINE_CHARS = 160
_MOST_LINES = 12
_LOOKS = frozenset({Phase.TRIAGE, Phase.DIAGNOSIS})
_ENDED = {
    StepStatus.SUCCEEDED: "done",
    StepStatus.FAILED: "FAILED",
    StepStatus.UNKNOWN: "UNKNOWN: nobody can tell whether it happened",
    StepStatus.REFUSED: "refused",
    StepStatus.HAPPENED: "done (found out afterwards)",
    StepStatus.NOT_HAPPENED: "not started",
    StepStatus.ABORTED: "given up",
    StepStatus.UNDONE: "done and taken back",
}
_VERIFIED = {
    Verified.YES: "Measured afterwards: healthy.",
    Verified.NO: "Measured afterwards: NOT healthy.",
    Verified.NOT_MEASURABLE: "Nothing here can measure whether it is healthy.",
    None: "Not measured.",
}


def summary_text(situation: Situation) -> str:
    """What it was about, what was found, what was done, and whether it was measured healthy."""
    run = situation.run
    if run.subtasks:
        rows = [_part(one) for one in situation.parts]
        return "\n".join([f"Task: {_one_line(run.task)}", *_section("Subtasks", rows), *_ending(run)])
    about = (
        f"{situation.runbook.title} (`{situation.runbook.id}`)" if situation.runbook else f"Task: {_one_line(run.task)}"
    )
    steps = [step for step in sorted(situation.steps, key=lambda step: step.number) if step.status in _ENDED]
    looks = [step for step in steps if step.phase in _LOOKS and not step.undo_of]
    repairs = [step for step in steps if step.phase is Phase.MITIGATION and not step.undo_of]
    lines = [about, *_section("Found", [_found(step) for step in looks])]
    lines += _section("Done", [f"{step.name}: {_ended(step)}" for step in repairs]) or ["Done: nothing was changed."]
    lines += _section("Taken back", [f"{step.name}: {_ENDED[step.status]}" for step in steps if step.undo_of])
    lines.append(_VERIFIED[run.verified])
    lines += _ending(run)
    return "\n".join(lines)


def _part(part: Part) -> str:
    """A subtask with how it ended, and the line of its summary that says most: a finding, else why it ended."""
    if part.run is None or part.run.result is None:
        return f"{_one_line(part.task)}: not begun"
    lines = [line.removeprefix("- ") for line in part.run.result.summary.splitlines()[1:]]
    found = next((line for line in lines if line.startswith("In the words of ")), "") or next(
        (line for line in lines if line.startswith("Why it ended: ")), ""
    )
    said = _one_line(found or (lines[1] if len(lines) > 1 else ""))
    return f"{_one_line(part.task)}: {part.run.status.value}" + (f". {said}" if said else "")


def _section(title: str, rows: Sequence[str]) -> list[str]:
    shown = [f"- {row}" for row in rows[:_MOST_LINES]]
    more = [f"- and {len(rows) - _MOST_LINES} more"] if len(rows) > _MOST_LINES else []
    return [f"{title}:", *shown, *more] if rows else []


def _found(step: Step) -> str:
    if step.outcome is None:
        return f"{step.name}: {_ENDED[step.status]}"
    ok, reason = met(step)
    told = step.told or step.outcome
    first = next((line for line in told.stdout.splitlines() if line.strip()), "")
    if ok and step.status is StepStatus.SUCCEEDED:
        return f"{step.name}: {_one_line(first) or 'as expected, no output'}"
    return f"{step.name}: not as expected ({reason if not ok else 'its output could not be used'})"


def _ended(step: Step) -> str:
    if step.status is StepStatus.FAILED and step.outcome is not None:
        return f"FAILED ({met(step)[1]})"
    return _ENDED[step.status]


def _ending(run: Run) -> list[str]:
    reason = [f"Why it ended: {_one_line(run.reason)}"] if run.reason else []
    failed = run.outcome is RunStatus.FAILED and run.error
    return [*reason, f"Error: {_one_line(run.error)}"] if failed else reason


def _one_line(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= _LINE_CHARS else joined[: _LINE_CHARS - 1] + "…"
