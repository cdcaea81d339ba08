"""Turns one alert in the Prometheus form (labels, annotations, startsAt, endsAt) into a signal."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import orjson

from opsagent.adapters.intake.document import Value
from opsagent.adapters.intake.saying import MAX_LABEL_CHARS, MAX_LABELS, TITLE_CHARS, UNNAMED, one_line
from opsagent.adapters.intake.severity import priority_of
from opsagent.domain.event import cap
from opsagent.domain.priority import Priority
from opsagent.domain.ticket import Signal, SignalStatus

MAX_ANNOTATION_CHARS = 1024**2
ENVIRONMENT_LABELS = (
    "environment",
    "env",
    "deployment_environment",
    "stage",
    "namespace",
    "kubernetes_namespace",
    "exported_namespace",
)


def to_signal(alert: Value, *, signal_id: str, tenant: str, source: str, now: float) -> Signal:
    """The signal of one alert. InputError naming the field that is wrong.

    Firing or resolved is what `status` says; without one (Prometheus posts none) an `endsAt` that has passed says
    resolved. An alert without `startsAt` started now, as Alertmanager itself takes it.
    """
    labels = alert["labels"].texts(names=MAX_LABELS, characters=MAX_LABEL_CHARS)
    if not labels:
        raise alert["labels"].refused("holds no labels", "Send the alert with its labels.")
    notes = alert["annotations"].texts(names=MAX_LABELS, characters=MAX_ANNOTATION_CHARS)
    annotations = {name: cap(text) for name, text in notes.items()}
    starts, ends = alert["startsAt"].time(), alert["endsAt"].time()
    status = _status(alert, ends, now)
    resolved = status is SignalStatus.RESOLVED
    fingerprint = _fingerprint(alert, labels)
    starts = now if starts is None else starts
    name = labels.get("alertname", "").strip() or UNNAMED
    moment = f"{starts:.3f}/{ends:.3f}" if resolved and ends is not None else f"{starts:.3f}"
    return Signal(
        id=signal_id,
        tenant=tenant,
        source=source,
        fingerprint=fingerprint,
        name=name,
        status=status,
        delivery=hashlib.sha256(f"{source}/{fingerprint}/{status.value}/{moment}".encode()).hexdigest()[:32],
        title=_title(name, labels, annotations),
        description=_first(annotations, "description", "message"),
        priority=_priority(labels),
        environment=_first(labels, *ENVIRONMENT_LABELS),
        labels=labels,
        annotations=annotations,
        starts_at=starts,
        ends_at=ends if resolved else None,
        received_at=now,
    )


def _status(alert: Value, ends: float | None, now: float) -> SignalStatus:
    if alert["status"].missing or isinstance(alert["status"].content, dict):
        # Alertmanager's own list has an object there (its state is about silences, not about the condition)
        return SignalStatus.RESOLVED if ends is not None and ends <= now else SignalStatus.FIRING
    said = alert["status"].text()
    if said not in {SignalStatus.FIRING.value, SignalStatus.RESOLVED.value}:
        raise alert["status"].refused("is neither firing nor resolved", "Send one of these two.")
    return SignalStatus(said)


def _fingerprint(alert: Value, labels: Mapping[str, str]) -> str:
    """The alert's own; else the first 16 hex digits of the SHA-256 of its sorted labels."""
    own = alert["fingerprint"].text().strip()
    if len(own) > 128:
        raise alert["fingerprint"].refused("is longer than 128 characters", "Send a short one, or none.")
    return own or hashlib.sha256(orjson.dumps(sorted(labels.items()))).hexdigest()[:16]


def _title(name: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    title = _first(annotations, "summary")
    if not title:
        instance = labels.get("instance", "").strip()
        title = f"{name} on {instance}" if instance else name
    return one_line(title, TITLE_CHARS)


def _priority(labels: Mapping[str, str]) -> Priority:
    return priority_of(*(labels.get(name, "") for name in ("severity", "priority", "level"))) or Priority.MEDIUM


def _first(texts: Mapping[str, str], *names: str) -> str:
    for name in names:
        text = texts.get(name, "").strip()
        if text:
            return text
    return ""
