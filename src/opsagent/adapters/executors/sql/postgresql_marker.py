"""Finds the one table of start tokens in a PostgreSQL database, whoever asks: never by the search path alone."""

from __future__ import annotations

from typing import Any

from psycopg import errors as pg

from opsagent.adapters.executors.sql.driver import Refused

_FOUND = (
    "SELECT n.nspname, (n.nspname = 'public' OR n.nspname = ANY (pg_catalog.current_schemas(false)))::text, "
    "c.relpersistence::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relname = $1 AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' ORDER BY 1"
)
_PLACE = (
    "SELECT CASE WHEN pg_catalog.to_regnamespace('public') IS NOT NULL "
    "AND pg_catalog.has_schema_privilege('public', 'CREATE') THEN 'public' ELSE pg_catalog.current_schema() END"
)
_OPTION = "opsagent connections add ... --option marker_schema="


async def marker_table(raw: Any, name: str, schema: str) -> str:
    """Its qualified name, quoted; it is made where there is none. Refused: nobody could say which one it is.

    `schema` is where it stands; empty when nobody said. A database user of another name may look elsewhere, and would
    take a statement that ran for one that never began. So it is one of all schemas, and one that any account trusts.
    """
    rows = await (await raw.execute(_FOUND.encode(), [name])).fetchall()
    found = [row for row in rows if schema in ("", row[0])]
    if len(found) > 1:
        raise Refused(
            f"{name} stands in the schemas {', '.join(row[0] for row in found)}, and which of them counts is not said",
            fix=f"Say it: {_OPTION}{found[0][0]}",
        )
    if not found:
        return await _made(raw, name, schema)
    where, trusted, kept = found[0]
    if not schema and trusted != "true":
        raise Refused(f"{name} stands in the schema {where}, where this account does not look", fix=f"{_OPTION}{where}")
    table = f"{_quoted(where)}.{_quoted(name)}"
    if kept == "u":
        raise Refused(f"{name} is unlogged: it may be empty after a crash", fix=f"ALTER TABLE {table} SET LOGGED")
    return table


async def _made(raw: Any, name: str, schema: str) -> str:
    """Made in the schema that was named, in public, or where this account may."""
    if not schema:
        schema = str((await (await raw.execute(_PLACE.encode())).fetchone() or ("",))[0] or "")
    if not schema:
        raise Refused(f"there is no schema to make {name} in", fix=f"Name one: {_OPTION}NAME")
    table = f"{_quoted(schema)}.{_quoted(name)}"
    try:
        await raw.execute(
            f"CREATE TABLE IF NOT EXISTS {table} "
            "(token text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), outcome text)".encode()
        )
    except (pg.UniqueViolation, pg.DuplicateTable):
        return table  # two at once: the other one made it
    except (pg.InsufficientPrivilege, pg.InvalidSchemaName) as error:
        raise Refused(
            f"{name} cannot be made in the schema {schema}: {error.diag.message_primary}",
            fix=f"Make it as its owner (docs/databases.md), or name another schema: {_OPTION}NAME",
        ) from error
    return table


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
