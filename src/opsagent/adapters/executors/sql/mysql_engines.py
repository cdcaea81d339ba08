"""Says whether MySQL or MariaDB can take a statement back: only what all stays in InnoDB is rolled back whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from opsagent.domain.sql_text import first_word, names_in, runs_a_comment

Ask = Callable[[str, Sequence[str]], Awaitable[Sequence[Sequence[Any]]]]
# Anything else may commit by itself (MariaDB: SQL statements that cause an implicit commit).
_SHARES = {"insert", "update", "delete", "replace", "with", "select"}
_PLAIN = {"base table", "system versioned"}  # MariaDB, information_schema.tables: not a view, not a sequence
_TABLE = "SELECT table_type, engine FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"


async def why_it_stays(ask: Ask, text: str, database: str) -> str:
    """Why a statement cannot be rolled back together with its marker; empty when it can.

    Every name in the text counts that a table, a trigger's table or a function also has: too many rather than too few.
    Triggers are seen only by an account with the right TRIGGER; for the others the server warns after ROLLBACK.
    """
    if first_word(text, "mysql") not in _SHARES:
        return "the server commits it by itself"
    if runs_a_comment(text, "mysql"):
        return "the server may run what is in its comment"
    names = names_in(text, "mysql")
    if names & {"outfile", "dumpfile"}:
        return "it writes a file"
    for schema in await _schemas(ask, names, database):
        if why := await _in_schema(ask, schema, names):
            return why
    return ""


async def engine_of(ask: Ask, database: str, table: str) -> str:
    """What keeps a table, in the server's words; empty when there is none of that name."""
    found = await ask(_TABLE, [database, table])
    return str(found[0][1] or found[0][0]) if found else ""


async def _schemas(ask: Ask, names: frozenset[str], database: str) -> list[str]:
    """The database of the address, and those a statement names; nobody can write into information_schema."""
    every = [str(row[0]) for row in await ask("SELECT schema_name FROM information_schema.schemata", [])]
    named = [one for one in every if one.lower() in names and one.lower() != "information_schema"]
    return list(dict.fromkeys([database, *named]))


async def _in_schema(ask: Ask, schema: str, names: frozenset[str]) -> str:
    tables = await ask("SELECT table_name FROM information_schema.tables WHERE table_schema = %s", [schema])
    for table in (str(row[0]) for row in tables if str(row[0]).lower() in names):
        kind, engine = (str(one or "") for one in (await ask(_TABLE, [schema, table]) or [("", "")])[0])
        if kind.lower() not in _PLAIN or engine.lower() != "innodb":
            return f"{table} is {engine or kind.lower() or 'gone'}"
    triggers = await ask(
        "SELECT trigger_name, event_object_table FROM information_schema.triggers WHERE event_object_schema = %s",
        [schema],
    )
    for trigger, table in triggers:
        if str(table).lower() in names:
            return f"{table} has the trigger {trigger}, which may change other tables"
    functions = await ask(
        "SELECT routine_name FROM information_schema.routines WHERE routine_schema = %s AND routine_type = 'FUNCTION'",
        [schema],
    )
    for (function,) in functions:
        if str(function).lower() in names:
            return f"{function} is a stored function, which may change other tables"
    return ""
