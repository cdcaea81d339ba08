"""Verify: closed means measured healthy; say what was measured, or that nothing could be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opsagent.domain.reading import Reading
from opsagent.domain.run import Verified
from opsagent.domain.step import Step, StepStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer and the words for it."""

    verified: Verified
    text: str


def verify(reading: Reading | None, own_checks: Sequence[Step], *, missing: Sequence[str] = ()) -> Finding:
    """`yes` needs the measured condition and every Verify step; without a measure a good Verify step is not enough.

    `no` needs something that was measured: a check that could not be run proves nothing. `missing` names Verify steps
    that could not even be rendered.
    """
    if reading is not None and reading.healthy is False:
        return Finding(verified=Verified.NO, text=reading.text)
    failed = [step for step in own_checks if step.status is StepStatus.FAILED and _came_to_its_end(step)]
    if failed:
        return Finding(verified=Verified.NO, text=f"The runbook's own check {failed[0].name!r} failed.")
    if reading is None or reading.healthy is None:
        text = reading.text if reading else "No runbook declares how to measure this."
        return Finding(verified=Verified.NOT_MEASURABLE, text=text)
    unrun = [*missing, *(step.name for step in own_checks if step.status is not StepStatus.SUCCEEDED)]
    if unrun:
        text = f"The runbook's own check {unrun[0]!r} could not be run."
        return Finding(verified=Verified.NOT_MEASURABLE, text=text)
    return Finding(verified=Verified.YES, text=reading.text)


def _came_to_its_end(step: Step) -> bool:
    """Whether the command itself said no; 126 and 127 are the shell's, for what it could not execute (POSIX 2.8.2)."""
    outcome = step.outcome
    return outcome is not None and not outcome.cancelled and outcome.exit_code not in (None, 126, 127)
