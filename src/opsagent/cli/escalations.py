"""`opsagent escalations`: who is told while nobody reacts."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any

import typer

from opsagent.cli.connections import pairs
from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.moments import moment
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import finish, perform
from opsagent.cli.screen import say, say_json, table
from opsagent.domain.escalation_policy import EscalationPolicy, Fact, Occasion
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.domain.priority import Priority
from opsagent.stages.remind import people

EscalationId = Annotated[str, typer.Argument(metavar="ESCALATION", help="Its id, as `list` shows it.")]


def group() -> typer.Typer:
    """The commands below `opsagent escalations`."""
    app = typer.Typer(help="Escalations: who is told while nobody reacts.", no_args_is_help=True)
    for function, name in ((list_all, "list"), (show, "show"), (acknowledge, "acknowledge"), (try_out, "test")):
        app.command(name)(function)
    return app


def list_all(
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many.")] = 50,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """List the newest escalations, open and ended."""

    async def work(door: Door) -> Exit | None:
        found = await door.timetable.escalations(limit)
        if as_json:
            say_json({"escalations": list(found)})
        elif not found:
            say("Nothing has been escalated.")
        else:
            rows = [
                (one["escalationId"], one["policy"], one["on"], _stands(one), (one["runId"] or "")[:8], one["title"])
                for one in found
            ]
            table(("escalation", "policy", "on", "stands", "run", "about"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def show(
    escalation_id: EscalationId,
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Show one escalation."""

    async def work(door: Door) -> Exit | None:
        found = await door.timetable.escalation(escalation_id)
        if as_json:
            say_json(found)
            return None
        for key, held in found.items():
            if held not in (None, ""):
                say(f"{key:<24} {held}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def acknowledge(
    escalation_id: EscalationId,
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Say that you are looking: nobody else is told. It approves nothing."""

    async def work(door: Door) -> Exit | None:
        done = await door.timetable.acknowledge(escalation_id)
        if as_json:
            say_json(done)
        else:
            say(f"{done['acknowledgedBy']} is looking; nobody else is told. It approves nothing.")
            if done["runId"]:
                say(f"Look at it: opsagent show {done['runId'][:8]}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def try_out(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The YAML file to be tried.")],
    *,
    on: Annotated[Occasion, typer.Option("--on", help="What has happened.")] = Occasion.APPROVAL_UNANSWERED,
    priority: Annotated[Priority, typer.Option("--priority")] = Priority.HIGH,
    environment: Annotated[str, typer.Option("--environment", help="Of the ticket or the target.")] = "prod",
    label: Annotated[list[str] | None, typer.Option("--label", metavar="K=V", help="A label of the ticket.")] = None,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="ISO 8601 with a zone. Default: now.")] = "",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Say who would be told when, for an example. Nobody is told."""
    place = Place(data_dir=data_dir, tenant=tenant, as_json=as_json)

    async def work() -> Exit:
        from opsagent.bootstrap.outfit import clock, escalation_policies
        from opsagent.settings import Settings

        policies = escalation_policies(Settings.load(place.overrides()), file)
        fact = Fact(
            occasion=on,
            tenant=tenant,
            priority=priority,
            environment=environment,
            labels={"environment": environment, **pairs("--label", label or [])},
        )
        since = moment(at) if at else datetime.fromtimestamp(clock().now(), UTC)
        policy = next((one for one in policies if one.fits(fact)), None)
        tellings = _tellings(policy, since, priority) if policy else []
        if as_json:
            say_json({"policy": policy.name if policy else None, "tellings": tellings})
        elif policy is None:
            say("No policy fits: nobody would be told.")
        else:
            say(f"{policy.name}: it happens at {since.isoformat(timespec='minutes')}, and nobody reacts.")
            rows = [(one["local"], str(one["step"]), str(one["telling"]), one["to"]) for one in tellings]
            table(("when", "step", "telling", "to"), rows)
            say("Then nobody else is told.")
        return Exit.OK if policy else Exit.FAILED

    finish(place, work)


def _tellings(policy: EscalationPolicy, since: datetime, priority: Priority) -> list[dict[str, Any]]:
    zone: tzinfo | None = policy.quiet.zone if policy.quiet else since.tzinfo
    return [
        {
            "at": datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z"),
            "local": datetime.fromtimestamp(at, zone).isoformat(timespec="minutes"),
            "step": step + 1,
            "telling": told + 1,
            "to": people(policy.steps[step].tell),
        }
        for step, told, at in policy.tellings(since.timestamp(), priority)
    ]


def _stands(one: dict[str, Any]) -> str:
    if one["acknowledgedBy"]:
        return f"{one['acknowledgedBy']} is looking"
    return one["ended"] or f"step {one['step']} at {one['nextAt']}"
