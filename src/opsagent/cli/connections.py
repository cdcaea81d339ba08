"""`opsagent connections`: the targets people registered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import InputError

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
Pairs = list[str]


def group() -> typer.Typer:
    """The commands below `opsagent connections`."""
    app = typer.Typer(help="Registered targets: add, list, show, test and remove them.", no_args_is_help=True)
    for function, name in ((add, "add"), (list_all, "list"), (show, "show"), (check, "test"), (remove, "remove")):
        app.command(name)(function)
    return app


def add(
    name: Name,
    *,
    reach: Annotated[
        Literal["sandbox", "host"], typer.Option("--reach", help="Scratch space only, or this machine itself.")
    ] = "sandbox",
    executor: Annotated[
        str, typer.Option("--executor", help="What carries commands out there: shell, sql, http.")
    ] = "shell",
    address: Annotated[
        str,
        typer.Option(
            "--address", help="Where it is: postgresql://HOST:PORT/DB, mysql://HOST:PORT/DB, https://HOST/BASE."
        ),
    ] = "",
    credential: Annotated[str, typer.Option("--credential", help="The credential that opens it.")] = "",
    read_credential: Annotated[
        str, typer.Option("--read-credential", help="The one for reads: a database account that may only read.")
    ] = "",
    option: Annotated[Pairs | None, typer.Option("--option", metavar="K=V", help="A setting of its executor.")] = None,
    environment: Annotated[
        str, typer.Option("--environment", help="prod, staging, ...: rules may ask for it.")
    ] = "prod",
    label: Annotated[
        Pairs | None, typer.Option("--label", metavar="K=V", help="An alert with all these labels means this target.")
    ] = None,
    value: Annotated[
        Pairs | None, typer.Option("--value", metavar="K=V", help="What {{connection.K}} stands for in a runbook.")
    ] = None,
    host: Annotated[
        Pairs | None, typer.Option("--host", metavar="HOST[:PORT]", help="A read may contact it without asking.")
    ] = None,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Register a target, or change it: approvals given for the old version no longer hold."""

    async def work(door: Door) -> Exit | None:
        fields: dict[str, Any] = {
            "name": name,
            "executor": executor,
            "reach": reach,
            "environment": environment,
            "labels": pairs("--label", label or []),
            "values": pairs("--value", value or []),
            "hosts": list(host or []),
            "address": address,
            "options": pairs("--option", option or []),
            "credential": credential,
            "read_credential": read_credential,
        }
        stored = await door.put_connection(fields)
        say_json(stored) if as_json else say(
            f"Connection {name}, version {stored['version']}. Try it: opsagent connections test {name}"
        )
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def list_all(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the registered targets."""

    async def work(door: Door) -> Exit | None:
        found = await door.connections()
        if as_json:
            say_json({"connections": found})
            return None
        rows = [
            (
                one["name"],
                one["executor"],
                one["reach"],
                one["environment"],
                ", ".join(one["hosts"]),
                _joined(one["labels"]),
            )
            for one in found
        ]
        table(("name", "executor", "reach", "environment", "hosts", "labels"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def show(name: Name, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Show one target."""

    async def work(door: Door) -> Exit | None:
        found = await door.connection(name)
        if as_json:
            say_json(found)
            return None
        for key, held in found.items():
            words = _joined(held) if isinstance(held, dict) else ", ".join(held) if isinstance(held, list) else held
            if words not in (None, ""):
                say(f"{key:<12} {words}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def check(
    name: Name, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Really connect, once with each of its accounts, and say what was seen."""

    async def work(door: Door) -> Exit | None:
        tried = await door.test_connection(name)
        if as_json:
            say_json(tried)
        else:
            for one in tried["results"]:
                say(f"{name} {'works' if one['ok'] else 'does not work'}: {one['text']}")
                if one["fix"]:
                    say(f"To mend: {one['fix']}")
        return None if tried["ok"] else Exit.FAILED

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def remove(
    name: Name, *, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False
) -> None:
    """Forget a target; runs in its scope can no longer reach it."""

    async def work(door: Door) -> Exit | None:
        await door.remove_connection(name)
        say_json({"name": name, "removed": True}) if as_json else say(f"Connection {name} is removed.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    """What `NAME=VALUE` options say. InputError."""
    found: dict[str, str] = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals or not key.strip():
            raise InputError(f"{option} {one!r} is not NAME=VALUE.", fix=f"Write it as {option} service=shop")
        found[key.strip()] = value
    return found


def _joined(held: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in held.items())
