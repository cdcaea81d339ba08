"""The newest schema as one script, for a new file: what all migrations together make, without running them."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

SCRIPT = Path(__file__).parent / "migrations" / "schema.sql"
_ABOUT = """-- What the migrations of versions/ make of an empty file. After a new one, write it anew:
-- python -m opsagent.adapters.stores.schema
"""


def create(connection: Connection) -> None:
    """Make the schema inside the caller's transaction. OSError when the script is missing."""
    for statement in _statements(SCRIPT.read_text("utf-8")):
        connection.exec_driver_sql(statement)


def dump(path: Path) -> str:
    """The script that makes an empty file like this one, its version included."""
    with closing(sqlite3.connect(path)) as database:
        lines = [line for line in database.iterdump() if line not in {"BEGIN TRANSACTION;", "COMMIT;"}]
    return _ABOUT + "".join(f"{line}\n" for line in lines)


def _statements(text: str) -> Iterator[str]:
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def main() -> None:
    """Write the script anew."""
    from opsagent.adapters.stores.migrate import SCHEMA, upgrade

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new.db"
        engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"isolation_level": None})
        with engine.connect() as connection:
            upgrade(connection, SCHEMA, path)
        SCRIPT.write_text(dump(path), "utf-8")


if __name__ == "__main__":
    main()
