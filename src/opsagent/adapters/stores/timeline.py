"""The lines of a run's timeline: numbered per run, capped, and never a reason for anything else to fail (DA-8)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, Integer, bindparam, insert, update
from sqlalchemy.exc import SQLAlchemyError

from opsagent.adapters.stores.codec import encode
from opsagent.adapters.stores.engine import savepoint
from opsagent.adapters.stores.run_rows import OF_RUN, of_run
from opsagent.adapters.stores.tables import events, runs
from opsagent.domain.event import RunEvent, cap
from opsagent.errors import InputError, NotFound

_RESERVE = (
    update(runs)
    .where(OF_RUN)
    .values(last_event=runs.c.last_event + bindparam("count", type_=Integer))
    .returning(runs.c.last_event)
)
_LOG = logging.getLogger(__name__)


def reserve(connection: Connection, tenant: str, run_id: str, count: int) -> int:
    """The first of `count` numbers of a run's timeline. NotFound.

    They come from the run's row, which every writer of that run locks: unique and in order (DA-7).
    """
    last = connection.execute(_RESERVE, {**of_run(tenant, run_id), "count": count}).scalar_one_or_none()
    if last is None:
        raise NotFound(f"There is no run {run_id}.", fix="Append events to a stored run.")
    return int(last) - count + 1


def write_events(connection: Connection, lines: Sequence[RunEvent], now: float) -> list[RunEvent]:
    """Number and store; returns them in the given order. NotFound when a run is not there, InputError."""
    counts: dict[tuple[str, str], int] = {}
    for line in lines:
        counts[line.tenant, line.run_id] = counts.get((line.tenant, line.run_id), 0) + 1
    following = {run: reserve(connection, *run, count) for run, count in counts.items()}
    numbered = []
    for line in lines:
        sequence = following[line.tenant, line.run_id]
        following[line.tenant, line.run_id] = sequence + 1
        numbered.append(_fit(line, sequence, now))
    _insert(connection, numbered)
    return numbered


def append_if_possible(connection: Connection, lines: Sequence[RunEvent], now: float) -> Sequence[RunEvent]:
    """Number and store lines as a part that may fail alone: it is logged and dropped. Returns what was stored."""
    if not lines:
        return ()
    try:
        with savepoint(connection, "timeline"):
            return write_events(connection, lines, now)
    except (SQLAlchemyError, InputError) as error:
        _LOG.warning("%d timeline events of run %s were dropped: %s", len(lines), lines[0].run_id, error)
        return ()


def write_events_if_possible(connection: Connection, lines: Sequence[RunEvent], first: int, now: float) -> None:
    """Store lines of one run, numbered from `first`, as a part that may fail alone: it is logged and dropped."""
    if not lines:
        return
    try:
        with savepoint(connection, "timeline"):
            _insert(connection, [_fit(line, first + place, now) for place, line in enumerate(lines)])
    except (SQLAlchemyError, InputError) as error:
        _LOG.warning("%d timeline events of run %s were dropped: %s", len(lines), lines[0].run_id, error)


def _fit(line: RunEvent, sequence: int, now: float) -> RunEvent:
    return replace(
        line,
        sequence=sequence,
        content=cap(_clean(line.content)),
        tool_output=cap(_clean(line.tool_output)),
        created_at=line.created_at or now,
    )


def _insert(connection: Connection, lines: Sequence[RunEvent]) -> None:
    if lines:
        connection.execute(insert(events), [_row(line) for line in lines])


def _clean(text: str) -> str:
    """Command output may hold half a character; a timeline line is worth keeping without it."""
    return text.encode("utf-8", "replace").decode()


def _row(line: RunEvent) -> dict[str, object]:
    return {
        "tenant": line.tenant,
        "run_id": line.run_id,
        "sequence": line.sequence,
        "created_at": line.created_at,
        "type": line.type.value,
        "node": line.node,
        "body": encode(line),
    }
