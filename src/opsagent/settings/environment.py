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
WEBHOOK_SECRET = PREFIX + "WEBHOOK_SECRET_"  # OPSAGENT_WEBHOOK_SECRET_ALERTMANAGER=...
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
                found[name] = Found(_value(field, variable, mine[variable]), variable)
    secrets = dict(_webhook_secrets(mine))
    if secrets:
        found["webhook_secrets"] = Found(secrets, f"{WEBHOOK_SECRET}...")
    known.update(variable for variable in mine if variable.startswith(WEBHOOK_SECRET))
    for variable in sorted(mine):
        if variable.startswith(PREFIX) and variable not in known:
            raise unknown(variable, sorted(known), "environment variable")
    return found


def _webhook_secrets(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for variable, text in environ.items():
        source = variable.removeprefix(WEBHOOK_SECRET)
        if source != variable and source and text:
            is_file = source.endswith("_FILE")
            yield source.removesuffix("_FILE").lower(), _secret_file(variable, text) if is_file else text


def _value(field: FieldInfo, variable: str, text: str) -> object:
    if variable.endswith("_FILE") and is_secret(field):
        return _secret_file(variable, text)
    if tuple in {getattr(kind, "__origin__", None) for kind in kinds(field)}:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if Mapping in {getattr(kind, "__origin__", None) for kind in kinds(field)}:
        raise ConfigurationError(
            f"{variable} cannot hold all of them.", fix=f"Use one variable for each source: {WEBHOOK_SECRET}<SOURCE>."
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
