"""Measures the runbook index over the shipped runbooks: right answers, and silence where there is no runbook.

The queries were written before the threshold was set, all by one author. Every second one (`dev`) was used to set it
and to choose aliases; the others (`held`) were not, except that one of them made `too many` count as words.
Run: python bench/retrieval.py
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from opsagent.adapters.knowledge.fts5 import Fts5Index
from opsagent.adapters.knowledge.pack import shipped

QUERIES = Path(__file__).parent / "data" / "runbook_queries.tsv"


async def measured() -> None:
    index = Fts5Index(None)
    await index.refresh("bench", 1, shipped())
    rows = [line.split("\t") for line in QUERIES.read_text().splitlines() if line]
    await measure(index, "dev ", rows[0::2])
    await measure(index, "held", rows[1::2])
    await index.close()


async def measure(index: Fts5Index, name: str, rows: list[list[str]]) -> None:
    first = listed = refused = silent = wrong = 0
    began = time.perf_counter()
    for expected, query in rows:
        found = await index.search("bench", query)
        ids = [hit.id for hit in found.hits]
        if expected == "-":
            silent += not found.fits
            if found.fits:
                print(f"  {name} answered though there is none: {query!r} -> {ids[0]} {found.hits[0].score:.2f}")
            continue
        first += ids[:1] == [expected]
        listed += expected in ids
        refused += not found.fits
        wrong += found.fits and ids[:1] != [expected]
        if not found.fits or ids[:1] != [expected]:
            top = f"{ids[0]} {found.hits[0].score:.2f}" if ids else "nothing"
            print(f"  {name} {'refused' if not found.fits else 'wrong'}: {query!r} -> {top}, expected {expected}")
    took = (time.perf_counter() - began) / len(rows) * 1000
    have = sum(expected != "-" for expected, _ in rows)
    none = len(rows) - have
    print(
        f"{name}: with a runbook {have}: first {first / have:.2f}, in five {listed / have:.2f}, "
        f"refused {refused / have:.2f}, answered wrongly {wrong / have:.2f}; "
        f"without one {none}: silent {silent / none:.2f}; {took:.1f} ms a query"
    )


def main() -> None:
    asyncio.run(measured())


if __name__ == "__main__":
    main()
