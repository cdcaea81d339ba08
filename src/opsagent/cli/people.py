"""`opsagent people`: who may sign in to this installation, and as what."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import age, hint, say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT

RoleName = Literal["viewer", "operator", "approver", "admin"]
Who = Annotated[str, typer.Argument(metavar="LOGIN", help="What they sign in with.", show_default=False)]


def group() -> typer.Typer:
    """The commands below `opsagent people`."""
    app = typer.Typer(help="People: who may sign in, and as what.", no_args_is_help=True)
    commands = (
        (add, "add"),
        (list_all, "list"),
        (role, "role"),
        (invite, "invite"),
        (password, "password"),
        (disable, "disable"),
        (enable, "enable"),
        (logout, "logout"),
    )
    for function, name in commands:
        app.command(name)(function)
    return app


def add(
    login: Who,
    *,
    role: Annotated[RoleName, typer.Option("--role", help="What they may do.", show_default=False)],
    name: Annotated[str, typer.Option("--name", help="Who they are in the record. Default: the login.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read their password from stdin, instead of inviting them.")
    ] = False,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Add a person, and print the link by which they set their password (once, within three days)."""
    given = _from_stdin() if password_stdin else ""

    async def work(door: Door) -> Exit | None:
        fields = {"login": login, "role": role, "name": name} | ({"password": given} if given else {})
        added = await door.people.add(fields)
        link = None if given else await door.people.invite(added["personId"])
        if as_json:
            say_json(added if link is None else {**added, "invitation": link})
            return None
        say(f"{added['name']} may sign in as {added['login']}, {added['role']}.")
        if link is not None:
            _say_link(link, login)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def list_all(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the people of a tenant."""

    async def work(door: Door) -> Exit | None:
        found = await door.people.all()
        if as_json:
            say_json({"people": list(found)})
        elif not found:
            say("Nobody. Add somebody: opsagent people add ada@example.com --role admin")
        else:
            now = door.now()
            rows = [
                (
                    one["login"],
                    one["name"],
                    one["role"],
                    one["state"],
                    age(one["lastSeenAt"], now) if one["lastSeenAt"] else "never",
                )
                for one in found
            ]
            table(("login", "name", "role", "state", "seen"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def role(
    login: Who,
    role: Annotated[RoleName, typer.Argument(metavar="ROLE", help="viewer, operator, approver or admin.")],
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Say what a person may do; it holds from their next request on."""

    async def work(door: Door) -> Exit | None:
        changed = await door.people.role(login, role)
        say_json(changed) if as_json else say(f"{changed['name']} is {changed['role']} now.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def invite(
    login: Who, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Print a link by which a person sets a password: once, within three days. An earlier one works no more."""

    async def work(door: Door) -> Exit | None:
        link = await door.people.invite(login)
        say_json(link) if as_json else _say_link(link, login)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def password(
    login: Who, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Set a person's password, asked for without echo or read from stdin. It signs them out everywhere."""
    if sys.stdin.isatty():
        given = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        given = _from_stdin()

    async def work(door: Door) -> Exit | None:
        changed = await door.people.password(login, given)
        say_json(changed) if as_json else say(f"{changed['name']} has a new password, and is signed out everywhere.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def disable(
    login: Who, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Keep a person out, at once. Keys and Slack users of their name stay, until you take them back too."""

    async def work(door: Door) -> Exit | None:
        changed = await door.people.disable(login, on=True)
        if as_json:
            say_json(changed)
            return None
        say(f"{changed['name']} does not get in any more.")
        hint("Keys and Slack users are not touched: see opsagent keys list, opsagent slack people.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def enable(
    login: Who, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Let a disabled person in again."""

    async def work(door: Door) -> Exit | None:
        changed = await door.people.disable(login, on=False)
        say_json(changed) if as_json else say(f"{changed['name']} may sign in again.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def logout(
    login: Who, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Sign a person out of every browser, at once."""

    async def work(door: Door) -> Exit | None:
        await door.people.sign_out(login)
        say_json({"login": login, "signedOut": True}) if as_json else say(f"{login} is signed out everywhere.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def _from_stdin() -> str:
    given = sys.stdin.read().removesuffix("\n")
    if not given:
        raise typer.BadParameter("no password came on stdin", param_hint="stdin")
    return given


def _say_link(link: dict[str, object], login: str) -> None:
    say(str(link["url"] or link["path"]))
    hint(f"{login} sets a password with it, once, until {link['expiresAt']}. It is shown here and kept nowhere.")
    if not link["url"]:
        hint("Put the address of this server in front; OPSAGENT_PUBLIC_URL does it for you.")
