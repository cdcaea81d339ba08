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


def verify(reading: Reading | None, own_checks: Sequence[Step]) -> Finding:
    """`yes` needs the measured condition and every Verify step; without a measure a good Verify step is not enough."""
    failed = [step for step in own_checks if step.status is not StepStatus.SUCCEEDED]
    if failed:
        return Finding(verified=Verified.NO, text=f"The runbook's own check {failed[0].name!r} failed.")
    if reading is None or reading.healthy is None:
        reason = reading.text if reading else "No runbook declares how to measure this."
        return Finding(verified=Verified.NOT_MEASURABLE, text=reason)
    if reading.healthy:
        return Finding(verified=Verified.YES, text=reading.text)
    return Finding(verified=Verified.NO, text=reading.text)
