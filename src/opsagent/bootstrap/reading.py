"""How what lies outside is read for the library: runbooks with remarks, alert rules, folders, links."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from opsagent.adapters.knowledge.from_folder import AllowedFolders
from opsagent.adapters.outbound import OutboundClient
from opsagent.adapters.prometheus.rules import read_rules
from opsagent.bootstrap.outfit import runbook_reader
from opsagent.errors import OpsAgentError
from opsagent.loop.library import Readers
from opsagent.settings import Settings

LINK_TIMEOUT_S = 10.0
_CLIENT_ERROR = 400  # RFC 9110, section 15.5


def readers(settings: Settings, client: OutboundClient) -> Readers:
    """Folders as the settings name them; links by the one client that leaves the house."""
    return Readers(
        page=runbook_reader(),
        rules=read_rules,
        source=AllowedFolders([one.expanduser() for one in settings.knowledge.runbook_folders]),
        follow=follower(client),
    )


def follower(client: OutboundClient) -> Callable[[str], Awaitable[str]]:
    """Tries an address; says why it leads nowhere, or nothing."""

    async def follow(link: str) -> str:
        try:
            answer = await client.request("GET", link, total_timeout_s=LINK_TIMEOUT_S, cut=True)
        except OpsAgentError as error:
            return error.message.rstrip(".")
        return f"it answers {answer.status}" if answer.status >= _CLIENT_ERROR else ""

    return follow
