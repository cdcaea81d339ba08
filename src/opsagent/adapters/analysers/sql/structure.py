"""Walks a parsed statement: what it reads, writes and deletes, and what keeps it from being a plain query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import Expr, Token

_SIGNS = "+-*/<>=~!@#%^&|?()[]{},.:;"
_BEFORE_TABLES = {"INTO", "TABLE", "EXISTS", "ON"}
_NO_NAMES = {"row", "values"}  # PostgreSQL 15, appendix C and MySQL 8.4, 11.3: never the name of a function or table


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """`functions` are the names before a parenthesis, lower case, as written; `reasons` speak against a plain query.

    `words` of them are words of the language where they stand, `listed` may be tables with their columns,
    `apart` are those with a space behind them. `types` are
    those a value is cast to that the parser does not know. `named` are all tables a statement names, those too that a
    WITH of the same name may stand for.
    """

    is_query: bool
    is_change: bool
    named: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    listed: frozenset[str] = frozenset()
    apart: frozenset[str] = frozenset()
    types: tuple[str, ...] = ()
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
    root_is_query = isinstance(tree, (exp.Select, exp.SetOperation, exp.Values, exp.Show)) or _plain_describe(tree)
    reasons = [*_reasons(tree, tokens)]
    if not root_is_query and not changes:
        reasons.insert(0, f"nobody can prove what {_verb(tokens)} changes")
    if changes:
        reasons.insert(0, f"changes the database ({_verb(tokens)})" if not root_is_query else "changes data in a query")
    written, gone = _changed(changes)
    called = list(_called(tree, tokens))
    names = {call.name for call in called}
    reads = {_name(table) for table in tables if not _is_defined_here(table)} - {*written, *gone}
    return Findings(
        is_query=root_is_query and not changes,
        is_change=bool(changes) and not root_is_query and len(reasons) == 1,
        named=tuple(sorted({_name(table) for table in tables})),
        reads=tuple(sorted(reads)),
        writes=tuple(written),
        deletes=tuple(gone),
        functions=tuple(dict.fromkeys(call.name for call in called)),
        words=frozenset(names - {call.name for call in called if not call.is_word}),
        listed=frozenset(names - {call.name for call in called if not call.is_table}),
        apart=frozenset(call.name for call in called if call.is_apart),
        types=tuple(dict.fromkeys(_types(tree))),
        reasons=tuple(reasons),
    )


def _is_defined_here(table: Expr) -> bool:
    """Whether a name means a part of a WITH, and no table."""
    return not table.args.get("db") and any(_folded(one.args["alias"]) == _folded(table) for one in _parts_seen(table))


def _parts_seen(node: Expr | None) -> Iterable[Expr]:
    """The parts of a WITH that can be named there: behind it all, in a part those before it (PostgreSQL 7.8).

    A part means itself only where the WITH is recursive; elsewhere its own name means the real table.
    """
    from sqlglot import exp

    part: Expr | None = None
    asked = False  # of the statement a WITH belongs to, when we came from within that WITH
    while node is not None:
        if isinstance(node, exp.With):
            own = next((number for number, one in enumerate(node.expressions) if one is part), 0)
            yield from node.expressions[: own + bool(node.args.get("recursive"))]
        elif not asked and (found := node.args.get("with_")):
            yield from found.expressions
        asked = isinstance(node, exp.With)
        part = node if isinstance(node, exp.CTE) else part
        node = node.parent


def _folded(named: Expr) -> str:
    """PostgreSQL 4.1.1: a name without quotes is lower case."""
    from sqlglot import exp

    name = named.this
    return str(name.this if name.args.get("quoted") else name.this.lower()) if isinstance(name, exp.Identifier) else ""


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


@dataclass(frozen=True, slots=True)
class _Call:
    """A name before a parenthesis; whether it is a word of the language there, or a table with its columns.

    `is_apart`: there is a space between.
    """

    name: str
    is_word: bool
    is_table: bool
    is_apart: bool


def _called(tree: Expr, tokens: Sequence[Token]) -> Iterable[_Call]:
    """Every name before a parenthesis; with a schema before it, the whole of it, unless that is PostgreSQL's own.

    A name in quotes keeps them: it is never a word, and compared letter by letter. A word is one only where the parser
    takes it for no name: `over` may be a function (PostgreSQL 15, appendix C), and is one in `from over(1)`.
    """
    from sqlglot import exp

    names = {node.name.lower() for node in tree.find_all(exp.Anonymous, exp.Identifier)} - _NO_NAMES
    for position in range(1, len(tokens)):
        last = position - 1
        if tokens[position].text != "(" or not (_is_quoted(tokens[last]) or tokens[last].text.strip(_SIGNS)):
            continue
        name = _as_written(tokens[last])
        is_word = not _is_quoted(tokens[last]) and name not in names
        if last >= 2 and tokens[last - 1].text == ".":
            last -= 2
            schema, is_word = _as_written(tokens[last]), False
            name = name if schema == "pg_catalog" else f"{schema}.{name}"
        is_table = last >= 1 and tokens[last - 1].text.upper() in _BEFORE_TABLES
        yield _Call(name, is_word, is_table, is_apart=tokens[position].start > tokens[position - 1].end + 1)


def _is_quoted(token: Token) -> bool:
    return token.token_type.name in {"IDENTIFIER", "STRING"}


def _as_written(token: Token) -> str:
    """Of `order by`, one token, the last word."""
    return f'"{token.text}"' if _is_quoted(token) else token.text.lower().split()[-1]


def _types(tree: Expr) -> Iterable[str]:
    """With a function of its own a type may do anything; sqlglot leaves a name it does not know as it is written."""
    from sqlglot import exp

    for node in tree.find_all(exp.DataType):
        if node.this is exp.DType.USERDEFINED:
            kind = node.args.get("kind")
            yield kind.sql("postgres") if isinstance(kind, exp.Expr) else str(kind)


def _verb(tokens: Sequence[Token]) -> str:
    return tokens[0].text.upper() if tokens else "nothing"


def _name(table: Expr) -> str:
    from sqlglot import exp

    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        return ""
    return ".".join(part for part in (table.db, table.name) if part)
