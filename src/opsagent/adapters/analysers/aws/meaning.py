"""What the reader's process answered about one command, as a typed thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """A command the AWS command line takes.

    `kind` is `operation`, `wait` (it asks an operation again and again) or `command` (one of the command line's own).
    `parameters` are what the service would get; for a command of its own, its arguments. `files` are read, `writes`
    written. `unseen`: a value stands in a file, so the parameters are not all. `refused` are global options that have
    no place here.
    """

    kind: str
    command: str
    service: str = ""
    operation: str = ""
    parameters: Mapping[str, Any]
    files: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    unseen: bool = False
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a command was not read, in words."""

    why: str


def from_answer(answer: Mapping[str, Any]) -> Meaning | Unread:
    """The meaning in an answer of the reader."""
    if "kind" not in answer:
        return Unread(str(answer.get("why", "its parser gave no answer")))
    return Meaning(
        kind=str(answer["kind"]),
        command=" ".join(answer["command"]),
        service=str(answer.get("service", "")),
        operation=str(answer.get("operation", "")),
        parameters=answer["parameters"],
        files=tuple(dict.fromkeys(answer["files"])),
        writes=tuple(dict.fromkeys(answer["writes"])),
        unseen=bool(answer["unseen"]),
        refused=tuple(answer["refused"]),
    )
