"""Says whether PostgreSQL can take a statement back whole: what it reaches is followed, body by body, to its end.

A transaction does not take back what some functions do: end a session, move a sequence, speak to another server. So
every name in the statement counts that is a function's or a table's, then every name in the bodies of those functions
and in what those tables bring along (triggers, rules, defaults, checks, policies, indexes): too many rather than too
few.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from opsagent.domain.sql_text import code_of, first_word, names_in

# PostgreSQL 15, the notes of each command: these refuse to run inside a transaction block.
_ALONE = re.compile(
    r"\s*(?:vacuum|(?:create|drop)\s+(?:database|tablespace|subscription)|alter\s+(?:system|database\s.*tablespace)"
    r"|(?:create\s+(?:unique\s+)?|drop\s+|re)index\s+(?:.*[\s(,])?concurrently|cluster"
    r"|reindex\s*(?:\(.*\)\s*)?(?:schema|database|system)|alter\s+table\s.*\sdetach\s.*concurrently)\b",
    re.IGNORECASE | re.DOTALL,
)
_UNSEEN = {
    "do": "it runs a block of code",
    "call": "a procedure may end its transaction",
    "execute": "it runs a text nobody sees here",
    "load": "it runs the code of a library",
}
_CODE_POINTS = re.compile(r"[uU]&\"")
_BLOCK = re.compile(r"\bdo\s*(?:language\b|\$|'|[eE]')", re.IGNORECASE)
_BY_ROWS = {"insert", "update", "delete", "merge"}
_READABLE, _COMPILED = {"sql", "plpgsql"}, {"c", "internal"}
# PostgreSQL 15, chapter 9: called volatile, and yet nothing of them outlives the transaction and the session.
_HARMLESS = re.compile(
    r"bernoulli|system|random|setseed|set_config|timeofday|clock_timestamp|currval|lastval|pg_notify|pg_sleep\w*"
    r"|gen_random_(?:bytes|uuid)|gen_salt|uuid_generate_v(?:1|1mc|4)|moddatetime|suppress_redundant_updates_trigger"
    r"|lo_(?:close|create?|from_bytea|get|open|put|unlink|(?:lseek|tell|truncate)(?:64)?)|loread|lowrite"
    r"|pg_(?:try_)?advisory_\w+|pg_blocking_pids|pg_current_wal_lsn|pg_is_in_recovery|pg_is_wal_replay_paused"
    r"|pg_partition_(?:ancestors|tree)|pg_sequence_last_value|pg_(?:database|indexes|table|tablespace)_size"
    r"|pg_(?:total_)?relation_size|tsvector_update_trigger\w*"
)
_GAP = "nextval"  # in a default or a trigger it leaves a gap in the numbers, and nothing else
_FUNCTIONS = """
SELECT p.proname::text, l.lanname::text, (p.provolatile = 'v')::text, (p.oid >= 16384)::text,
  CASE WHEN l.lanname NOT IN ('sql', 'plpgsql') THEN ''
    WHEN p.prosrc = '' THEN pg_catalog.pg_get_functiondef(p.oid) ELSE p.prosrc END,
  pg_catalog.concat_ws(' ', pg_catalog.pg_get_expr(p.proargdefaults, 0), a.aggtransfn, a.aggfinalfn, a.aggcombinefn,
    a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn)
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid
WHERE p.proname IN (SELECT pg_catalog.json_array_elements_text($1::json))
"""
_TABLES = """
WITH named AS (SELECT oid, relname, relkind FROM pg_catalog.pg_class
  WHERE relname IN (SELECT pg_catalog.json_array_elements_text($1::json)) AND oid >= 16384)
SELECT 'foreign', relname::text, '' FROM named WHERE relkind = 'f'
UNION ALL SELECT 'trigger', n.relname, pg_catalog.pg_get_triggerdef(t.oid) FROM named n
  JOIN pg_catalog.pg_trigger t ON t.tgrelid = n.oid WHERE NOT t.tgisinternal
UNION ALL SELECT 'rule', n.relname, pg_catalog.pg_get_ruledef(r.oid) FROM named n
  JOIN pg_catalog.pg_rewrite r ON r.ev_class = n.oid
UNION ALL SELECT 'default', n.relname, pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM named n
  JOIN pg_catalog.pg_attrdef d ON d.adrelid = n.oid
UNION ALL SELECT 'check', n.relname, pg_catalog.pg_get_constraintdef(c.oid) FROM named n
  JOIN pg_catalog.pg_constraint c ON c.conrelid = n.oid WHERE c.contype = 'c'
UNION ALL SELECT 'index', n.relname, pg_catalog.pg_get_indexdef(i.indexrelid) FROM named n
  JOIN pg_catalog.pg_index i ON i.indrelid = n.oid WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
