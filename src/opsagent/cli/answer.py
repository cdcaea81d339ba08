"""Reads a person's answer without holding up the event loop, so that Ctrl-C works at once."""

from __future__ import annotations

import asyncio
import sys

from opsagent.domain.visible import visible


async def ask_line(prompt: str) -> str | None:
    """A line from standard input without its end; None at the end of input."""
    sys.stdout.write(visible(prompt))
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    try:
        descriptor = sys.stdin.fileno()
        loop.add_reader(descriptor, ready.set_result, None)
    except (OSError, ValueError):  # a regular file, or no descriptor at all: reading it never waits
        line = sys.stdin.readline()
    else:
        try:
            await ready
        finally:
            loop.remove_reader(descriptor)
        line = sys.stdin.readline()  # a terminal is readable once a whole line is there
    return line.rstrip("\r\n") if line else None


async def says_yes(prompt: str) -> bool | None:
    """True for y or yes, False for anything else, None when nobody answered."""
    line = await ask_line(f"{prompt} [y/N] ")
    if line is None:
        sys.stdout.write("\n")
        return None
    return line.strip().lower() in {"y", "yes"}


def at_terminal() -> bool:
    """Whether a person can be asked here."""
    return sys.stdin.isatty() and sys.stdout.isatty()
