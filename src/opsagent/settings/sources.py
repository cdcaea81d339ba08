"""Where a setting's value comes from: arguments, environment, file; and the words when it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from opsagent.errors import ConfigurationError
from opsagent.settings.environment import CONFIG_VARIABLE, from_environment
from opsagent.settings.file import from_file
from opsagent.settings.found import Catalogue, Found, is_secret, kinds, refuse_unknown

CONFIG_NAME = "config.yaml"


def gather(catalogue: Catalogue, overrides: Mapping[str, object], environ: Mapping[str, str]) -> dict[str, Found]:
    """Every value that was given somewhere, the strongest origin winning. ConfigurationError."""
    refuse_unknown(catalogue, overrides, "argument")
    given = {name: Found(value, f"argument {name}") for name, value in overrides.items() if value is not None}
    found = {"data_dir": Found(_default_folder(environ), "default"), **from_environment(catalogue, environ), **given}
    data_dir = _expanded(str(found["data_dir"].value), environ)
    named = environ.get(CONFIG_VARIABLE, "")
    path = _expanded(named, environ) if named else data_dir / CONFIG_NAME
    for name, one in from_file(catalogue, path, required=bool(named)).items():
        if name not in found or found[name].origin == "default":
            found[name] = one
    for name, one in found.items():
        if Path in kinds(catalogue[name][1]) and isinstance(one.value, (str, Path)) and str(one.value):
            found[name] = Found(_expanded(str(one.value), environ), one.origin)
    return found


def refusal(catalogue: Catalogue, found: Mapping[str, Found], problem: ValidationError) -> ConfigurationError:
    """The first problem in words: which setting, from where, what is wrong, what to write instead."""
    first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
    name = str(first["loc"][1]) if len(first["loc"]) > 1 else str(first["loc"][0])
    _, field = catalogue[name]
    one = found.get(name, Found(None, "default"))
    words = first["msg"].removeprefix("Value error, ").rstrip(".")
    shown = "" if is_secret(field) else f" (it is {_short(one.value)})"
    return ConfigurationError(
        f"{name} is wrong{shown}: {words[:1].lower()}{words[1:]}.",
        fix=f"Correct it where it was set: {one.origin}. {field.description}",
        extra={"setting": name, "origin": one.origin},
    )


def _default_folder(environ: Mapping[str, str]) -> str:
    # XDG Base Directory Specification 0.8: a relative XDG_DATA_HOME is invalid and is ignored.
    xdg = environ.get("XDG_DATA_HOME", "")
    return str(Path(xdg) / "opsagent") if xdg.startswith("/") else "~/.local/share/opsagent"


def _expanded(text: str, environ: Mapping[str, str]) -> Path:
    home = environ.get("HOME", "")
    if text == "~" or text.startswith("~/"):
        return Path(home) / text[2:] if home else Path(text).expanduser()
    return Path(text)


def _short(value: object) -> str:
    text = repr(str(value) if isinstance(value, Path) else value)
    return text if len(text) <= 80 else text[:77] + "..."
