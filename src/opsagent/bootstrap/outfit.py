"""The concrete pieces commands need before, or instead of, a whole app.

`compose.py` loads everything; `policy explain`, finding a running server and `doctor` must not have to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.datafolder import ServerInfo, read_server, remove_server, write_server
from opsagent.domain.escalation_policy import EscalationPolicy
from opsagent.domain.library import Offer, Remark
from opsagent.domain.policy import Policy
from opsagent.domain.runbook import Runbook
from opsagent.errors import InputError, UnavailableError
from opsagent.ports.analyser import Analyser
from opsagent.ports.clock import Clock, Ids
from opsagent.settings import Settings
from opsagent.stages.import_runbooks import ReadRunbook

__all__ = [
    "ServerInfo",
    "clock",
    "escalation_policies",
    "explainer",
    "ids",
    "offer",
    "prometheus_rules",
    "read_server",
    "remove_server",
    "runbook_parser",
    "runbook_reader",
    "shfmt",
    "shipped_runbooks",
    "slack_manifest",
    "start_logs",
    "write_server",
]


def clock() -> Clock:
    """The system's clock."""
    return SystemClock()


def ids() -> Ids:
    """The system's randomness."""
    return SystemIds()


def explainer(settings: Settings) -> tuple[Policy, Mapping[str, Analyser]]:
    """The policy in force and the analysers by language, without a store. PolicyUnloadable."""
    from opsagent.adapters.analysers.http.analyser import HttpAnalyser
    from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
    from opsagent.adapters.analysers.sql.analyser import SqlAnalyser
    from opsagent.adapters.policy_files import load_policy

    policy, tables = load_policy(settings.policy.admin_policy_file, settings.policy.user_policy_file)
    protected = str(settings.server.data_dir.expanduser().resolve())
    return policy, {
        "shell": ShellAnalyser(ShellAnalyserConfig(protected=(protected,)), tables),
        "sql": SqlAnalyser(),
        "http": HttpAnalyser(),
    }


def runbook_parser() -> Callable[[str, str], Runbook]:
    """Text and path to a runbook, or RunbookError."""
    from opsagent.adapters.knowledge.markdown import parse_runbook

    return lambda text, path: parse_runbook(text, path=path)


def runbook_reader() -> ReadRunbook:
    """The same, with the remarks about it."""
    from opsagent.adapters.knowledge.markdown import parse

    def read(text: str, path: str) -> tuple[Runbook, Sequence[Remark]]:
        found = parse(text, path=path)
        return found.runbook, [Remark(one.line, one.message, one.fix) for one in found.warnings]

    return read


async def offer(place: str, *, ref: str = "", folder: str = "") -> Offer:
    """The Markdown of a folder of this machine, or of a git repository. NotFound, InputError, UnavailableError."""
    from opsagent.adapters.knowledge.from_folder import read_folder
    from opsagent.adapters.knowledge.from_git import checked, is_repository, read_repository

    if is_repository(place):
        return await read_repository(checked(place, ref, folder), SystemClock())
    if ref:
        raise InputError("A folder has no branches.", fix="Leave --ref out, or give file:// and the path.")
    return await asyncio.to_thread(read_folder, Path(place) / folder if folder else Path(place))


async def prometheus_rules(address: str) -> str:
    """What a running Prometheus says of its alert rules. UnavailableError, InputError."""
    from opsagent.adapters.outbound import OutboundClient, OutboundConfig
    from opsagent.adapters.prometheus.rules import MAX_CHARS, RULES_PATH

    # Whoever runs the command could call it themselves, so a private address is as good as any.
    config = OutboundConfig(allow_private=True, allow_link_local=True, max_response_bytes=MAX_CHARS)
    address = address.rstrip("/")
    url = address if address.endswith(RULES_PATH) else f"{address}{RULES_PATH}?type=alert"
    answer = await OutboundClient(config, SystemClock()).request("GET", url)
    if answer.status != HTTPStatus.OK:
        raise UnavailableError(
            f"{address} answered {answer.status}.", fix="Give the address of a Prometheus, such as http://prom1:9090."
        )
    return answer.body.decode("utf-8", "replace")


def shipped_runbooks() -> Sequence[Runbook]:
    """The runbooks that come with OpsAgent."""
    from opsagent.adapters.knowledge.pack import shipped

    return shipped()


def escalation_policies(settings: Settings, path: Path) -> Sequence[EscalationPolicy]:
    """Those of a file, as a server with these settings would read them. ConfigurationError."""
    from opsagent.adapters.escalation_file import load_escalations
    from opsagent.bootstrap.compose import channel_names

    return load_escalations(path, channel_names(settings))


def slack_manifest(settings: Settings) -> Mapping[str, object]:
    """What makes the Slack app of this server."""
    from opsagent.adapters.slack.manifest import app_manifest
    from opsagent.bootstrap.configs import slack

    return app_manifest(slack(settings))


def start_logs(settings: Settings) -> None:
    """Send log lines where the settings say. ConfigurationError when the file cannot be opened."""
    from opsagent.adapters.logs import LogConfig, configure_logs
    from opsagent.adapters.redaction import Redaction
    from opsagent.bootstrap.configs import secrets

    logs = settings.logs
    config = LogConfig(format=logs.log_format, level=logs.log_level, file=logs.log_file)
    configure_logs(config, Redaction(secrets(settings)))


def shfmt() -> Path | None:
    """The program that parses shell commands, if it is installed."""
    from opsagent.adapters.analysers.shell.parser import find_shfmt

    return find_shfmt()
