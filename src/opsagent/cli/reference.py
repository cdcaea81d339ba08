"""Writes docs/cli.md from the command tree: `python -m opsagent.cli.reference`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import typer

from opsagent.cli.app import build
from opsagent.cli.exits import Exit

_EXITS = {
    Exit.OK: "done",
    Exit.FAILED: "tried and failed, or the run that was followed did not complete",
    Exit.USAGE: "the command line or a setting is wrong; the hint says how to mend it",
    Exit.NOT_FOUND: "no such run, approval, runbook, connection or key",
    Exit.REFUSED: "not allowed, already decided, expired, in use, or switched off",
}
_HEAD = """# The command line

Every command works on a data folder (`--data-dir`, `OPSAGENT_DATA_DIR`). If a server runs on it, the command talks to
that server with the folder's admin key; else it opens the store itself. `--json` prints the JSON of the API.

An error says what happened and, after `fix:`, what to do; it goes to stderr. With `--json` it is one object on stdout:
`{"error": code, "message": ..., "fix": ...}`. `opsagent --debug` (or `OPSAGENT_DEBUG=1`) shows tracebacks.

| exit | means |
|---|---|
"""


def markdown() -> str:
    """The whole page."""
    exits = "".join(f"| {int(code)} | {words} |\n" for code, words in _EXITS.items())
    root: Any = typer.main.get_command(build())
    return _HEAD + exits + "\n" + "\n".join(_commands(root, "opsagent"))


def _commands(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        else:
            yield "\n".join(_section(command, f"{path} {name}"))


def _section(command: Any, path: str) -> Iterator[str]:
    shown = [one for one in command.params if not getattr(one, "hidden", False)]
    arguments = [one for one in shown if not one.opts[0].startswith("-")]
    options = [one for one in shown if one.opts[0].startswith("-") and one.name != "help"]
    words = "".join(f" {_argument(one)}" for one in arguments)
    yield f"## {path}"
    yield ""
    yield inspect.cleandoc(command.help or "").replace("\n", " ")
    yield ""
    yield f"    {path}{words}{' [OPTIONS]' if options else ''}"
    yield ""
    rows = [(_argument(one), one.help or "") for one in arguments if one.help]
    rows += [(_option(one), one.help or "") for one in options]
    if rows:
        yield "| | |"
        yield "|---|---|"
        yield from (
            f"| `{name.replace('|', chr(92) + '|')}` | {help_.replace('|', chr(92) + '|')} |" for name, help_ in rows
        )
        yield ""


def _choices(one: Any) -> str:
    kind = one.type_descriptor.annotation
    return "|".join(get_args(kind)) if get_origin(kind) is Literal else ""


def _argument(one: Any) -> str:
    name = one.metavar or _choices(one) or one.name.upper()
    return str(name) if one.required or str(name).startswith(("[", "--")) else f"[{name}]"


def _option(one: Any) -> str:
    names = ", ".join([*one.opts, *one.secondary_opts])
    if one.is_flag or one.type_descriptor.annotation is bool:
        return names
    kind = one.type_descriptor.annotation
    value = one.metavar or _choices(one) or ("NUMBER" if kind is int else "TEXT")
    return f"{names} {value}"


if __name__ == "__main__":
    sys.stdout.write(markdown())
