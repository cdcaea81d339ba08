"""A value with its origin, and the words for a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from opsagent.errors import ConfigurationError

Catalogue = Mapping[str, tuple[str, FieldInfo]]


@dataclass(frozen=True, slots=True)
class Found:
    """A value and where it was found, in words."""

    value: object
    origin: str


def is_secret(field: FieldInfo) -> bool:
    """Whether the setting holds a secret, or a mapping to secrets."""
    return SecretStr in kinds(field)


def kinds(field: FieldInfo) -> set[object]:
    """The type of a setting and all types inside it."""
    seen: set[object] = set()
    waiting: list[object] = [field.annotation]
    while waiting:
        kind = waiting.pop()
        seen.add(kind)
        waiting.extend(get_args(kind))
    return seen


def refuse_unknown(catalogue: Catalogue, given: Mapping[str, object], what: str) -> None:
    """Raise ConfigurationError for the first name that is no setting; `what` says what it was given as."""
    for name in given:
        if name not in catalogue:
            raise unknown(str(name), sorted(catalogue), what)


def unknown(name: str, known: list[str], what: str) -> ConfigurationError:
    """There is no such name; the nearest one is offered."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    fix = f"Did you mean {near[0]}?" if near else "Remove it; docs/settings.md lists all settings."
    return ConfigurationError(f"There is no {what} {name}.", fix=fix, extra={"setting": name})
