"""Every command of ours that a message names can be typed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import typer

import opsagent
from opsagent.cli.app import build

ROOT = Path(opsagent.__file__).parent
# `opsagent`, then a word, then perhaps another: how a command is written in a message.
NAMED = re.compile(r"(?<![\w./-])opsagent ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?")
COMMAND: typer.core.TyperGroup = typer.main.get_command(build())  # type: ignore[assignment] # a Typer app is a group


def strings() -> Iterator[tuple[str, str]]:
    """Each text in the code that is no docstring, with where it stands; what is filled in is `{}`."""
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text())
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside | prose:
                text = node.value
            else:
                continue
            yield f"{path.relative_to(ROOT)}:{node.lineno}", text


def named() -> Iterator[tuple[str, str, str]]:
    """Where, the first word and the second (empty when there is none)."""
    for where, text in strings():
        for found in NAMED.finditer(text):
            yield where, found[1], found[2] or ""


def test_every_command_a_message_names_exists() -> None:
    found = list(named())
    assert len(found) > 30
    wrong = []
    for where, first, second in found:
        command = COMMAND.commands.get(first)
        if command is None:
            wrong.append(f"{where}: opsagent {first}")
        elif hasattr(command, "commands") and second not in command.commands and not command.invoke_without_command:
            wrong.append(f"{where}: opsagent {first} {second}")
    assert wrong == []
