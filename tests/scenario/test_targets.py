"""What may be registered, and what a test of a target says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from house import TENANT, House
from opsagent.domain.connection import Connection
from opsagent.errors import InputError

DB = Connection(
    id="", tenant=TENANT, name="db", executor="sql", address="postgresql://db1:5432/shop", credential="writer"
)


@pytest.mark.parametrize(
    "changes",
    [
        {"executor": "telepathy"},
        {"address": ""},
        {"address": "postgresql://db1"},
        {"address": "redis://db1/0"},
        {"address": "postgresql://ops:secret@db1/shop"},
        {"credential": ""},
        {"options": {"sslmode": "maybe"}},
        {"options": {"password": "x"}},
        {"executor": "shell"},
    ],
)
async def test_what_cannot_work_is_refused_at_once(make_house, changes) -> None:
    house: House = await make_house()
    house.app.check_connection(DB)
    with pytest.raises(InputError) as refused:
        house.app.check_connection(replace(DB, **changes))
    assert refused.value.fix


async def test_a_target_is_really_tried(make_house) -> None:
    house: House = await make_house()
    (here,) = await house.app.test_connection(await house.app.stores.connections.get(TENANT, "shop"))
    assert here.ok
    assert "`true` ran" in here.text
    (nobody,) = await house.app.test_connection(replace(DB, address="postgresql://127.0.0.1:1/shop"))
    assert not nobody.ok
    assert "no credential" in nobody.text
