"""Executes commands on this machine: at most once per start token, held in as well as the machine allows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from opsagent.adapters.executors.local import doctor, output, recovery
from opsagent.adapters.executors.local.config import Backend, LocalConfig
from opsagent.adapters.executors.local.confine import Ground, Plan, make_plan
from opsagent.adapters.executors.local.folders import Folders
from opsagent.adapters.executors.local.launcher import END_LIMIT_S
from opsagent.adapters.executors.local.survivors import end_by_pid, is_frozen
from opsagent.adapters.executors.local.tokens import Attempt, Tokens
from opsagent.domain.manifest import Proof
from opsagent.domain.outcome import Outcome
from opsagent.errors import ExecutionError, OpsAgentError, TokenTaken
from opsagent.ports.artifacts import ArtifactStore
from opsagent.ports.clock import Clock
from opsagent.ports.executor import Order, Trace, Traced
from opsagent.ports.redact import Redactor

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
_HASTE_S = 3.0  # what a launcher may need beyond the grace and the killing to write its outcome
NAME = "shell"


class LocalExecutor:
    """Runs shell text on this machine, in the run's folder, with a clean environment (ports/executor.py).

    `failpoints` (for tests) maps a place in the launcher to `kill` or `stop`.
    """

    def __init__(
        self,
        config: LocalConfig,
        *,
        clock: Clock,
        redactor: Redactor,
        artifacts: ArtifactStore,
        failpoints: Mapping[str, str] | None = None,
    ) -> None:
        self._config, self._clock, self._redactor, self._artifacts = config, clock, redactor, artifacts
        self._failpoints = dict(failpoints or {})
        self._tokens, self._folders = Tokens(config.state), Folders(config.sandbox_root)
        self._ground: Ground | None = None
        self._probing, self._alone = asyncio.Lock(), asyncio.Lock()

    @property
    def backend(self) -> str:
        """How SANDBOX commands are held in; the weaker one until `probe` knows better."""
        known = self._ground is not None and not self._ground.no_sandbox_because
        return Backend.BWRAP if known else Backend.RLIMITS

    async def probe(self) -> Ground:
        """Find out, once, what works on this machine; `run` does it if nobody did."""
        async with self._probing:
            if self._ground is None:
                self._ground = await doctor.probe(
                    self._config, self._folders, self._try, f"probe-{os.getpid()}-{id(self)}"
                )
            return self._ground

    async def describe(self) -> dict[str, str]:
        """What works here, what is degraded, and how to mend it, for `opsagent doctor`."""
        return doctor.describe(await self.probe(), self._config)

    async def run(self, order: Order) -> Outcome:
        """Execute it (see the port).

        Raises TokenTaken, ExecutionError, SandboxUnavailable: it was not started. Where the launcher was killed from
        outside the outcome has `known=False`: it started, what was left is ended, and nobody knows how far it got.
        """
        if order.command.executor != NAME:
            raise ExecutionError(f"A {order.command.executor} command cannot be run by {NAME}; nothing was started.")
        ground = await self.probe()
        folder = self._folders.path(order.run_id)
        plan = await asyncio.to_thread(make_plan, order, self._config, ground, folder)
        attempt = await asyncio.to_thread(self._tokens.prepare, order.run_id, order.token)
        async with self._turn(plan):
            try:
                await asyncio.to_thread(self._folders.open, order.run_id, plan.user.uid, plan.user.gid)
                answer = await self._launch(self._spec(order, plan, attempt))
            finally:
                if plan.alone:
                    self._folders.close(order.run_id)
        return await self._conclude(order, attempt, answer)

    async def trace(self, order: Order) -> Trace:
        """Find out what became of it (see the port); the windows are told in launcher.py."""
        attempt = await asyncio.to_thread(self._tokens.prepare, order.run_id, order.token)
        patience = self._config.grace_s + END_LIMIT_S + _HASTE_S
        traced, found = await asyncio.to_thread(recovery.settle, self._tokens, attempt, order.token, patience)
        if traced is Traced.FINISHED and found is not None:
            return Trace(traced=traced, outcome=await self._read(order, attempt, found))
        if traced is Traced.UNKNOWN:
            return Trace(traced=traced, outcome=await self._unknown(order, attempt))
        return Trace(traced=traced)

    async def release(self, run_id: str) -> None:
        """Remove the run's sandbox folder."""
        await asyncio.to_thread(self._folders.remove, run_id)

    async def forget(self, run_id: str) -> None:
        """Remove the run's tokens."""
        await asyncio.to_thread(self._tokens.forget, run_id)

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
        attempt = await asyncio.to_thread(self._tokens.prepare, run_id, name)
        spec = self._spec(None, plan, attempt)
        answer = await self._launch(spec)
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
            "stdin": order.command.stdin if order else "",
            "timeout": order.command.timeout_s if order else doctor.PROBE_TIMEOUT_S,
            "files": order.command.files if order else (),
            "folder": str(plan.base),
            "uid": user.uid if user.changes else None,
            "gid": user.gid,
            "groups": user.groups,
            "capabilities": plan.capabilities,
            "noNewPrivileges": plan.no_new_privileges,
            "limits": dict(plan.limits),
            "wrapped": plan.backend is Backend.BWRAP,
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

    async def _launch(self, spec: Mapping[str, object]) -> dict[str, Any]:
        """Start a launcher and wait for its answer; empty where it died. Cancelling ends the command, then raises."""
        process = await asyncio.create_subprocess_exec(
            self._config.python or sys.executable,
            "-ISs",
            _LAUNCHER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={"LC_ALL": "C.UTF-8"},
        )
        talk = asyncio.ensure_future(process.communicate(json.dumps(spec).encode()))
        try:
            said, _ = await asyncio.shield(talk)
        except asyncio.CancelledError:
            await _see_through(asyncio.ensure_future(self._stop(process, talk)))
            raise
        with contextlib.suppress(ValueError):
            answer = json.loads(said)
            return answer if isinstance(answer, dict) else {}
        return {}

    async def _stop(self, process: asyncio.subprocess.Process, talk: asyncio.Future[tuple[bytes, bytes]]) -> None:
        """Ask a launcher to end its tree and write `cancelled`; end it with its tree if it does not."""
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        patience = 0.0 if is_frozen(process.pid) else self._config.grace_s + END_LIMIT_S + _HASTE_S
        done, _ = await asyncio.wait({talk}, timeout=patience)
        if not done:
            await asyncio.to_thread(end_by_pid, process.pid)
            await talk

    async def _conclude(self, order: Order, attempt: Attempt, answer: Mapping[str, Any]) -> Outcome:
        """The outcome of a launcher's answer. Raises TokenTaken, ExecutionError."""
        if answer.get("state") == "taken":
            raise TokenTaken(f"The start token {order.token} is taken; it was not started here.")
        if answer.get("state") in ("error", "cancelled"):
            why = answer.get("error", "somebody ended its launcher")
            raise ExecutionError(f"It was not started: {why}.", fix=f"Look at the folder {self._config.state}.")
        found = answer.get("outcome")
        if found is None:  # killed from outside (out of memory, an impatient person), or it lost track
            trace = await self.trace(order)
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
        clean = output.redactor(self._redactor, order.secrets)
        cap = self._config.output_cap_bytes
        stdout = await asyncio.to_thread(output.read_output, attempt, found, "stdout", clean, cap)
        stderr = await asyncio.to_thread(output.read_output, attempt, found, "stderr", clean, cap)
        artifact, trouble = "", ""
        if stdout.whole or stderr.whole:
            try:
                artifact = await self._artifacts.put(order.tenant, output.whole_output(stdout, stderr).encode())
            except OpsAgentError as error:
                trouble = f"Its full output could not be kept: {error.message}"
        changed = False if order.manifest.proof is Proof.READ else None
        outcome = output.make_outcome(found, stdout, stderr, artifact=artifact, changed=changed, trouble=trouble)
        with contextlib.suppress(OSError):  # a full disk: the raw outcome stays, the worker has this one
            await asyncio.to_thread(attempt.replace_outcome, output.to_json(outcome))
        return outcome

    async def _unknown(self, order: Order, attempt: Attempt) -> Outcome:
        clean = output.redactor(self._redactor, order.secrets)
        cap = self._config.output_cap_bytes
        stdout, stderr = await asyncio.to_thread(output.read_partial, attempt, clean, cap)
        note = "It started and was interrupted: what is shown is what it had written. Nothing of it runs any more."
        return Outcome(exit_code=None, stdout=stdout, stderr=stderr, known=False, note=note)


async def _see_through(task: asyncio.Task[None]) -> None:
    """Wait for a task to its end, however often we are told to stop: the command is being ended already."""
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()
