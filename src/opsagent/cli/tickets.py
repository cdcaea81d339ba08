"""`opsagent tickets`: the problems that came in, newest first; one of them; and a person's word on it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.prefix import full_ticket_id
from opsagent.cli.screen import age, epoch, say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.domain.visible import one_line

Json = dict[str, Any]
TicketPrefix = Annotated[str, typer.Argument(metavar="TICKET", help="Its id, or the beginning of it.")]
MEMBERS_SHOWN = 50


def group() -> typer.Typer:
    """`opsagent tickets` itself and the commands below it."""
    app = typer.Typer(help="The problems that came in, newest first.", invoke_without_command=True)
    app.callback()(tickets)
    app.command("show")(show)
    app.command("feedback")(feedback)
    app.command("reopen")(reopen)
    return app


def tickets(
    context: typer.Context,
    *,
    status: Annotated[
        Literal["open", "escalated", "resolved", "closed"] | None,
        typer.Option("--status", help="Only tickets that stand there."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many to show.")] = 20,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """List tickets, newest first, with how many of their alerts fire."""
    if context.invoked_subcommand is not None:
        return

    async def work(door: Door) -> Exit | None:
        page = await door.tickets(status=status or "", limit=limit)
        if as_json:
            say_json(page)
            return None
        if not page["tickets"]:
            say("No tickets.")
            return None
        now = door.now()
        table(
            ("ticket", "run", "status", "priority", "alerts", "age", "title"),
            [
                (
                    one["ticketId"][:8],
                    (one.get("runId") or "")[:8],
                    one["status"],
                    one["priority"],
                    _alerts(one, now),
                    age(one["createdAt"], now),
                    one["title"],
                )
                for one in page["tickets"]
            ],
        )
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def show(
    ticket: TicketPrefix, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Show one ticket: where it stands and why, its alerts, and what triage weighed."""

    async def work(door: Door) -> Exit | None:
        found = await door.ticket(await full_ticket_id(door, ticket))
        if as_json:
            say_json(found)
        else:
            _show(found, door.now())
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def feedback(
    ticket: TicketPrefix,
    verdict: Annotated[Literal["real", "noise"], typer.Argument(help="What it was.")],
    *,
    note: Annotated[str, typer.Option("--note", help="Why, for whoever meets it next.")] = "",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Say whether a ticket was a real problem or noise. It closes nothing; triage learns from it."""

    async def work(door: Door) -> Exit | None:
        said = await door.say(await full_ticket_id(door, ticket), real=verdict == "real", note=note)
        if as_json:
            say_json(said)
        else:
            say(f"Noted: {said['verdict']}.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def reopen(
    ticket: TicketPrefix,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Open a ticket again: it is not over. One that was closed automatically counts as closed wrongly."""

    async def work(door: Door) -> Exit | None:
        opened = await door.reopen(await full_ticket_id(door, ticket), reason)
        if as_json:
            say_json(opened)
        else:
            say("It is open again.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def _alerts(one: Json, now: float) -> str:
    words = f"{one['membersFiring']} of {one['members']} fire"
    if one["members"] == 1:
        words = "fires" if one["firing"] else "resolved"
    return words + (", flapping" if _flapping(one, now) else "")


def _flapping(one: Json, now: float) -> bool:
    until = epoch(one["flappingUntil"])
    return until is not None and until > now


def _show(found: Json, now: float) -> None:
    say(f"{found['ticketId']}  {found['status']}  {one_line(found['title'])}")
    if found["reason"]:
        say(one_line(found["reason"]))
    if found["grouping"]:
        say(f"One problem by the rule {one_line(found['grouping'])}.")
    if found["recurrences"]:
        say(f"It came back {found['recurrences']} times.")
    if _flapping(found, now):
        say("It is flapping: its runs wait until it has been calm for a while.")
    assessed = found["assessment"]
    if assessed:
        say(f"Triage: {assessed['classification']}, confidence {assessed['confidence']:.2f}.")
        for one in assessed["evidence"]:
            sign = "+" if one["weight"] > 0 else "-" if one["weight"] < 0 else "·"
            say(f"  {sign} {one_line(one['kind'])}: {one_line(one['text'])}")
    if found["feedback"]:
        said = found["feedback"]
        say(
            f"{one_line(said['by'])} said: {said['verdict']}" + (f" ({one_line(said['note'])})" if said["note"] else "")
        )
    table(
        ("alert", "now", "signals", "since", "title"),
        [
            (
                one["name"],
                "firing" if one["firing"] else "resolved",
                str(one["signals"]),
                age(one["firstAt"], now),
                one["title"],
            )
            for one in found["alerts"][:MEMBERS_SHOWN]
        ],
    )
    more = found["members"] - min(MEMBERS_SHOWN, len(found["alerts"]))
    if more > 0:
        say(f"... and {more} more.")
