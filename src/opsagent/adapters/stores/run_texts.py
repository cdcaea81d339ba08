"""What a run can be found by: one short text each, so that a search reads no whole run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Double, Table, bindparam, delete, exists

from opsagent.adapters.stores.columns import key_column, metadata, text_column
from opsagent.adapters.stores.tables import runs
from opsagent.adapters.stores.upsert import upsert
from opsagent.domain.run import Run

MAX_WORDS = 10  # of one search; each is compared with every text that is passed
_CHARS = 500  # of the task, and of what came of it: the lines people read
# In SQLite the rows lie in the order of the key (sqlite.org/withoutrowid.html): the texts of a list are neighbours.
run_texts = Table(
    "run_texts",
    metadata,
    key_column("tenant"),
    Column("created_at", Double, nullable=False, primary_key=True),
    key_column("run_id"),
    text_column("words"),
    sqlite_with_rowid=False,
)
_FORGET = delete(run_texts).where(
    run_texts.c.tenant == bindparam("of"),
    run_texts.c.created_at == bindparam("at"),
    run_texts.c.run_id == bindparam("run"),
)


def note_words(connection: Connection, found: Sequence[Run]) -> None:
    """Let these be found by what they say now."""
    if found:
        upsert(connection, run_texts, [_row(run) for run in found])


def forget_words(connection: Connection, which: Sequence[dict[str, Any]]) -> None:
    """Drop those of runs by `of` (tenant), `at` (when it was created) and `run`."""
    connection.execute(_FORGET, [{name: one[name] for name in ("of", "at", "run")} for one in which])


def holds(text: str) -> ColumnElement[bool]:
    """The condition on `runs` that a run's text holds every word of `text`, as a part of a word too.

    A list keeps to its own index with it, newest first, and looks one short text up for each run it passes. As a join
    the database would choose where to begin, and may sort every run there is.
    """
    words = text.casefold().split()[:MAX_WORDS]
    of_run = (
        run_texts.c.tenant == runs.c.tenant,
        run_texts.c.created_at == runs.c.created_at,
        run_texts.c.run_id == runs.c.id,
    )
    return exists().where(*of_run, *[run_texts.c.words.contains(word, autoescape=True) for word in words])


def _row(run: Run) -> dict[str, Any]:
    return {"tenant": run.tenant, "created_at": run.created_at, "run_id": run.id, "words": _words(run)}


def _words(run: Run) -> str:
    summary = run.result.summary if run.result else ""
    said = (
        run.id,
        run.task[:_CHARS],
        run.requested_by,
        run.runbook_id,
        run.connection,
        run.error[:_CHARS],
        summary[:_CHARS],
    )
    return " ".join(" ".join(said).casefold().split())
