"""`opsagent keys`: make, list and revoke API keys."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import age, hint, say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT, PrincipalKind, Role
from opsagent.errors import InputError

RoleName = Literal["intake", "viewer", "operator", "approver", "admin"]


def group() -> typer.Typer:
    """The commands below `opsagent keys`."""
    app = typer.Typer(help="API keys: make, list and revoke them.", no_args_is_help=True)
    for function, name in ((create, "create"), (list_all, "list"), (revoke, "revoke")):
        app.command(name)(function)
    return app


def create(
    *,
    role: Annotated[RoleName, typer.Option("--role", help="What its holder may do.", show_default=False)],
    name: Annotated[str, typer.Option("--name", help="Whose key it is, for the audit record.")] = "",
    person: Annotated[
        bool | None,
        typer.Option("--person/--service", help="Only a person decides approvals. An approver is a person by default."),
    ] = None,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Make a key. Its text is shown once, here, and kept nowhere."""
    holder = person if person is not None else Role(role) in {Role.APPROVER, Role.ADMIN}

    async def work(door: Door) -> Exit | None:
        if Role(role) is Role.APPROVER and not holder:
            raise InputError("A service cannot approve.", fix="Use --person, or the role operator.")
        kind = PrincipalKind.PERSON if holder else PrincipalKind.SERVICE
        new = await door.create_key(role=role, kind=kind.value, name=name or f"{role} key")
        made = {
            "key": new["secret"],
            "id": new["keyId"],
            "role": new["role"],
            "tenant": tenant,
            "kind": new["kind"],
            "name": new["name"],
            "createdAt": new["createdAt"],
        }
        if as_json:
            say_json(made)
            return None
        say(made["key"])
        hint(f"A {made['role']} key for a {made['kind']} of tenant {made['tenant']}; id {made['id']}.")
        hint("It is shown once. Take it back with: opsagent keys revoke " + made["id"])
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def list_all(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the keys of a tenant; their text is not kept and cannot be shown."""

    async def work(door: Door) -> Exit | None:
        found = await door.keys()
        if as_json:
            say_json({"keys": found})
        elif not found:
            say("No keys. Make one: opsagent keys create --role operator")
        else:
            now = door.now()
            rows = [
                (
                    one["keyId"],
                    one["role"],
                    one["kind"],
                    age(one["createdAt"], now),
                    "revoked" if one.get("revokedAt") else "live",
                    one["name"],
                )
                for one in found
            ]
            table(("id", "role", "kind", "age", "state", "name"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY_ID", show_default=False)],
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """End a key now."""

    async def work(door: Door) -> Exit | None:
        await door.revoke_key(key)
        say_json({"id": key, "revoked": True}) if as_json else say(f"Key {key} is revoked.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
