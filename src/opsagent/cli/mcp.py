"""`opsagent mcp`: OpsAgent as an MCP server on standard input and output, for a client that starts it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opsagent.cli.exits import Exit
from opsagent.cli.options import DataDir, Place, TenantName
from opsagent.cli.perform import finish
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import ConfigurationError, InputError


def mcp(
    *,
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="A server elsewhere, such as https://ops.example.com.")
    ] = "",
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", metavar="FILE", help="The key to use; with --url it is needed.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
) -> None:
    """Speak MCP: find runbooks, start runs, read them, their tickets and their questions. It approves nothing.

    It talks to the server given by --url, else to the one that runs on the data folder, and without one works on the
    folder itself as long as it is open.
    """
    place = Place(data_dir=data_dir, tenant=tenant)

    async def work() -> Exit:
        from opsagent.cli.admin_key import read_admin_key
        from opsagent.cli.folder import running_server
        from opsagent.cli.mcp_bridge import bridge, folder_session

        if url:
            if key_file is None:
                raise InputError("A server elsewhere wants a key.", fix="Write it into a file: --key-file FILE.")
            await bridge(url, _key(key_file))
            return Exit.OK
        server = await running_server(place)
        if server is None:
            await folder_session(place)
        else:
            await bridge(server.url, _key(key_file) if key_file else read_admin_key(server.folder))
        return Exit.OK

    finish(place, work)


def _key(path: Path) -> str:
    """The key in a file. ConfigurationError."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(
            f"The key in {path} cannot be read: {why}.", fix="Name a file that holds it."
        ) from None
    if not text or not text.isprintable():
        raise ConfigurationError(f"{path} holds no key.", fix="Write the text of a key into it: opsa_...")
    return text
