"""`opsagent audit`: the append-only record of who did what."""

from __future__ import annotations

from typing import Annotated

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import clock_time, hint, say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT


def group() -> typer.Typer:
    """`opsagent audit` itself lists; below it verify, head and export."""
    app = typer.Typer(help="The record of who did what: list it, verify it, export it.", invoke_without_command=True)
    app.callback()(audit)
    app.command("verify")(verify)
    app.command("head")(head_)
    app.command("export")(export)
    return app


def verify(
    *,
    head: Annotated[
        str, typer.Option("--head", metavar="N:HASH", help="A head kept elsewhere: it must still be in the record.")
    ] = "",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Check every entry's seal and the kept heads. Exit 1 when anything was changed, cut off or written anew."""

    async def work(door: Door) -> Exit | None:
        found = await door.check_audit(head)
        if as_json:
            say_json(found)
        elif found["trouble"]:
            say(f"BROKEN: {found['trouble']}", f"  {found['entries']} entries before it hold.")
        else:
            known = [f"{found['heads']} kept heads are"] if found["heads"] else []
            known += ["the given head is"] if head else []
            since = f"{' and '.join(known)} in it" if known else "no head is kept yet, so a cut end would not show"
            say(f"All {found['entries']} entries hold; {since}.", f"  head {found['head']}")
        return Exit.FAILED if found["trouble"] else None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def head_(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """Print the present head, after checking the record: a line to keep where this machine cannot write."""

    async def work(door: Door) -> Exit | None:
        found = await door.check_audit("")
        if as_json:
            say_json(found)
        else:
            say(f"BROKEN: {found['trouble']}" if found["trouble"] else found["head"])
        return Exit.FAILED if found["trouble"] else None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def export(
    *,
    after: Annotated[int, typer.Option("--after", min=0, help="Begin after this entry.")] = 0,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
) -> None:
    """Write every entry as a line of JSON, seals included."""

    async def work(door: Door) -> Exit | None:
        at = after
        while entries := await door.audit(after=at, limit=1000):
            for entry in entries:
                say_json(entry)
            at = entries[-1]["sequence"]
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=True), work)


def audit(
    context: typer.Context,
    *,
    after: Annotated[int, typer.Option("--after", min=0, help="Begin after this entry.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many entries.")] = 200,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """List the record of who did what, in order; each entry is chained to the one before."""
    if context.invoked_subcommand is not None:
        return

    async def work(door: Door) -> Exit | None:
        entries = await door.audit(after=after, limit=limit)
        if as_json:
            for entry in entries:
                say_json(entry)
            return None
        if not entries:
            say("Nothing is recorded yet." if not after else "Nothing is recorded after that.")
            return None
        table(
            ("#", "time", "who", "what", "run", "detail"),
            [
                (
                    one["sequence"],
                    clock_time(one["at"]),
                    one["actor"],
                    one["action"],
                    (one.get("runId") or "")[:8],
                    " ".join(f"{name}={value}" for name, value in (one.get("detail") or {}).items()),
                )
                for one in entries
            ],
        )
        if len(entries) == limit:
            hint(f"more: opsagent audit --after {entries[-1]['sequence']}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)
