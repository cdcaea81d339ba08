"""`opsagent slack`: the app's manifest, and who its users are here."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import finish, perform
from opsagent.cli.screen import age, say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import InputError

RoleName = Literal["viewer", "operator", "approver", "admin"]
UserId = Annotated[str, typer.Argument(metavar="USER_ID", help="As Slack's profile shows it: U0123ABCD.")]


def group() -> typer.Typer:
    """The commands below `opsagent slack`."""
    app = typer.Typer(help="Slack: the app's manifest, who its users are, whose its workspaces.", no_args_is_help=True)
    commands = (
        (manifest, "manifest"),
        (link, "link"),
        (unlink, "unlink"),
        (people, "people"),
        (workspace, "workspace"),
        (workspaces, "workspaces"),
    )
    for function, name in commands:
        app.command(name)(function)
    return app


def manifest(
    *,
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="Where Slack reaches this server. Default: OPSAGENT_PUBLIC_URL.")
    ] = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Print the manifest of the Slack app, to be pasted at api.slack.com/apps (Create New App, From a manifest)."""
    place = Place(data_dir=data_dir, as_json=as_json)

    async def work() -> Exit:
        from opsagent.bootstrap.outfit import slack_manifest
        from opsagent.settings import Settings

        given = {"public_url": url} if url else {}
        settings = Settings.load({**place.overrides(), **given})
        if not settings.server.public_url.startswith("https://"):
            raise InputError(
                "Slack calls this server, and nobody said where it is reached by https.",
                fix="Set OPSAGENT_PUBLIC_URL=https://ops.example.com, or give --url.",
            )
        made = slack_manifest(settings)
        if as_json:
            say_json(made)
        else:
            import yaml

            say(yaml.safe_dump(made, sort_keys=False).rstrip())
        return Exit.OK

    finish(place, work)


def link(
    user: UserId,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Who that is: a name for the audit record.")],
    *,
    role: Annotated[RoleName, typer.Option("--role", help="What a click of theirs may do.")],
    workspace: Annotated[
        str, typer.Option("--workspace", metavar="TEAM_ID", help="Only the user of this workspace.")
    ] = "",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Say who a Slack user is. Only then do their clicks decide anything."""

    async def work(door: Door) -> Exit | None:
        stored = await door.link_slack(user, {"person": person, "role": role, "workspace": workspace})
        say_json(stored) if as_json else say(f"{user} is {stored['person']}, {stored['role']}.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def unlink(
    user: UserId, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """A Slack user decides nothing from now on."""

    async def work(door: Door) -> Exit | None:
        await door.unlink_slack(user)
        say_json({"user": user, "unlinked": True}) if as_json else say(f"{user} is nobody here any more.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def people(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the Slack users who are known persons here."""

    async def work(door: Door) -> Exit | None:
        found = await door.slack_people()
        if as_json:
            say_json({"people": list(found)})
        elif not found:
            say("Nobody. Link somebody: opsagent slack link USER_ID PERSON --role approver")
        else:
            now = door.now()
            rows = [
                (one["user"], one["person"], one["role"], one["workspace"] or "any", age(one["createdAt"], now))
                for one in found
            ]
            table(("user", "person", "role", "workspace", "age"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def workspace(
    team: Annotated[str, typer.Argument(metavar="TEAM_ID", help="The workspace's id: T0123ABCD.")],
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Forget it.")] = False,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Say which tenant the commands of a workspace belong to. Without any, all belong to the tenant default."""

    async def work(door: Door) -> Exit | None:
        await door.slack_workspace(team, remove=remove)
        words = f"{team} is forgotten." if remove else f"The commands of {team} belong to the tenant {tenant}."
        say_json({"workspaceId": team, "registered": not remove}) if as_json else say(words)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def workspaces(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the workspaces of a tenant."""

    async def work(door: Door) -> Exit | None:
        found = await door.slack_workspaces()
        if as_json:
            say_json({"workspaces": list(found)})
        else:
            say(*([one["workspaceId"] for one in found] or ["None is registered."]))
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
