"""Walks a parsed statement: what it reads, writes and deletes, and what keeps it from being a plain query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import Expr, Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """`functions` are the names before a parenthesis, lower case, as written; `reasons` speak against a plain query."""

    is_query: bool
    is_change: bool
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def read_structure(tree: Expr, tokens: Sequence[Token]) -> Findings:
    """The findings of one statement."""
    from sqlglot import exp

    changes = [
        node
        for node in tree.walk()
        if isinstance(node, (exp.DML, exp.DDL, exp.Drop, exp.Alter, exp.TruncateTable, exp.Merge, exp.Into))
        and not isinstance(node, exp.Query)
    ]
    tables = [node for node in tree.find_all(exp.Table) if _name(node)]
    named = {alias.alias_or_name.lower() for alias in tree.find_all(exp.CTE)}
    root_is_query = isinstance(tree, (exp.Select, exp.SetOperation, exp.Values, exp.Show)) or _plain_describe(tree)
    reasons = [*_reasons(tree, tokens)]
    if not root_is_query and not changes:
        reasons.insert(0, f"nobody can prove what {_verb(tokens)} changes")
    if changes:
        reasons.insert(0, f"changes the database ({_verb(tokens)})" if not root_is_query else "changes data in a query")
    written, gone = _changed(changes)
    reads = {_name(table) for table in tables if _name(table) not in {*written, *gone}} - named
    return Findings(
        is_query=root_is_query and not changes,
        is_change=bool(changes) and not root_is_query and len(reasons) == 1,
        reads=tuple(sorted(reads)),
        writes=tuple(written),
        deletes=tuple(gone),
        functions=tuple(dict.fromkeys(_called(tokens))),
        forbidden=_forbidden(tree, tokens),
        reasons=tuple(reasons),
    )


def _plain_describe(tree: Expr) -> bool:
    """DESCRIBE, or EXPLAIN of a query that is not run by it."""
    from sqlglot import exp

    return isinstance(tree, exp.Describe) and isinstance(tree.this, (exp.Table, exp.Query))


def _reasons(tree: Expr, tokens: Sequence[Token]) -> Iterable[str]:
    from sqlglot import exp

    words = {token.text.upper() for token in tokens}
    if any(isinstance(node, exp.Command) for node in tree.walk()):
        yield f"{_verb(tokens)} is not read here"
    if tree.find(exp.Lock):
        yield "locks rows"
    if tree.find(exp.PropertyEQ) or any(token.text == ":=" for token in tokens):
        yield "sets a variable"
    if isinstance(tree, exp.Describe) and words & {"ANALYZE", "ANALYSE"}:
        yield "EXPLAIN ANALYZE runs what it explains"
    if words & {"OUTFILE", "DUMPFILE"}:
        yield "writes a file on the database's host"
    if "OPERATOR" in words:
        yield "calls an operator by name"
    if any(_holds(table) for table in tree.find_all(exp.Table)):
        yield "a value from outside stands where a name belongs"


def _holds(table: Expr) -> bool:
    from sqlglot import exp

    return isinstance(table.this, (exp.Placeholder, exp.Parameter))


def _changed(changes: Sequence[Expr]) -> tuple[list[str], list[str]]:
    from sqlglot import exp

    written: dict[str, None] = {}
    gone: dict[str, None] = {}
    for node in changes:
        deletes = isinstance(node, (exp.Delete, exp.Drop, exp.TruncateTable))
        direct = [node.this] if isinstance(node.this, (exp.Table, exp.Schema)) else []
        listed = [one for key in ("tables", "expressions") for one in node.args.get(key) or []]
        for table in [*direct, *(one for one in listed if isinstance(one, exp.Table))]:
            found = table if isinstance(table, exp.Table) else table.find(exp.Table)
            if found is not None and _name(found):
                (gone if deletes else written)[_name(found)] = None
    return list(written), list(gone)


def _forbidden(tree: Expr, tokens: Sequence[Token]) -> tuple[str, ...]:
    from sqlglot import exp

    words = [token.text.upper() for token in tokens]
    if words[:2] in (["DROP", "DATABASE"], ["DROP", "SCHEMA"]) or (
        isinstance(tree, exp.Drop) and str(tree.args.get("kind")).upper() in {"DATABASE", "SCHEMA"}
    ):
        return ("drops a whole database",)
    if words[:1] == ["COPY"] and "PROGRAM" in words:
        return ("runs a program on the database's host",)
    return ()


def _called(tokens: Sequence[Token]) -> Iterable[str]:
    """Every name before a parenthesis; with a schema before it, the whole of it, unless that is PostgreSQL's own."""
    for position in range(1, len(tokens)):
        before = tokens[position - 1]
        if tokens[position].text != "(" or not (before.text[:1].isalpha() or before.text[:1] == "_"):
            continue
        name = before.text.lower()
        if position >= 3 and tokens[position - 2].text == ".":
            schema = tokens[position - 3].text.lower()
            name = name if schema == "pg_catalog" else f"{schema}.{name}"
        yield name


def _verb(tokens: Sequence[Token]) -> str:
    return tokens[0].text.upper() if tokens else "nothing"


def _name(table: Expr) -> str:
    from sqlglot import exp

    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        return ""
    return ".".join(part for part in (table.db, table.name) if part)
