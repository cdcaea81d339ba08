"""Reads a file of commands with the verdict that is expected of each, for `opsagent policy test`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsagent.errors import InputError

_KEYS = ("command", "verdict", "rule", "connection", "address", "environment")
_VERDICTS = ("ALLOW", "ASK", "DENY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command, where it would run, and what it should get; `line` is where it stands (1-based)."""

    command: str
    verdict: str
    line: int
    rule: str = ""
    connection: str = ""
    address: str = ""
    environment: str = "prod"


def read_cases(path: Path) -> list[Case]:
    """The cases in order. InputError with file, line and fix."""
    import yaml

    try:
        node = yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read: {error}", fix="Write a YAML list of command and verdict.") from error
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise InputError(f"{path}:1: it is no list.", fix="Write entries such as: - {command: df -h, verdict: ALLOW}")
    return [_case(path, item) for item in node.value]


def _case(path: Path, node: Any) -> Case:
    import yaml

    line = node.start_mark.line + 1
    found = yaml.SafeLoader("").construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else None
    if found is None or not all(isinstance(one, str) for pair in found.items() for one in pair):
        raise InputError(f"{path}:{line}: an entry is a mapping of texts.", fix="- {command: df -h, verdict: ALLOW}")
    unknown = [key for key in found if key not in _KEYS]
    if unknown or not found.get("command") or found.get("verdict") not in _VERDICTS:
        wrong = f"{unknown[0]} is not known" if unknown else "it needs a command, and a verdict of ALLOW, ASK or DENY"
        raise InputError(f"{path}:{line}: {wrong}.", fix=f"Use: {', '.join(_KEYS)}.")
    texts: dict[str, str] = {str(key): value for key, value in found.items()}
    return Case(line=line, **texts)
