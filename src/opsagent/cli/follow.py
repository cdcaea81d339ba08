"""Follows a run to its end: prints what happens, asks where a person is at the terminal, ends with the result."""

from __future__ import annotations

import asyncio
from typing import Any

from opsagent.cli.answer import at_terminal, says_yes
from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.question import place_of, show_question
from opsagent.cli.screen import hint, say, say_json, screen
from opsagent.cli.timeline import event_line, result_lines

Json = dict[str, Any]
ENDED = frozenset({"completed", "failed", "cancelled"})


def say_accepted(door: Door, run: Json, *, follow: bool, as_json: bool) -> None:
    """What the person hears once the run is stored."""
    if as_json:
        say_json(run)
        return
    say(f"Run {run['runId']} is accepted.")
    if follow:
        return
    say(f"Look at it: opsagent show {run['runId'][:8]}")
    if door.local:
        hint("No server runs on this data folder, so nobody works on it yet. Start one: opsagent serve")


async def follow_to_end(door: Door, run_id: str, *, as_json: bool, work: bool = True) -> Exit:
    """Print each event as it comes; failed unless the run completes. With `work`, drive it where no server does."""
    seen = 0
    said: set[str] = set()
    working: asyncio.Task[None] | None = None
    try:
        while True:
            run = await door.run(run_id)
            for event in await door.events(run_id, after=seen):
                seen = event["sequence"]
                say_json(event) if as_json else screen().print(event_line(event), overflow="fold")
            if run["status"] in ENDED:
                break
            waiting = await _questions(door, run)
            if work and door.local and not waiting and (working is None or working.done()):
                if working is not None:
                    working.result()
                working = asyncio.create_task(door.drive(run_id))
            for asked in waiting:
                if asked["approvalId"] not in said:
                    said.add(asked["approvalId"])
                    await _put(door, asked, as_json=as_json)
            await door.pause_between_looks()
    finally:
        if working is not None:
            if not working.done():
                working.cancel()
            await asyncio.gather(working, return_exceptions=True)
    if as_json:
        say_json(run)
    else:
        for line in result_lines(run):
            screen().print(line, overflow="fold")
    return Exit.OK if run["status"] == "completed" else Exit.FAILED


async def _questions(door: Door, run: Json) -> list[Json]:
    if run["status"] != "awaiting_approval":
        return []
    pending = await door.pending()
    for unknown in pending["unknownSteps"]:
        if unknown["sessionId"] == run["runId"]:
            hint(f"Step {unknown['stepNumber']}: nobody knows whether it happened. Look there, then say it:")
            hint(f"  opsagent resolve {run['runId'][:8]} {unknown['stepNumber']} happened|not_happened|aborted")
    return [one for one in pending["approvals"] if one["runId"] == run["runId"]]


async def _put(door: Door, asked: Json, *, as_json: bool) -> None:
    if as_json:
        return  # the event that says so has been printed
    show_question(asked, door.now())
    if not at_terminal():
        hint(f"It waits for a person: opsagent approve {place_of(asked)}   (or: opsagent reject {place_of(asked)})")
        return
    answer = await says_yes("Do it?")
    if answer is not None:
        await door.decide(asked, grant=answer, notes="")
