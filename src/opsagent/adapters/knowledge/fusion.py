"""Joins what keywords and vectors found into one list, and decides whether the first of it answers the query.

A hit's score is a weighted sum of its keyword score (the share of the query it explains) and its cosine. Whether it is
an answer is told by both, and by how far the nearest stands out from the rest: a question no runbook answers is alike
to many a little and to none much. The numbers belong to one embedding model, because each has its own idea of "alike":
they are fitted by `bench/calibrate.py` and kept in `calibration.json`. A model that was not calibrated may order hits,
each list brought to 0..1 for it, and only keywords say then whether there is an answer.
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from opsagent.ports.index import Found, Hit

UNCALIBRATED_WEIGHT = 0.6  # of min-max fusion; docs/decisions/0024-vectors.md has the figures
FEWEST = 5  # with fewer runbooks than that, "the rest" means nothing, and keywords decide
_REST = 10
_NUMBERS = ("weight", "constant", "share", "cosine", "gap")
_ABOVE_ALL = 2.0  # the scores of names begin there


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """`weight` (0..1) is the share of the cosine in a score; the others are the line above which a hit is an answer."""

    weight: float
    constant: float
    share: float
    cosine: float
    gap: float

    def answers(self, evidence: Evidence) -> bool:
        """Whether there is enough for an answer."""
        told = self.share * evidence.share + self.cosine * evidence.cosine + self.gap * evidence.gap
        return self.constant + told >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What speaks for the first hit.

    The share of the query that its words explain, its cosine, and `gap`: how far the nearest of all is from the mean of
    the ten next to it.
    """

    share: float
    cosine: float
    gap: float


def calibrated(identity: str) -> Calibration | None:
    """What was measured for the model of this identity; None for one nobody measured."""
    text = (importlib.resources.files("opsagent.adapters.knowledge") / "calibration.json").read_text("utf-8")
    for entry in json.loads(text)["embedders"]:
        if any(name in identity.casefold() for name in entry["names"]):
            return Calibration(**{name: float(entry[name]) for name in _NUMBERS})
    return None


def fuse(words: Found, near: Mapping[str, float], calibration: Calibration | None, *, limit: int) -> Found:
    """Names first, in their order; then all the others by both searches. `near` is runbook id -> cosine."""
    named = [hit for hit in words.hits if hit.score >= _ABOVE_ALL]
    ranked = {hit.id: hit for hit in words.hits if hit.score < _ABOVE_ALL}
    taken = {hit.id for hit in named}
    identities = [*ranked, *(one for one in near if one not in ranked and one not in taken)]
    scores = _scores(identities, ranked, near, calibration)
    joined = [_joined(one, ranked.get(one), near.get(one), scores[one]) for one in identities]
    joined.sort(key=lambda hit: (-hit.score, hit.id))
    fits = words.fits
    if calibration is not None and joined and not named and len(near) >= FEWEST:
        fits = calibration.answers(evidence(joined[0].id, ranked, near))
    return replace(words, fits=fits, hits=tuple([*named, *joined][: max(0, limit)]))


def evidence(identity: str, ranked: Mapping[str, Hit], near: Mapping[str, float]) -> Evidence:
    """What speaks for this hit; `near` has two runbooks at least."""
    cosines = sorted(near.values(), reverse=True)
    rest = cosines[1 : 1 + _REST]
    return Evidence(
        share=ranked[identity].explained if identity in ranked else 0.0,
        cosine=near.get(identity, cosines[-1]),
        gap=cosines[0] - sum(rest) / len(rest),
    )


def _scores(
    identities: Sequence[str], ranked: Mapping[str, Hit], near: Mapping[str, float], calibration: Calibration | None
) -> Mapping[str, float]:
    least = min(near.values(), default=0.0)  # what neither search lists near is no nearer than the last that is
    words = {one: ranked[one].score if one in ranked else 0.0 for one in identities}
    alike = {one: near.get(one, least) for one in identities}
    if calibration is None:
        words, alike, weight = _spread(words), _spread(alike), UNCALIBRATED_WEIGHT
    else:
        weight = calibration.weight
    return {one: (1 - weight) * words[one] + weight * alike[one] for one in identities}


def _spread(values: Mapping[str, float]) -> dict[str, float]:
    """The same order from 0 to 1."""
    low, high = min(values.values(), default=0.0), max(values.values(), default=0.0)
    return {one: (value - low) / (high - low) if high > low else 0.0 for one, value in values.items()}


def _joined(identity: str, hit: Hit | None, cosine: float | None, score: float) -> Hit:
    alike = "" if cosine is None else f"alike in meaning: {cosine:.2f}"
    why = "; ".join(part for part in (hit.why if hit else "", alike) if part)
    return Hit(id=identity, score=score, why=why, explained=hit.explained if hit else 0.0)
