"""Newest-first pages by key (time, id), so that a page costs the same wherever it lies in the list."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, Select, tuple_

from opsagent.domain.page import Page
from opsagent.errors import InputError

T = TypeVar("T")
MAX_PAGE = 1000


def make_cursor(at: float, identifier: str) -> str:
    """Where a page ended. It holds nothing secret and grants nothing: every query has its own tenant."""
    return base64.urlsafe_b64encode(json.dumps([float(at), identifier]).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[float, str]:
    """The place a cursor names. InputError when it is not one of ours."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        place = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        place = None
    match place:
        case [float(at), str(identifier)] if math.isfinite(at) and identifier.isprintable():
            return at, identifier
    raise InputError(
        "The cursor is not one this list gave out.", fix="Take `nextCursor` of the page before, or leave it out."
    )


def newest_first(
    query: Select[Any], at: Column[float], identifier: Column[str], *, limit: int, cursor: str
) -> Select[Any]:
    """The query for one page and one row more, which tells whether another page follows. InputError."""
    if limit < 1:
        raise InputError("A page has at least one item.", fix=f"Ask for a limit between 1 and {MAX_PAGE}.")
    if cursor:
        query = query.where(tuple_(at, identifier) < tuple_(*read_cursor(cursor)))
    return query.order_by(at.desc(), identifier.desc()).limit(min(limit, MAX_PAGE) + 1)


def page_of(rows: Sequence[Any], limit: int, load: Callable[[Any], T]) -> Page[T]:
    """The page in `rows`, each of which has `created_at` and `id`."""
    size = min(limit, MAX_PAGE)
    kept = rows[:size]
    cursor = make_cursor(kept[-1].created_at, kept[-1].id) if len(rows) > size else ""
    return Page(items=tuple(load(row) for row in kept), cursor=cursor)
