"""What one command of a runbook would do, judged and not run."""

from __future__ import annotations

from dataclasses import dataclass

from opsagent.domain.manifest import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """One step, measure or guard: as it would run, or why it cannot be told yet (`problem`, then no verdict)."""

    name: str
    phase: str
    command: str
    target: str
    when: str = ""
    undo: str = ""
    saves: tuple[str, ...] = ()
    verdict: Verdict | None = None
    problem: str = ""
