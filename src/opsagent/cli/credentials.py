"""`opsagent credentials`: what opens targets; values go in from a file, stdin or a prompt, and never come out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from opsagent.cli.connections import pairs
from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import age, say, say_json, table
from opsagent.domain.credential import FIELDS, CredentialKind, Keeper
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import InputError

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
_PLAIN = frozenset({"username", "header"})


def group() -> typer.Typer:
    """The commands below `opsagent credentials`."""
    app = typer.Typer(
        help="What opens targets: add, list, remove; rotate the key that seals them.", no_args_is_help=True
    )
    app.command("add")(add)
    app.command("list")(list_all)
    app.command("remove")(remove)
    app.command("rotate-key")(rotate_key)
    return app


def add(
    name: Name,
    *,
    kind: Annotated[CredentialKind, typer.Option("--kind", help="What it opens.")],
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="username=ops, password=@FILE or password=- (stdin)."),
    ] = None,
    keeper: Annotated[Keeper, typer.Option("--keeper", help="Who keeps the value.")] = Keeper.STORE,
    reference: Annotated[str, typer.Option("--reference", help="Where an outside keeper has it.")] = "",
    connection: Annotated[list[str] | None, typer.Option("--connection", help="Only this target may use it.")] = None,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Store a credential, or a new value of one. Secret fields that are not given are asked for without echo."""

    async def work(door: Door) -> Exit | None:
        values = {field: _value(field, text) for field, text in pairs("--set", given or []).items()}
        if keeper is Keeper.STORE:
            for field in FIELDS[kind][0]:
                if field not in values and sys.stdin.isatty():
                    values[field] = typer.prompt(field, hide_input=field not in _PLAIN)
        fields = {
            "kind": kind.value,
            "keeper": keeper.value,
            "reference": reference,
            "connections": connection or [],
            "values": values,
        }
        stored = await door.put_credential(name, fields)
        if as_json:
            say_json(stored)
        else:
            say(f"Credential {name}, version {stored['version']}. Its value is shown nowhere.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def list_all(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List credentials, never a value."""

    async def work(door: Door) -> Exit | None:
        found = await door.credentials()
        if as_json:
            say_json({"credentials": list(found)})
            return None
        now = door.now()
        rows = [
            (
                one["name"],
                one["kind"],
                one["keeper"],
                str(one["version"]),
                f"{age(one['usedAt'], now)} ago by {one['usedBy']}" if one["usedAt"] else "never",
            )
            for one in found
        ]
        table(("name", "kind", "keeper", "version", "last used"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def remove(
    name: Name, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Remove a credential with its value; what needs it is denied from now on."""

    async def work(door: Door) -> Exit | None:
        await door.remove_credential(name)
        say_json({"name": name, "removed": True}) if as_json else say(f"Credential {name} is removed.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def rotate_key(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Seal every value with the present CREDENTIAL_ENCRYPTION_KEY; then the former keys can go."""

    async def work(door: Door) -> Exit | None:
        done = await door.rotate_key()
        say_json(done) if as_json else say(f"{done['resealed']} values were sealed anew with the present key.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def _value(field: str, text: str) -> str:
    """`@FILE`, `-` (stdin), or, where it is no secret, the text itself. InputError."""
    if text == "-":
        return sys.stdin.read().removesuffix("\n")
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_text("utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{text[1:]} cannot be read.", fix="Name a readable text file.") from error
    if field not in _PLAIN:
        raise InputError(
            f"{field} is a secret, and an argument is seen by every user of this machine.",
            fix=f"Write --set {field}=@FILE, --set {field}=- for stdin, or leave it out to be asked.",
        )
    return text
