"""A command as an executor will execute it, and the digest an approval is bound to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

RESTORE = "restore what was saved before"  # stands for an undo that writes back what `keeps` kept


class Reach(StrEnum):
    """How far a local command sees: scratch space only, or this machine."""

    SANDBOX = "sandbox"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class OutsideSpan:
    """A stretch of the command text that came from outside: characters `start` to `end`, and where from."""

    start: int
    end: int
    origin: str


@dataclass(frozen=True, slots=True)
class BoundValue:
    """The value of a hole that is handed over beside the text; `origin` is empty where people registered it."""

    name: str
    value: str
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What one executor will execute, rendered; the judge, the person and the executor see this same object.

    `text` is the script, statement or request line. `timeout_s` is in seconds. `environment` holds plain values the
    command may see; secrets travel by `credential` name. `files` maps each file it executes to its SHA-256. `keeps`
    lists the paths whose content is kept before the effect. `stdin_artifact` is the hash of kept bytes it reads,
    instead of `stdin`; they are handed over at its start and stand nowhere else. `bound` are the values of the
    `{{holes}}` that stay in a statement: the driver binds them, they never become part of its text. `rows` is how many
    rows a statement may change (least, most); anything else is rolled back. `actions` are the IAM actions its session
    is limited to. `author` is empty where people wrote the text (values aside), else the model whose words it is: then
    only what is proven to change nothing goes unasked.
    """

    executor: str
    text: str
    connection_id: str
    connection_version: int = 1
    reach: Reach = Reach.SANDBOX
    network: bool = False
    stdin: str = ""
    stdin_artifact: str = ""
    cwd: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    uid: int | None = None
    timeout_s: float = 30.0
    credential: str = ""
    credential_version: int = 0
    files: tuple[tuple[str, str], ...] = ()
    writable: tuple[str, ...] = ()
    undo: str = ""
    keeps: tuple[str, ...] = ()
    outside: tuple[OutsideSpan, ...] = field(default=())
    bound: tuple[BoundValue, ...] = ()
    rows: tuple[int, int] | None = None
    actions: tuple[str, ...] = ()
    author: str = ""

    @property
    def shown(self) -> str:
        """The text for people: with the values that are bound to it, each with where it came from."""
        lines = [f"-- {one.name} = {one.value!r}" + (f" ({one.origin})" if one.origin else "") for one in self.bound]
        return "\n".join([self.text, *lines])


def digest(command: Command, *, tenant: str, run_id: str, step_id: str, attempt: int) -> str:
    """SHA-256 (hex) over canonical JSON of everything that shapes the effect (DESIGN 6, Digest).

    Environment values are left out on purpose: names bind, values may be secrets.
    """
    shape: Mapping[str, object] = {
        "tenant": tenant,
        "run": run_id,
        "step": step_id,
        "attempt": attempt,
        "executor": command.executor,
        "text": command.text,
        "stdin": [command.stdin, command.stdin_artifact],
        "cwd": command.cwd,
        "environment": sorted(name for name, _ in command.environment),
        "uid": command.uid,
        "reach": command.reach.value,
        "network": command.network,
        "timeout": command.timeout_s,
        "connection": [command.connection_id, command.connection_version],
        "credential": [command.credential, command.credential_version],
        "files": sorted(command.files),
        "writable": sorted(command.writable),
        "undo": [command.undo, list(command.keeps)],
        "bound": [[one.name, one.value] for one in command.bound],
        "rows": command.rows,
        "actions": sorted(command.actions),
    }
    canonical = json.dumps(shape, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
