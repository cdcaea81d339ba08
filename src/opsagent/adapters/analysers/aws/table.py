"""Which IAM actions an operation needs and how strong they are; from the shipped table, never from an operation's name.

`table.json.gz` is made by `tools/build_aws_table.py`, `commands.yaml` is written by hand.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any

import yaml

LETTERS = "LRTWPU"  # list, read, tagging, write, permissions; U: IAM calls it a read and its name does not


@dataclass(frozen=True, slots=True)
class Needs:
    """The IAM actions of one operation, and the letter of the strongest; an empty letter: the table has no such row."""

    actions: tuple[str, ...]
    letter: str = ""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What is never done: an action or a command (one is empty), and globs its parameters must fit."""

    action: str
    command: str
    where: Mapping[str, str]
    why: str


@dataclass(frozen=True, slots=True)
class HandRow:
    """A command of the command line's own: what it is, and which argument names a file it reads or what it deletes."""

    is_read: bool
    actions: tuple[str, ...]
    files: str = ""
    deletes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All that is known about commands; `operations` are service -> operation -> what it needs."""

    prefixes: Mapping[str, str]
    operations: Mapping[str, Mapping[str, Needs]]
    commands: Mapping[str, HandRow]
    sensitive_commands: frozenset[str]
    sensitive_operations: frozenset[str]
    sensitive_actions: tuple[str, ...]
    forbidden: tuple[Forbidden, ...]
    local: frozenset[str]
    also: Mapping[str, Mapping[str, str]]

    def needs(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Needs:
        """What it needs. An operation without a row gets the action of its name and no letter: it asks."""
        found = self.operations.get(service, {}).get(operation)
        if found is None:
            found = Needs((f"{self.prefixes.get(service, service)}:{operation}",))
        further = self.also.get(f"{service} {operation}", {})
        given = {action for name, action in further.items() if name in parameters}
        return Needs(tuple(sorted({*found.actions, *given})), found.letter)

    def secret(self, actions: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the actions that may show a secret."""
        return tuple(one for one in actions if any(fnmatchcase(one, glob) for glob in self.sensitive_actions))


@cache
def load_table() -> Table:
    """The table, read once (some 20 ms)."""
    here = resources.files(__package__)
    made = json.loads(gzip.decompress((here / "table.json.gz").read_bytes()))["services"]
    hand = yaml.safe_load((here / "commands.yaml").read_text("utf-8"))
    return Table(
        prefixes={name: row["prefix"] for name, row in made.items()},
        operations={name: _operations(row) for name, row in made.items()},
        commands={
            name: HandRow(row["is"] == "read", tuple(row["actions"]), row.get("files", ""), row.get("deletes", ""))
            for name, row in hand["commands"].items()
        },
        sensitive_commands=frozenset(hand["sensitive"]["commands"]),
        sensitive_operations=frozenset(hand["sensitive"]["operations"]),
        sensitive_actions=tuple(hand["sensitive"]["actions"]),
        forbidden=tuple(
            Forbidden(row.get("action", ""), row.get("command", ""), row.get("where", {}), row["why"])
            for row in hand["forbidden"]
        ),
        local=frozenset(hand["local"]),
        also=hand["also"],
    )


def _operations(row: Mapping[str, Any]) -> Mapping[str, Needs]:
    prefix = row["prefix"]
    plain = {
        name: Needs((f"{prefix}:{name}",), letter) for letter in LETTERS for name in str(row.get(letter, "")).split()
    }
    return plain | {name: Needs(tuple(actions), letter) for name, (letter, *actions) in row.get("others", {}).items()}
