"""A registered target: what may be reached, how, and under which name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from opsagent.domain.command import Reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A host, database, account or address people registered.

    `executor` is the executor's name (see LANGUAGES). `address` says where it is, as a URL without a password
    (`ssh://root@db1:22`, `postgresql://db1:5432/shop`, `mysql://db1/shop`, `https://api.example.com/v1`,
    `aws://123456789012/eu-central-1`, `winrm://win1:5986`; empty for this machine). `options` are the executor's own
    registered settings (a pinned host key, a jump host, a role). `credential` opens it for effects, and for reads too
    unless there is a `read_credential`. `labels` are matched exactly against an alert's.
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
    address: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    credential: str = ""
    read_credential: str = ""
    version: int = 1
    created_at: float = 0.0
    updated_at: float = 0.0

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether every label of this connection stands in `labels` with the same value; no labels match nothing."""
        return bool(self.labels) and all(labels.get(name) == value for name, value in self.labels.items())

    @property
    def language(self) -> str:
        """What its commands are written in; an executor nobody knows speaks its own."""
        return LANGUAGES.get(self.executor, self.executor)

    @property
    def place(self) -> str:
        """A digest (SHA-256, hex) of where it leads: the same as long as it is the same host, folder and way."""
        where = [self.id, self.executor, self.address, sorted(self.options.items())]
        return hashlib.sha256(json.dumps(where).encode()).hexdigest()

    @property
    def target(self) -> str:
        """What it changes, however many connections lead there: this machine, or `host:port` and the path there.

        Another name of the same host, and another port, count as another target: nothing here can tell.
        """
        if self.executor == "shell":
            return "this machine" if self.reach is Reach.HOST else self.id
        where = urlsplit(self.address)
        if not where.hostname:
            return self.address or self.id
        port = where.port or DEFAULT_PORTS.get(where.scheme)
        return f"{where.hostname.lower()}{f':{port}' if port else ''}{where.path.rstrip('/')}"

    @property
    def is_scratch(self) -> bool:
        """Whether it is scratch space on this machine: what a run does there concerns no other run."""
        return self.executor == "shell" and self.reach is Reach.SANDBOX

    @property
    def known_hosts(self) -> tuple[str, ...]:
        """Every `host` or `host:port` a read may contact without asking: its own, and the registered ones."""
        where = urlsplit(self.address)
        if where.scheme in ("aws", "") or not where.hostname:
            return self.hosts
        host = f"[{where.hostname}]" if ":" in where.hostname else where.hostname
        port = where.port or DEFAULT_PORTS.get(where.scheme)
        return (*self.hosts, f"{host}:{port}" if port else host)


# Executor -> the language of its commands: what a fence of a runbook names, and which analyser reads it.
LANGUAGES: Mapping[str, str] = {
    "shell": "shell",  # this machine
    "ssh": "shell",
    "sql": "sql",
    "http": "http",
    "aws": "aws",
    "powershell": "powershell",
    "mcp": "mcp",
}
# The registered ports of the schemes an address may have (IANA service names; WinRM: Microsoft's default listeners).
DEFAULT_PORTS: Mapping[str, int] = {
    "ssh": 22,
    "postgresql": 5432,
    "mysql": 3306,
    "http": 80,
    "https": 443,
    "winrm": 5986,
}
BUILT_IN_SANDBOX = "sandbox"  # the connection every tenant has: scratch work on this machine, no network, no host files
