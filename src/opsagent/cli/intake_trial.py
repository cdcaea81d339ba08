"""Reads a payload as its source would, offline: no store, no network, nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opsagent.bootstrap.outfit import clock, ids
from opsagent.bootstrap.sources import sources
from opsagent.cli.options import Place
from opsagent.domain.ticket import Signal
from opsagent.errors import NotFound
from opsagent.settings import Settings
from opsagent.web.views import iso_or_none

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a payload becomes: signals and heartbeats, and whether its headers prove it."""

    signals: Sequence[Json]
    alive: bool
    words: str
    confirms: bool


def known_sources(place: Place) -> list[Json]:
    """Every source: whether a delivery can prove itself, as the settings are. ConfigurationError."""
    made = sources(Settings.load(place.overrides()), clock(), ids())
    return [{"source": name, "proves": source.proves} for name, source in sorted(made.items())]


def try_payload(place: Place, source: str, headers: Mapping[str, str], raw: bytes) -> Trial:
    """What it becomes. NotFound for a source nobody knows, InputError naming the field that is wrong."""
    made = sources(Settings.load(place.overrides()), clock(), ids())
    way_in = made.get(source)
    if way_in is None:
        raise NotFound(f"There is no source called {source}.", fix=f"Known: {', '.join(sorted(made))}.")
    parsed = way_in.parse(place.tenant, headers, raw, clock().now())
    return Trial(
        signals=[_signal(one) for one in parsed.signals],
        alive=parsed.alive,
        words=parsed.words,
        confirms=parsed.then is not None,
    )


def _signal(signal: Signal) -> Json:
    return {
        "status": signal.status.value,
        "name": signal.name,
        "title": signal.title,
        "priority": signal.priority.value,
        "environment": signal.environment,
        "fingerprint": signal.fingerprint,
        "delivery": signal.delivery,
        "startsAt": iso_or_none(signal.starts_at),
        "endsAt": iso_or_none(signal.ends_at),
        "description": signal.description,
        "labels": dict(signal.labels),
        "annotations": dict(signal.annotations),
    }
