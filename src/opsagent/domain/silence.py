"""Signals nobody wants to hear of for a while: they are kept, and nothing is started or told for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opsagent.domain.matcher import Matcher
from opsagent.domain.schedule import Timing
from opsagent.domain.ticket import Signal
from opsagent.errors import InputError

MAX_MATCHERS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """No run is started for a signal that all `matchers` hold of, from `starts_at` until `ends_at` (epoch seconds)."""

    id: str
    tenant: str
    matchers: tuple[Matcher, ...]
    starts_at: float
    ends_at: float
    comment: str
    by: str

    def holds(self, signal: Signal, now: float) -> bool:
        """Whether the signal is silenced now."""
        return self.starts_at <= now < self.ends_at and all(one.holds(labels_of(signal)) for one in self.matchers)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """A silence that comes again: for `duration_s` seconds from each firing of `timing`.

    With `freeze` nothing is changed meanwhile, on the targets that `environments`, `connections` and `labels` name as a
    Freeze does; all empty, on every target. Without matchers it silences nothing.
    """

    id: str
    tenant: str
    name: str
    timing: Timing
    duration_s: int
    matchers: tuple[Matcher, ...] = ()
    comment: str = ""
    enabled: bool = True
    freeze: bool = False
    environments: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    by: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    version: int = 1

    def silence(self, starts_at: float, ends_at: float) -> Silence:
        """What it silences in the window that opened then."""
        return Silence(
            id=self.id,
            tenant=self.tenant,
            matchers=self.matchers,
            starts_at=starts_at,
            ends_at=ends_at,
            comment=f"maintenance window {self.name}" + (f": {self.comment}" if self.comment else ""),
            by=self.by,
        )


def labels_of(signal: Signal) -> Mapping[str, str]:
    """What matchers see of a signal."""
    own = {"source": signal.source, "name": signal.name, "alertname": signal.name, "environment": signal.environment}
    return own | dict(signal.labels)


def check_matchers(matchers: Sequence[Matcher]) -> None:
    """Refuse a list that would silence everything, or is too long. InputError."""
    if not matchers or len(matchers) > MAX_MATCHERS:
        raise InputError(f"A silence has 1 to {MAX_MATCHERS} matchers.", fix="Say which signals it is for.")
    for one in matchers:
        one.check()
    if all(one.holds({}) for one in matchers):
        raise InputError(
            "These matchers hold of a signal without any label, so they would silence nearly everything.",
            fix="Add one that names something, such as service=shop.",
        )
