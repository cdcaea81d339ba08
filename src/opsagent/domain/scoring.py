"""From evidence to a probability, and from what people said of earlier ones to a better one. Pure and repeatable.

The weights are chosen, in natural log-odds (0.7 doubles the odds, 3 makes them 20 to 1), and then calibrated by each
tenant's own feedback. What they were chosen by: a measurement says more than all that is remembered, what is remembered
more than what merely happened at the same time, and an opinion of a model less than any of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from opsagent.domain.ticket import Evidence

# The most one kind of evidence may say, in log-odds, all of that kind together.
MOST = {
    "measurement": 3.0,  # 95 %: a measurement can be wrong (a probe from the wrong side), so never certainty
    "feedback": 2.0,
    "recurrence": 2.0,
    "history": 1.5,
    "corroboration": 1.5,
    "deployment": 1.0,
    "opinion": 0.5,  # a model's: one more piece of evidence, never the verdict
}
MOST_OF_OTHERS = 0.5
BUCKETS = 10
STRENGTH = 8.0  # the score itself counts like this many answers of people in each bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What people said of tickets whose score lay in one of the BUCKETS, counted from 0."""

    bucket: int
    real: int = 0
    noise: int = 0


def score(evidence: Iterable[Evidence]) -> float:
    """How likely the problem is real, 0 to 1. More evidence for real never lowers it; the order does not matter.

    For each kind what speaks for and what speaks against is summed apart and bounded, so that no heap of weak signs
    outweighs a measurement.
    """
    pros: dict[str, list[float]] = {}
    cons: dict[str, list[float]] = {}
    for one in evidence:
        if not math.isnan(one.weight):
            most = _most(one.kind)
            (pros if one.weight > 0 else cons).setdefault(one.kind, []).append(min(most, max(-most, one.weight)))
    total = math.fsum(min(_most(kind), math.fsum(weights)) for kind, weights in pros.items())
    total += math.fsum(max(-_most(kind), math.fsum(weights)) for kind, weights in cons.items())
    return 1.0 / (1.0 + math.exp(-total))


def bucket_of(value: float) -> int:
    """The bucket a score lies in."""
    return min(BUCKETS - 1, max(0, int(value * BUCKETS)))


def calibrated(value: float, answers: Sequence[Answers]) -> float:
    """A score as a probability by what people said of scores like it; without answers, the score itself.

    Each bucket's share is smoothed towards its middle (a Beta prior worth STRENGTH answers), shares that fall while
    scores rise are pooled (isotonic regression by pooling adjacent violators), and between the middles it is linear.
    """
    if not answers:
        return min(1.0, max(0.0, value))
    points = [(0.0, 0.0), *_shares(answers), (1.0, 1.0)]
    for (left, low), (right, high) in pairwise(points):
        if value <= right:
            share = low + (high - low) * (max(value, left) - left) / (right - left)
            return min(1.0, max(0.0, share))
    return 1.0


def _shares(answers: Sequence[Answers]) -> list[tuple[float, float]]:
    """The middle of each bucket with its share of real problems, which never falls."""
    real, noise = [0] * BUCKETS, [0] * BUCKETS
    for one in answers:
        if 0 <= one.bucket < BUCKETS:
            real[one.bucket] += one.real
            noise[one.bucket] += one.noise
    middles = [(number + 0.5) / BUCKETS for number in range(BUCKETS)]
    pooled: list[tuple[float, float, int]] = []  # share, weight, buckets
    for number, middle in enumerate(middles):
        weight = real[number] + noise[number] + STRENGTH
        share, width = (real[number] + STRENGTH * middle) / weight, 1
        while pooled and pooled[-1][0] > share:
            before, heavy, wide = pooled.pop()
            share, weight, width = (before * heavy + share * weight) / (heavy + weight), heavy + weight, wide + width
        pooled.append((share, weight, width))
    shares = [share for share, _, width in pooled for _ in range(width)]
    return list(zip(middles, shares, strict=True))


def _most(kind: str) -> float:
    return MOST.get(kind, MOST_OF_OTHERS)
