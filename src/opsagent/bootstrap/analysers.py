"""Which analyser reads the commands of which language."""

from __future__ import annotations

from collections.abc import Mapping

from opsagent.adapters.analysers.aws.analyser import AwsAnalyser
from opsagent.adapters.analysers.http.analyser import HttpAnalyser
from opsagent.adapters.analysers.mcp.analyser import McpAnalyser
from opsagent.adapters.analysers.powershell.analyser import PowerShellAnalyser
from opsagent.adapters.analysers.shell.analyser import ShellAnalyser
from opsagent.adapters.analysers.sql.analyser import SqlAnalyser
from opsagent.adapters.executors.mcp.looking import ToolLook
from opsagent.bootstrap import configs
from opsagent.domain.command_table import Tables
from opsagent.ports.analyser import Analyser
from opsagent.settings import Settings


def analysers(settings: Settings, tables: Tables, look: ToolLook) -> Mapping[str, Analyser]:
    """One for each language; `look` asks a server of tools what it has."""
    return {
        "shell": ShellAnalyser(configs.shell(settings), tables),
        "sql": SqlAnalyser(),
        "aws": AwsAnalyser(),
        "http": HttpAnalyser(),
        "powershell": PowerShellAnalyser(),
        "mcp": McpAnalyser(look),
    }
