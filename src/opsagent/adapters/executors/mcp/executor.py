"""Calls a tool of an MCP server at most once per start token, by a program in the sandbox that outlives this server."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from opsagent.adapters.executors.local import LocalExecutor
from opsagent.adapters.executors.mcp.caller import BEGINS
from opsagent.adapters.executors.mcp.config import McpConfig
from opsagent.adapters.executors.mcp.packing import pack
from opsagent.adapters.executors.mcp.parcel import Reply, reply_from
from opsagent.adapters.executors.mcp.plan import plan_visit
from opsagent.adapters.executors.variables import permitted
from opsagent.adapters.mcp_target import mcp_target
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest, Proof
from opsagent.domain.outcome import Outcome
from opsagent.domain.tool_call import ToolCall
from opsagent.errors import ExecutionError, InputError, OpsAgentError
from opsagent.ports.artifacts import ArtifactStore
from opsagent.ports.clock import Clock
from opsagent.ports.executor import Kept, Order, Trace, Traced
from opsagent.ports.redact import Redactor
from opsagent.ports.secrets import Login
from opsagent.ports.target import Tested

NAME = "mcp"
_SLACK_S = 5.0  # what the program may need to start and to say how it ended, beyond the call's own time
_LOOK_S = 60.0  # for a server to start and to say what it declares: some fetch what they need first
_STDERR_CHARS = 2000
_LOST = "It was called, or may have been, and no answer came: it may have been carried out."


class McpExecutor(LocalExecutor):
    """A local executor whose command is our own program in front of a server (ports/executor.py, ports/target.py)."""

    def __init__(
        self,
        config: McpConfig,
        *,
        clock: Clock,
        redactor: Redactor,
        artifacts: ArtifactStore,
        failpoints: Mapping[str, str] | None = None,
        beside: LocalExecutor | None = None,
    ) -> None:
        # in JSON a character may take six, and nothing of an answer may be cut out there
        cap = 8 * config.output_cap_bytes + 64 * 1024
        seen = (*config.folders, *((config.ca_file.resolve(),) if config.ca_file else ()))
        local = replace(config.local, output_cap_bytes=cap, sandbox_sees=(*config.local.sandbox_sees, *seen))
        super().__init__(
            local,
            clock=clock,
            redactor=_inside(redactor),
            artifacts=artifacts,
            failpoints=failpoints,
            name=NAME,
            planner=plan_visit,
            beside=beside,
        )
        self._about, self._visits = config, itertools.count(1)

    async def run(self, order: Order) -> Outcome:
        """See the port. ExecutionError also where it could not be called: then nothing was asked of the tool."""
        self._check_kind(order)
        parcel = pack(order, self._about, self._folders.path(order.run_id))
        told = await super().run(replace(_launched(order), stdin=parcel.to_json()))
        outcome = _outcome(told, reads=order.manifest.proof is Proof.READ)
        if isinstance(outcome, Reply):
            raise ExecutionError(f"It was not started: {outcome.problem.rstrip('.')}.", fix=outcome.fix)
        return outcome

    async def trace(self, order: Order) -> Trace:
        """See the port. A server keeps no record of calls, so a lost answer stays unknown."""
        trace = await super().trace(_launched(order))
        if trace.outcome is None:
            return trace
        outcome = _outcome(trace.outcome, reads=order.manifest.proof is Proof.READ)
        if isinstance(outcome, Reply):
            return Trace(traced=Traced.NEVER_STARTED)
        return Trace(traced=Traced.FINISHED if outcome.known else Traced.UNKNOWN, outcome=outcome)

    async def keep(self, order: Order, path: str) -> Kept:
        """There are no files here. ExecutionError."""
        raise ExecutionError(
            f"{path} cannot be saved: {order.connection.name} is an MCP server.",
            fix="Capture the value in an earlier step, and write it back in `undo`.",
        )

    def check(self, connection: Connection) -> None:
        """Refuse a registration that cannot work. InputError."""
        target = mcp_target(connection)
        try:
            permitted(target.environment)
        except ExecutionError as error:
            raise InputError(error.message.removesuffix(" Nothing was started."), fix="Leave it out.") from error

    async def look(self, connection: Connection, login: Login | None, calls: Sequence[ToolCall] = ()) -> Reply:
        """What a server declares: of each call, or of every tool. ExecutionError, SandboxUnavailable, and others."""
        trial = f"look-{os.getpid()}-{id(self):x}-{next(self._visits)}"
        order = Order(
            tenant=connection.tenant,
            run_id=trial,
            token=f"{trial}.1.1",
            command=Command(
                executor=NAME,
                text="",
                connection_id=connection.id,
                timeout_s=_LOOK_S,
                credential=login.name if login else "",
            ),
            manifest=Manifest(proof=Proof.READ),
            connection=connection,
            login=login,
        )
        parcel = pack(order, self._about, self._folders.path(trial), asked=calls)
        try:
            told = await super().run(replace(_launched(order), stdin=parcel.to_json()))
        finally:
            await self.release(trial)
            await self.forget(trial)
        reply = _reply(told) or Reply(problem=_why(told))
        if reply.problem:
            raise ExecutionError(f"{reply.problem.rstrip('.')}.", fix=reply.fix)
        return reply

    async def test(self, connection: Connection, login: Login | None) -> Tested:
        """Ask what it declares, and say which of its tools would be reads."""
        try:
            reply, target = await self.look(connection, login), mcp_target(connection)
        except OpsAgentError as error:
            return Tested(ok=False, text=error.message, fix=error.fix)
        tools = {str(one["name"]): one["read_only"] is True for one in reply.declared}
        unknown = sorted(target.reads - set(tools))
        undeclared = sorted(name for name in target.reads & set(tools) if not tools[name])
        reads = sorted(name for name in target.reads & set(tools) if tools[name])
        facts = {
            "server": reply.server,
            "tools": " ".join(f"{name}{' (read-only)' if tools[name] else ''}" for name in sorted(tools)),
            "reads": " ".join(reads),
        }
        text = f"{reply.server} has {len(tools)} tools; {len(reads)} of them are reads here, and any other asks."
        if unknown or undeclared:
            why = [f"it has no tool {name}" for name in unknown]
            why += [f"it does not declare {name} read-only" for name in undeclared]
            return Tested(ok=False, text=f"{text} But {'; '.join(why)}.", fix="Correct the option reads.", facts=facts)
        return Tested(ok=True, text=text, facts=facts)


def _launched(order: Order) -> Order:
    """The order for the launcher: with time for the program, and with no files to compare, which are tools."""
    return replace(order, command=replace(order.command, timeout_s=order.command.timeout_s + _SLACK_S, files=()))


def _reply(told: Outcome) -> Reply | None:
    lines = told.stdout.splitlines()
    return reply_from(lines[-1]) if lines else None


def _outcome(told: Outcome, *, reads: bool) -> Outcome | Reply:
    """What the program's end means: an outcome, or the reply that nothing was called."""
    reply = _reply(told)
    if reply is None and told.known and BEGINS not in told.stdout.splitlines()[:1]:
        # it came to its end, so all it ever said is here
        return Reply(problem=_why(told), fix="Start the step again when the cause is gone.")
    if reply is not None and not reply.sent:
        return replace(reply, problem=reply.problem or _why(told))
    if reply is None or reply.ok is None:
        why = reply.problem if reply else _why(told)
        lost, stderr = not (reads and told.known), f"{why.rstrip('.')}.\n"
        note = _LOST if lost else told.note
        return replace(told, exit_code=None if lost else 1, stdout="", stderr=stderr, known=not lost, note=note)
    stderr = "" if reply.ok else f"The tool answered with an error.\n{told.stderr[-_STDERR_CHARS:]}"
    return replace(
        told, exit_code=0 if reply.ok else 1, stdout=reply.text, stderr=stderr, truncated=reply.cut, artifact=""
    )


def _why(told: Outcome) -> str:
    """The last words of a program that gave no reply."""
    if told.timed_out:
        return "the server did not answer in time"
    if told.cancelled:
        return "it was stopped"
    return (told.stderr.strip().splitlines()[-1:] or ["the program that visits the server ended without a word"])[0]


def _inside(redactor: Redactor) -> Redactor:
    """Redacts what the program said inside its JSON, so that it stays readable for us."""

    def redacted(text: str) -> str:
        lines = []
        for line in text.splitlines(keepends=True):
            reply = reply_from(line)
            lines.append(reply.redacted(redactor).to_json() if reply else redactor(line))
        return "".join(lines)

    return redacted
