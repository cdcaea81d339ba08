"""`opsagent intake`: what monitoring systems send, tried out, and what of it could not be read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import finish, perform
from opsagent.cli.screen import age, say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import InputError

Json = dict[str, Any]
_SHOWN = ("status", "title", "priority", "environment", "startsAt", "endsAt", "fingerprint")
DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="Its id, as `list` shows it.")]


def group() -> typer.Typer:
    """The commands below `opsagent intake`."""
    app = typer.Typer(help="Monitoring webhooks: try a payload, mend what could not be read.", no_args_is_help=True)
    app.command("test")(try_out)
    app.command("sources")(sources)
    kept = typer.Typer(help="Deliveries that could not be read.", no_args_is_help=True)
    for name, function in (("list", list_), ("show", show), ("replay", replay), ("forget", forget)):
        kept.command(name)(function)
    app.add_typer(kept, name="quarantine")
    return app


def try_out(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="As in the webhook's address: grafana, zabbix, ...")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="The payload; - is stdin.")],
    *,
    header: Annotated[list[str] | None, typer.Option("--header", metavar="NAME:VALUE", help="A header of it.")] = None,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Show what a payload becomes, or which field of it is wrong. Offline; nothing is stored."""
    place = Place(data_dir=data_dir, tenant=tenant, as_json=as_json)

    async def work() -> Exit:
        from opsagent.cli.intake_trial import try_payload

        trial = try_payload(place, source, _headers(header or []), _read(file))
        if as_json:
            say_json({"signals": trial.signals, "alive": trial.alive, "words": trial.words})
            return Exit.OK
        for signal in trial.signals:
            _say_signal(signal)
        if trial.alive:
            say("A heartbeat: the alerting is alive. It makes no ticket; its absence does (heartbeat_minutes).")
        if trial.words:
            say(f"Would say: {trial.words}" if trial.confirms else trial.words)
        return Exit.OK

    finish(place, work)


def sources(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the monitoring systems that are understood, and whether their deliveries can prove themselves."""
    place = Place(data_dir=data_dir, as_json=as_json)

    async def work() -> Exit:
        from opsagent.cli.intake_trial import known_sources

        found = known_sources(place)
        if as_json:
            say_json({"sources": found})
        else:
            said = {True: "its own proof, or a key", False: "a key with the role intake"}
            table(("source", "takes"), [(one["source"], said[one["proves"]]) for one in found])
        return Exit.OK

    finish(place, work)


def list_(*, data_dir: DataDir = None, tenant: TenantName = DEFAULT_TENANT, as_json: AsJson = False) -> None:
    """List the deliveries that could not be read."""

    async def work(door: Door) -> Exit | None:
        found = await door.quarantine()
        if as_json:
            say_json({"deliveries": list(found)})
        elif not found:
            say("Everything that came in could be read.")
        else:
            now = door.now()
            rows = [(one["deliveryId"], one["source"], age(one["receivedAt"], now), one["times"], one["why"])
                    for one in found]  # fmt: skip
            table(("delivery", "source", "age", "times", "why"), rows)
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def show(
    delivery_id: DeliveryId,
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Show one with its body."""

    async def work(door: Door) -> Exit | None:
        found = await door.quarantined(delivery_id)
        if as_json:
            say_json(found)
            return None
        say(f"{found['source']}, {found['receivedAt']}, {found['sizeBytes']} bytes, came {found['times']} times")
        say(found["why"], found["fix"])
        for name, value in found["headers"].items():
            say(f"  {name}: {value}")
        say(found["body"])
        if found["cut"]:
            say("The rest was not kept.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def replay(
    delivery_id: DeliveryId,
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Read it again, after a mapping was mended, say; when that works it becomes tickets and leaves the quarantine."""

    async def work(door: Door) -> Exit | None:
        taken = await door.replay(delivery_id)
        if as_json:
            say_json(taken)
        else:
            made = sum(1 for one in taken["tickets"] if one["created"])
            say(f"Read: {taken['received']} signals, {made} new tickets. {taken['words']}".rstrip())
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def forget(
    delivery_id: DeliveryId,
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Remove it for good."""

    async def work(door: Door) -> Exit | None:
        await door.forget_delivery(delivery_id)
        if as_json:
            say_json({"forgotten": delivery_id})
        else:
            say("Forgotten.")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def _say_signal(signal: Json) -> None:
    say(signal["name"])
    for key in _SHOWN:
        if signal[key]:
            say(f"  {key:<12} {signal[key]}")
    for name, text in signal["labels"].items():
        say(f"  label        {name} = {text}")
    if signal["description"]:
        say(*(f"  | {line}" for line in signal["description"].splitlines()))


def _headers(given: list[str]) -> dict[str, str]:
    found = {}
    for one in given:
        name, colon, value = one.partition(":")
        if not colon or not name.strip():
            raise InputError(f"{one!r} is no header.", fix="Write it as NAME:VALUE.")
        found[name.strip()] = value.strip()
    return found


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        raise InputError(f"{file} cannot be read: {reason}.", fix="Name a file with a payload.") from None
