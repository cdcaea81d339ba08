"""Reads settings from the YAML configuration file."""

from __future__ import annotations

from pathlib import Path

import yaml

from opsagent.errors import ConfigurationError
from opsagent.settings.found import Catalogue, Found, refuse_unknown, unknown

MAX_FILE_BYTES = 1024**2


def from_file(catalogue: Catalogue, path: Path, *, required: bool) -> dict[str, Found]:
    """What the file says; nothing if it does not exist and is not `required`. ConfigurationError."""
    document = _read_yaml(path, required=required)
    areas = {area for area, _ in catalogue.values()}
    found: dict[str, Found] = {}
    for area, values in document.items():
        if area not in areas:
            raise unknown(str(area), sorted(areas), f"section in {path}")
        if values is None:
            continue
        if not isinstance(values, dict):
            raise ConfigurationError(
                f"{area} in {path} is not a section.", fix=f"Write `{area}:` and its settings below it."
            )
        refuse_unknown({n: f for n, f in catalogue.items() if f[0] == area}, values, f"setting under {area} in {path}")
        found |= {name: Found(value, f"{area}.{name} in {path}") for name, value in values.items() if value is not None}
    return found


def _read_yaml(path: Path, *, required: bool) -> dict[object, object]:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        if not required:
            return {}
        raise ConfigurationError(
            f"The configuration file {path} does not exist.", fix="Create it, or unset OPSAGENT_CONFIG."
        ) from None
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the path
        why = problem.strerror if isinstance(problem, OSError) else problem
        raise ConfigurationError(
            f"The configuration file {str(path)!r} cannot be read: {why}.",
            fix="Mend its rights, or move it away.",
        ) from None
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigurationError(f"The configuration file {path} is over 1 MiB.", fix="Name the right file.")
    try:
        document = yaml.safe_load(raw)
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigurationError(f"{path}{where} is not YAML.", fix="Compare it with config.example.yaml.") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path} holds no settings.", fix="Compare it with config.example.yaml.")
    return document
