"""Writes the settings down for people: the reference page, the example file, the example environment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from inspect import getdoc
from itertools import groupby
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from opsagent.settings.area import PREFIX, Area, environment_names, extra
from opsagent.settings.environment import CONFIG_VARIABLE, FAMILIES, MEMBER
from opsagent.settings.found import is_secret
from opsagent.settings.settings import Settings

_INTRODUCTION = f"""# Settings

This page is generated from the code by `python -m opsagent.settings markdown`; a test keeps the two equal.

A setting is read from, the strongest first:

1. an argument of the command (`--port`),
2. the environment: `{PREFIX}` and the setting's name in capitals,
3. the file named by `{CONFIG_VARIABLE}`, else `config.yaml` in the data folder (see `config.example.yaml`),
4. its default.

A value that is wrong, or a name that does not exist, stops the start and says which one, where it was set and what to
write instead. An empty environment variable counts as not set. Every secret can also be read from a file: add `_FILE`
to its variable (`CREDENTIAL_ENCRYPTION_KEY_FILE=/run/secrets/key`). Lists in the environment are separated by commas.
"""
_MEMBERS = {
    "webhook_secrets": '{alertmanager: "..."}',
    "logins": '{shopdb_username: "...", shopdb_password: "..."}',
    "apprise_urls": '{phone: "..."}',
}
_KINDS: Mapping[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "secret",
}


def markdown() -> str:
    """`docs/settings.md`."""
    lines = [_INTRODUCTION]
    for area, fields in _by_area():
        lines += [f"## {area}", "", _about(area), ""]
        lines += ["| setting | environment | type | default | what it is for |", "|---|---|---|---|---|"]
        for name, field in fields:
            variables = "<br>".join(f"`{variable}`" for variable in _variables(name, field))
            words = (field.description or "").replace("|", "\\|")
            lines.append(f"| `{name}` | {variables} | {_kind(field)} | {_default(field)} | {words} |")
        lines.append("")
    return "\n".join(lines)


def example_yaml() -> str:
    """`config.example.yaml`: every setting with its default, commented out."""
    lines = [
        "# Copy this to config.yaml in the data folder, or name it in OPSAGENT_CONFIG. docs/settings.md explains all.",
        "",
    ]
    for area, fields in _by_area():
        lines.append(f"{area}:")
        for name, field in fields:
            lines += [f"  # {field.description}", f"  # {name}: {_literal(name, field)}"]
        lines.append("")
    return "\n".join(lines)


def example_environment() -> str:
    """`.env.example`: every variable with its default, commented out."""
    lines = ["# For `docker compose` or a systemd EnvironmentFile. docs/settings.md explains all.", ""]
    for area, fields in _by_area():
        lines.append(f"# --- {area} ---")
        for name, field in fields:
            variable = (
                _variables(name, field)[-1]
                .replace("<SOURCE>", "ALERTMANAGER")
                .replace("<NAME>_<FIELD>", "X_TOKEN")
                .replace("<NAME>", "PHONE")
            )
            lines += [f"# {field.description}", f"#{variable}={_plain(field)}"]
        lines.append("")
    return "\n".join(lines)


def _by_area() -> Iterator[tuple[str, list[tuple[str, FieldInfo]]]]:
    for area, rows in groupby(Settings.each(), key=lambda row: row[0]):
        yield area, [(name, field) for _, name, field in rows]


def _about(area: str) -> str:
    holder = Settings.model_fields[area].annotation
    return (getdoc(holder) or "") if isinstance(holder, type) and issubclass(holder, Area) else ""


def _variables(name: str, field: FieldInfo) -> tuple[str, ...]:
    return (f"{FAMILIES[name]}{MEMBER[name]}",) if name in FAMILIES else environment_names(name, field)


def _kind(field: FieldInfo) -> str:
    if is_secret(field):
        return "secrets by name" if field.annotation is not SecretStr else "secret"
    kind = field.annotation
    arguments = [one for one in get_args(kind) if one is not type(None)]
    if get_origin(kind) is Literal:
        return " or ".join(f"`{one}`" for one in arguments)
    if get_origin(kind) is tuple:
        return "list"
    return _KINDS[arguments[0] if arguments else kind] + _range(field)


def _range(field: FieldInfo) -> str:
    bounds = {name: getattr(rule, name) for rule in field.metadata for name in ("ge", "le") if hasattr(rule, name)}
    if not bounds:
        return ""
    low, high = (f"{bounds[name]:_}".replace("_", " ") if name in bounds else "" for name in ("ge", "le"))
    return f", {low} to {high}" if low and high else f", at least {low}"


def _default(field: FieldInfo) -> str:
    shown = extra(field, "shown") or _plain(field)
    return f"`{shown}`" if shown and shown != "none" else "none"


def _plain(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=False)
    if isinstance(value, SecretStr) or value in (None, (), {}):
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _literal(name: str, field: FieldInfo) -> str:
    """The default as YAML; where there is none, something of the right shape."""
    if name in FAMILIES:
        return _MEMBERS[name]
    value = field.get_default(call_default_factory=False)
    if isinstance(value, SecretStr):
        return '"..."'
    if isinstance(value, Path):
        return str(value)
    return json.dumps(value)
