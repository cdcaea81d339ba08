"""Brings the schema of a SQLite file up to date: one process at a time, after copying the file, all or nothing."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy import text as sql

from opsagent.adapters.stores import schema as newest
from opsagent.adapters.stores.folder import settle
from opsagent.errors import StoreUnavailable

SCHEMA = "0018"  # the newest revision in migrations/versions; a test compares them
_ALEMBIC = threading.Lock()  # guards Alembic's own global: `alembic.context` is of one migration in a process at a time
SCRIPTS = Path(__file__).parent / "migrations"


def migrate(engine: Engine, path: Path, *, schema: str = SCHEMA, scripts: Path = SCRIPTS) -> bool:
    """Migrate the database at `path`, to be called by one process at a time; returns whether there was one before.

    A new file gets the newest schema from its script. An existing one is copied to `<name>.before-<schema>`, then
    taken through the revisions it lacks. StoreUnavailable when the file is not ours or is newer than this program.
    """
    with engine.connect() as connection:
        present = _present(connection, path)
        connection.rollback()
        if present == schema:
            return True
        if not present and schema == SCHEMA:
            with connection.begin():
                newest.create(connection)
            return False
        if present:
            _copy(path, path.with_name(f"{path.name}.before-{schema}"))
        upgrade(connection, schema, path, scripts=scripts)
    return bool(present)


def _present(connection: Connection, path: Path) -> str:
    """The revision of the file, empty for a new one."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return str(connection.execute(sql("SELECT version_num FROM alembic_version")).scalar_one())
    if tables:
        raise StoreUnavailable(
            f"{path} is a database of another program (it has the table {tables[0]}).",
            fix="Move it away, or start with another data folder.",
        )
    return ""


def upgrade(connection: Connection, schema: str, path: Path, *, scripts: Path = SCRIPTS) -> None:
    """Run the revisions the file at `path` lacks, all in one transaction. StoreUnavailable when it is newer."""
    # Alembic costs 0.2 s to import, so only a start that has something to migrate pays for it.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    try:
        with _ALEMBIC, connection.begin():
            command.upgrade(config, schema)
    except CommandError as error:
        raise StoreUnavailable(
            f"The schema of {path} is not one this version of OpsAgent knows: {error}.",
            fix=f"Start the newer OpsAgent that made it, or restore a copy ({path.name}.before-...).",
        ) from error


def _copy(source: Path, target: Path) -> None:
    """A whole copy, the write-ahead log included, safe on disk under its name."""
    fresh = target.with_name(f"{target.name}.new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(fresh)) as new:
        old.backup(new)
    fresh.rename(target)
    settle(target.parent)
