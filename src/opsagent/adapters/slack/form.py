"""Reads the form a slash command posts; its text is kept exactly as it was typed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from urllib.parse import parse_qsl

from opsagent.errors import InputError

MAX_FIELDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SlashCommand:
    """The eleven fields Slack sends (S1); one that did not come is empty."""

    token: str = ""
    team_id: str = ""
    team_domain: str = ""
    channel_id: str = ""
    channel_name: str = ""
    user_id: str = ""
    user_name: str = ""
    command: str = ""
    text: str = ""
    response_url: str = ""
    trigger_id: str = ""


_NAMES = frozenset(field.name for field in fields(SlashCommand))


def parse_command(raw: bytes) -> SlashCommand:
    """The command in a body. InputError for what is no form. Of a field that comes twice the first counts."""
    values: dict[str, str] = {}
    for name, value in form(raw):
        if name in _NAMES:
            values.setdefault(name, value)
    return SlashCommand(**values)


def is_certificate_check(raw: bytes) -> bool:
    """Whether Slack only looks at the certificate (`ssl_check=1`): such a request says nothing else."""
    if b"ssl_check" not in raw:  # nearly all of them: not read twice
        return False
    try:
        names = dict(form(raw))
    except InputError:
        return False
    return names.get("ssl_check") == "1" and names.keys() <= {"ssl_check", "token"}


def form(raw: bytes) -> list[tuple[str, str]]:
    """The names and values of a form body. InputError."""
    try:
        text = raw.decode("ascii")
        return parse_qsl(
            text, keep_blank_values=True, max_num_fields=MAX_FIELDS, encoding="utf-8", errors="strict", separator="&"
        )
    except ValueError:
        raise InputError("The body is no form in UTF-8.", fix="Send application/x-www-form-urlencoded.") from None


def delivery_key(command: SlashCommand, raw: bytes, timestamp: str) -> tuple[str, str]:
    """The idempotency key of a command, and the SHA-256 of what it asks for: Slack may hand the same one in again.

    Slack names each command by its trigger_id; where that is missing the response_url makes the body unique, and where
    that is missing too, the time does.
    """
    asked = repr((command.team_id, command.user_id, command.channel_id, command.command, command.text))
    named = command.trigger_id
    if not named:
        named = hashlib.sha256(raw if command.response_url else timestamp.encode() + raw).hexdigest()
    key = hashlib.sha256(f"{command.team_id}\0{named}".encode()).hexdigest()
    return f"slack:{key}", hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()
