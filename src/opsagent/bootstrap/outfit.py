"""The concrete pieces commands need before, or instead of, a whole app.

`compose.py` loads everything; `policy explain`, finding a running server and `doctor` must not have to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.datafolder import ServerInfo, read_server, remove_server, write_server
from opsagent.domain.policy import Policy
from opsagent.domain.runbook import Runbook
from opsagent.ports.analyser import Analyser
from opsagent.ports.clock import Clock, Ids
from opsagent.settings import Settings

__all__ = [
    "ServerInfo",
    "clock",
    "explainer",
    "ids",
    "read_server",
    "remove_server",
    "runbook_parser",
    "shfmt",
    "shipped_runbooks",
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
    from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
    from opsagent.adapters.analysers.sql.analyser import SqlAnalyser
    from opsagent.adapters.policy_files import load_policy

    policy, tables = load_policy(settings.policy.admin_policy_file, settings.policy.user_policy_file)
    protected = str(settings.server.data_dir.expanduser().resolve())
    return policy, {"shell": ShellAnalyser(ShellAnalyserConfig(protected=(protected,)), tables), "sql": SqlAnalyser()}


def runbook_parser() -> Callable[[str, str], Runbook]:
    """Text and path to a runbook, or RunbookError."""
    from opsagent.adapters.knowledge.markdown import parse_runbook

    return lambda text, path: parse_runbook(text, path=path)


def shipped_runbooks() -> Sequence[Runbook]:
    """The runbooks that come with OpsAgent."""
    from opsagent.adapters.knowledge.pack import shipped

    return shipped()


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
