"""Runs a command where it belongs, at most once per start token, and can say afterwards whether it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest
from opsagent.domain.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One attempt to execute: the judged command, its manifest, its target, and the token that makes it unique."""

    tenant: str
    run_id: str
    token: str
    command: Command
    manifest: Manifest
    connection: Connection
    secrets: tuple[str, ...] = field(default=(), repr=False)


class Traced(StrEnum):
    """What a token says about an interrupted attempt."""

    NEVER_STARTED = "never_started"  # the token was free and is now ours: it never will start
    FINISHED = "finished"  # it ran to its end; the outcome is known
    UNKNOWN = "unknown"  # it started, has ended or was ended now, and left no outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The answer to "what became of it?"."""

    traced: Traced
    outcome: Outcome | None = None


class Executor(Protocol):
    """One kind of target. `backend` names how commands are held in (shown on every step)."""

    @property
    def backend(self) -> str:
        """The name of the sandbox backend in use."""
        ...

    async def run(self, order: Order) -> Outcome:
        """Take the token, execute, return the outcome (known=True).

        TokenTaken: it was not started here. ExecutionError, SandboxUnavailable: it was not started at all.
        Cancelling the task kills everything the command started, then raises CancelledError.
        """
        ...

    async def trace(self, order: Order) -> Trace:
        """Find out what became of an attempt whose worker is gone; ends a survivor. Idempotent."""
        ...

    async def release(self, run_id: str) -> None:
        """The worker lets go of the run: remove its sandbox folder. Tokens stay."""
        ...

    async def forget(self, run_id: str) -> None:
        """The run was deleted: remove its tokens."""
        ...
