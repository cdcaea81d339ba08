"""How far a run may go before it has to stop and say so."""

from __future__ import annotations

from dataclasses import dataclass

from opsagent.domain.run import MAX_GENERATE_STARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All durations in seconds.

    `active_s`: a run's time in progress, waiting for people left out. `measure_every_s`: triage measures a fingerprint
    at most once in this time. `settle_s`: how long verify waits for the world to become healthy. `watch_s`: how often a
    running command is checked against cancel and pause. `busy_s`: when to look again at a paused or busy target.
    `cooldown_s` and `per_hour` bound effects on one target, `per_run` those of one run. `per_target`: commands at once
    on one target.
    `recheck_s`: how often the condition is measured while a person is asked: when it has gone, so has the question.
    `tell_s`: how long beyond its own time nobody may be able to tell what became of an effect before a person is asked.
    `revisions`: how often a model may change its plan.
    """

    generate_starts: int = MAX_GENERATE_STARTS
    revisions: int = 5
    active_s: float = 3600.0
    measure_every_s: float = 30.0
    settle_s: float = 60.0
    watch_s: float = 0.5
    busy_s: float = 5.0
    cooldown_s: float = 60.0
    per_hour: int = 20
    per_run: int = 20
    per_target: int = 4
    recheck_s: float = 60.0
    tell_s: float = 900.0
