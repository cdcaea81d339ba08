"""Measures the runbook index: right answers, and silence where there is no runbook; with vectors and without.

First over the shipped runbooks, with 153 queries of our own, all by one author. Every second one (`dev`) was used to
set the keywords' threshold and to choose aliases; the others (`held`) were not, except that one of them made `too many`
count as words. Then over a public set (findings.py), of which only `held` is shown: nothing was set by it.
Run: python -m bench.retrieval
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.findings import KINDS, Finding, findings
from bench.gathered import TENANT, Both, Collection, local_embedder
from opsagent.adapters.knowledge.fts5 import Fts5Index
from opsagent.adapters.knowledge.fusion import calibrated, fuse
from opsagent.adapters.knowledge.pack import shipped
from opsagent.domain.runbook import Runbook
from opsagent.ports.embedder import Embedder
from opsagent.ports.index import Found

QUERIES = Path(__file__).parent / "data" / "runbook_queries.tsv"
Search = Callable[[str], Awaitable[tuple[Sequence[str], bool]]]


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of what has a runbook (`first`, `listed`, `refused`) and of what has none (`silent`)."""

    first: float
    listed: float
    refused: float
    silent: float
    milliseconds: float

    def __str__(self) -> str:
        return (
            f"hit@1 {self.first:.2f}  hit@5 {self.listed:.2f}  refused {self.refused:.2f}  silent {self.silent:.2f}"
            f"  {self.milliseconds:.0f} ms"
        )


async def figures(rows: Sequence[tuple[str, str]], search: Search, *, show: str = "") -> Figures:
    """Of queries with the id of their runbook (empty: there is none). `show` names what went wrong under that name."""
    first = listed = refused = silent = 0
    began = time.perf_counter()
    for expected, query in rows:
        ids, fits = await search(query)
        first += bool(expected) and list(ids[:1]) == [expected]
        listed += expected in ids[:5]
        refused += bool(expected) and not fits
        silent += not expected and not fits
        if show and (fits if not expected else not fits or ids[0] != expected):
            what = "refused" if not fits else "wrong" if expected else "answered though there is none"
            print(f"  {show} {what}: {query!r} -> {ids[0] if ids else 'nothing'}, expected {expected or 'nothing'}")
    took = (time.perf_counter() - began) / len(rows) * 1000
    have = sum(bool(expected) for expected, _ in rows)
    none = max(1, len(rows) - have)
    return Figures(first / have, listed / have, refused / have, silent / none, took)


def by_words(index: Fts5Index) -> Search:
    """Exact names and keywords, as they are without an embedder."""

    async def search(query: str) -> tuple[Sequence[str], bool]:
        found = await index.search(TENANT, query)
        return _ids(found)

    return search


def by_both(place: Collection, identity: str) -> Search:
    """As with an embedder."""

    async def search(query: str) -> tuple[Sequence[str], bool]:
        both: Both = await place.both("", query)
        if any(hit.exact for hit in both.words.hits):
            return _ids(both.words)
        return _ids(fuse(both.words, both.near, calibrated(identity), limit=5))

    return search


def by_meaning(place: Collection) -> Search:
    """By vectors alone; it never abstains."""

    async def search(query: str) -> tuple[Sequence[str], bool]:
        near = (await place.both("", query)).near
        return sorted(near, key=lambda one: -near[one])[:5], True

    return search


def plain_bm25(runbooks: Sequence[Runbook]) -> Search:
    """SQLite's BM25 over the whole text and the names, as anybody would set it up; it never abstains."""
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute("CREATE VIRTUAL TABLE plain USING fts5 (id UNINDEXED, text)")
    rows = [(one.id, " ".join([one.id, *one.aliases, *one.alerts, one.summary, one.source])) for one in runbooks]
    database.executemany("INSERT INTO plain VALUES (?, ?)", rows)

    async def search(query: str) -> tuple[Sequence[str], bool]:
        match = " OR ".join(f'"{word}"' for word in re.findall(r"[^\W_]+", query))
        found = database.execute("SELECT id FROM plain WHERE plain MATCH ? ORDER BY rank LIMIT 5", (match or '""',))
        return [identity for (identity,) in found], True

    return search


def _ids(found: Found) -> tuple[Sequence[str], bool]:
    return [hit.id for hit in found.hits][:5], found.fits


async def measured() -> None:
    embedder = local_embedder()
    await _shipped(embedder)
    everything = findings()
    if everything:
        await _public(everything, embedder)
    if embedder is None or not everything:
        print("the model or the public set cannot be had here: what needs it is left out")


async def _searches(place: Collection, runbooks: Sequence[Runbook], embedder: Embedder | None) -> dict[str, Search]:
    await place.hold(runbooks)
    searches = {"plain BM25": plain_bm25(runbooks), "keywords": by_words(place.words)}
    if embedder is not None:
        searches |= {"vectors alone": by_meaning(place), "both": by_both(place, await embedder.identity())}
    return searches


async def _shipped(embedder: Embedder | None) -> None:
    place = Collection("shipped", embedder)
    searches = await _searches(place, shipped(), embedder)
    rows = [line.split("\t") for line in QUERIES.read_text().splitlines() if line]
    pairs = [(expected.strip("-"), query) for expected, query in rows]
    print(f"our own queries over the {len(shipped())} shipped runbooks")
    for part, some in (("dev ", pairs[0::2]), ("held", pairs[1::2])):
        for name, search in searches.items():
            show = part if name in {"keywords", "both"} else ""
            print(f"  {part} {name:13} {await figures(some, search, show=show and f'{part} {name}')}", flush=True)
    await place.close()


async def _public(everything: Sequence[Finding], embedder: Embedder | None) -> None:
    runbooks = [one.runbook for one in everything if one.has_runbook]
    held = [one for one in everything if not one.dev]
    have = sum(one.has_runbook for one in held)
    print(
        f"public findings: {len(runbooks)} runbooks; held out: {have} with one, {len(held) - have} without", flush=True
    )
    place = Collection("findings", embedder)
    searches = await _searches(place, runbooks, embedder)
    for kind in KINDS:
        pairs = [(one.runbook.id if one.has_runbook else "", one.queries[kind]) for one in held]
        for name, search in searches.items():
            print(f"  by {kind:13} {name:13} {await figures(pairs, search)}", flush=True)
    await place.close()


def main() -> None:
    asyncio.run(measured())


if __name__ == "__main__":
    main()
