"""What is asked about a target: how it is reached, by which account, and what may be said of it in a runbook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opsagent.web.dashboard.widgets.form import Entry, Given, lines, named, written

NAME = "[A-Za-z0-9][A-Za-z0-9_.\\-]{0,63}"
EXECUTORS = (
    ("ssh", "A host over SSH"),
    ("shell", "This machine"),
    ("sql", "A database"),
    ("http", "An HTTP API"),
    ("aws", "An AWS account"),
    ("powershell", "A Windows host"),
    ("mcp", "An MCP server"),
)
_AWAY = tuple(name for name, _ in EXECUTORS if name != "shell")
_REACHES = (("host", "This machine itself"), ("sandbox", "Scratch space only"))
_ADDRESSES = (
    "ssh://USER@HOST, postgresql://HOST/DB, mysql://HOST/DB, https://HOST/BASE, aws://ACCOUNT/REGION, winrm://HOST"
)


def target_entries(one: dict[str, Any], credentials: Sequence[str]) -> tuple[Entry, ...]:
    """The form: of a new target, or of `one` as it is."""
    keys = [("", "none"), *((name, name) for name in credentials)]
    away = (("executor", _AWAY),)

    def area(key: str, label: str, hint: str) -> Entry:
        return Entry(name=key, label=label, kind="area", hint=hint, value=written(one.get(key, {})))

    def account(key: str, label: str, hint: str) -> Entry:
        value = str(one.get(key, ""))
        choices = keys if not value or (value, value) in keys else [*keys, (value, value)]
        return Entry(name=key, label=label, kind="choice", choices=choices, value=value, hint=hint, of=away)

    executor, address = str(one.get("executor", "ssh")), str(one.get("address", ""))
    executors = EXECUTORS if executor in dict(EXECUTORS) else (*EXECUTORS, (executor, executor))
    name = () if one else (Entry(name="name", label="Name", pattern=NAME, needed=True),)
    return (
        *name,
        Entry(name="executor", label="What it is", kind="choice", choices=executors, value=executor),
        Entry(
            name="reach", label="How far", kind="choice", choices=_REACHES, value=str(one.get("reach", "host")),
            of=(("executor", ("shell",)),),
        ),
        Entry(name="address", label="Address", value=address, hint=_ADDRESSES, needed=True, of=away),
        account("credential", "Account for changing", "Opens it for effects."),
        account("readCredential", "Account for looking", "One that may only read, where there is one."),
        Entry(name="environment", label="Environment", value=str(one.get("environment", "prod")), needed=True),
        area("labels", "Labels", "An alert with all of these means this target. One a line: service=shop"),
        area("options", "Options", "Settings of what carries commands out, such as host_key=ssh-ed25519 AAAA…"),
        area("values", "Values", "What {{connection.NAME}} stands for in a runbook. One a line: NAME=value"),
        Entry(
            name="hosts", label="Other hosts", kind="area", value="\n".join(one.get("hosts", ())),
            hint="What a read may contact without asking: host or host:port, one a line.",
        ),
    )  # fmt: skip


def target_of(given: Given, before: dict[str, Any]) -> dict[str, Any]:
    """As the API takes it. Refused for what is no name=value."""
    local = given["executor"] == "shell"
    reach = given.get("reach") if local else before.get("reach", "sandbox")
    return {
        "executor": given["executor"],
        "reach": reach,
        "address": given.get("address", "").strip(),
        "credential": given.get("credential", ""),
        "readCredential": given.get("readCredential", ""),
        "environment": given["environment"].strip(),
        "labels": named(given["labels"]),
        "options": named(given["options"]),
        "values": named(given["values"]),
        "hosts": lines(given["hosts"]),
    }
