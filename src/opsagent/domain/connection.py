"""A registered target: what may be reached, how, and under which name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from opsagent.domain.command import Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A host, database, account or address people registered.

    `executor` is the executor's name (`shell` for this machine). `labels` are matched exactly against an alert's.
    `values` are registered by people and may stand in commands as `{{connection.NAME}}`. `hosts` (`host` or
    `host:port`) may be contacted by a read without asking. `version` grows with every change, so that an approval
    given for one version does not carry over to the next.
    """

    id: str
    tenant: str
    name: str
    executor: str = "shell"
    reach: Reach = Reach.SANDBOX
    environment: str = "prod"
    labels: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    credential: str = ""
    version: int = 1
    created_at: float = 0.0
    updated_at: float = 0.0

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether every label of this connection stands in `labels` with the same value; no labels match nothing."""
        return bool(self.labels) and all(labels.get(name) == value for name, value in self.labels.items())


BUILT_IN_SANDBOX = "sandbox"  # the connection every tenant has: scratch work on this machine, no network, no host files
