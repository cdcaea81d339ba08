"""Whose a workspace is, as it is remembered between slash commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.chat_user import Workspace


@pytest.mark.parametrize("change", ["add", "remove"])
async def test_what_another_process_changed_is_known_five_seconds_later(tmp_path: Path, change: str) -> None:
    clock, mine = ManualClock(), Workspace(chat="slack", id="T1", tenant="acme")
    here, there = (
        open_sqlite(SqliteConfig(folder=tmp_path, exclusive=False), clock, SeededIds(seed)) for seed in (1, 2)
    )
    await here.housekeeping.open()
    await there.housekeeping.open()
    if change == "remove":
        await there.chat_users.add_workspace(mine, "admin")
    before, after = ("default", "acme") if change == "add" else ("acme", "default")
    assert await here.chat_users.tenant_of("slack", "T1") == before
    await (there.chat_users.add_workspace if change == "add" else there.chat_users.remove_workspace)(mine, "admin")
    assert await there.chat_users.tenant_of("slack", "T1") == after
    clock.move(4.9)
    assert await here.chat_users.tenant_of("slack", "T1") == before, "it is remembered"
    clock.move(0.2)
    assert await here.chat_users.tenant_of("slack", "T1") == after
    await here.housekeeping.close()
    await there.housekeeping.close()
