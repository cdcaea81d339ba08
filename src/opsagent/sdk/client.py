"""OpsAgent inside another Python program: the store of a data folder, and a worker for the runs handed in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from opsagent.bootstrap import App, build
from opsagent.domain.approval import Approval
from opsagent.domain.identity import DEFAULT_TENANT, Principal, PrincipalKind, Role
from opsagent.domain.priority import Priority
from opsagent.domain.run import Mode, Run, RunStatus, Source
from opsagent.domain.runbook import Runbook
from opsagent.domain.step import StepStatus
from opsagent.domain.trigger import Trigger
from opsagent.errors import ConflictError
from opsagent.loop.views import RunView
from opsagent.ports.index import Found
from opsagent.settings import Settings

LOOK_EVERY_S = 0.25  # while another process holds the run


class OpsAgent:
    """A data folder, opened. A server may run on it at the same time.

    `data_dir` defaults to the configured one. `person` names the human being whose answers this program passes on;
    without one it is a service, and every `approve` and `reject` raises Forbidden: only a person decides.
    Methods raise OpsAgentError, which says what happened and what to do.
    """

    def __init__(
        self,
        *,
        data_dir: Path | str | None = None,
        tenant: str = DEFAULT_TENANT,
        person: str = "",
        settings: Settings | None = None,
    ) -> None:
        self._given = settings
        self._data_dir = data_dir
        self._principal = Principal(
            id=f"person:{person}" if person else "sdk",
            tenant=tenant,
            role=Role.ADMIN,
            kind=PrincipalKind.PERSON if person else PrincipalKind.SERVICE,
        )
        self._opened: App | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the folder. ConfigurationError, PolicyUnloadable, StoreUnavailable."""
        settings = self._given or Settings.load({"data_dir": self._data_dir} if self._data_dir else {})
        self._opened = await self._stack.enter_async_context(build(settings, serving=False))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the folder."""
        self._opened = None
        await self._stack.aclose()

    async def submit(
        self,
        task: str,
        *,
        mode: Mode | str = Mode.AUTO,
        priority: Priority | str = Priority.MEDIUM,
        runbook: str = "",
        connection: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> Run:
        """Store a run and return at once; a server on the folder works on it. InputError, NotFound, TooLarge."""
        trigger = Trigger(
            tenant=self._principal.tenant,
            source=Source.API,
            text=task,
            requested_by=self._principal.id,
            mode=Mode(mode),
            priority=Priority(priority),
            runbook_id=runbook,
            connection=connection,
            parameters=dict(parameters or {}),
        )
        return await self._app.agent.submit(trigger)

    async def execute(
        self,
        task: str,
        *,
        mode: Mode | str = Mode.AUTO,
        priority: Priority | str = Priority.MEDIUM,
        runbook: str = "",
        connection: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> Run:
        """Store a run and work on it here until it ends or a person must decide; then look at `pending`."""
        run = await self.submit(
            task, mode=mode, priority=priority, runbook=runbook, connection=connection, parameters=parameters
        )
        return await self.drive(run.id)

    async def drive(self, run_id: str) -> Run:
        """Work on a run here until it ends or a person must decide. NotFound."""
        while True:
            run = await self._app.stores.runs.get(self._principal.tenant, run_id)
            if run.ended or (run.status is RunStatus.AWAITING_APPROVAL and await self._waits(run_id)):
                return run
            if not await self._app.worker.drive(self._principal.tenant, run_id):
                await self._app.clock.sleep(LOOK_EVERY_S)

    async def view(self, run_id: str) -> RunView:
        """A run with its steps, its approvals and its ticket. NotFound."""
        return await self._app.agent.view(self._principal.tenant, run_id)

    async def pending(self, run_id: str = "") -> Sequence[Approval]:
        """What waits for a person: of one run, or of the tenant."""
        found = await self._app.stores.approvals.pending(self._principal.tenant)
        return [one for one in found if run_id in {"", one.run_id}]

    async def approve(self, question: Approval, *, notes: str = "") -> Run:
        """The person says yes to exactly this question; then work goes on. Forbidden, ApprovalError."""
        return await self._decide(question, grant=True, notes=notes)

    async def reject(self, question: Approval, *, notes: str = "") -> Run:
        """The person says no; then work goes on. Forbidden, ApprovalError."""
        return await self._decide(question, grant=False, notes=notes)

    async def cancel(self, run_id: str) -> Run:
        """Stop a run. NotFound, IllegalMove once it has ended."""
        run = await self._app.agent.cancel(self._principal, run_id)
        while not run.ended:
            if not await self._app.worker.drive(self._principal.tenant, run_id):
                await self._app.clock.sleep(LOOK_EVERY_S)  # whoever holds it ends it
            run = await self._app.stores.runs.get(self._principal.tenant, run_id)
        return run

    async def add_runbook(self, text: str, path: str = "runbook.md") -> Runbook:
        """Check and store a runbook. RunbookError with file, line and fix."""
        return await self._app.agent.add_runbook(self._principal, text, path)

    async def search(self, query: str, *, limit: int = 5) -> Found:
        """The runbooks that answer a query, ranked."""
        return await self._app.agent.search(self._principal.tenant, query, limit=limit)

    @property
    def _app(self) -> App:
        if self._opened is None:
            raise ConflictError("This OpsAgent is not open.", fix="Use it inside `async with OpsAgent(...) as agent:`.")
        return self._opened

    async def _decide(self, question: Approval, *, grant: bool, notes: str) -> Run:
        await self._app.agent.decide(self._principal, question.id, grant=grant, notes=notes, digest=question.digest)
        return await self.drive(question.run_id)

    async def _waits(self, run_id: str) -> bool:
        if await self.pending(run_id):
            return True
        steps = await self._app.stores.journal.steps(self._principal.tenant, run_id)
        return any(step.status is StepStatus.UNKNOWN for step in steps)
