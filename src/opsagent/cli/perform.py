"""Runs one command's work against the door, and turns every error into words and an exit code."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import typer

from opsagent.cli.exits import Exit, complain
from opsagent.cli.options import Place
from opsagent.errors import OpsAgentError

if TYPE_CHECKING:
    from opsagent.cli.door import Door

# Set by the root command from `--debug` or OPSAGENT_DEBUG; commands take no such option each.
TRACEBACKS: ContextVar[bool] = ContextVar("tracebacks", default=False)
UNEXPECTED_FIX = (
    "This is a fault of OpsAgent, not yours; what was stored is kept. "
    "Run it again with `opsagent --debug ...` and report what it prints."
)


class Unexpected(OpsAgentError):
    """Something no code here foresaw; the edge puts it into words."""

    code = "unexpected"


def perform(place: Place, work: Callable[[Door], Awaitable[Exit | None]]) -> None:
    """Open the door of the place, do the work, close the door; ends the process with the work's exit code."""

    async def through_the_door() -> Exit:
        from opsagent.cli.door import open_door

        async with open_door(place) as door:
            return await work(door) or Exit.OK

    finish(place, through_the_door)


def finish(
    place: Place,
    work: Callable[[], Coroutine[Any, Any, Exit]],
    *,
    loops: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """Run the work to its end in an event loop of its own (made by `loops`), and leave with its exit code."""
    code = Exit.OK
    try:
        with asyncio.Runner(loop_factory=loops) as runner:
            code = runner.run(work())
    except OpsAgentError as error:
        if TRACEBACKS.get():
            raise
        code = complain(error, as_json=place.as_json)
    except (BrokenPipeError, KeyboardInterrupt, typer.Exit, typer.Abort):
        raise
    except Exception as error:  # the edge of the process: no traceback reaches a user
        if TRACEBACKS.get():
            raise
        words = Unexpected(f"{type(error).__name__}: {error}", fix=UNEXPECTED_FIX)
        code = complain(words, as_json=place.as_json)
    raise typer.Exit(int(code))


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the faster event loop, where it is installed; None is Python's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
