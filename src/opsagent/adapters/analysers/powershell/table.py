"""What is known of PowerShell's commands, loaded from `commands.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

# Of the parameters every command has, the two that change nothing but what is said.
_EVERYWHERE = {"erroraction": "errors", "warningaction": "errors"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One command: its full name, what it `does` (empty: it changes nothing), and its parameters in lower case.

    `takes` maps a parameter to the kind of its value; `order` are those that may go unnamed; one of `needs` must be
    given. A `filter` may stand behind a `|`; `gives_text` means that strings come out.
    """

    name: str
    does: str = ""
    takes: Mapping[str, str] = field(default_factory=dict)
    switches: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()
    is_filter: bool = False
    gives_text: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Everything by lower case name."""

    commands: Mapping[str, Known]
    programs: Mapping[str, re.Pattern[str]]
    forbidden: Mapping[str, str]
    aliases: Mapping[str, str]
    classes: frozenset[str]
    sensitive: Mapping[str, str]

    def full_name(self, name: str) -> str:
        """The command an alias stands for, in lower case; a program without its `.exe`."""
        lowered = name.lower()
        lowered = self.aliases.get(lowered, lowered)
        bare = lowered.removesuffix(".exe")
        return bare if lowered not in self.programs and bare in self.programs else lowered


@cache
def load_table() -> Table:
    """The shipped table."""
    raw: dict[str, Any] = yaml.safe_load((resources.files(__package__) / "commands.yaml").read_text("utf-8"))
    commands: dict[str, Known] = {}
    for section in ("reads", "filters", "effects"):
        for name, about in raw[section].items():
            commands[name.lower()] = _known(name, about, is_filter=section == "filters")
    return Table(
        commands=commands,
        programs={name: re.compile(pattern, re.IGNORECASE) for name, pattern in raw["programs"].items()},
        forbidden={name.lower(): why for name, why in raw["forbidden"].items()},
        aliases={name.lower(): full.lower() for name, full in raw["aliases"].items()},
        classes=frozenset(raw["classes"].lower().split()),
        sensitive=raw["sensitive"],
    )


def _known(name: str, about: Mapping[str, Any], *, is_filter: bool) -> Known:
    pairs = [word.partition(":") for word in str(about.get("takes", "")).lower().split()]
    return Known(
        name=name,
        does=about.get("does", ""),
        takes={one: kind or "text" for one, _, kind in pairs} | _EVERYWHERE,
        switches=frozenset(str(about.get("switches", "")).lower().split()) | {"verbose"},
        order=tuple(str(about.get("order", "")).lower().split()),
        needs=frozenset(str(about.get("needs", "")).lower().split()),
        is_filter=is_filter,
        gives_text=about.get("gives") == "text",
    )
