"""Whether two path patterns can name the same file: a command's and one on a list of paths."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import lru_cache

from opsagent.adapters.analysers.shell.words import ANY, BELOW, IDENT, IDENTS, NUMBER, NUMBERS, QUERY, STAR

_GLOB_STAR = "**"
_EPSILON_HEAD = "head"  # a shell's `*` at the start of a name: does not match a leading dot
_MANY_DEEP, _MANY, _ONE, _DIGIT, _DIGITS = "deep", "many", "one", "digit", "digits"
_REPEATING = frozenset({_MANY, _MANY_DEEP, _DIGITS})


@lru_cache(maxsize=16384)
def may_meet(pattern: str, listed: str) -> bool:
    """Whether a command's pattern and a listed one (`*` within a name, `**` across names) have a path in common."""
    if not has_glob(pattern):
        return _expression(listed).fullmatch(pattern) is not None
    if listed.startswith("**/"):  # at the start, or below any folder
        own = _listed_tokens(listed[3:])
        return _meet(_tokens(pattern), own) or _meet(_tokens(pattern), (_MANY_DEEP, "=/", *own))
    return _meet(_tokens(pattern), _listed_tokens(listed))


def candidates(path: str, folders: Iterable[str]) -> list[str]:
    """What a path can mean: joined to each folder the script may stand in, and without `.` and `..`.

    `..` after a name may leave through a symbolic link, so what precedes it is not trusted.
    """
    found: dict[str, None] = {}
    for folder in folders:
        joined = posixpath.join(folder, path) if folder and not path.startswith("~") else path
        clean = _normal(joined)
        found["./" + clean if clean.startswith(BELOW) else clean] = None
    return list(found)


def is_inside(path: str) -> bool:
    """Whether a written path stays below the folder the command starts in."""
    if path.startswith(("/", "~")) or any(mark in path for mark in (ANY, BELOW, STAR, QUERY)):
        return False
    return ".." not in path.split("/") and path not in {"", "."}


def has_glob(path: str) -> bool:
    """Whether the shell or the command chooses the names."""
    return any(mark in path for mark in (ANY, BELOW, STAR, QUERY, IDENT, IDENTS, NUMBER, NUMBERS))


def _normal(path: str) -> str:
    parts = path.split("/")
    if ".." in parts:
        last = len(parts) - 1 - parts[::-1].index("..")
        rest = [part for part in parts[last + 1 :] if part not in {"", "."}]
        return "/".join([ANY, *rest]) if rest else ANY
    rest = [part for part in parts if part not in {"", "."}]
    return ("/" if path.startswith("/") else "") + "/".join(rest)


def _tokens(pattern: str) -> tuple[str, ...]:
    tokens: list[str] = []
    start = True
    for character in pattern:
        if character in {ANY, BELOW, IDENTS, NUMBERS}:
            tokens.append(_MANY_DEEP)
        elif character == IDENT:
            tokens.extend((_ONE, _MANY))
        elif character == NUMBER:
            tokens.extend((_DIGIT, _DIGITS))
        elif character == STAR:
            tokens.extend((_EPSILON_HEAD, _MANY) if start else (_MANY,))
        elif character == QUERY:
            tokens.append(_ONE)
        else:
            tokens.append("=" + character)
        start = character == "/"
    return tuple(tokens)


@lru_cache(maxsize=1024)
def _expression(listed: str) -> re.Pattern[str]:
    """A listed pattern as a regular expression, for paths that are written out."""
    start = "(?:.*/)?" if listed.startswith("**/") else ""
    rest = re.escape(listed.removeprefix("**/"))
    return re.compile(start + rest.replace(r"\*\*", ".*").replace(r"\*", "[^/]*").replace(r"\?", "[^/]"), re.DOTALL)


@lru_cache(maxsize=1024)
def _listed_tokens(listed: str) -> tuple[str, ...]:
    tokens: list[str] = []
    index = 0
    while index < len(listed):
        if listed.startswith(_GLOB_STAR, index):
            tokens.append(_MANY_DEEP)
            index += 2
            continue
        tokens.append({"*": _MANY, "?": _ONE}.get(listed[index], "=" + listed[index]))
        index += 1
    return tuple(tokens)


def _meet(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Product of the two automata: is there a text both accept?"""
    stack, seen = [(0, 0)], {(0, 0)}
    while stack:
        i, j = stack.pop()
        if i == len(left) and j == len(right):
            return True
        for following in _steps(left, i, right, j):
            if following not in seen:
                seen.add(following)
                stack.append(following)
    return False


def _steps(left: tuple[str, ...], i: int, right: tuple[str, ...], j: int) -> Iterable[tuple[int, int]]:
    first = left[i] if i < len(left) else ""
    second = right[j] if j < len(right) else ""
    if first in _REPEATING:
        yield i + 1, j
    if first == _EPSILON_HEAD:
        yield i + 2, j
    if second in _REPEATING:
        yield i, j + 1
    if first and second and _share(first, second):
        yield (
            i if first in _REPEATING else i + 1,
            j if second in _REPEATING else j + 1,
        )


def _share(first: str, second: str) -> bool:
    """Whether one character fits both tokens."""
    if first.startswith("=") and second.startswith("="):
        return first == second
    for one, other in ((first, second), (second, first)):
        if one.startswith("=") and other in {_DIGIT, _DIGITS}:
            return one[1:].isdigit() or one == "=,"
        if one.startswith("="):
            return other == _MANY_DEEP or (one != "=/" and not (other == _EPSILON_HEAD and one == "=."))
    return True
