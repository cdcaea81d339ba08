"""What the executor needs from a database, whichever it is; one session is one connection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from opsagent.domain.command import BoundValue
from opsagent.domain.runbook import PLACEHOLDER

NEVER = "never"  # in the place of an outcome: recovery took the token, so the statement never ran and never will


class StatementFailed(Exception):
    """The server refused or ended a statement. `timed_out`: it took too long; `stays`: something of it may stay."""

    def __init__(self, message: str, *, timed_out: bool = False, stays: bool = False) -> None:
        super().__init__(message)
        self.timed_out, self.stays = timed_out, stays


class Refused(Exception):
    """It cannot be done safely on this database, and it was not sent. `fix` says what would help."""

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


class TokenHeld(Exception):
    """The marker is there already: the statement was begun by somebody, or must never be."""


class ConnectionGone(Exception):
    """The connection broke while the statement may have been kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came back: rows as text (None is NULL), the columns, rows changed, and whether more was left behind."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    changed: int = 0
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How much of a result is taken."""

    rows: int
    size_bytes: int


class Session(Protocol):
    """One connection to one database. All methods may raise StatementFailed and ConnectionGone."""

    async def read(self, text: str, values: Sequence[BoundValue], caps: Caps) -> Result:
        """Run a query in a read-only transaction and take at most the caps of it."""
        ...

    async def change(
        self, text: str, values: Sequence[BoundValue], *, token: str, rows: tuple[int, int] | None, caps: Caps
    ) -> Result:
        """Take the token and run a statement in one transaction. TokenHeld, Refused: nothing was run.

        StatementFailed when it changed another number of rows than `rows` allows; then nothing of it stays. A statement
        that cannot share the token's transaction is run after it, and Refused with `rows`.
        """
        ...

    async def outcome(self, token: str, patience_s: float) -> str | None:
        """End who still works under the token, take it, and say what its marker holds.

        NEVER: it was free and is ours now. None: it was begun and nobody knows its end. Else the recorded outcome.
        """
        ...

    async def about(self) -> dict[str, str]:
        """Version, user, and whether this account can change anything, in words."""
        ...

    async def stop(self) -> None:
        """End what the server is doing for us now, and the connection."""
        ...

    async def close(self) -> None:
        """Let go."""
        ...


def with_markers(text: str, values: Sequence[BoundValue], style: str) -> tuple[str, list[str]]:
    """The text with the driver's markers (`$` numbered, `%s`) for its holes, and the values in their order."""
    by_name = {one.name: one.value for one in values}
    given: list[str] = []
    pieces: list[str] = []
    done = 0
    for hole in PLACEHOLDER.finditer(text):
        pieces.append(text[done : hole.start()])
        given.append(by_name[hole.group(1)])
        pieces.append(f"${len(given)}" if style == "$" else "\0")
        done = hole.end()
    whole = "".join([*pieces, text[done:]])
    return (whole, given) if style == "$" else (whole.replace("%", "%%").replace("\0", "%s"), given)


def taken(rows: Sequence[Sequence[object]], caps: Caps) -> tuple[tuple[tuple[str | None, ...], ...], bool]:
    """As many rows as the caps allow, as text, and whether some were left."""
    kept: list[tuple[str | None, ...]] = []
    size = 0
    for row in rows:
        texts = tuple(None if value is None else _text(value) for value in row)
        size += sum(len(text or "") + 1 for text in texts)
        if len(kept) >= caps.rows or size > caps.size_bytes:
            return tuple(kept), True
        kept.append(texts)
    return tuple(kept), False


def refuse_rows(why: str, rows: tuple[int, int] | None) -> None:
    """Refused where a limit of rows is given, and what goes beyond it could not be taken back."""
    if rows is not None:
        raise Refused(
            f"`rows` cannot be kept: {why}, so nothing of it could be taken back",
            fix="Leave `rows` out, and let a person look at what it will change.",
        )


def check_rows(result: Result, rows: tuple[int, int] | None) -> None:
    """StatementFailed, which rolls back, when it changed another number of rows than was allowed."""
    if rows is not None and not rows[0] <= result.changed <= rows[1]:
        wanted = str(rows[0]) if rows[0] == rows[1] else f"{rows[0]} to {rows[1]}"
        raise StatementFailed(f"it would change {result.changed} rows, and {wanted} may change")


def record(result: Result) -> str:
    """What is written into the marker of a statement that was kept."""
    return json.dumps({"changed": result.changed, "columns": result.columns, "rows": result.rows[:20]})


def recorded(text: str) -> Result:
    """The result a marker holds."""
    found = json.loads(text)
    return Result(
        columns=tuple(found["columns"]), rows=tuple(tuple(row) for row in found["rows"]), changed=found["changed"]
    )


def _text(value: object) -> str:
    return f"\\x{value.hex()}" if isinstance(value, (bytes, bytearray)) else str(value)
