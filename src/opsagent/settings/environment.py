"""Reads settings from environment variables, and secrets from the files they name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic.fields import FieldInfo

from opsagent.errors import ConfigurationError
from opsagent.settings.area import PREFIX, environment_names
from opsagent.settings.found import Catalogue, Found, is_secret, kinds, unknown

CONFIG_VARIABLE = PREFIX + "CONFIG"
# Settings that are families of variables: OPSAGENT_WEBHOOK_SECRET_ALERTMANAGER=..., OPSAGENT_LOGIN_SHOPDB_PASSWORD=...
FAMILIES = {
    "webhook_secrets": PREFIX + "WEBHOOK_SECRET_",
    "logins": PREFIX + "LOGIN_",
    "apprise_urls": PREFIX + "APPRISE_URL_",
}
MEMBER = {"webhook_secrets": "<SOURCE>", "logins": "<NAME>_<FIELD>", "apprise_urls": "<NAME>"}
# Kubernetes puts variables like OPSAGENT_PORT=tcp://10.0.0.1:80 into each pod beside a Service called opsagent.
_SERVICE_LINK = re.compile(r"_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_[A-Z]+)?$")
_LINK_VALUE = re.compile(r"^(tcp|udp|sctp)://")


def from_environment(catalogue: Catalogue, environ: Mapping[str, str]) -> dict[str, Found]:
    """What the environment says. ConfigurationError for an unknown variable of ours, or an unreadable file."""
    mine = {name: text for name, text in environ.items() if not _is_service_link(name, text)}
    found: dict[str, Found] = {}
    known = {CONFIG_VARIABLE}
    for name, (_, field) in catalogue.items():
        names = environment_names(name, field)
        if is_secret(field):
            names = tuple(one for pair in names for one in (pair, f"{pair}_FILE"))
        known.update(names)
        for variable in names:
            if mine.get(variable, "") and name not in found:
                found[name] = Found(_value(name, field, variable, mine[variable]), variable)
    for name, start in FAMILIES.items():
        secrets = dict(_family(mine, start))
        if secrets:
            found[name] = Found(secrets, f"{start}...")
        known.update(variable for variable in mine if variable.startswith(start))
    for variable in sorted(mine):
        if variable.startswith(PREFIX) and variable not in known:
            raise unknown(variable, sorted(known), "environment variable")
    return found


def _family(environ: Mapping[str, str], start: str) -> Iterator[tuple[str, str]]:
    for variable, text in environ.items():
        name = variable.removeprefix(start)
        if name != variable and name and text:
            is_file = name.endswith("_FILE")
            yield name.removesuffix("_FILE").lower(), _secret_file(variable, text) if is_file else text


def _value(name: str, field: FieldInfo, variable: str, text: str) -> object:
    if variable.endswith("_FILE") and is_secret(field):
        return _secret_file(variable, text)
    if tuple in {getattr(kind, "__origin__", None) for kind in kinds(field)}:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if Mapping in {getattr(kind, "__origin__", None) for kind in kinds(field)}:
        raise ConfigurationError(
            f"{variable} cannot hold all of them.", fix=f"Use one variable for each: {FAMILIES[name]}{MEMBER[name]}."
        )
    return text


def _secret_file(variable: str, path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            text = file.read(64 * 1024).decode()
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not text"
        raise ConfigurationError(
            f"{variable} names a file that cannot be read: {reason}.", fix=f"Make {path} readable, or unset {variable}."
        ) from None
    return text.rstrip("\r\n")


def _is_service_link(name: str, text: str) -> bool:
    return name.startswith(PREFIX) and bool(
        _SERVICE_LINK.search(name) or (name.endswith("_PORT") and _LINK_VALUE.match(text))
    )
