"""Fits the numbers of one embedding model (see fusion.py), and writes them to the package with their figures.

Only `dev` is fitted to: half of Prowler's findings (findings.py), by summary and by description, and every second of
our own queries over the shipped runbooks; the three kinds count alike. The weight is the one with the best hit@1. The
line is a logistic regression of "there is a runbook", moved so that 0.05 of what has one is refused, as the mean of the
two collections. Which kinds of evidence count was chosen among a dozen by looking at both halves; the numbers were not.
Run: python -m bench.calibrate (with --write it changes calibration.json)
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.findings import PACKAGE, findings
from bench.gathered import Both, Collection, local_embedder
from bench.retrieval import QUERIES
from opsagent.adapters.knowledge import fusion
from opsagent.adapters.knowledge.fusion import Calibration, evidence, fuse
from opsagent.adapters.knowledge.pack import shipped
from opsagent.ports.embedder import Embedder

REFUSED = 0.05  # the aim: at most this share of what has a runbook is refused
WEIGHTS = tuple(number / 20 for number in range(21))
NAMES = ["all-minilm"]
NAMED = 2.0  # the scores of names begin there; they are never refused
Numbers = Any


async def measured() -> None:
    embedder = local_embedder()
    kinds = [await _own(embedder), *await _findings(embedder)] if embedder is not None else []
    if embedder is None or not all(kinds):
        print("the model or the public set cannot be had here")
        return
    weight = max(WEIGHTS, key=lambda one: _first(kinds, one))
    print(f"weight {weight:.2f}: hit@1 {_first(kinds, weight):.3f}; keywords alone {_first(kinds, 0):.3f}")
    best = _fitted(kinds, weight)
    shown = "; ".join(f"{name} {_figures(some, best)}" for name, some in zip(_KINDS, kinds, strict=True))
    print(f"{best}\n{shown}")
    if "--write" in sys.argv:
        _write(best, f"{await embedder.identity()} on the dev half of {PACKAGE} and of our own queries: {shown}")


_KINDS = ("own", "by summary", "by description")


async def _findings(embedder: Embedder) -> Sequence[Sequence[Both]]:
    everything = findings()
    place = Collection("findings", embedder)
    await place.hold([one.runbook for one in everything if one.has_runbook])
    found = [
        [
            await place.both(one.runbook.id if one.has_runbook else "", one.queries[kind])
            for one in everything
            if one.dev
        ]
        for kind in ("summary", "description")
    ]
    await place.close()
    return found


async def _own(embedder: Embedder) -> Sequence[Both]:
    place = Collection("shipped", embedder)
    await place.hold(shipped())
    rows = [line.split("\t") for line in QUERIES.read_text().splitlines() if line][0::2]
    found = [await place.both(expected.strip("-"), query) for expected, query in rows]
    await place.close()
    return found


def _first(kinds: Sequence[Sequence[Both]], weight: float) -> float:
    """hit@1 of what has a runbook, the mean over the kinds."""
    shares = []
    for queries in kinds:
        have = [one for one in queries if one.expected]
        best = [fuse(one.words, one.near, _by_weight(weight), limit=1).hits for one in have]
        shares.append(
            sum(hits[:1] != () and hits[0].id == one.expected for hits, one in zip(best, have, strict=True)) / len(have)
        )
    return sum(shares) / len(shares)


def _by_weight(weight: float) -> Calibration:
    return Calibration(weight=weight, constant=0, share=0, cosine=0, gap=0)


def _row(one: Both, weight: float) -> list[float]:
    best = fuse(one.words, one.near, _by_weight(weight), limit=1).hits[0].id
    told = evidence(best, {hit.id: hit for hit in one.words.hits}, one.near)
    return [1.0, told.share, told.cosine, told.gap]


def _named(one: Both) -> bool:
    return bool(one.words.hits) and one.words.hits[0].score >= NAMED


def _fitted(kinds: Sequence[Sequence[Both]], weight: float) -> Calibration:
    """Each kind and each answer counts alike, however many queries it has."""
    rows, answers, counts = [], [], []
    for queries in kinds:
        some = [one for one in queries if not _named(one)]
        have = sum(bool(one.expected) for one in some)
        for one in some:
            rows.append(_row(one, weight))
            answers.append(float(bool(one.expected)))
            counts.append(1 / have if one.expected else 1 / (len(some) - have))
    line = _logistic(np.array(rows), np.array(answers), np.array(counts) / np.mean(counts))
    line[0] -= _least(kinds, line, weight)
    constant, share, cosine, gap = (round(float(one), 3) for one in line)
    return Calibration(weight=weight, constant=constant, share=share, cosine=cosine, gap=gap)


def _logistic(rows: Numbers, answers: Numbers, counts: Numbers) -> Numbers:
    """Newton's method with a slight penalty (Hastie, Tibshirani, Friedman, The Elements, 4.4)."""
    line, penalty = np.zeros(rows.shape[1]), 0.01
    for _ in range(60):
        chance = 1 / (1 + np.exp(-rows @ line))
        slope = rows.T @ (counts * (answers - chance)) - penalty * line
        curve = (rows * (counts * chance * (1 - chance))[:, None]).T @ rows + penalty * np.eye(len(line))
        line += np.linalg.solve(curve, slope)
    return line


def _least(kinds: Sequence[Sequence[Both]], line: Numbers, weight: float) -> float:
    """The largest value of the line that refuses at most REFUSED of what has a runbook: own and public count alike."""
    own, *public = ([one for one in queries if one.expected] for queries in kinds)
    values = [
        np.array([np.inf if _named(one) else np.dot(line, _row(one, weight)) for one in some])
        for some in (own, [one for some in public for one in some])
    ]
    fine = [one for one in np.concatenate(values) if sum(np.mean(some < one) for some in values) / 2 <= REFUSED]
    return float(max(one for one in fine if np.isfinite(one)))


def _figures(queries: Sequence[Both], calibration: Calibration) -> str:
    found = [(one.expected, fuse(one.words, one.near, calibration, limit=1)) for one in queries]
    have = [(expected, one) for expected, one in found if expected]
    none = [one for expected, one in found if not expected]
    first = sum(one.hits[0].id == expected for expected, one in have if one.hits) / len(have)
    silent = sum(not one.fits for one in none) / len(none)
    return f"hit@1 {first:.2f}, silent {silent:.2f}, refused {sum(not one.fits for _, one in have) / len(have):.3f}"


def _write(best: Calibration, measured_on: str) -> None:
    entry = {"names": NAMES, **asdict(best), "measured": measured_on}
    path = Path(fusion.__file__).with_name("calibration.json")
    path.write_text(json.dumps({"embedders": [entry]}, indent=2) + "\n")


def main() -> None:
    asyncio.run(measured())


if __name__ == "__main__":
    main()
