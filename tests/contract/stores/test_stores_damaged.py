"""A row that cannot be read back: what is said of it, and that nothing else suffers."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, update

from manual_clock import ManualClock
from opsagent.adapters.stores.tables import runs
from opsagent.domain.run import Run
from opsagent.errors import ConflictError
from opsagent.ports.stores import Change, Stores
from store_nouns import Nouns


async def corrupt(stores: Stores, run: Run, body: str) -> None:
    def work(connection: Connection) -> None:
        connection.execute(update(runs).where(runs.c.id == run.id).values(body=body))

    await stores.runs._engine.write("test", work)  # type: ignore[attr-defined] # no store writes such a row


@pytest.mark.parametrize("body", ["", "{", "[]", '{"id": "hunter2"}', "\x00"])
async def test_a_run_that_cannot_be_read_is_named_and_set_aside(
    stores: Stores, nouns: Nouns, clock: ManualClock, body: str
) -> None:
    damaged = await stores.runs.create(nouns.run())
    await corrupt(stores, damaged, body)
    clock.move(1)
    sound = await stores.runs.create(nouns.run())
    assert [one.run_id for one in await stores.runs.due(10)] == [damaged.id, sound.id]
    with pytest.raises(ConflictError, match=damaged.id) as caught:
        await stores.runs.claim("acme", damaged.id, "w1", 30)
    assert "hunter2" not in caught.value.message
    assert "copy" in caught.value.fix
    assert [one.run_id for one in await stores.runs.due(10)] == [sound.id]
    assert await stores.runs.claim("acme", damaged.id, "w1", 30) is None
    lease = await stores.runs.claim("acme", sound.id, "w1", 30)
    assert lease is not None
    await stores.runs.save(lease[0], Change(run=lease[1].begin(clock.now())))
    clock.move(30)
    assert damaged.id in {one.run_id for one in await stores.runs.due(10)}
    with pytest.raises(ConflictError, match=damaged.id):
        await stores.runs.get("acme", damaged.id)
