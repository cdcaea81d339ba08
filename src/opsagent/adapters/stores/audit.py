"""The append-only record of who did what."""

from __future__ import annotations

import builtins
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, and_, func, select

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.tables import ABOUT_TICKETS, audit
from opsagent.domain.event import AuditCheck, AuditEntry
from opsagent.errors import InputError


class SqlAudit:
    """AuditStore over SQL."""

    def __init__(self, engine: Engine, chain: Chain) -> None:
        self._engine = engine
        self._chain = chain

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Number, chain and store. StoreUnavailable; then the thing it records must not happen."""
        await self._engine.write("audit.append", lambda connection: self._chain.append(connection, entries))

    async def list(self, tenant: str, *, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        """In order, from the entry behind number `after`."""
        query = (
            select(audit)
            .where(audit.c.tenant == tenant, audit.c.sequence > after)
            .order_by(audit.c.sequence)
            .limit(limit)
        )

        def work(connection: Connection) -> builtins.list[AuditEntry]:
            return [_load(row) for row in connection.execute(query)]

        return await self._engine.read(work)

    async def of_ticket(self, tenant: str, ticket_id: str, *, since: float, limit: int = 100) -> Sequence[AuditEntry]:
        """What was done to it, and what was merged into it, the newest first."""
        query = (
            select(audit)
            .where(audit.c.tenant == tenant, audit.c.at >= since, ABOUT_TICKETS)
            .where(audit.c.detail.contains(json.dumps(ticket_id), autoescape=True))
            .order_by(audit.c.at.desc(), audit.c.sequence.desc())
        )

        def work(connection: Connection) -> builtins.list[AuditEntry]:
            found = (_load(row) for row in connection.execute(query))
            about = (one for one in found if ticket_id in {one.detail.get("ticket"), one.detail.get("into")})
            return builtins.list(islice(about, limit))

        return await self._engine.read(work)

    async def heads(self) -> Mapping[str, str]:
        """Of every tenant the newest entry's number and seal."""
        newest = (
            select(audit.c.tenant, func.max(audit.c.sequence).label("sequence")).group_by(audit.c.tenant).subquery()
        )
        last = and_(audit.c.tenant == newest.c.tenant, audit.c.sequence == newest.c.sequence)
        query = select(audit.c.tenant, audit.c.sequence, audit.c.hash).join(newest, last)

        def work(connection: Connection) -> dict[str, str]:
            return {row.tenant: f"{row.sequence}:{row.hash}" for row in connection.execute(query)}

        return await self._engine.read(work)

    async def verify(self, tenant: str, *, heads: Sequence[str] = ()) -> AuditCheck:
        """Check every seal, a page at a time, so that a long record needs no memory. InputError for what is no head."""
        wanted: dict[int, set[str]] = {}
        for sequence, sealed in map(_parsed, heads):
            wanted.setdefault(sequence, set()).add(sealed)
        wanted.pop(0, None)
        last: AuditEntry | None = None
        while entries := await self.list(tenant, after=last.sequence if last else 0):
            broken = self._chain.first_broken(entries, after=last)
            if broken is not None:
                good = last.sequence if last else 0
                good += sum(one.sequence < broken.sequence for one in entries)
                return AuditCheck(
                    entries=good,
                    head=_head_of(last),
                    trouble=f"Entry {broken.sequence} ({broken.action} by {broken.actor}) was changed, or one before "
                    "it was removed, added or moved.",
                )
            for entry in entries:
                if any(not hmac.compare_digest(entry.hash, sealed) for sealed in wanted.pop(entry.sequence, ())):
                    trouble = f"Entry {entry.sequence} is not the one a kept head names: the record was written anew."
                    return AuditCheck(entries=entry.sequence - 1, head=_head_of(entries[-1]), trouble=trouble)
            last = entries[-1]
        count = last.sequence if last else 0
        if wanted:
            trouble = f"The record ends at entry {count}, before the kept head {max(wanted)}: its end was cut off."
            return AuditCheck(entries=count, head=_head_of(last), trouble=trouble)
        return AuditCheck(entries=count, head=_head_of(last))


def _head_of(entry: AuditEntry | None) -> str:
    return f"{entry.sequence}:{entry.hash}" if entry else "0:"


def _parsed(head: str) -> tuple[int, str]:
    sequence, colon, sealed = head.strip().partition(":")
    if not colon or not sequence.isdecimal() or not re.fullmatch(r"[0-9a-f]{64}|", sealed):
        raise InputError(f"{head!r} is no head of a record.", fix="Give a line that `opsagent audit head` printed.")
    return int(sequence), sealed


def _load(row: Any) -> AuditEntry:
    return AuditEntry(**{**row._mapping, "detail": json.loads(row.detail)})  # noqa: SLF001 - SQLAlchemy's public way
