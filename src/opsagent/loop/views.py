"""What the door shows of a run, and of closing without a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opsagent.domain.approval import Approval
from opsagent.domain.ending import Quality
from opsagent.domain.run import Run
from opsagent.domain.scoring import Answers
from opsagent.domain.step import Step
from opsagent.domain.ticket import Ticket
from opsagent.stages.close import AutoClose


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run with everything known about it."""

    run: Run
    steps: Sequence[Step]
    approvals: Sequence[Approval]
    ticket: Ticket | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How automatic closing is set, how it does, and what people have said by the score their tickets had."""

    mode: AutoClose
    threshold: float
    quality: Quality
    answers: Sequence[Answers]
