"""Runs a command where it belongs, at most once per start token, and can say afterwards whether it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest
from opsagent.domain.outcome import Outcome
from opsagent.ports.secrets import Login


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One attempt to execute: the judged command, its manifest, its target, and the token that makes it unique.

    `stdin` are bytes for the command's standard input, in place of `command.stdin`; they go to it alone, and to no disk
    of this machine.
    `login` is the opened credential `command.credential` names, for this one attempt.
    `patience_s` is how long `trace` lets a command that still runs properly go on by itself.
    """

    tenant: str
    run_id: str
    token: str
    command: Command
    manifest: Manifest
    connection: Connection
    login: Login | None = None
    stdin: bytes | None = field(default=None, repr=False)
    patience_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a path held: its bytes, mode (permission bits), owner. `content` is None where there was nothing.

    `link` is where the path truly leads, if it is a link.
    """

    content: bytes | None = field(repr=False)
    mode: int = 0o600
    uid: int = 0
    gid: int = 0
    link: str = ""


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

    @property
    def tokens_at_target(self) -> bool:
        """Whether start tokens lie at the target, so that only the very place that was claimed knows of them."""
        ...

    async def run(self, order: Order) -> Outcome:
        """Take the token, execute, return the outcome; known=False where it may have started and nobody can tell more.

        TokenTaken: it was not started here. ExecutionError, SandboxUnavailable: it was not started at all.
        Cancelling the task kills everything the command started, then raises CancelledError (but see `detach`).
        """
        ...

    async def trace(self, order: Order) -> Trace:
        """Find out what became of an attempt whose worker is gone; ends a survivor. Idempotent.

        A command that runs as it should and is within its time may end by itself for `order.patience_s` seconds.
        Cancelling the task meanwhile leaves it alone. UnavailableError: it cannot be told now; ask again.
        """
        ...

    async def detach(self, run_id: str) -> None:
        """The worker stops and leaves running commands of the run to their launchers.

        Cancelling `run` after this neither kills nor waits; `trace` finds the outcome later. It holds until the run is
        traced, released or forgotten; `release` spares the folder of a command that was left, until it was traced.
        """
        ...

    async def keep(self, order: Order, path: str) -> Kept:
        """The raw content of a regular file as the effect would find it: never through output, redaction or a log.

        Raises ExecutionError when it cannot be read, is no regular file (a link is followed only if it stays a regular
        file; a dangling link is an error, not "nothing"), is larger than 16 MiB, lies in the agent's own folders, or
        when its parent cannot be seen (so that "nothing there" is never said of what is merely hidden).
        """
        ...

    async def release(self, run_id: str) -> None:
        """The worker lets go of the run: remove its sandbox folder. Tokens stay."""
        ...

    async def forget(self, run_id: str) -> None:
        """The run was deleted: remove its tokens."""
        ...
