"""What triage remembers: the alerts of tickets, how looks at them ended, and what people said."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, case, func, or_, select

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.days import days_since
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.member_rows import load_member, members_of
from opsagent.adapters.stores.ticket_rows import fetch
from opsagent.adapters.stores.triage_tables import endings, feedback, members
from opsagent.adapters.stores.upsert import upsert
from opsagent.domain.ending import Closing, Day, Feedback, History, How, Quality, Rate
from opsagent.domain.event import AuditEntry
from opsagent.domain.scoring import Answers, bucket_of
from opsagent.domain.ticket import Member
from opsagent.errors import InputError
from opsagent.ports.clock import Clock

_SAID = and_(feedback.c.tenant == endings.c.tenant, feedback.c.ticket_id == endings.c.ticket_id)
# A person's word counts above what happened afterwards.
_WRONG = case((feedback.c.real.is_not(None), feedback.c.real), else_=endings.c.recurred_at.is_not(None))


class SqlTriage:
    """TriageStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._chain = chain

    async def members(self, tenant: str, ticket_id: str, *, limit: int = 200) -> Sequence[Member]:
        """The alerts of a ticket, the firing ones first, then by when they came."""
        return await self._engine.read(lambda connection: members_of(connection, tenant, ticket_id, limit))

    async def history(self, tenant: str, fingerprint: str, *, limit: int = 10) -> History:
        """The latest endings of an alert and what people said of them. What came back did not go away by itself."""
        ended = (
            select(endings.c.how, _WRONG.label("wrong"))
            .select_from(endings.outerjoin(feedback, _SAID))
            .where(endings.c.tenant == tenant, endings.c.fingerprint == fingerprint)
            .order_by(endings.c.at.desc(), endings.c.run_id)
            .limit(limit)
        )
        words = (
            select(feedback.c.real, feedback.c.note, feedback.c.by)
            .where(feedback.c.tenant == tenant, feedback.c.fingerprint == fingerprint)
            .order_by(feedback.c.at.desc(), feedback.c.ticket_id)
            .limit(limit)
        )

        def work(connection: Connection) -> History:
            said = connection.execute(words).all()
            real = sum(bool(row.real) for row in said)
            return History(
                endings=tuple(
                    How.REMAINED if row.how == How.BY_ITSELF and row.wrong else How(row.how)
                    for row in connection.execute(ended)
                ),
                real=real,
                noise=len(said) - real,
                last_word=said[0].note if said else "",
            )

        return await self._engine.read(work)

    async def alongside(
        self, tenant: str, *, service: str, environment: str, other_than: str, since: float, limit: int = 20
    ) -> Sequence[Member]:
        """Other alerts of that service and environment that fire, the latest first."""
        query = (
            select(members.c.body)
            .where(
                members.c.tenant == tenant,
                members.c.service == service,
                members.c.environment == environment,
                members.c.last_at >= since,
                members.c.firing,
                members.c.fingerprint != other_than,
            )
            .order_by(members.c.last_at.desc(), members.c.fingerprint.desc())
            .limit(limit)
        )

        def work(connection: Connection) -> Sequence[Member]:
            found = [load_member(row) for row in connection.execute(query)]
            return list({one.fingerprint: one for one in found}.values())

        return await self._engine.read(work)

    async def say(self, word: Feedback, audit: Sequence[AuditEntry]) -> None:
        """Store a person's word on a ticket in place of an earlier one. NotFound."""
        said = word
        if any(entry.tenant != said.tenant for entry in audit):
            raise InputError("An audit entry belongs to another tenant.", fix="Give entries of the ticket's tenant.")

        def work(connection: Connection) -> None:
            ticket = fetch(connection, said.tenant, said.ticket_id)
            last = connection.execute(
                select(endings.c.run_id, endings.c.score)
                .where(endings.c.tenant == said.tenant, endings.c.ticket_id == said.ticket_id)
                .order_by(endings.c.at.desc(), endings.c.run_id)
                .limit(1)
            ).first()
            row = {
                "tenant": said.tenant,
                "ticket_id": said.ticket_id,
                "run_id": last.run_id if last else "",
                "fingerprint": ticket.fingerprint,
                "real": said.real,
                "score": last.score if last else None,
                "by": said.by,
                "note": said.note,
                "at": said.at,
            }
            upsert(connection, feedback, [row])
            self._chain.append(connection, audit)

        await self._engine.write("triage.say", work)

    async def said(self, tenant: str, ticket_id: str) -> Feedback | None:
        """The latest word on a ticket, or None."""
        query = select(feedback).where(feedback.c.tenant == tenant, feedback.c.ticket_id == ticket_id)
        row = await self._engine.read(lambda connection: connection.execute(query).first())
        if row is None:
            return None
        return Feedback(
            tenant=row.tenant, ticket_id=row.ticket_id, real=bool(row.real), by=row.by, note=row.note, at=row.at
        )

    async def answers(self, tenant: str) -> Sequence[Answers]:
        """What people said, by the score the ticket had."""
        query = select(feedback.c.score, feedback.c.real).where(
            feedback.c.tenant == tenant, feedback.c.score.is_not(None)
        )

        def work(connection: Connection) -> Sequence[Answers]:
            counts: dict[int, list[int]] = {}
            for row in connection.execute(query):
                counts.setdefault(bucket_of(row.score), [0, 0])[0 if row.real else 1] += 1
            return [Answers(bucket=one, real=real, noise=noise) for one, (real, noise) in sorted(counts.items())]

        return await self._engine.read(work)

    async def quality(self, tenant: str, *, since: float = 0.0) -> Quality:
        """How many tickets were closed automatically (or would have been) since then, and how many wrongly."""
        wrong = func.sum(case((_WRONG, 1), else_=0)).label("wrong")
        query = (
            select(endings.c.closing, func.count().label("total"), wrong)
            .select_from(endings.outerjoin(feedback, _SAID))
            .where(endings.c.tenant == tenant, endings.c.at >= since)
            .where(or_(*[endings.c.closing == one.value for one in (Closing.CLOSED, Closing.SHADOW)]))
            .group_by(endings.c.closing)
        )

        def work(connection: Connection) -> Quality:
            found = {row.closing: Rate(total=row.total, wrong=row.wrong) for row in connection.execute(query)}
            nothing = Rate(total=0, wrong=0)
            return Quality(
                closed=found.get(Closing.CLOSED.value, nothing), shadow=found.get(Closing.SHADOW.value, nothing)
            )

        return await self._engine.read(work)

    async def days(self, tenant: str, *, since: int) -> Sequence[Day]:
        """The days from that number on on which a look ended, in order."""
        return await self._engine.read(
            lambda connection: days_since(connection, tenant, since, said=_SAID, wrong=_WRONG)
        )
