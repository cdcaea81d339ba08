"""Which alerts are one problem: rules people wrote, and what they say of one signal."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from opsagent.domain.matcher import Matcher, all_hold
from opsagent.domain.priority import Priority
from opsagent.domain.ticket import Signal

SERVICE_LABELS = ("service", "service_name", "app", "application")
STORM = "storm"  # the name of the group a storm makes; no rule may have it


def service_of(signal: Signal) -> str:
    """The service a signal is about, by the first of these labels that it has; empty when it has none.

    `job` is not one of them: for most exporters it names the exporter, and every host would be the same service.
    """
    return next((signal.labels[name] for name in SERVICE_LABELS if signal.labels.get(name)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """What a rule says of one signal: signals of the same `key` are one problem.

    A new alert joins while the latest one that joined did so at most `within_s` seconds ago. `lead` are alert names,
    the most important first: the ticket is named and measured by the first of them that it has. `words` are for people.
    """

    key: str
    words: str
    within_s: float
    lead: tuple[str, ...] = ()

    def rank(self, name: str, priority: Priority) -> tuple[int, int]:
        """How important an alert is in its group; the lowest leads."""
        place = self.lead.index(name) if name in self.lead else len(self.lead)
        return place, priority.rank


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRule:
    """Signals that fulfil `match` and agree in everything `same` names are one problem; see Grouping.

    `same` are `service`, `environment`, `source`, `name`, or any label. A signal that has nothing under one of them is
    not grouped: what nobody named is not alike.
    """

    name: str
    same: tuple[str, ...]
    match: tuple[Matcher, ...] = ()
    within_s: float = 300.0
    lead: tuple[str, ...] = ()

    def grouping(self, signal: Signal) -> Grouping | None:
        """What it says of a signal, or None when it says nothing."""
        values = {name: value_of(signal, name) for name in self.same}
        if not all(values.values()) or not all_hold(self.match, signal.labels):
            return None
        return _grouping(self.name, values, self.within_s, self.lead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """From `alerts` new tickets of the same source, service and environment within `within_s` on, the rest is one."""

    alerts: int = 20
    within_s: float = 60.0

    def grouping(self, signal: Signal) -> Grouping:
        """The group its alerts join once it is one. A service or environment nobody named counts as one, too."""
        same = {name: value_of(signal, name) for name in ("source", "service", "environment")}
        return _grouping(STORM, same, self.within_s, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Damping:
    """What is done about problems that come and go. All durations in seconds.

    An alert that fires at most `reopen_s` after its ticket was closed reopens that ticket. One that changes between
    firing and resolved `flaps` times within `flapping_s` is flapping: its next run starts at least `calm_s` after the
    last one ended, and what happens meanwhile starts none of its own. `flaps` 0: nothing is flapping.
    """

    reopen_s: float = 0.0
    flaps: int = 0
    flapping_s: float = 900.0
    calm_s: float = 600.0

    def flapping(self, changes: tuple[float, ...], now: float) -> bool:
        """Whether changes at these times make it flapping."""
        return bool(self.flaps) and sum(now - at <= self.flapping_s for at in changes) >= self.flaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """All rules of an installation, in order: the first that says something of a signal holds."""

    rules: tuple[GroupRule, ...] = ()
    storm: Storm | None = None
    damping: Damping = field(default_factory=Damping)

    def grouping(self, signal: Signal) -> Grouping | None:
        """The group a signal belongs to, or None: it is a problem of its own."""
        found = (rule.grouping(signal) for rule in self.rules)
        return next((one for one in found if one is not None), None)


def value_of(signal: Signal, name: str) -> str:
    """What a signal has under a name of `same`."""
    if name == "service":
        return service_of(signal)
    if name in {"environment", "source", "name"}:
        return str(getattr(signal, name))
    return signal.labels.get(name, "")


def _grouping(rule: str, values: dict[str, str], within_s: float, lead: tuple[str, ...]) -> Grouping:
    identity = json.dumps([rule, sorted(values.items())], ensure_ascii=True)
    said = ", ".join(f"{name} {value}" for name, value in values.items() if value)
    return Grouping(
        key=hashlib.sha256(identity.encode()).hexdigest()[:32],
        words=f"{rule}: same {said}" if said else rule,
        within_s=within_s,
        lead=lead,
    )
