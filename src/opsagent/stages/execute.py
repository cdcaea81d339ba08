"""Execute: hand a judged, claimed step to its executor, and read the outcome against what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from opsagent.domain.connection import Connection
from opsagent.domain.expectation import met
from opsagent.domain.manifest import Manifest, Proof
from opsagent.domain.outcome import Outcome
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import ConfigurationError, ExecutionError, Forbidden, NotFound
from opsagent.ports.clock import Clock
from opsagent.ports.executor import Executor, Kept, Order, Trace, Traced
from opsagent.ports.secrets import Secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Execute:
    """The executors by name, and who opens the credential each attempt needs."""

    executors: Mapping[str, Executor]
    secrets: Secrets
    clock: Clock

    async def __call__(self, step: Step, connection: Connection, *, stdin: bytes | None = None) -> Outcome:
        """Run it; `stdin` are the kept bytes of `command.stdin_artifact`. The errors of `Executor.run`."""
        return await self._executor(step).run(await self.order(step, connection, stdin=stdin, exactly=True))

    async def trace(self, step: Step, connection: Connection, *, patience_s: float = 0.0) -> Trace:
        """What became of an interrupted attempt; one that still runs properly may go on for `patience_s` seconds.

        Where start tokens lie at the target, a target that has moved since the claim is not asked, and one that is
        opened by another value of its credential is not believed when it knows of nothing: it may look elsewhere.
        """
        executor = self._executor(step)
        there = executor.tokens_at_target and not step.is_read
        if there and step.claimed_place and step.claimed_place != connection.place:
            return Trace(traced=Traced.UNKNOWN, outcome=_nobody_knows(f"{connection.name} leads elsewhere since then"))
        order = await self.order(step, connection, patience_s=patience_s)
        trace = await executor.trace(order)
        other = order.login is not None and order.login.version != step.command.credential_version
        if there and other and trace.traced is Traced.NEVER_STARTED:
            return Trace(traced=Traced.UNKNOWN, outcome=_nobody_knows(f"{step.command.credential} has another value"))
        return trace

    async def keep(self, step: Step, connection: Connection, path: str) -> Kept:
        """What a path holds before the step changes it. ExecutionError."""
        return await self._executor(step).keep(await self.order(step, connection), path)

    async def detach(self, run_id: str) -> None:
        """The worker stops: leave what runs to its launcher."""
        for executor in self.executors.values():
            await executor.detach(run_id)

    async def release(self, run_id: str) -> None:
        """The worker lets go of the run."""
        for executor in self.executors.values():
            await executor.release(run_id)

    async def forget(self, run_id: str) -> None:
        """The run was deleted: its start tokens mean nothing any more."""
        for executor in self.executors.values():
            await executor.forget(run_id)

    def concluded(self, step: Step, outcome: Outcome) -> tuple[Step, str]:
        """The step with its outcome, succeeded or failed by its expectation, and the reason in words."""
        now = self.clock.now()
        ok, reason = met(replace(step, outcome=outcome))
        if outcome.timed_out or outcome.cancelled:
            ok, reason = False, "it ran out of time" if outcome.timed_out else "it was stopped"
        changed = False if step.is_read else outcome.changed
        moved = step.move(StepStatus.SUCCEEDED if ok else StepStatus.FAILED, now)
        return replace(moved, outcome=replace(outcome, changed=changed)), reason

    async def order(
        self,
        step: Step,
        connection: Connection,
        *,
        stdin: bytes | None = None,
        patience_s: float = 0.0,
        exactly: bool = False,
    ) -> Order:
        """What the executor is told: the judged object itself, and the opened credential. ExecutionError.

        With `exactly` the credential must still have the value it was judged with; to look up what became of an
        attempt the present one will do.
        """
        credential, login = step.command.credential, None
        if credential:
            try:
                login = await self.secrets.open(step.tenant, credential, connection)
            except (NotFound, Forbidden, ConfigurationError) as error:
                raise ExecutionError(f"It was not started: {error.message}", fix=error.fix) from error
            if exactly and login.version != step.command.credential_version:
                raise ExecutionError(
                    f"It was not started: {credential} has another value since it was judged.",
                    fix="Start the step again: it is judged and asked anew.",
                )
        manifest = step.verdict.manifest if step.verdict else Manifest(proof=Proof.UNKNOWN)
        return Order(
            tenant=step.tenant,
            run_id=step.run_id,
            token=step.token,
            command=step.command,
            manifest=manifest,
            connection=connection,
            login=login,
            stdin=stdin,
            patience_s=patience_s,
        )

    def backend(self, name: str) -> str:
        """The sandbox backend a command of that executor would run under; empty where there is no such executor."""
        executor = self.executors.get(name)
        return executor.backend if executor else ""

    def _executor(self, step: Step) -> Executor:
        executor = self.executors.get(step.command.executor)
        if executor is None:
            raise ExecutionError(
                f"Nothing here executes {step.command.executor} commands.",
                fix=f"Use one of: {', '.join(sorted(self.executors))}.",
            )
        return executor


def _nobody_knows(why: str) -> Outcome:
    return Outcome(exit_code=None, known=False, note=f"What became of it cannot be looked up: {why}.")
