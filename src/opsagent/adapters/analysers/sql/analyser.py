"""Says what an SQL statement would do: proof only for one plain query of known functions, on a read account.

The account is the guard, the text only the second line: a view, an operator or a type can hide a function. So nothing
is proven where no read account is registered. sqlglot is imported for the first statement (it takes 0.2 s).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import yaml

from opsagent.adapters.analysers.sql.never import forbidden_in
from opsagent.adapters.analysers.sql.shown import what_it_shows, words_of
from opsagent.adapters.analysers.sql.structure import Findings, read_structure
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest, Proof
from opsagent.domain.runbook import PLACEHOLDER
from opsagent.domain.sql_text import without_quotes

if TYPE_CHECKING:
    from sqlglot import Expr

DIALECTS = {"postgresql": "postgres", "mysql": "mysql"}
# PostgreSQL 15, EXPLAIN and SHOW. With ANALYZE it runs what it explains, so that is left for sqlglot to stumble over.
_EXPLAIN = re.compile(
    r"^\s*explain\s+(?:\((?![^)]*analy[sz]e)[a-z0-9_, ]*\)\s*)?(?:verbose\s+)?(?!analy[sz]e)", re.IGNORECASE
)
_SHOW = re.compile(r"\s*show\s+[a-z_][a-z0-9_. ]*;?\s*", re.IGNORECASE)
_NO_COMMENT = re.compile(r"--(?![ \t\r\n]|\Z)")  # two minus signs to MySQL, a comment to sqlglot
# What sqlglot raises by mistake on strange texts, as on MySQL's date_add(1).
_STUMBLES = (AttributeError, LookupError, TypeError, ValueError)
_MAX_CHARS = 20_000
NO_READ_ACCOUNT = "the connection has no read account, so only the text speaks for it"


class SqlAnalyser:
    """Fulfils `ports.analyser.Analyser` for SQL; the dialect is that of the connection's address."""

    async def analyse(self, command: Command, connection: Connection) -> Manifest:
        """The manifest of one statement."""
        return await asyncio.to_thread(manifest_of, command.text, connection)

    async def analyse_all(self, texts: Sequence[str], connection: Connection) -> Sequence[Manifest]:
        """The manifests of many statements, in order."""
        return await asyncio.to_thread(lambda: [manifest_of(text, connection) for text in texts])


def manifest_of(text: str, connection: Connection) -> Manifest:
    """What one statement would do on that connection. Blocking."""
    scheme = urlsplit(connection.address).scheme
    dialect = DIALECTS.get(scheme)
    if dialect is None:
        return _unknown("the connection's address names no database (postgresql://, mysql://)")
    forbidden = forbidden_in(text, scheme)
    shown = what_it_shows(text, scheme)
    worded = sorted({name for name in words_of(text) if _is_secret(name, connection)})
    too_long = f"it is longer than {_MAX_CHARS} characters" if len(text) > _MAX_CHARS else ""
    found = too_long or _findings(text, dialect, scheme)
    if isinstance(found, str):
        return Manifest(proof=Proof.UNKNOWN, sensitive=(*worded, *shown), forbidden=forbidden, reasons=(found,))
    strange = _strange(found, scheme)
    reasons = [*found.reasons]
    if strange:
        reasons.append(f"calls {', '.join(strange)}, of which nothing is known")
    sensitive = [table for table in found.named if _is_secret(table, connection)]
    proof = Proof.READ if found.is_query and not reasons else Proof.UNKNOWN
    if proof is Proof.READ and not connection.read_credential:
        proof, reasons = Proof.UNKNOWN, [NO_READ_ACCOUNT]
    if found.is_change and not strange:
        proof = Proof.EFFECT
    return Manifest(
        proof=proof,
        reads=found.reads,
        writes=found.writes,
        deletes=found.deletes,
        sensitive=tuple(dict.fromkeys([*sensitive, *(worded if proof is not Proof.READ else []), *shown])),
        forbidden=forbidden,
        reasons=tuple(reasons),
    )


def _strange(found: Findings, scheme: str) -> list[str]:
    """What is called and is neither known, nor a word there, nor a table that is changed, with its columns."""
    lists = _lists()
    functions = lists["everywhere"] | lists[scheme]
    if scheme == "mysql":  # "Function Name Parsing and Resolution": with a space `count` may be a stored function
        functions -= found.apart
    known = functions | (lists["words"] & found.words)
    changed = {table.rpartition(".")[2].lower() for table in found.writes} if found.is_change else set[str]()
    listed = {name for name in found.listed if name.replace('"', "").rpartition(".")[2].lower() in changed}
    types = [name for name in found.types if name not in lists["types"] and not name.startswith("pg_catalog.")]
    return [name for name in found.functions if name not in known | listed] + types


def _is_secret(table: str, connection: Connection) -> bool:
    """As written, without its schema, and as a table of the database the address names."""
    name = table.lower()
    schema = urlsplit(connection.address).path.strip("/").lower()
    return bool({name, name.rpartition(".")[2], f"{schema}.{name}"} & secrets())


def _findings(text: str, dialect: str, scheme: str) -> Findings | str:
    import sqlglot
    from sqlglot.errors import SqlglotError

    plain = PLACEHOLDER.sub(":opsagent_value", text)
    if problem := _comment(plain, scheme):
        return problem
    if scheme == "postgresql":
        plain = _EXPLAIN.sub("", plain, count=1)  # sqlglot knows neither, and both are plain reads
        if _SHOW.fullmatch(plain):
            return Findings(is_query=True, is_change=False)
    try:
        tokens = sqlglot.tokenize(plain, read=dialect)
        parsed: list[Expr | None] = sqlglot.parse(plain, read=dialect)
    except (SqlglotError, RecursionError, *_STUMBLES) as error:
        return f"it cannot be read ({type(error).__name__})"
    statements = [one for one in parsed if one is not None]
    if len(statements) != 1:
        return f"it holds {len(statements)} statements, and one is taken"
    return read_structure(statements[0], tokens)


def _comment(text: str, scheme: str) -> str:
    """A comment one server skips and another runs (`/*! */`), or that sqlglot and the server end at other places."""
    bare = without_quotes(text, scheme)
    if "/*" in bare or "*/" in bare:
        return "it has a /* comment */, which a server may run"
    if scheme == "mysql" and ("#" in bare or _NO_COMMENT.search(bare)):
        return "it has a comment that servers read differently"
    return ""


def _unknown(reason: str) -> Manifest:
    return Manifest(proof=Proof.UNKNOWN, reasons=(reason,))


@cache
def _lists() -> Mapping[str, frozenset[str]]:
    raw = yaml.safe_load((resources.files(__package__) / "functions.yaml").read_text("utf-8"))
    return {name: frozenset(str(words).split()) for name, words in raw.items()}


def secrets() -> frozenset[str]:
    """Tables whose content may be a secret."""
    return _lists()["sensitive"]
