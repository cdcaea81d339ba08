"""Ranks runbooks for the words of a query, and decides whether the best one answers it at all.

A keyword index always finds something. So the best hit is trusted only when it explains enough of the query: the share
of the query's information (inverse document frequency) that stands in it, counted in full for its title, names and
summary and in part for its body. Measured by `bench/retrieval.py` over the shipped runbooks, on queries the threshold
was not set by: silent for 1.00 of what has no runbook, while refusing 0.10 of what has one (aliases bring that down).
On public findings it is silent for far less: docs/decisions/0024-vectors.md.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from opsagent.adapters.knowledge.words import is_numbered
from opsagent.ports.index import Hit

WEIGHTS = (6.0, 8.0, 3.0, 1.0)  # bm25 weights of title, names, summary, body
BODY_SHARE = 0.5  # what a word counts that stands only in the body
BACKGROUND = 10  # runbooks imagined beside the real ones, so that a collection of three has rare words too
TRUSTED = 200  # in a collection of so many runbooks bm25 counts half as much as what is explained
ENOUGH = 0.28  # the least explained share of a query that is answered
_NEAREST = 25


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the query: how much it tells, and which runbooks have it, in their names or only in their body."""

    text: str
    information: float
    named: frozenset[int]
    anywhere: frozenset[int]


def rank(database: sqlite3.Connection, texts: Sequence[str]) -> tuple[list[Hit], bool]:
    """The nearest runbooks, best first, and whether the first answers the query."""
    total = database.execute("SELECT count(*) FROM words").fetchone()[0]
    # A numbered name that stands nowhere (http2, node7) says no more than its word.
    terms = [
        one for one in (_term(database, text, total) for text in texts) if one.anywhere or not is_numbered(one.text)
    ]
    present = [term for term in terms if term.anywhere]
    if not present:
        return [], False
    rows = database.execute(
        "SELECT words.rowid, r.id, -bm25(words, ?, ?, ?, ?) FROM words JOIN runbooks r ON r.rowid = words.rowid "
        "WHERE words MATCH ? ORDER BY 3 DESC, r.id LIMIT ?",
        (*WEIGHTS, " OR ".join(_quoted(term.text) for term in present), _NEAREST),
    ).fetchall()
    # bm25 goes to zero for a word that half of a small collection has: there, what is explained decides all but alone.
    trust = total / (total + TRUSTED)
    highest = max(1e-9, *(score for *_, score in rows))
    hits = []
    for row, identity, score in rows:
        share = explained(terms, row)
        blended = (share + trust * max(score, 0.0) / highest) / (1 + trust)
        hits.append(Hit(id=identity, score=blended, why=_why(terms, row), explained=share))
    hits.sort(key=lambda hit: (-hit.score, hit.id))
    return hits, max(hit.explained for hit in hits) >= ENOUGH


def explained(terms: Sequence[Term], row: int) -> float:
    """The share (0..1) of the query's information that this runbook has."""
    whole = sum(term.information for term in terms)
    named = sum(term.information for term in terms if row in term.named)
    body = sum(term.information for term in terms if row in term.anywhere and row not in term.named)
    return (named + BODY_SHARE * body) / whole if whole else 0.0


def _term(database: sqlite3.Connection, text: str, total: int) -> Term:
    anywhere = _rows(database, _quoted(text))
    named = _rows(database, "{title names summary} : " + _quoted(text)) if anywhere else frozenset[int]()
    information = math.log1p((total + BACKGROUND - len(anywhere) + 0.5) / (len(anywhere) + 0.5))
    return Term(text, information, named, anywhere)


def _rows(database: sqlite3.Connection, match: str) -> frozenset[int]:
    return frozenset(row for (row,) in database.execute("SELECT rowid FROM words WHERE words MATCH ?", (match,)))


def _quoted(text: str) -> str:
    """A word as an FTS5 string: nothing in it is syntax (sqlite.org/fts5.html, section 3.1)."""
    return '"' + text.encode("utf-8", "replace").decode().replace('"', '""').replace("\x00", "") + '"'


def _why(terms: Sequence[Term], row: int) -> str:
    named = [term.text for term in terms if row in term.named]
    body = [term.text for term in terms if row in term.anywhere and row not in term.named]
    parts = [f"named: {', '.join(named)}"] if named else []
    parts += [f"in its text: {', '.join(body)}"] if body else []
    return "; ".join(parts)
