"""What the registration of an MCP server says: how it is reached, and which of its tools a person called reads."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from opsagent.adapters.target_url import parse_url
from opsagent.domain.connection import Connection
from opsagent.domain.tool_call import TOOL_NAME
from opsagent.errors import InputError

_OF_A_COMMAND = ("command", "environment", "credential_variable")
_OF_AN_ADDRESS = ("allow_private", "allow_link_local", "allow_plain")
_OPTIONS = ("reads", "network", *_OF_A_COMMAND, *_OF_AN_ADDRESS)
_NAME = re.compile(TOOL_NAME)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class McpTarget:
    """One registered MCP server: by its address (streamable HTTP), or by the command that starts it (stdio).

    `reads` are the tools an admin called reads. `environment` are plain values a started server gets,
    `credential_variable` names the one it gets its credential in. `network` says that a started server may use the
    network; without it there is none around it.
    """

    url: str = ""
    argv: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset()
    environment: tuple[tuple[str, str], ...] = ()
    credential_variable: str = ""
    network: bool = False
    allow_private: bool = False
    allow_link_local: bool = False


def mcp_target(connection: Connection) -> McpTarget:
    """What a connection says. InputError, with the fix, when it cannot be an MCP server."""
    options = connection.options
    if unknown := sorted(set(options) - set(_OPTIONS)):
        raise InputError(f"Unknown option {', '.join(unknown)}.", fix=f"Known: {', '.join(_OPTIONS)}.")
    reads = tuple(options.get("reads", "").replace(",", " ").split())
    if wrong := [name for name in reads if not _NAME.fullmatch(name)]:
        raise InputError(f"{wrong[0]!r} names no tool.", fix="Write the names of tools in `reads`, without patterns.")
    if bool(connection.address) == bool(options.get("command")):
        raise InputError(
            "An MCP server is reached by its address or started by a command, and by one of them.",
            fix="Give the address https://HOST/mcp, or the option command.",
        )
    if connection.address:
        return _remote(connection, frozenset(reads))
    return _started(connection, frozenset(reads))


def _remote(connection: Connection, reads: frozenset[str]) -> McpTarget:
    options = connection.options
    if wrong := [name for name in (*_OF_A_COMMAND, "network") if name in options]:
        raise InputError(f"The option {wrong[0]} is for a server that is started by a command.", fix="Leave it out.")
    url = parse_url(connection.address)
    if url.query or url.fragment:
        raise InputError("The address of an MCP server has no query and no fragment.", fix="Write https://HOST/mcp.")
    switches = {name: _switch(options, name) for name in _OF_AN_ADDRESS}
    opens = connection.credential or connection.read_credential
    if url.scheme == "http" and opens and not (switches["allow_private"] or switches["allow_plain"]):
        raise InputError(
            "A credential would cross the network in clear text.",
            fix="Write https://, or set allow_plain=true (allow_private=true for a host in your own network).",
        )
    return McpTarget(
        url=connection.address,
        reads=reads,
        network=True,
        allow_private=switches["allow_private"],
        allow_link_local=switches["allow_link_local"],
    )


def _started(connection: Connection, reads: frozenset[str]) -> McpTarget:
    options = connection.options
    if wrong := [name for name in _OF_AN_ADDRESS if name in options]:
        raise InputError(f"The option {wrong[0]} is for a server that has an address.", fix="Leave it out.")
    variable = options.get("credential_variable", "")
    opens = connection.credential or connection.read_credential
    if bool(variable) != bool(opens):
        raise InputError(
            "A started server gets its credential in a variable: one of the two is missing.",
            fix="Set credential_variable=NAME and the credential, or neither.",
        )
    if variable and not _VARIABLE.fullmatch(variable):
        raise InputError(f"{variable!r} names no variable.", fix="Use letters, digits and underscores.")
    argv = _words(options["command"], "command")
    return McpTarget(
        argv=argv,
        reads=reads,
        environment=tuple(_pair(word) for word in _words(options.get("environment", ""), "environment")),
        credential_variable=variable,
        network=_switch(options, "network"),
    )


def _words(text: str, option: str) -> tuple[str, ...]:
    """The words of an option, quoted as for a shell; no shell sees them. InputError."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise InputError(f"The option {option} cannot be read: {error}.", fix="Close its quotes.") from None


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not _VARIABLE.fullmatch(name):
        raise InputError(f"The option environment has {word!r}.", fix="Write NAME=VALUE, with quotes around spaces.")
    return name, value


def _switch(options: Mapping[str, str], name: str) -> bool:
    value = options.get(name, "false")
    if value not in ("true", "false"):
        raise InputError(f"The option {name} is {value!r}.", fix="Write true or false.")
    return value == "true"
