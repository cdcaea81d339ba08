"""What earlier versions stored is read by this one: whole databases as they wrote them, brought to today's schema.

The files in `tests/stored/` were written by the versions whose schema they are named after, and are never changed.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.manifest import Decision
from opsagent.domain.run import Mode, Node, RunStatus
from opsagent.domain.step import StepStatus
from opsagent.ports.stores import Change

STORED = sorted((Path(__file__).parents[3] / "stored").glob("schema-*.sql"))


def test_there_are_rows_of_earlier_versions() -> None:
    assert [one.stem for one in STORED] == ["schema-0002", "schema-0014"]


@pytest.mark.parametrize("written", STORED, ids=lambda path: path.stem)
async def test_they_are_migrated_decoded_and_worked_on(
    written: Path, tmp_path: Path, clock: ManualClock, ids: SeededIds
) -> None:
    with closing(sqlite3.connect(tmp_path / "opsagent.db")) as database:
        database.executescript(written.read_text(encoding="utf-8"))
    stores = open_sqlite(SqliteConfig(folder=tmp_path, busy_s=0.2, readers=1), clock, ids)
    await stores.housekeeping.open()
    try:
        runs = {run.task: run for run in (await stores.runs.list("acme")).items}
        assert runs["queued"].status is RunStatus.QUEUED
        working = runs["working"]
        assert (working.status, working.next_node, working.resolved_mode) == (
            RunStatus.IN_PROGRESS, Node.GUARD, Mode.PLAN,
        )  # fmt: skip
        assert (working.risk, working.risk_by, working.only_looks) == ("", "", False)
        (step,) = await stores.journal.steps("acme", working.id)
        assert (step.id, step.status) == (working.current_step, StepStatus.PROPOSED)
        assert step.verdict is not None and step.verdict.decision is Decision.ASK
        assert [one.step_id for one in await stores.approvals.of_run("acme", working.id)] == [step.id]
        assert [one.content for one in await stores.journal.events("acme", working.id)] == ["looked"]
        (ticket,) = (await stores.tickets.list("acme")).items
        assert (await stores.tickets.signals("acme", ticket.id))[0].name == "DiskFull"
        clock.move(3600)  # the lease of whoever wrote them is over
        claimed = await stores.runs.claim("acme", working.id, "w2", 30)
        assert claimed is not None
        lease, taken = claimed
        saved = await stores.runs.save(lease, Change(run=taken))
        assert saved.version > working.version
        assert (await stores.runs.get("acme", working.id)).plan == working.plan
    finally:
        await stores.housekeeping.close()
