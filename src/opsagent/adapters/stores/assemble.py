"""Puts the stores of one engine together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from opsagent.adapters.stores.approvals import SqlApprovals
from opsagent.adapters.stores.audit import SqlAudit
from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.chat_users import SqlChatUsers
from opsagent.adapters.stores.connections import SqlConnections
from opsagent.adapters.stores.control import SqlControl
from opsagent.adapters.stores.conversations import SqlConversations
from opsagent.adapters.stores.credentials import SqlCredentials
from opsagent.adapters.stores.deployments import SqlDeployments
from opsagent.adapters.stores.drafts import SqlDrafts
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.escalations import SqlEscalations
from opsagent.adapters.stores.heartbeats import SqlHeartbeats
from opsagent.adapters.stores.housekeeping import SqlHousekeeping
from opsagent.adapters.stores.journal import SqlJournal
from opsagent.adapters.stores.keys import SqlKeys
from opsagent.adapters.stores.notices import SqlNotices
from opsagent.adapters.stores.people import SqlPeople
from opsagent.adapters.stores.quarantine import SqlQuarantine
from opsagent.adapters.stores.runbooks import SqlRunbooks
from opsagent.adapters.stores.runs import SqlRuns
from opsagent.adapters.stores.schedules import SqlSchedules
from opsagent.adapters.stores.sessions import SqlSessions
from opsagent.adapters.stores.silences import SqlSilences
from opsagent.adapters.stores.spending import SqlSpending
from opsagent.adapters.stores.tickets import SqlTickets
from opsagent.adapters.stores.triage import SqlTriage
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.stores import Stores


def assemble(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    read_audit_key: Callable[[], bytes],
    name: str,
    *,
    nobody_else: Callable[[], AbstractContextManager[bool]],
) -> Stores:
    """All stores over `engine`; usable after `housekeeping.open()`, which makes the audit key readable.

    `nobody_else` is as in SqlHousekeeping.
    """
    chain = Chain(read_audit_key)
    return Stores(
        runs=SqlRuns(engine, clock, chain),
        journal=SqlJournal(engine, clock),
        approvals=SqlApprovals(engine, clock, chain),
        control=SqlControl(engine, clock, chain),
        tickets=SqlTickets(engine, clock, chain),
        runbooks=SqlRunbooks(engine, clock, chain),
        drafts=SqlDrafts(engine, clock, chain),
        connections=SqlConnections(engine, clock, ids, chain),
        credentials=SqlCredentials(engine, clock, chain),
        keys=SqlKeys(engine, clock, chain),
        chat_users=SqlChatUsers(engine, clock, chain),
        people=SqlPeople(engine, clock, chain),
        sessions=SqlSessions(engine, clock, chain),
        notices=SqlNotices(engine, clock, chain),
        quarantine=SqlQuarantine(engine, clock, chain),
        heartbeats=SqlHeartbeats(engine),
        schedules=SqlSchedules(engine, clock, ids, chain),
        silences=SqlSilences(engine, clock, ids, chain),
        escalations=SqlEscalations(engine, clock, chain),
        audit=SqlAudit(engine, chain),
        triage=SqlTriage(engine, clock, chain),
        deployments=SqlDeployments(engine),
        conversations=SqlConversations(engine, clock, chain),
        spending=SqlSpending(engine),
        housekeeping=SqlHousekeeping(engine, clock, nobody_else=nobody_else),
        name=name,
    )
