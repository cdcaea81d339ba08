"""Tells code from quotes and comments in an SQL statement, as the server it is for reads it.

PostgreSQL 15, 4.1 Lexical Structure (standard_conforming_strings on); MySQL 8.4, 11.1 Literal Values and 11.7 Comments,
MariaDB the same, without ANSI_QUOTES and NO_BACKSLASH_ESCAPES. What is never closed reaches to the end. Positions stay:
what is taken out becomes spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_lowercase, ascii_uppercase

_NAME = r"[0-9A-Za-z_$\x80-\U0010ffff]"
_POSTGRESQL = re.compile(
    r"(?P<quote>[eE]'(?:\\.|''|[^'\\])*(?:'|\\?\Z)|'(?:''|[^'])*(?:'|\Z)|\"(?:\"\"|[^\"])*(?:\"|\Z)"
    r"|(?P<tag>\$(?:[A-Za-z_\x80-\U0010ffff][0-9A-Za-z_\x80-\U0010ffff]*)?\$).*?(?:(?P=tag)|\Z))"
    rf"|(?P<word>[A-Za-z_\x80-\U0010ffff]{_NAME}*)"
    r"|(?P<comment>--[^\n\r]*)|(?P<nested>/\*)",
    re.DOTALL,
)
# `/*!` and `/*M!` hold what the server runs: only their marks are taken out.
_MYSQL = re.compile(
    r"(?P<quote>'(?:\\.|''|[^'\\])*(?:'|\\?\Z)|\"(?:\\.|\"\"|[^\"\\])*(?:\"|\\?\Z))"
    r"|(?P<name>`(?:``|[^`])*(?:`|\Z))"
    rf"|(?P<word>{_NAME}+)"
    r"|(?P<comment>\#[^\n]*|--(?=[\x00-\x20\x7f]|\Z)[^\n]*|/\*(?!M?!).*?(?:\*/|\Z))"
    r"|(?P<runs>/\*M?!\d*|\*/)",
    re.DOTALL,
)
_FOLDED = str.maketrans(ascii_uppercase, ascii_lowercase)
_NESTED = re.compile(r"/\*|\*/")
_FIRST = re.compile(r"[\s(]*([A-Za-z]+)")


def without_quotes(text: str, dialect: str) -> str:
    """Quotes taken out, comments left. `dialect` is `postgresql` or `mysql`."""
    return _blanked(text, dialect, {"quote", "name"})


def code_of(text: str, dialect: str) -> str:
    """Quotes and comments taken out; of a comment the server runs only its marks."""
    return _blanked(text, dialect, {"quote", "name", "comment", "runs"})


def first_word(text: str, dialect: str) -> str:
    """The word a statement begins with, lower case, behind comments and opening parentheses; empty when none does."""
    found = _FIRST.match(code_of(text, dialect))
    return found.group(1).lower() if found else ""


def runs_a_comment(text: str, dialect: str) -> bool:
    """Whether MySQL or MariaDB may run something out of a comment."""
    return any(kind == "runs" for kind, _, _ in _spans(text, dialect))


def names_in(text: str, dialect: str) -> frozenset[str]:
    """Every word and every quoted name outside of strings and comments: more than are tables and functions.

    Lower case on MySQL. PostgreSQL folds words, of the letters of ASCII only, and compares quoted names as they are.
    """
    found = set[str]()
    for kind, start, end in _spans(text, dialect):
        if dialect == "postgresql":
            if kind == "word":
                found.add(text[start:end].translate(_FOLDED))
            elif kind == "quote" and text[start] == '"':
                found.add(text[start + 1 : end].removesuffix('"').replace('""', '"'))
        elif kind == "word":
            found.add(text[start:end].lower())
        elif kind == "name":
            found.add(text[start + 1 : end].removesuffix("`").replace("``", "`").lower())
    return frozenset(found)


def _blanked(text: str, dialect: str, kinds: set[str]) -> str:
    pieces: list[str] = []
    done = 0
    for kind, start, end in _spans(text, dialect):
        if kind in kinds:
            pieces += [text[done:start], " " * (end - start)]
            done = end
    return "".join([*pieces, text[done:]])


def _spans(text: str, dialect: str) -> Iterator[tuple[str, int, int]]:
    """Kind, start and end of all that is more than one sign."""
    lexer = _POSTGRESQL if dialect == "postgresql" else _MYSQL
    at = 0
    while (found := lexer.search(text, at)) is not None:
        kind, at = found.lastgroup or "", found.end()
        if kind == "nested":
            kind, at = "comment", _nested_until(text, found.start())
        yield ("quote" if kind == "tag" else kind), found.start(), at


def _nested_until(text: str, start: int) -> int:
    depth = 0
    for mark in _NESTED.finditer(text, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)
