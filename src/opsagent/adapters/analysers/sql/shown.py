"""Finds what an SQL statement shows of secrets without reading a table that is named: SHOW, and what is not parsed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from opsagent.domain.sql_text import code_of

# MariaDB 10.11 prints the hash of the password with both; BINLOG EVENTS and RELAYLOG EVENTS show statements as sent.
_MYSQL = re.compile(r"\s*show\s+(grants|create\s+user|(?:binlog|relaylog)\s+events)\b", re.IGNORECASE)
# PostgreSQL 15, 20.6.3: the one setting that holds a password; SHOW ALL shows it to a member of pg_read_all_settings.
_POSTGRESQL = re.compile(r"\s*show\s+(all)\b|.*\b(primary_conninfo)\b", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"[\w$]+(?:\s*\.\s*[\w$]+)*")


def what_it_shows(text: str, scheme: str) -> tuple[str, ...]:
    """What it shows that may hold a secret, in its words."""
    found = _MYSQL.match(code_of(text, scheme)) if scheme == "mysql" else _POSTGRESQL.match(text)
    return (" ".join(next(part for part in found.groups() if part).lower().split()),) if found else ()


def words_of(text: str) -> Iterable[str]:
    """Every word, with the names before it, whatever quotes it stands in: more than are tables."""
    bare = re.sub(r"[\"`]", "", text)
    for found in _NAME.finditer(bare):
        yield re.sub(r"\s", "", found.group()).lower()
