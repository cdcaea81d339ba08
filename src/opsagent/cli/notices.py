"""`opsagent notices`: what people were told, and whether it arrived."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import age, hint, say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.domain.visible import one_line

Json = dict[str, Any]
NoticeId = Annotated[str, typer.Argument(metavar="NOTICE", help="Its id, as `list` shows it.", show_default=False)]
StatusName = Literal["pending", "sending", "delivered", "dead"]
LOOKS = 40  # at what was just sent, before its first answer is waited for no longer


def group() -> typer.Typer:
    """The commands below `opsagent notices`."""
    app = typer.Typer(help="Notices: what people were told, and whether it arrived.", no_args_is_help=True)
    for function, name in ((list_all, "list"), (show, "show"), (resend, "resend")):
        app.command(name)(function)
    return app


def list_all(
    *,
    status: Annotated[StatusName | None, typer.Option("--status", help="Only those that stand there.")] = None,
    run: Annotated[str, typer.Option("--run", metavar="RUN", help="Those about one run; its whole id.")] = "",
    channel: Annotated[str, typer.Option("--channel", metavar="NAME")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=200)] = 50,
    cursor: Annotated[str, typer.Option("--cursor", help="`nextCursor` of the page before.")] = "",
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """List them, newest first. `dead` ones were given up, and can be sent again."""

    async def work(door: Door) -> Exit | None:
        page = await door.notices.notices(status=status or "", run_id=run, channel=channel, limit=limit, cursor=cursor)
        if as_json:
            say_json(page)
        elif not page["notices"]:
            say("Nobody was told anything of that kind.")
        else:
            rows = [
                (
                    one["noticeId"], one["status"] + (" (may be a repeat)" if one["possibleRepeat"] else ""),
                    one["channel"], one["address"], one["kind"], age(one["createdAt"], door.now()), one["lastError"],
                )
                for one in page["notices"]
            ]  # fmt: skip
            table(("notice", "status", "channel", "address", "tells", "age", "error"), rows)
            if page["nextCursor"]:
                hint(f"There are more: --cursor {page['nextCursor']}")
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def show(
    notice_id: NoticeId,
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Show one, with what it says."""

    async def work(door: Door) -> Exit | None:
        found = await door.notices.notice(notice_id)
        if as_json:
            say_json(found)
        else:
            for name in (
                "noticeId",
                "status",
                "channel",
                "address",
                "kind",
                "runId",
                "createdAt",
                "nextAt",
                "attempts",
            ):
                if found[name] is not None:
                    say(f"{name:<10} {one_line(found[name])}")
            if found["possibleRepeat"]:
                say("It may have arrived more than once; what was sent says so.")
            if found["lastError"]:
                say(f"{'error':<10} {one_line(found['lastError'])}")
            say("", one_line(found["body"], 2000))
        return None

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


def resend(
    notice_id: NoticeId,
    *,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Send one again that was given up or delivered, and say what came of the first try."""

    async def work(door: Door) -> Exit | None:
        await door.notices.resend(notice_id)
        return told(await after_first_try(door, [notice_id]), as_json=as_json)

    perform(Place(data_dir=data_dir, tenant=tenant, as_json=as_json), work)


async def after_first_try(door: Door, notice_ids: list[str]) -> list[Json]:
    """The notices once each was tried, or when they have been waited for long enough."""
    found: list[Json] = []
    for _ in range(LOOKS):
        await door.notices.push()
        found = [await door.notices.notice(one) for one in notice_ids]
        if all(one["attempts"] for one in found):
            break
        await door.pause_between_looks()
    return found


def told(notices: list[Json], *, as_json: bool) -> Exit:
    """Say what became of them; not all delivered is a failure."""
    arrived = all(one["status"] == "delivered" for one in notices)
    if as_json:
        say_json({"notices": notices})
    for one in () if as_json else notices:
        where = f"{one['channel']}, {one_line(one['address'])}"
        if one["status"] == "delivered":
            say(f"Delivered by {where}.")
        elif one["status"] == "dead":
            say(f"Not delivered by {where}, and given up: {one_line(one['lastError'])}")
        elif one["attempts"]:
            say(f"Not delivered yet by {where}: {one_line(one['lastError'])}")
            say("A running server tries it again.")
        else:
            say(f"On its way by {where}. See: opsagent notices show {one['noticeId']}")
    return Exit.OK if arrived else Exit.FAILED
