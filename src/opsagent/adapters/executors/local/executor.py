"""Executes commands on this machine: at most once per start token, held in as well as the machine allows."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from opsagent.adapters.executors.local import doctor, output, recovery
from opsagent.adapters.executors.local.config import Backend, LocalConfig
from opsagent.adapters.executors.local.confine import Ground, Plan, make_plan
from opsagent.adapters.executors.local.folders import Folders
from opsagent.adapters.executors.local.keeping import Bounds, keep_file
from opsagent.adapters.executors.local.lacking import aside, fix_of, refusing, words_of
from opsagent.adapters.executors.local.launcher import END_LIMIT_S
from opsagent.adapters.executors.local.launching import Launching, launch
from opsagent.adapters.executors.local.survivors import age_s, runs_properly
from opsagent.adapters.executors.local.tokens import Attempt, Tokens
from opsagent.domain.command import Command, Reach
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest, Proof
from opsagent.domain.outcome import Outcome
from opsagent.errors import ExecutionError, OpsAgentError, SandboxUnavailable, TokenTaken, UnavailableError
from opsagent.ports.artifacts import ArtifactStore
from opsagent.ports.clock import Clock
from opsagent.ports.executor import Kept, Order, Trace, Traced
from opsagent.ports.redact import Redactor
from opsagent.ports.secrets import Login
from opsagent.ports.target import Tested

_HASTE_S = 3.0  # what a launcher may need beyond the grace and the killing to write its outcome
_LOOK_S = 0.05  # between two looks at a launcher that is not our child
NAME = "shell"
Planner = Callable[[Order, LocalConfig, Ground, Path], Plan]


class LocalExecutor:
    """Runs shell text on this machine, in the run's folder, with a clean environment (ports/executor.py).

    `failpoints` (for tests) maps a place in the launcher to `kill` or `stop`. An executor whose commands are programs
    of this machine with another view (a cloud's command line) gives its own `name` and `planner`, and shares the rest:
    it stands `beside` the one that knows the machine, and both know which runs' folders are still worked in.
    """

    def __init__(
        self,
        config: LocalConfig,
        *,
        clock: Clock,
        redactor: Redactor,
        artifacts: ArtifactStore,
        failpoints: Mapping[str, str] | None = None,
        name: str = NAME,
        planner: Planner = make_plan,
        beside: LocalExecutor | None = None,
    ) -> None:
        self._config, self._clock, self._redactor, self._artifacts = config, clock, redactor, artifacts
        self._failpoints = dict(failpoints or {})
        self._name, self._planner, self._beside = name, planner, beside
        self._tokens, self._folders = Tokens(config.state), Folders(config.sandbox_root)
        self._ground: Ground | None = None
        # runs whose commands go on when their task is cancelled, and those where that happened
        self._detached: set[str] = beside._detached if beside else set()  # noqa: SLF001 - one of us
        self._left: set[str] = beside._left if beside else set()  # noqa: SLF001
        self._probing, self._alone = asyncio.Lock(), asyncio.Lock()

    @property
    def tokens_at_target(self) -> bool:
        """They lie in our own state folder."""
        return False

    @property
    def backend(self) -> str:
        """How SANDBOX commands are held in; the weaker one until `probe` knows better."""
        return self._ground.backend(Reach.SANDBOX) if self._ground else Backend.RLIMITS

    @property
    def host_backend(self) -> str:
        """How proven reads of this machine are held in; the weaker one until `probe` knows better."""
        return self._ground.backend(Reach.HOST) if self._ground else Backend.RLIMITS

    @property
    def name(self) -> str:
        """Which commands it takes."""
        return self._name

    async def probe(self) -> Ground:
        """What works on this machine, found out once; where nothing does its `trouble` says why, until it is mended."""
        try:
            return await self._known()
        except ExecutionError as error:
            return doctor.unusable(error)

    async def describe(self) -> dict[str, str]:
        """What works here, what is degraded, and how to mend it, for `opsagent doctor`. Looks at the root anew."""
        try:
            await aside(self._folders.check)
        except (SandboxUnavailable, OSError):
            self._ground = None
        return doctor.describe(await self.probe(), self._config)

    async def test(self, connection: Connection, login: Login | None) -> Tested:  # noqa: ARG002 - it needs no log-in
        """Run `true` where its commands run (ports/target.py)."""
        trial = f"test-{os.getpid()}-{id(connection)}"
        command = Command(
            executor=self._name, text="true", connection_id=connection.id, reach=connection.reach, timeout_s=10.0
        )
        order = Order(
            tenant=connection.tenant,
            run_id=trial,
            token=f"{trial}.1.{self._clock.now():.6f}",
            command=command,
            manifest=Manifest(proof=Proof.READ),
            connection=connection,
        )
        try:
            outcome = await self.run(order)
        except OpsAgentError as error:
            return Tested(ok=False, text=error.message, fix=error.fix)
        finally:
            await self.release(trial)
            await self.forget(trial)
        facts = {"backend": outcome.backend, "durationMs": str(round(outcome.duration_s * 1000))}
        if outcome.exit_code != 0:
            return Tested(ok=False, text=f"`true` ended with {outcome.exit_code}. {outcome.note}".strip(), facts=facts)
        text = f"`true` ran in {facts['durationMs']} ms ({outcome.backend}). {outcome.note}".strip()
        return Tested(ok=True, text=text, facts=facts)

    async def run(self, order: Order) -> Outcome:
        """Execute it (see the port).

        Raises TokenTaken, ExecutionError, SandboxUnavailable: it was not started. Where the launcher was killed from
        outside the outcome has `known=False`: it started, what was left is ended, and nobody knows how far it got.
        """
        self._check_kind(order)
        with refusing():
            ground = await self._known()
            folder = self._folders.path(order.run_id)
            plan = await aside(self._planner, order, self._config, ground, folder)
            attempt = await aside(self._tokens.prepare, order.run_id, order.token)
        async with self._turn(plan):
            launching = await self._start(order, plan, attempt)
            try:
                answer = await self._hear(launching, order.run_id)
            finally:
                if plan.alone and not launching.left:
                    self._folders.close(order.run_id)
        try:
            return await self._conclude(order, attempt, answer)
        except OSError as error:
            return _lost(words_of(error))

    async def trace(self, order: Order) -> Trace:
        """Find out what became of it (see the port); the windows are told in launcher.py. Raises UnavailableError."""
        patience = self._config.grace_s + END_LIMIT_S + _HASTE_S
        try:
            attempt = await aside(self._tokens.prepare, order.run_id, order.token)
            if order.patience_s > 0:
                await self._let_end(order, await aside(self._tokens.holder, attempt.token))
            traced, found = await aside(recovery.settle, self._tokens, attempt, order.token, patience)
            self._attend(order.run_id)
            self._folders.close(order.run_id)  # a worker that left may have left it open
            if traced is Traced.FINISHED and found is not None:
                return Trace(traced=traced, outcome=await self._read(order, attempt, found))
            if traced is Traced.UNKNOWN:
                return Trace(traced=traced, outcome=await self._unknown(order, attempt))
        except OSError as error:
            raise UnavailableError(
                f"What became of it cannot be told now: {words_of(error)}.", fix=fix_of(error)
            ) from error
        return Trace(traced=traced)

    async def detach(self, run_id: str) -> None:
        """Leave what runs now of the run to its launcher (see the port)."""
        self._detached.add(run_id)

    async def keep(self, order: Order, path: str) -> Kept:
        """What a file holds, read by the server itself (see the port); relative paths start where the command would.

        On the host that is any file of this machine, as the server's user may read it; in the sandbox those of the
        run's folder.
        """
        self._check_kind(order)
        folder, config = self._folders.path(order.run_id), self._config
        own = (config.state, config.sandbox_root, *config.hidden)
        bounds = Bounds(home=folder, own=own, boxed=order.command.reach is Reach.SANDBOX)
        with refusing():
            await aside(self._folders.make, order.run_id)
            return await aside(keep_file, path, folder / order.command.cwd, bounds)

    async def release(self, run_id: str) -> None:
        """Remove the run's sandbox folder; one that a left command works in stays until that was traced."""
        if run_id in self._left:
            return
        self._attend(run_id)
        with contextlib.suppress(OSError):
            await aside(self._folders.remove, run_id)

    async def forget(self, run_id: str) -> None:
        """Remove the run's tokens."""
        self._attend(run_id)
        with contextlib.suppress(OSError):
            await aside(self._tokens.forget, run_id)

    def _check_kind(self, order: Order) -> None:
        kind = order.command.executor
        if kind != self._name:
            raise ExecutionError(f"A {kind} command cannot be run by {self._name}; nothing was started.")

    def _attend(self, run_id: str) -> None:
        """From now on a cancelled command of the run is ended again."""
        self._detached.discard(run_id)
        self._left.discard(run_id)

    async def _known(self) -> Ground:
        """What works on this machine, found out once. Raises ExecutionError, SandboxUnavailable: nothing can run."""
        if self._beside is not None:
            self._ground = await self._beside._known()  # noqa: SLF001
            return self._ground
        async with self._probing:
            if self._ground is None:
                with refusing():
                    self._ground = await doctor.probe(
                        self._config, self._folders, self._try, f"probe-{os.getpid()}-{id(self)}"
                    )
            return self._ground

    @contextlib.asynccontextmanager
    async def _turn(self, plan: Plan) -> AsyncIterator[None]:
        """Wait for the other commands that must be alone, if this one must be."""
        if not plan.alone:
            yield
            return
        async with self._alone:
            yield

    async def _try(self, plan: Plan, name: str) -> str:
        """Run a plan of the probe; why it does not work, or nothing."""
        run_id = plan.base.name
        attempt = await aside(self._tokens.prepare, run_id, name)
        launching = launch(self._config.python or sys.executable, self._spec(None, plan, attempt), b"", plan.syscalls)
        answer = await self._hear(launching, run_id)
        await self.forget(run_id)
        found = answer.get("outcome", {})
        if found.get("started"):
            return (
                "" if found["exit"] == 0 else f"a probe ended with {found['exit']}: {found['stderr']['head'].strip()}"
            )
        return str(found.get("error") or answer.get("error") or "the launcher did not answer")

    def _spec(self, order: Order | None, plan: Plan, attempt: Attempt) -> dict[str, object]:
        """What the launcher is told."""
        config, user = self._config, plan.user
        return {
            "argv": plan.argv,
            "env": dict(plan.environment),
            "cwd": str(plan.cwd),
            "timeout": order.command.timeout_s if order else doctor.PROBE_TIMEOUT_S,
            "files": order.command.files if order else (),
            "folder": str(plan.base),
            "uid": user.uid if user.changes else None,
            "gid": user.gid,
            "groups": user.groups,
            "capabilities": plan.capabilities,
            "noNewPrivileges": plan.no_new_privileges,
            "limits": dict(plan.limits),
            "disk": [str(config.sandbox_root), plan.disk_bytes],
            "wrapped": plan.backend.boxed,
            "how": {"backend": plan.backend.value, "note": plan.note},
            "grace": config.grace_s,
            "cap": config.output_cap_bytes,
            "spillCap": config.full_output_cap_bytes,
            "token": str(attempt.token),
            "started": str(attempt.started),
            "outcome": str(attempt.outcome),
            "stdout": str(attempt.output("stdout")),
            "stderr": str(attempt.output("stderr")),
            "now": self._clock.now(),
            "failpoints": self._failpoints if order else {},
        }

    async def _start(self, order: Order, plan: Plan, attempt: Attempt) -> Launching:
        """Open the run's folder for the command and start its launcher. Raises ExecutionError: it was not started."""
        stdin = order.command.stdin.encode(errors="surrogatepass") if order.stdin is None else order.stdin
        with contextlib.ExitStack() as unless_started, refusing():
            if plan.alone:
                unless_started.callback(self._folders.close, order.run_id)
            await aside(self._folders.open, order.run_id, plan.user.uid, plan.user.gid)
            python, spec = self._config.python or sys.executable, self._spec(order, plan, attempt)
            launching = launch(python, spec, stdin, plan.syscalls)
            unless_started.pop_all()
        return launching

    async def _hear(self, launching: Launching, run_id: str) -> dict[str, Any]:
        """Wait for a launcher's answer; empty where it died. Cancelling ends the command, or leaves it, then raises."""
        try:
            return await launching.answer()
        except asyncio.CancelledError:
            if run_id in self._detached:
                launching.leave()
                self._left.add(run_id)
            else:
                patience = self._config.grace_s + END_LIMIT_S + _HASTE_S
                await _see_through(asyncio.ensure_future(launching.stop(patience)))
            raise

    async def _let_end(self, order: Order, holder: str) -> None:
        """Wait for a launcher that runs as it should: while it is within its time, and for the order's patience.

        In real time, since it runs in real time, and without a thread: a server must be able to stop meanwhile.
        """
        if not runs_properly(holder):
            return
        loop = asyncio.get_running_loop()
        allowed = order.command.timeout_s + self._config.grace_s + END_LIMIT_S + _HASTE_S - age_s(holder)
        limit = loop.time() + min(order.patience_s, allowed)
        while loop.time() < limit and runs_properly(holder):  # noqa: ASYNC110 - another process: there is no event
            await asyncio.sleep(_LOOK_S)

    async def _conclude(self, order: Order, attempt: Attempt, answer: Mapping[str, Any]) -> Outcome:
        """The outcome of a launcher's answer. Raises TokenTaken, ExecutionError."""
        if answer.get("state") == "taken":
            raise TokenTaken(f"The start token {order.token} is taken; it was not started here.")
        if answer.get("state") in ("error", "cancelled"):
            why = answer.get("error", "somebody ended its launcher")
            raise ExecutionError(f"It was not started: {why}.", fix=f"Look at the folder {self._config.state}.")
        found = answer.get("outcome")
        if found is None:  # killed from outside (out of memory, an impatient person), or it lost track
            try:
                trace = await self.trace(order)
            except UnavailableError as error:
                return _lost(error.message)
            if trace.outcome is not None:
                return trace.outcome
            found = {"started": False, "error": "its launcher was ended before it started"}
        if not found["started"]:
            raise ExecutionError(f"It was not started: {found['error']}.", fix=doctor.fix_for(found["error"]))
        return await self._read(order, attempt, found)

    async def _read(self, order: Order, attempt: Attempt, found: Mapping[str, Any]) -> Outcome:
        """Shape a recorded outcome, keep the whole output, and leave only the redacted one on disk."""
        finished = output.from_json(found)
        if finished is not None:
            return finished
        clean = output.redactor(self._redactor, order.login.secret_values if order.login else ())
        cap = self._config.output_cap_bytes
        stdout = await aside(output.read_output, attempt, found, "stdout", clean, cap)
        stderr = await aside(output.read_output, attempt, found, "stderr", clean, cap)
        artifact, trouble = "", ""
        if stdout.whole or stderr.whole:
            try:
                artifact = await self._artifacts.put(order.tenant, output.whole_output(stdout, stderr).encode())
            except (OpsAgentError, OSError) as error:
                why = words_of(error) if isinstance(error, OSError) else error.message
                trouble = f"Its full output could not be kept: {why}"
        changed = False if order.manifest.proof is Proof.READ else None
        if found.get("filled"):
            await aside(self._folders.remove, order.run_id)
        outcome = output.make_outcome(found, stdout, stderr, artifact=artifact, changed=changed, trouble=trouble)
        with contextlib.suppress(OSError):  # a full disk: the raw outcome stays, the worker has this one
            await aside(attempt.replace_outcome, output.to_json(outcome))
        return outcome

    async def _unknown(self, order: Order, attempt: Attempt) -> Outcome:
        clean = output.redactor(self._redactor, order.login.secret_values if order.login else ())
        cap = self._config.output_cap_bytes
        stdout, stderr = await aside(output.read_partial, attempt, clean, cap)
        note = "It started and was interrupted: what is shown is what it had written. Nothing of it runs any more."
        return Outcome(exit_code=None, stdout=stdout, stderr=stderr, known=False, note=note)


def _lost(why: str) -> Outcome:
    """The outcome of a command that may have run and whose end this machine did not let us read."""
    note = f"It may have run: how it ended cannot be told now ({why.rstrip('.')})."
    return Outcome(exit_code=None, known=False, note=note)


async def _see_through(task: asyncio.Task[None]) -> None:
    """Wait for a task to its end, however often we are told to stop: the command is being ended already."""
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()
