"""Accept: turn a trigger into a stored run before the caller hears "accepted"."""

from __future__ import annotations

from dataclasses import dataclass, field

from opsagent.domain.event import AuditEntry
from opsagent.domain.run import Node, Request, Run, RunStatus
from opsagent.domain.runbook import Runbook
from opsagent.domain.trigger import MAX_TASK_CHARS, Trigger
from opsagent.domain.visible import one_line
from opsagent.errors import InputError, NotFound, TooLarge
from opsagent.ports.catalogue import ConnectionStore, RunbookStore
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.skills import NoSkills, Skills
from opsagent.ports.stores import IdempotencyKey, RunStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """Checks a trigger against what is registered, fixes the run's scope, and stores it.

    `models` are those a request may name; empty where no model is asked at all, and then its wish has no effect.
    """

    runs: RunStore
    runbooks: RunbookStore
    connections: ConnectionStore
    clock: Clock
    ids: Ids
    skills: Skills = field(default_factory=NoSkills)
    models: tuple[str, ...] = ()

    async def __call__(self, trigger: Trigger, *, key: IdempotencyKey | None = None) -> Run:
        """The stored run. InputError, TooLarge, NotFound (runbook, connection), IdempotencyMismatch."""
        text = trigger.text.strip()
        if not text:
            raise InputError("The task is empty.", fix="Say what should be done in taskDescription.")
        if len(text) > MAX_TASK_CHARS:
            raise TooLarge(
                f"The task has {len(text)} characters; {MAX_TASK_CHARS} are taken.", fix="Shorten it and link the rest."
            )
        await self._check_skill(trigger.selected_skill)
        if trigger.model and self.models and trigger.model not in self.models:
            raise InputError(
                f"The model {one_line(trigger.model, 80)} is not allowed here.",
                fix=f"Ask for one of {', '.join(self.models)}, or for none.",
            )
        runbook = await self._runbook(trigger)
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
            labels=dict(trigger.labels),
            callback_url=trigger.callback_url,
            reply_to=trigger.reply_to,
            account_id=trigger.account_id,
            selected_skill=trigger.selected_skill,
            model=trigger.model,
            only_looks=trigger.only_looks,
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

    async def _check_skill(self, name: str) -> None:
        """InputError, which names those there are, for one nobody knows."""
        try:
            if name:
                await self.skills.get(name)
        except NotFound as error:
            raise InputError(error.message, fix=error.fix) from None

    async def _runbook(self, trigger: Trigger) -> Runbook | None:
        """The one that was named. NotFound, InputError."""
        if not trigger.runbook_id:
            return None
        runbook = await self.runbooks.get(trigger.tenant, trigger.runbook_id)
        if not runbook.enabled:
            fix = f"Name another, or enable it: opsagent runbooks enable {runbook.id}."
            raise InputError(f"Runbook {runbook.id} is disabled.", fix=fix)
        return runbook

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
            labels=old.labels,
            callback_url=old.callback_url,
            reply_to=old.reply_to,
            account_id=old.account_id,
            selected_skill=old.selected_skill,
            model=old.model,
            only_looks=old.only_looks,
            retry_of=old.id,
            due_at=now,
        )
        entry = AuditEntry(
            tenant=run.tenant, at=now, actor=by, action="run.retried", run_id=run.id, detail={"retryOf": old.id}
        )
        return await self.runs.create(run, key=key, audit=(entry,))
