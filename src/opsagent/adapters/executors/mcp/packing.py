"""Makes the parcel of a visit: where it goes, under whose name, and what it may do there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from opsagent.adapters.executors.http.parcels import login_headers, secrets_of
from opsagent.adapters.executors.local.config import SEARCH_PATH
from opsagent.adapters.executors.local.survivors import MARK
from opsagent.adapters.executors.mcp.config import McpConfig
from opsagent.adapters.executors.mcp.parcel import Parcel
from opsagent.adapters.executors.variables import permitted
from opsagent.adapters.mcp_target import McpTarget, mcp_target
from opsagent.adapters.mcp_tools import executed
from opsagent.domain.credential import CredentialKind
from opsagent.domain.tool_call import ToolCall, parse_tool_call
from opsagent.errors import ExecutionError, InputError
from opsagent.ports.executor import Order
from opsagent.ports.secrets import Login


def pack(order: Order, config: McpConfig, folder: Path, *, asked: Sequence[ToolCall] | None = None) -> Parcel:
    """The parcel of a call, or, with `asked`, of a visit that only looks. ExecutionError: it cannot be made."""
    try:
        target = mcp_target(order.connection)
        call = parse_tool_call(order.command.text) if asked is None else None
    except InputError as error:
        raise ExecutionError(f"It was not started: {error.message}", fix=error.fix) from error
    if order.stdin is not None or order.command.stdin or order.command.stdin_artifact:
        raise ExecutionError("It was not started: a tool has no input but its arguments.", fix="Pass it there.")
    files = dict(order.command.files)
    return Parcel(
        url=target.url,
        argv=target.argv,
        environment=_environment(order, target, folder) if target.argv else {},
        headers=login_headers(order.login) if target.url else {},
        secrets=secrets_of(order.login) if target.url else order.login.secret_values if order.login else (),
        tool=call.tool if call else "",
        arguments=call.arguments if call else {},
        fingerprint=files.get(executed(call.tool), "") if call else "",
        asked=tuple((one.tool, one.arguments) for one in asked or ()),
        allow_private=target.allow_private,
        allow_link_local=target.allow_link_local,
        connect_timeout_s=config.connect_timeout_s,
        total_timeout_s=order.command.timeout_s,
        cap_bytes=config.output_cap_bytes,
        ca_file=str(config.ca_file.resolve()) if config.ca_file else "",
    )


def _environment(order: Order, target: McpTarget, folder: Path) -> Mapping[str, str]:
    """All a started server gets; nothing of the server's own environment is in it."""
    return {
        "PATH": SEARCH_PATH,
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        **permitted(target.environment),
        **_credential(order.login, target),
        MARK: order.token,
    }


def _credential(login: Login | None, target: McpTarget) -> Mapping[str, str]:
    if login is None:
        return {}
    if login.kind is not CredentialKind.TOKEN:
        raise ExecutionError(
            f"It was not started: {login.name} is a {login.kind.value}, and a started server takes a token.",
            fix="Name a credential of kind token.",
        )
    return {target.credential_variable: login.values["token"]}
