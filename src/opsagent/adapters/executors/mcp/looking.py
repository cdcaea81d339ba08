"""Asks MCP servers what they declare, for whoever judges a call and for whoever names its tool in the digest."""

from __future__ import annotations

from collections.abc import Sequence

from opsagent.adapters.executors.mcp.executor import McpExecutor
from opsagent.adapters.mcp_tools import Declared, tool_of
from opsagent.domain.connection import Connection
from opsagent.domain.tool_call import ToolCall
from opsagent.errors import OpsAgentError, UnavailableError
from opsagent.ports.clock import Clock
from opsagent.ports.secrets import Secrets

ABSENT = "absent"
_FRESH_S = 10.0  # a call is judged, and then its tool is named in the digest: one visit is enough for both
_MOST = 500
_Key = tuple[str, str, int, str]


class ToolLook:
    """Fulfils `mcp_tools.LooksAtTools`: each judgement asks anew. A call compares the tool once more."""

    def __init__(self, executor: McpExecutor, secrets: Secrets, clock: Clock) -> None:
        self._executor, self._secrets, self._clock = executor, secrets, clock
        self._seen: dict[_Key, tuple[float, str]] = {}

    async def __call__(self, connection: Connection, calls: Sequence[ToolCall]) -> Sequence[Declared]:
        """One answer for each call, in order. UnavailableError: the server cannot be asked now."""
        answers = await self._ask(connection, calls)
        now = self._clock.monotonic()
        self._seen = {key: kept for key, kept in self._seen.items() if now - kept[0] < _FRESH_S}
        for call, answer in zip(calls, answers, strict=True):
            if len(self._seen) < _MOST:
                self._seen[_key(connection, call.tool)] = now, answer.fingerprint
        return answers

    async def fingerprints(self, connection: Connection, tools: Sequence[str]) -> Sequence[str]:
        """The hash of each tool's declaration, in order; empty where there is no such tool. UnavailableError."""
        now = self._clock.monotonic()
        found = {
            tool: kept[1]
            for tool in tools
            if (kept := self._seen.get(_key(connection, tool))) and now - kept[0] < _FRESH_S
        }
        missing = [tool for tool in tools if tool not in found]
        if missing:
            answers = await self(connection, [ToolCall(tool=tool) for tool in missing])
            found |= {tool: one.fingerprint for tool, one in zip(missing, answers, strict=True)}
        return [found[tool] for tool in tools]

    async def _ask(self, connection: Connection, calls: Sequence[ToolCall]) -> Sequence[Declared]:
        name = connection.read_credential or connection.credential
        try:
            login = await self._secrets.open(connection.tenant, name, connection) if name else None
            reply = await self._executor.look(connection, login, calls)
            declared = [Declared(**{str(name): value for name, value in one.items()}) for one in reply.declared]
        except OpsAgentError as error:
            raise UnavailableError(f"{connection.name} cannot be asked: {error.message}", fix=error.fix) from error
        except TypeError as error:
            raise UnavailableError(f"{connection.name} gave no answer.", fix="Look at its log.") from error
        if len(declared) != len(calls):
            raise UnavailableError(f"{connection.name} gave no answer.", fix="Look at its log.")
        return declared


class ToolHashes:
    """Fulfils `ports.files.FileHashes`: what an MCP call executes is a tool, known by the hash of its declaration."""

    def __init__(self, look: ToolLook) -> None:
        self._look = look

    async def __call__(
        self,
        paths: Sequence[str],
        connection: Connection,
        *,
        run_id: str = "",  # noqa: ARG002 - the port's; a server has no folder of a run
        cwd: str = "",  # noqa: ARG002
    ) -> tuple[tuple[str, str], ...]:
        """(tool, SHA-256) of each, sorted. UnavailableError: it must not look as if the tools had changed."""
        wanted = sorted(set(paths))
        found = await self._look.fingerprints(connection, [tool_of(path) for path in wanted])
        return tuple((path, one or ABSENT) for path, one in zip(wanted, found, strict=True))


def _key(connection: Connection, tool: str) -> _Key:
    return connection.tenant, connection.id, connection.version, tool
