"""Accept: turn a trigger into a stored run before the caller hears "accepted"."""

from __future__ import annotations

from dataclasses import dataclass

from opsagent.domain.event import AuditEntry
from opsagent.domain.run import Node, Request, Run, RunStatus
from opsagent.domain.runbook import Runbook
from opsagent.domain.trigger import MAX_TASK_CHARS, Trigger
from opsagent.errors import InputError, TooLarge
from opsagent.ports.catalogue import ConnectionStore, RunbookStore
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.stores import IdempotencyKey, RunStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """Checks a trigger against what is registered, fixes the run's scope, and stores it."""

    runs: RunStore
    runbooks: RunbookStore
    connections: ConnectionStore
    clock: Clock
    ids: Ids

    async def __call__(self, trigger: Trigger, *, key: IdempotencyKey | None = None) -> Run:
        """The stored run. InputError, TooLarge, NotFound (runbook, connection), IdempotencyMismatch."""
        text = trigger.text.strip()
        if not text:
            raise InputError("The task is empty.", fix="Say what should be done in taskDescription.")
        if len(text) > MAX_TASK_CHARS:
            raise TooLarge(
                f"The task has {len(text)} characters; {MAX_TASK_CHARS} are taken.", fix="Shorten it and link the rest."
            )
        runbook: Runbook | None = None
        if trigger.runbook_id:
            runbook = await self.runbooks.get(trigger.tenant, trigger.runbook_id)
        named, scope = "", tuple[str, ...]()
        if trigger.connection:
            named = (await self.connections.get(trigger.tenant, trigger.connection)).name
            scope = (named, *sorted({*runbook.connections} - {named} if runbook else ()))
        request = Request(
            runbook_id=runbook.id if runbook else "", connection=named, parameters=dict(trigger.parameters)
        )
        now = self.clock.now()
        run = Run(
            id=self.ids.uuid(),
            tenant=trigger.tenant,
            source=trigger.source,
            task=trigger.text,
            created_at=now,
            updated_at=now,
            requested_by=trigger.requested_by,
            status=RunStatus.QUEUED,
            mode=trigger.mode,
            next_node=Node.EVALUATOR,
            priority=trigger.priority,
            scope=scope,
            request=request,
            runbook_id=request.runbook_id,
            connection=request.connection,
            parameters=request.parameters,
            trigger=dict(trigger.details),
            callback_url=trigger.callback_url,
            account_id=trigger.account_id,
            selected_skill=trigger.selected_skill,
            model=trigger.model,
            due_at=now,
        )
        audit = AuditEntry(
            tenant=run.tenant,
            at=now,
            actor=run.requested_by,
            action="run.accepted",
            run_id=run.id,
            detail={"source": run.source.value},
        )
        return await self.runs.create(run, key=key, audit=(audit,))

    async def again(self, old: Run, *, by: str, key: IdempotencyKey | None = None) -> Run:
        """A new run of an ended one: the same request and scope, nothing of its progress. IdempotencyMismatch."""
        now = self.clock.now()
        run = Run(
            id=self.ids.uuid(),
            tenant=old.tenant,
            source=old.source,
            task=old.task,
            created_at=now,
            updated_at=now,
            requested_by=by,
            mode=old.mode,
            priority=old.priority,
            scope=old.scope,
            request=old.request,
            runbook_id=old.request.runbook_id,
            connection=old.request.connection,
            alert=old.alert,
            ticket_id=old.ticket_id,
            fingerprint=old.fingerprint,
            parameters=old.request.parameters,
            trigger=dict(old.trigger),
            callback_url=old.callback_url,
            account_id=old.account_id,
            selected_skill=old.selected_skill,
            model=old.model,
            retry_of=old.id,
            due_at=now,
        )
        entry = AuditEntry(
            tenant=run.tenant, at=now, actor=by, action="run.retried", run_id=run.id, detail={"retryOf": old.id}
        )
        return await self.runs.create(run, key=key, audit=(entry,))
