"""Insert or overwrite, in the one spelling SQLite and PostgreSQL share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

Condition = Callable[[Any], Any]


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, only_if: Condition | None = None
) -> None:
    """Insert `rows` or overwrite the stored ones of the same primary key, where `only_if(new row)` holds.

    `only_if` is a function of a module, so that the statement is built once.
    """
    connection.execute(_overwriting(connection.dialect.name, table, tuple(rows[0]), only_if), list(rows))


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows`; those whose primary key is there already are left as they are."""
    connection.execute(_keeping(connection.dialect.name, table), list(rows))


@lru_cache(maxsize=64)
def _overwriting(dialect: str, table: Table, names: tuple[str, ...], only_if: Condition | None) -> Any:
    statement = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    values = {name: statement.excluded[name] for name in names if name not in keys}
    condition = only_if(statement.excluded) if only_if else None
    return statement.on_conflict_do_update(index_elements=keys, set_=values, where=condition)


@lru_cache(maxsize=64)
def _keeping(dialect: str, table: Table) -> Any:
    keys = [column.name for column in table.primary_key]
    return _insert(dialect, table).on_conflict_do_nothing(index_elements=keys)


def _insert(dialect: str, table: Table) -> Any:
    return postgresql_insert(table) if dialect == "postgresql" else sqlite_insert(table)