UNION ALL SELECT 'policy', n.relname, pg_catalog.concat_ws(' ', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
    pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)) FROM named n JOIN pg_catalog.pg_policy p ON p.polrelid = n.oid
UNION ALL SELECT 'cascade', n.relname, pg_catalog.quote_ident(o.relname) FROM named n
  JOIN pg_catalog.pg_constraint c ON c.confrelid = n.oid JOIN pg_catalog.pg_class o ON o.oid = c.conrelid
  WHERE c.contype = 'f' AND (c.confdeltype NOT IN ('a', 'r') OR c.confupdtype NOT IN ('a', 'r'))
UNION ALL SELECT 'part', n.relname, pg_catalog.quote_ident(o.relname) FROM named n
  JOIN pg_catalog.pg_inherits i ON i.inhparent = n.oid JOIN pg_catalog.pg_class o ON o.oid = i.inhrelid
"""
# Called without their names, by a sign, a type or an order: every one of the database counts.
_NAMELESS = """
SELECT pg_catalog.concat_ws(' ', oprcode, oprrest, oprjoin) FROM pg_catalog.pg_operator WHERE oid >= 16384
UNION ALL SELECT castfunc::pg_catalog.regproc::text FROM pg_catalog.pg_cast WHERE castfunc >= 16384
UNION ALL SELECT pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint
  WHERE contypid <> 0 AND oid >= 16384
UNION ALL SELECT pg_catalog.concat_ws(' ', rngcanonical, rngsubdiff) FROM pg_catalog.pg_range WHERE rngtypid >= 16384
UNION ALL SELECT amproc::text FROM pg_catalog.pg_amproc WHERE oid >= 16384
"""
_EVENTS = "SELECT evtfoid::pg_catalog.regproc::text FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D'"


@dataclass(frozen=True, slots=True)
class _Name:
    """A name that was reached; `gap_only`: by a default or a trigger, where a number taken is no effect."""

    text: str
    gap_only: bool = False


async def why_it_stays(raw: Any, text: str) -> str:
    """Why a statement cannot be rolled back together with its marker; empty when it can."""
    verb = first_word(text, "postgresql")
    names = names_in(text, "postgresql")
    if _ALONE.match(code_of(text, "postgresql")):
        return "it does not run in a transaction"
    if verb in _UNSEEN:
        return _UNSEEN[verb]
    if verb == "copy" and names & {"to", "program"}:
        return "it writes a file or runs a program on the database's host"
    if verb in {"create", "alter"} and "extension" in names:
        return "it runs the script of an extension"
    if _CODE_POINTS.search(text):
        return "it has a name in code points, which is not read here"
    reached = [text, *(row[0] for row in await _all(raw, _NAMELESS))]
    if verb not in _BY_ROWS:
        reached += [row[0] for row in await _all(raw, _EVENTS)]
    return await _follow(raw, {_Name(name) for one in reached for name in names_in(one, "postgresql")})


async def _follow(raw: Any, found: set[_Name]) -> str:
    seen: set[_Name] = set()
    while new := found - seen:
        seen |= new
        found = set()
        for gap_only in (False, True):
            names = [one.text for one in new if one.gap_only is gap_only]
            if not names:
                continue
            for name, language, volatile, ours, body, more in await _all(raw, _FUNCTIONS, names):
                if why := _why(name, language, volatile == "true", ours == "true", body, gap_only=gap_only):
                    return why
                if ours == "true":
                    found |= _names([body, more], gap_only=gap_only)
            for kind, table, definition in await _all(raw, _TABLES, names):
                if kind == "foreign":
                    return f"{table} is a table of another server"
                found |= _names([definition], gap_only=gap_only or kind in {"trigger", "default"})
    return ""


def _why(name: str, language: str, volatile: bool, ours: bool, body: str, *, gap_only: bool) -> str:
    if ours and language in _READABLE:
        inside = names_in(body, "postgresql")
        if inside & {"execute", "copy", "call", "load"} or _BLOCK.search(body) or _CODE_POINTS.search(body):
            return f"{name} runs what nobody sees here"
        return ""
    if ours and language not in _COMPILED:
        return f"{name} is written in {language}, which is not read here"
    if volatile and not _HARMLESS.fullmatch(name) and not (gap_only and name == _GAP):
        return f"{name} may do what is not taken back"
    return ""


def _names(texts: Iterable[str], *, gap_only: bool) -> set[_Name]:
    return {_Name(name, gap_only) for text in texts for name in names_in(text, "postgresql")}


def _cut(name: str) -> str:
    """PostgreSQL 15, 4.1.1: of a longer name the first 63 bytes count."""
    return name.encode()[:63].decode(errors="ignore")


async def _all(raw: Any, query: str, names: list[str] | None = None) -> list[Any]:
    found = await raw.execute(query.encode(), None if names is None else [json.dumps([_cut(name) for name in names])])
    return [tuple(one or "" for one in row) for row in await found.fetchall()]
