"""`opsagent demo`: breaks a small real service four times over and lets OpsAgent deal with it."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from opsagent.cli.answer import at_terminal
from opsagent.cli.exits import Exit
from opsagent.cli.options import Place
from opsagent.cli.perform import finish
from opsagent.errors import ConfigurationError

STOPPED = 130  # what a shell expects of a program that Ctrl-C ended: 128 + SIGINT
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Say yes to every repair beforehand; you are the person.")]
Keep = Annotated[bool, typer.Option("--keep", help="Leave it all running at the end, to look around, until Ctrl-C.")]


def demo(*, yes: Yes = False, keep: Keep = False) -> None:
    """Watch OpsAgent repair a small shop on this machine: three real faults and a false alarm, in under a minute."""
    finish(Place(), lambda: _stoppable(yes=yes, keep=keep))


async def _stoppable(*, yes: bool, keep: bool) -> Exit:
    """Play it; Ctrl-C, a closed terminal and a plain kill end it with everything it started."""
    if not yes and not at_terminal():
        raise ConfigurationError(
            "The demo asks a person before it changes anything, and there is no terminal to ask at.",
            fix="Run it in a terminal, or say yes to all beforehand: opsagent demo --yes (make demo YES=1)",
        )
    from opsagent.cli.demo.asking import at_the_terminal, yes_to_all
    from opsagent.cli.demo.stage import Folders
    from opsagent.cli.demo.story import Story
    from opsagent.cli.demo.telling import Teller

    loop = asyncio.get_running_loop()
    teller = Teller()
    story = Story(folders=Folders.make(), teller=teller, ask=yes_to_all(teller) if yes else at_the_terminal, keep=keep)
    playing = asyncio.ensure_future(story.play())

    def stop() -> None:
        teller.now("stopping: what runs now is brought to its end (once more: at once)")
        playing.cancel()

    for number in ENDINGS:
        loop.add_signal_handler(number, stop)
    try:
        return await playing
    except asyncio.CancelledError:
        story.folders.log.unlink(missing_ok=True)  # what was cut short is no news
        teller.say("Stopped. Everything the demo started has ended.")
        raise typer.Exit(STOPPED) from None
    finally:
        teller.quiet()
        story.folders.clean()
        for number in ENDINGS:
            loop.remove_signal_handler(number)
