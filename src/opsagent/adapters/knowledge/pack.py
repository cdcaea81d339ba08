"""The runbooks that come with OpsAgent, read from the package when they are asked for."""

from __future__ import annotations

from importlib import resources

from opsagent.adapters.knowledge.markdown import decode_runbook, parse_runbook
from opsagent.domain.runbook import Runbook


def shipped(tenant: str = "") -> list[Runbook]:
    """Every shipped runbook, by id. RunbookError for one that does not load: the installation is damaged."""
    folder = resources.files("opsagent").joinpath("runbooks")
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".md")]
    runbooks = []
    for entry in sorted(found, key=lambda entry: entry.name):
        path = f"runbooks/{entry.name}"
        runbooks.append(parse_runbook(decode_runbook(entry.read_bytes(), path=path), path=path, tenant=tenant))
    return sorted(runbooks, key=lambda runbook: runbook.id)
