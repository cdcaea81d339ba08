"""Says what a call of an MCP tool would do: it is a read where an admin and the server both say so, else nobody knows.

A server's own word is never proof, for it may be mistaken or hostile; an admin's alone is not either, for the tool may
have become another since.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from opsagent.adapters.mcp_target import McpTarget, mcp_target
from opsagent.adapters.mcp_tools import Declared, LooksAtTools, executed
from opsagent.domain.command import Command
from opsagent.domain.connection import DEFAULT_PORTS, Connection
from opsagent.domain.manifest import Invocation, Manifest, Proof
from opsagent.domain.tool_call import ToolCall, parse_tool_call
from opsagent.domain.visible import one_line
from opsagent.errors import InputError, OpsAgentError

_DESCRIPTION_CHARS = 120
_NO_RECORD = "an MCP server keeps no record of calls: one that a crash interrupts is left to a person"


class McpAnalyser:
    """Fulfils `ports.analyser.Analyser` for calls of tools; `look` asks the server what it declares."""

    def __init__(self, look: LooksAtTools) -> None:
        self._look = look

    async def analyse(self, command: Command, connection: Connection) -> Manifest:
        """The manifest of one call."""
        return (await self.analyse_all([command.text], connection))[0]

    async def analyse_all(self, texts: Sequence[str], connection: Connection) -> Sequence[Manifest]:
        """The manifests of many calls, in order, with one question to the server."""
        try:
            target = mcp_target(connection)
        except InputError as error:
            return [_unread(error) for _ in texts]
        read = [_read(text) for text in texts]
        calls = [one for one in read if isinstance(one, ToolCall)]
        try:
            answers = iter(await self._look(connection, calls) if calls else ())
        except OpsAgentError as error:
            return [_unasked(one, target, error) if isinstance(one, ToolCall) else one for one in read]
        return [_judged(one, next(answers), target) if isinstance(one, ToolCall) else one for one in read]


def _read(text: str) -> ToolCall | Manifest:
    try:
        return parse_tool_call(text)
    except InputError as error:
        return _unread(error)


def _unread(error: InputError) -> Manifest:
    return Manifest(proof=Proof.UNKNOWN, reasons=(f"it cannot be read: {error.message.rstrip('.')}",))


def _unasked(call: ToolCall, target: McpTarget, error: OpsAgentError) -> Manifest:
    return Manifest(
        proof=Proof.UNKNOWN,
        invocations=_invocations(call),
        contacts=_contacts(target),
        executes=(executed(call.tool),),
        reasons=(f"its server cannot be asked what the tool is: {error.message.rstrip('.')}",),
    )


def _judged(call: ToolCall, declared: Declared, target: McpTarget) -> Manifest:
    forbidden: tuple[str, ...] = ()
    if not declared.fingerprint:
        forbidden = (f"its server has no tool {call.tool}",)
    elif declared.problem:
        forbidden = (f"its arguments do not fit: {declared.problem}",)
    listed = call.tool in target.reads
    reads = listed and declared.read_only and not forbidden
    return Manifest(
        proof=Proof.READ if reads else Proof.UNKNOWN,
        invocations=_invocations(call),
        contacts=_contacts(target),
        executes=(executed(call.tool),),
        forbidden=forbidden,
        reasons=() if reads else _reasons(call, declared, listed=listed),
    )


def _reasons(call: ToolCall, declared: Declared, *, listed: bool) -> tuple[str, ...]:
    """Why it is no proven read; the server's own words last, and called that."""
    if not declared.fingerprint:
        return ()
    if listed:
        reasons = [f"{call.tool} is registered as a read, and its server does not declare it read-only"]
    elif declared.read_only:
        reasons = [f"its server calls {call.tool} read-only, and no admin registered it as a read"]
    else:
        said = "destructive" if declared.destructive else "adding only"
        reasons = [f"its server declares {call.tool} as {said}, not as read-only"]
    reasons.append(_NO_RECORD)
    if declared.description:
        reasons.append(f'its server says: "{one_line(declared.description, _DESCRIPTION_CHARS)}"')
    return tuple(reasons)


def _invocations(call: ToolCall) -> tuple[Invocation, ...]:
    return (Invocation(call.tool, (call.canonical,)),)


def _contacts(target: McpTarget) -> tuple[str, ...]:
    """Whom it contacts: the host of the address, named as `Connection.known_hosts` names it."""
    if not target.url:
        return ()
    url = urlsplit(target.url)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    return (f"{host}:{url.port or DEFAULT_PORTS[url.scheme]}",)
