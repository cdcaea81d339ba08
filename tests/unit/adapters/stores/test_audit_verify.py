"""Whatever is done to the audit record behind OpsAgent's back is found, with a head that was kept elsewhere."""

# ruff: noqa: S608 - the tests write their own statements

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.event import AuditEntry
from opsagent.errors import InputError
from opsagent.ports.stores import Stores

COUNT = 12
COPIED = """
INSERT INTO audit SELECT tenant, 13, at, actor, action, run_id, step_id, digest, detail, previous, hash
FROM audit WHERE sequence = 12
"""


async def opened(folder: Path) -> Stores:
    stores = open_sqlite(SqliteConfig(folder=folder), ManualClock(), SeededIds())
    await stores.housekeeping.open()
    return stores


async def filled(folder: Path, *, count: int = COUNT) -> str:
    stores = await opened(folder)
    for number in range(count):
        entry = AuditEntry(
            tenant="acme", at=float(number), actor="ada", action="run.accepted", detail={"n": str(number)}
        )
        await stores.audit.append([entry])
    head = (await stores.audit.verify("acme")).head
    await stores.housekeeping.close()
    return head


async def checked(folder: Path, head: str = ""):
    stores = await opened(folder)
    found = await stores.audit.verify("acme", heads=[head] if head else [])
    await stores.housekeeping.close()
    return found


def tampered(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "opsagent.db")) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


async def test_a_record_nobody_touched_holds(tmp_path: Path) -> None:
    head = await filled(tmp_path)
    assert head.startswith(f"{COUNT}:")
    found = await checked(tmp_path, head)
    assert (found.entries, found.trouble, found.head) == (COUNT, "", head)
    assert (await checked(tmp_path, "0:")).trouble == ""


@pytest.mark.parametrize(
    "statements",
    [
        ["UPDATE audit SET actor = 'eve' WHERE sequence = 5"],
        ["UPDATE audit SET detail = '{}' WHERE sequence = 5"],
        ["UPDATE audit SET hash = (SELECT hash FROM audit WHERE sequence = 6) WHERE sequence = 5"],
        ["DELETE FROM audit WHERE sequence = 5"],
        ["DELETE FROM audit WHERE sequence = 1"],
        ["DELETE FROM audit WHERE sequence > 9"],
        ["DELETE FROM audit"],
        [
            "UPDATE audit SET sequence = 99 WHERE sequence = 4",
            "UPDATE audit SET sequence = 4 WHERE sequence = 5",
            "UPDATE audit SET sequence = 5 WHERE sequence = 99",
        ],
        ["UPDATE audit SET tenant = 'other' WHERE sequence = 3"],
        [COPIED],
    ],
)
async def test_what_was_done_to_it_is_found(tmp_path: Path, statements: list[str]) -> None:
    head = await filled(tmp_path)
    tampered(tmp_path, *statements)
    assert (await checked(tmp_path, head)).trouble


async def test_a_record_written_anew_with_the_key_is_not_the_one_of_the_head(tmp_path: Path) -> None:
    head = await filled(tmp_path)
    tampered(tmp_path, "DELETE FROM audit")
    await filled(tmp_path, count=COUNT + 3)  # with the very key, by somebody who has the whole machine
    tampered(tmp_path, "UPDATE audit SET at = at")
    stores = await opened(tmp_path)
    assert (await stores.audit.verify("acme")).trouble == ""
    await stores.housekeeping.close()
    tampered(tmp_path, "DELETE FROM audit")
    stores = await opened(tmp_path)
    await stores.audit.append([AuditEntry(tenant="acme", at=1.0, actor="eve", action=f"x{n}") for n in range(COUNT)])
    found = await stores.audit.verify("acme", heads=[head])
    await stores.housekeeping.close()
    assert "written anew" in found.trouble


async def test_a_cut_end_shows_only_with_a_head(tmp_path: Path) -> None:
    head = await filled(tmp_path)
    tampered(tmp_path, "DELETE FROM audit WHERE sequence > 9")
    assert (await checked(tmp_path)).trouble == ""
    assert "cut off" in (await checked(tmp_path, head)).trouble


@pytest.mark.parametrize("head", ["x", "5", "5:zz", "-1:" + "a" * 64, "5:" + "A" * 64])
async def test_what_is_no_head_is_refused(tmp_path: Path, head: str) -> None:
    await filled(tmp_path, count=1)
    with pytest.raises(InputError, match="no head"):
        await checked(tmp_path, head)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sequence=st.integers(min_value=1, max_value=COUNT),
    change=st.sampled_from(["at = at + 1", "actor = actor || '.'", "action = 'x'", "run_id = 'r'", "digest = 'd'"]),
)
async def test_any_edit_is_found(tmp_path_factory, sequence: int, change: str) -> None:
    folder = tmp_path_factory.mktemp("audit")
    head = await filled(folder)
    tampered(folder, f"UPDATE audit SET {change} WHERE sequence = {sequence}")
    found = await checked(folder, head)
    assert f"Entry {sequence} " in found.trouble
    assert found.entries == sequence - 1
