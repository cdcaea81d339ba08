"""How many runs are driven at once, how long things may take, and how often one target may be touched."""

from __future__ import annotations

from opsagent.domain.approval import DEFAULT_EXPIRY_S
from opsagent.settings.area import Area, setting


class WorkerSettings(Area):
    """Concurrency, leases and limits. All durations are seconds."""

    workers_per_process: int = setting(16, "Runs driven at once by one process.", ge=1, le=1000)
    runs_per_tenant: int = setting(8, "Runs of one tenant driven at once by one process.", ge=1, le=1000)
    commands_per_target: int = setting(
        4, "Commands at once on one target. Effects go one at a time whatever this says.", ge=1, le=100
    )
    lease_seconds: float = setting(
        30.0, "How long a worker holds a run without renewing; after it another worker takes over.", ge=1, le=3600
    )
    sweep_seconds: float = setting(
        2.0, "How often a worker looks for due runs on its own, so that a lost hint costs no more.", ge=0.05, le=300
    )
    busy_seconds: float = setting(
        5.0, "How soon a run looks again at a target that another effect holds, or at what is away.", ge=0.1, le=300
    )
    run_active_seconds: float = setting(
        3600.0, "How long one run may be at work, waiting for people left out.", ge=1, le=7 * 86400
    )
    approval_expiry_seconds: float = setting(
        DEFAULT_EXPIRY_S, "How long a question to people stays open.", ge=10, le=30 * 86400
    )
    cooldown_seconds: float = setting(
        60.0,
        "Pause between the last effect of one run on a target and the first of the next; 0 is none. The steps of one "
        "repair do not wait for each other.",
        ge=0,
        le=86400,
    )
    effects_per_run: int = setting(
        20, "Most effects of one run, its undo left out; a run that wants more is stopped and measured.", ge=1, le=1000
    )
    effects_per_hour: int = setting(20, "Most effects on one target in one hour.", ge=1, le=10_000)
    measure_every_seconds: float = setting(
        30.0, "Triage measures the same problem at most once in this time; 0 measures each time.", ge=0, le=86400
    )
    settle_seconds: float = setting(
        60.0, "How long verify waits for the world to become healthy after a repair.", ge=0, le=86400
    )
