"""The chain holds over batches, over parts that were taken back, and over two writers of one file."""

from __future__ import annotations

import asyncio

from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.stores.chain import first_broken
from opsagent.adapters.stores.folder import read_audit_key
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.event import AuditEntry
from opsagent.domain.run import Run, Source
from opsagent.errors import IllegalMove


def entry(action: str, run_id: str = "") -> AuditEntry:
    return AuditEntry(tenant="acme", at=1.0, actor="ada", action=action, run_id=run_id)


def run(number: int) -> Run:
    return Run(
        id=f"r{number}", tenant="acme", source=Source.API, task="x", created_at=1.0, updated_at=1.0, requested_by="ada"
    )


async def test_failed_jobs_in_a_batch_leave_no_gap_and_no_fork(tmp_path) -> None:
    first = open_sqlite(SqliteConfig(folder=tmp_path, exclusive=False), SystemClock(), SystemIds())
    second = open_sqlite(SqliteConfig(folder=tmp_path, exclusive=False), SystemClock(), SystemIds())
    await first.housekeeping.open()
    await second.housekeeping.open()
    try:
        jobs = []
        for number in range(60):
            stores = (first, second)[number % 2]
            same = run(number if number % 3 else 0)  # every third is there already, and fails after others appended
            jobs.append(stores.runs.create(same, audit=(entry("run.accepted", same.id), entry("and.more", same.id))))
        results = await asyncio.gather(*jobs, return_exceptions=True)
        refused = [one for one in results if isinstance(one, IllegalMove)]
        assert len(refused) == 19
        assert not [one for one in results if isinstance(one, BaseException) and one not in refused]
        entries = await first.audit.list("acme")
        assert [one.sequence for one in entries] == list(range(1, 2 * 41 + 1))
        assert first_broken(read_audit_key(tmp_path), entries) is None
    finally:
        await first.housekeeping.close()
        await second.housekeeping.close()
