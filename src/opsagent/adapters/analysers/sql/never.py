"""Finds what is never allowed in an SQL statement, by its words alone: whatever else nobody can read of it."""

from __future__ import annotations

import re
from itertools import pairwise

from opsagent.domain.sql_text import code_of, first_word

_SIGN = re.compile(r"\w+|[^\w\s]")
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
# PostgreSQL's DO runs what stands in its quotes, MariaDB's EXECUTE IMMEDIATE and PREPARE too.
_RUNS_ITS_QUOTES = {"do", "execute", "prepare"}
_DROPS = {("drop", "database"), ("drop", "schema")}
_PROGRAMS = {("from", "program"), ("to", "program")}


def forbidden_in(text: str, scheme: str) -> tuple[str, ...]:
    """The reasons, of every statement in the text; comments part words and hide nothing.

    What a function builds when it runs is not seen.
    """
    if first_word(text, scheme) in _RUNS_ITS_QUOTES:
        pairs = [*pairwise(_signs(_COMMENT.sub(" ", text)))]
        return _reasons(drops=not _DROPS.isdisjoint(pairs), programs=not _PROGRAMS.isdisjoint(pairs))
    drops = programs = False
    for statement in code_of(text, scheme).split(";"):
        pairs = [*pairwise(_signs(statement.lstrip("( \t\r\n\f\v")))]
        drops |= pairs[:1] != [] and pairs[0] in _DROPS
        programs |= pairs[:1] != [] and pairs[0][0] == "copy" and not _PROGRAMS.isdisjoint(pairs)
    return _reasons(drops=drops, programs=programs)


def _reasons(*, drops: bool, programs: bool) -> tuple[str, ...]:
    return ("drops a whole database",) * drops + ("runs a program on the database's host",) * programs


def _signs(text: str) -> list[str]:
    return [sign.lower() for sign in _SIGN.findall(text)]
