"""Who answers the demo's questions: the person at the terminal, or the person who said yes to all beforehand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from opsagent.cli.answer import ask_line
from opsagent.cli.demo.telling import Teller

PROMPT = "Run it? y = yes, n = no, s = show everything so far: "
Asker = Callable[[Callable[[], Awaitable[None]]], Awaitable[bool]]
"""Asked once the question is on the screen; gets what to call when the person wants to see everything first."""


def yes_to_all(teller: Teller) -> Asker:
    """The person said `--yes`."""

    async def ask(_show: Callable[[], Awaitable[None]]) -> bool:
        teller.fact("you", "yes (said beforehand, with --yes)")
        return True

    return ask


async def at_the_terminal(show: Callable[[], Awaitable[None]]) -> bool:
    """Ask until there is an answer; the end of the input (Ctrl-D) is a no."""
    while True:
        line = await ask_line(PROMPT)
        match (line or "n").strip().lower():
            case "y" | "yes":
                return True
            case "n" | "no":
                return False
            case "s" | "show":
                await show()
