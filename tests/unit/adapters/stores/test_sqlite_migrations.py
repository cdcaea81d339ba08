"""The schema: made once by many, copied before it changes, never taken for what it is not."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from subprocess import Popen

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.stores.columns import metadata
from opsagent.adapters.stores.migrate import SCHEMA, SCRIPTS, migrate, upgrade
from opsagent.adapters.stores.schema import SCRIPT, dump
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.run import RunResult, RunStatus
from opsagent.domain.ticket import TicketStatus
from opsagent.errors import StoreUnavailable
from opsagent.ports.stores import Change, Stores
from store_nouns import Nouns

NEXT = '''"""The next schema."""
import sqlalchemy as sa
from alembic import op
revision = "9999"
down_revision = "{schema}"
def upgrade():
    op.add_column("runs", sa.Column("mood", sa.Text()))
    {more}
'''


def file_engine(path: Path):
    return create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"isolation_level": None})


async def test_the_migrations_make_what_the_code_expects(stores: Stores, tmp_path: Path) -> None:
    with file_engine(tmp_path / "opsagent.db").connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        in_file = {
            row[0]: row[1]
            for row in connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type='index'")
        }
    with closing(create_engine("sqlite://", poolclass=NullPool).connect()) as connection:
        metadata.create_all(connection)
        in_memory = {
            row[0]: row[1]
            for row in connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type='index'")
        }
    in_file.pop("sqlite_autoindex_alembic_version_1")
    assert {name: sql and sql.replace("!=", "<>") for name, sql in in_file.items()} == {
        name: sql and sql.replace("!=", "<>") for name, sql in in_memory.items()
    }


def test_the_newest_migration_is_the_schema_of_the_code() -> None:
    assert ScriptDirectory(str(SCRIPTS)).get_current_head() == SCHEMA


def test_the_script_of_a_new_file_makes_what_all_migrations_make(tmp_path: Path) -> None:
    file = tmp_path / "migrated.db"
    with file_engine(file).connect() as connection:
        upgrade(connection, SCHEMA, file)
    assert dump(file) == SCRIPT.read_text("utf-8"), "run: python -m opsagent.adapters.stores.schema"
    new = tmp_path / "new.db"
    assert not migrate(file_engine(new), new)
    assert dump(new) == dump(file)


async def test_many_processes_starting_together_make_one_schema(
    tmp_path: Path, child: Callable[..., Popen[str]]
) -> None:
    children = [child("create_some") for _ in range(4)]
    outputs = [(await asyncio.to_thread(one.communicate))[0].splitlines() for one in children]
    assert [len(output) for output in outputs] == [200] * 4
    assert [one.returncode for one in children] == [0] * 4


async def test_folders_opened_at_once_in_one_process_are_migrated_one_by_one(tmp_path: Path) -> None:
    for n in range(8):
        file = tmp_path / str(n) / "opsagent.db"
        file.parent.mkdir()
        assert not migrate(file_engine(file), file, schema="0001")
    opened = [open_sqlite(SqliteConfig(folder=tmp_path / str(n)), ManualClock(), SeededIds(n)) for n in range(8)]
    await asyncio.gather(*[stores.housekeeping.open() for stores in opened])
    for stores in opened:
        await stores.runs.create(Nouns(ManualClock(), SeededIds()).run())
        await stores.housekeeping.close()


async def test_a_folder_of_the_first_version_is_taken_over(
    stores: Stores, tmp_path: Path, clock: ManualClock, ids: SeededIds, nouns: Nouns
) -> None:
    run = await stores.runs.create(nouns.run())
    folder = tmp_path / "old"
    folder.mkdir()
    file = folder / "opsagent.db"
    assert not migrate(file_engine(file), file, schema="0001")
    with closing(sqlite3.connect(file)) as old:
        old.execute("ATTACH ? AS now", (str(tmp_path / "opsagent.db"),))
        old.execute("INSERT INTO runs SELECT * FROM now.runs")
        old.commit()
    taken = open_sqlite(SqliteConfig(folder=folder), clock, ids)
    await taken.housekeeping.open()
    assert [one.run_id for one in await taken.runs.due(10)] == [run.id]
    assert await taken.runs.get("acme", run.id) == run
    assert (folder / f"opsagent.db.before-{SCHEMA}").exists()
    await taken.housekeeping.close()


async def newer_scripts(folder: Path, more: str = "") -> Path:
    scripts = folder / "migrations"
    shutil.copytree(SCRIPTS, scripts)
    (scripts / "versions" / "m9999_next.py").write_text(NEXT.replace("{more}", more).replace("{schema}", SCHEMA))
    return scripts


async def test_an_existing_file_is_copied_before_it_is_migrated(
    tmp_path: Path, clock: ManualClock, ids: SeededIds, nouns: Nouns
) -> None:
    folder = tmp_path / "data"
    stores = open_sqlite(SqliteConfig(folder=folder), clock, ids)
    await stores.housekeeping.open()
    run = await stores.runs.create(nouns.run())
    file = folder / "opsagent.db"
    scripts = await newer_scripts(tmp_path)
    assert migrate(file_engine(file), file, schema="9999", scripts=scripts)  # the log holds the run: it is copied too
    await stores.housekeeping.close()
    copy = folder / "opsagent.db.before-9999"
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as before, closing(sqlite3.connect(file)) as after:
        assert before.execute("SELECT id FROM runs").fetchall() == [(run.id,)]
        assert after.execute("SELECT id, mood FROM runs").fetchall() == [(run.id, None)]
        assert before.execute("SELECT version_num FROM alembic_version").fetchall() == [(SCHEMA,)]
    with pytest.raises(StoreUnavailable, match="9999") as caught:
        await stores.housekeeping.open()
    assert "newer OpsAgent" in caught.value.fix
    assert "before-" in caught.value.fix


async def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, clock: ManualClock, ids: SeededIds, nouns: Nouns
) -> None:
    folder = tmp_path / "data"
    stores = open_sqlite(SqliteConfig(folder=folder), clock, ids)
    await stores.housekeeping.open()
    await stores.runs.create(nouns.run())
    await stores.housekeeping.close()
    file = folder / "opsagent.db"
    scripts = await newer_scripts(tmp_path, 'raise RuntimeError("half way")')
    with pytest.raises(RuntimeError, match="half way"):
        migrate(file_engine(file), file, schema="9999", scripts=scripts)
    await stores.housekeeping.open()
    assert len((await stores.runs.list("acme")).items) == 1
    await stores.housekeeping.close()


async def test_the_database_of_another_program_is_left_alone(
    tmp_path: Path, clock: ManualClock, ids: SeededIds
) -> None:
    with closing(sqlite3.connect(tmp_path / "opsagent.db")) as database:
        database.execute("CREATE TABLE invoices (id INTEGER)")
    stores = open_sqlite(SqliteConfig(folder=tmp_path), clock, ids)
    with pytest.raises(StoreUnavailable, match="another program"):
        await stores.housekeeping.open()
    with closing(sqlite3.connect(tmp_path / "opsagent.db")) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("invoices",)]


async def test_the_audit_key_lasts_and_its_loss_is_told(
    tmp_path: Path, clock: ManualClock, ids: SeededIds, nouns: Nouns, caplog: pytest.LogCaptureFixture
) -> None:
    stores = open_sqlite(SqliteConfig(folder=tmp_path), clock, ids)
    await stores.housekeeping.open()
    await stores.housekeeping.close()
    key = (tmp_path / "audit.key").read_bytes()
    await stores.housekeeping.open()
    await stores.housekeeping.close()
    assert (tmp_path / "audit.key").read_bytes() == key
    assert not caplog.records
    (tmp_path / "audit.key").unlink()
    await stores.housekeeping.open()
    assert "can no longer be checked" in caplog.text
    await stores.housekeeping.close()
    (tmp_path / "audit.key").write_bytes(b"")
    fresh = open_sqlite(SqliteConfig(folder=tmp_path), clock, ids)
    await fresh.housekeeping.open()
    with pytest.raises(StoreUnavailable, match="empty"):
        await fresh.audit.append([nouns.entry()])
    await fresh.housekeeping.close()


async def test_earlier_runs_are_found_by_words(
    stores: Stores, tmp_path: Path, clock: ManualClock, ids: SeededIds, nouns: Nouns
) -> None:
    run = await stores.runs.create(nouns.run(task="The Disk is full"))
    claimed = await stores.runs.claim("acme", run.id, "w1", 30)
    assert claimed is not None
    lease, begun = claimed
    result = RunResult(summary="The Kitchen is gone.")
    ended = begun.begin(clock.now()).end(RunStatus.FAILED, clock.now(), result=result)
    await stores.runs.save(lease, Change(run=ended))
    folder = tmp_path / "old"
    folder.mkdir()
    file = folder / "opsagent.db"
    assert not migrate(file_engine(file), file, schema="0012")
    with closing(sqlite3.connect(file)) as old:
        old.execute("ATTACH ? AS now", (str(tmp_path / "opsagent.db"),))
        old.execute("INSERT INTO runs SELECT * FROM now.runs")
        old.commit()
    taken = open_sqlite(SqliteConfig(folder=folder), clock, ids)
    await taken.housekeeping.open()
    assert [one.id for one in (await taken.runs.list("acme", text="disk kitchen web-1")).items] == []
    assert [one.id for one in (await taken.runs.list("acme", text="disk kitchen key:1")).items] == [run.id]
    await taken.housekeeping.close()


async def test_earlier_tickets_have_their_one_alert(
    stores: Stores, tmp_path: Path, clock: ManualClock, ids: SeededIds, nouns: Nouns
) -> None:
    made, gone = await stores.tickets.receive([nouns.arrival("f1"), nouns.arrival("f2")])
    await stores.tickets.save(replace(gone.ticket, status=TicketStatus.CLOSED), [])
    folder = tmp_path / "old"
    folder.mkdir()
    file = folder / "opsagent.db"
    assert not migrate(file_engine(file), file, schema="0003")
    with closing(sqlite3.connect(file)) as old:
        old.execute("ATTACH ? AS now", (str(tmp_path / "opsagent.db"),))
        columns = ", ".join(row[1] for row in old.execute("PRAGMA main.table_info(tickets)"))
        old.execute(f"INSERT INTO tickets ({columns}) SELECT {columns} FROM now.tickets")  # noqa: S608 - names of columns
        old.commit()
    taken = open_sqlite(SqliteConfig(folder=folder), clock, ids)
    await taken.housekeeping.open()
    (member,) = await taken.triage.members("acme", made.ticket.id)
    assert (member.fingerprint, member.name, member.firing) == ("f1", "DiskFull", True)
    again, fresh = await taken.tickets.receive([nouns.arrival("f1"), nouns.arrival("f2")])
    assert (again.created, again.ticket.id) == (False, made.ticket.id)
    assert fresh.created  # that one was closed
    await taken.housekeeping.close()
