"""`opsagent approve` and `opsagent reject`: a person decides about one effect, having seen exactly that effect."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from opsagent.cli.answer import says_yes
from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.follow import follow_to_end
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.prefix import SHORTEST
from opsagent.cli.question import place_of, show_question
from opsagent.cli.screen import hint, say, say_json, table
from opsagent.cli.timeline import remaining
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import InputError, NotFound

Json = dict[str, Any]
Which = Annotated[
    str | None,
    typer.Argument(metavar="[RUN[:STEP] | APPROVAL_ID]", help="Leave it out to see what waits.", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask again.")]
Notes = Annotated[str, typer.Option("--notes", help="Words for the record.", show_default=False)]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Stay and show what happens.")]


def approve(
    which: Which = None,
    *,
    yes: Yes = False,
    notes: Notes = "",
    follow: Follow = False,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Let one effect happen: exactly the one shown, once. Without a name, list what waits for a person."""
    place = Place(data_dir=data_dir, tenant=tenant, as_json=as_json)
    perform(place, lambda door: _decide(door, place, which, grant=True, yes=yes, notes=notes, follow=follow))


def reject(
    which: Which = None,
    *,
    yes: Yes = False,
    notes: Notes = "",
    follow: Follow = False,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Refuse one effect: it does not happen, and the run goes on without it or ends."""
    place = Place(data_dir=data_dir, tenant=tenant, as_json=as_json)
    perform(place, lambda door: _decide(door, place, which, grant=False, yes=yes, notes=notes, follow=follow))


async def _decide(
    door: Door, place: Place, which: str | None, *, grant: bool, yes: bool, notes: str, follow: bool
) -> Exit | None:
    pending = await door.pending()
    if which is None:
        return _list(pending, door.now(), as_json=place.as_json)
    asked = _chosen(pending["approvals"], which)
    if not place.as_json:
        show_question(asked, door.now())
    if not yes:
        if place.as_json:
            raise InputError("With --json nobody is asked.", fix="Add --yes once you have seen the question.")
        answer = await says_yes("Do it?" if grant else "Refuse it?")
        if answer is None:
            raise InputError("Nobody answered; nothing was decided.", fix="Answer y, or add --yes.")
        if not answer:
            say("Nothing was decided; it still waits.")
            return Exit.REFUSED
    decided = await door.decide(asked, grant=grant, notes=notes)
    if place.as_json:
        say_json(decided)
    else:
        say("Approved: it happens once, as shown." if grant else "Refused: it does not happen.")
        if door.local and not follow:
            hint("No server runs here: the run goes on where somebody follows it, or at the next: opsagent serve")
    return await follow_to_end(door, asked["runId"], as_json=place.as_json) if follow else None


def _list(pending: Json, now: float, *, as_json: bool) -> Exit | None:
    if as_json:
        say_json(pending)
        return None
    questions, unknown = pending["approvals"], pending["unknownSteps"]
    if not questions and not unknown:
        say("Nothing waits for a person.")
    if questions:
        rows = [(place_of(one), one["target"], remaining(one["expiresAt"], now), one["command"]) for one in questions]
        table(("run:step", "target", "time", "command"), rows)
        hint(f"See one and decide: opsagent approve {place_of(questions[0])}")
    for one in unknown:
        run, step = one["sessionId"][:8], one["stepNumber"]
        say(f"{run}:{step} nobody knows whether this happened: {one['step']['command']}")
        hint(f"  look there, then: opsagent resolve {run} {step} happened|not_happened|aborted")
    return None


def _chosen(questions: list[Json], which: str) -> Json:
    """The one question that is meant. NotFound; InputError when it is too short or fits several."""
    name, _, step = which.strip().lower().partition(":")
    if len(name) < SHORTEST or (step and not step.isdigit()):
        raise InputError(
            f"{which!r} names no question.",
            fix=f"Write RUN, RUN:STEP or the approval's id ({SHORTEST} characters or more).",
        )
    found = [
        one
        for one in questions
        if (one["runId"].startswith(name) and step in {"", str(one["stepNumber"])})
        or (not step and one["approvalId"].startswith(name))
    ]
    if not found:
        raise NotFound(f"Nothing waits for a person under {which!r}.", fix="List what waits: opsagent approve")
    if len(found) > 1:
        names = ", ".join(place_of(one) for one in found[:5])
        raise InputError(f"{which!r} fits {len(found)} questions: {names}.", fix="Name the step too.")
    return found[0]
