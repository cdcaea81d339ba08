"""Makes the signal of what a source says of one problem, every text bounded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from opsagent.domain.event import cap
from opsagent.domain.priority import Priority
from opsagent.domain.ticket import Signal, SignalStatus
from opsagent.errors import TooLarge
from opsagent.ports.intake import Parsed

TITLE_CHARS = 300
NAME_CHARS = 300
MAX_LABELS = 256
MAX_LABEL_CHARS = 4096
MAX_IDENTITY_CHARS = 100
UNNAMED = "unnamed alert"
# kube-prometheus calls it Watchdog; the others are the names of awesome-prometheus-alerts and of Prometheus' own docs
HEARTBEATS = frozenset({"watchdog", "deadmansswitch", "deadmanswitch", "prometheusalertmanagere2edeadmanswitch"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One problem in a source's words.

    `identity` is what stays the same from its first firing to its end and at its return. `moment` is what tells this
    delivery from the others about it; the same delivery sent again has the same.
    """

    identity: str
    name: str
    firing: bool
    moment: str
    title: str = ""
    description: str = ""
    priority: Priority | None = None
    environment: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_at: float | None = None
    ends_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Whose delivery it is, and when it came in."""

    source: str
    tenant: str
    now: float
    new_id: Callable[[], str]

    def signal(self, said: Said) -> Signal:
        """The signal; its fingerprint carries the source's name, so that two brands' ids never meet."""
        status = SignalStatus.FIRING if said.firing else SignalStatus.RESOLVED
        fingerprint = _fingerprint(self.source, said.identity)
        name = one_line(said.name, NAME_CHARS) or UNNAMED
        moment = f"{self.source}/{fingerprint}/{status.value}/{said.moment}"
        return Signal(
            id=self.new_id(),
            tenant=self.tenant,
            source=self.source,
            fingerprint=fingerprint,
            name=name,
            status=status,
            delivery=hashlib.sha256(moment.encode("utf-8", "surrogatepass")).hexdigest()[:32],
            title=one_line(said.title, TITLE_CHARS) or name,
            description=cap(said.description),
            priority=said.priority or Priority.MEDIUM,
            environment=one_line(said.environment, NAME_CHARS),
            labels=bounded(said.labels),
            annotations={key: cap(text) for key, text in said.annotations.items() if text},
            starts_at=self.now if said.starts_at is None else said.starts_at,
            ends_at=None if said.firing else said.ends_at,
            received_at=self.now,
        )


def one_line(text: str, characters: int) -> str:
    """The text on one line, at most so long."""
    line = " ".join(text.split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def bounded(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels that have a value: at most `MAX_LABELS`, each at most `MAX_LABEL_CHARS` long."""
    kept = [(name[:MAX_LABEL_CHARS], text[:MAX_LABEL_CHARS]) for name, text in labels.items() if name and text]
    return dict(kept[:MAX_LABELS])


def tags(pairs: Iterable[str]) -> dict[str, str]:
    """Labels of `name:value` tags; a tag without a value is `true`."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, _, text = pair.strip().partition(":")
        if name.strip():
            found[name.strip()] = text.strip() or "true"
    return found


def is_heartbeat(signal: Signal) -> bool:
    """Whether it only says that the alerting itself is alive."""
    return signal.name.lower() in HEARTBEATS


def apart(signals: Sequence[Signal], words: str = "") -> Parsed:
    """The signals, with heartbeats taken out: a firing one says that the alerting is alive, an ended one nothing."""
    beats = [signal for signal in signals if is_heartbeat(signal)]
    return Parsed(
        signals=[signal for signal in signals if not is_heartbeat(signal)] if beats else signals,
        alive=any(signal.status is SignalStatus.FIRING for signal in beats),
        words=words,
    )


def not_too_many(where: str, count: int, limit: int, fix: str) -> None:
    """TooLarge when there are more alerts than are taken at once."""
    if count > limit:
        raise TooLarge(f"{where} holds {count} alerts; {limit} are taken at once.", fix=fix)


def _fingerprint(source: str, identity: str) -> str:
    if len(identity) <= MAX_IDENTITY_CHARS and identity.isascii() and identity.isprintable():
        return f"{source}:{identity}"
    return f"{source}:{hashlib.sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
