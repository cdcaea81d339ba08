"""Who is signed in where; only the hash of a session's id is ever here."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.people_tables import browser_sessions, people
from opsagent.domain.event import AuditEntry
from opsagent.domain.person import Means, Session
from opsagent.ports.clock import Clock

_BATCH = 500  # sessions forgotten in one transaction


class SqlSessions:
    """SessionStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine, self._clock, self._chain = engine, clock, chain

    async def begin(self, session: Session, by: str) -> None:
        """Store a new one."""

        def work(connection: Connection) -> None:
            connection.execute(insert(browser_sessions), asdict(session))
            self._note(connection, session, by, "session.begin")

        await self._engine.write("sessions.begin", work)

    async def find(self, id_sha256: str) -> Session | None:
        """One, over or not."""
        query = select(browser_sessions).where(browser_sessions.c.id_sha256 == id_sha256)
        row = await self._engine.read(lambda connection: connection.execute(query).mappings().first())
        return Session(**{**row, "means": Means(row["means"])}) if row else None

    async def seen(self, session: Session, at: float) -> None:
        """It was used, and so its person was here."""

        def work(connection: Connection) -> None:
            connection.execute(
                update(browser_sessions).where(*_this(session), browser_sessions.c.seen_at < at).values(seen_at=at)
            )
            connection.execute(
                update(people)
                .where(people.c.tenant == session.tenant, people.c.id == session.person_id)
                .where(or_(people.c.last_seen_at.is_(None), people.c.last_seen_at < at))
                .values(last_seen_at=at)
            )

        await self._engine.write("sessions.seen", work)

    async def end(self, session: Session, by: str) -> None:
        """Forget it."""

        def work(connection: Connection) -> None:
            if connection.execute(delete(browser_sessions).where(*_this(session))).rowcount:
                self._note(connection, session, by, "session.end")

        await self._engine.write("sessions.end", work)

    def _note(self, connection: Connection, session: Session, by: str, action: str) -> None:
        # The beginning of the hash tells one session from another, and opens nothing.
        detail = {"session": session.id_sha256[:12], "means": session.means.value}
        entry = AuditEntry(tenant=session.tenant, at=self._clock.now(), actor=by, action=action, detail=detail)
        self._chain.append(connection, [entry])


def forget_sessions(connection: Connection, now: float) -> int:
    """Forget some of those whose time has come; how many."""
    over = select(browser_sessions.c.id_sha256).where(browser_sessions.c.ends_at <= now).limit(_BATCH)
    return connection.execute(delete(browser_sessions).where(browser_sessions.c.id_sha256.in_(over))).rowcount


def _this(session: Session) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (browser_sessions.c.tenant == session.tenant, browser_sessions.c.id_sha256 == session.id_sha256)
