"""Turns the beginning of an id into the id."""

from __future__ import annotations

from opsagent.cli.door import Door
from opsagent.errors import InputError, NotFound

FULL_LENGTH = 36  # a UUID as text
SHORTEST = 4
_PAGE, _MOST = 200, 2000  # how far back a beginning is looked for: the newest 2,000 runs


async def full_id(door: Door, given: str) -> str:
    """The run whose id begins so. NotFound; InputError when it is too short or fits several."""
    wanted = given.strip().lower()
    if len(wanted) >= FULL_LENGTH:
        return wanted
    if len(wanted) < SHORTEST:
        raise InputError(f"{given!r} is too short to name a run.", fix=f"Give {SHORTEST} characters of its id or more.")
    found: list[str] = []
    cursor, seen = "", 0
    while seen < _MOST:
        page = await door.runs(limit=_PAGE, cursor=cursor)
        found += [one["runId"] for one in page["runs"] if one["runId"].startswith(wanted)]
        seen += len(page["runs"])
        cursor = page.get("nextCursor") or ""
        if not cursor:
            break
    if not found:
        raise NotFound(f"No run begins with {given!r}.", fix="List the runs: opsagent runs")
    if len(found) > 1:
        raise InputError(
            f"{len(found)} runs begin with {given!r}: {', '.join(sorted(found)[:5])}.", fix="Give more of the id."
        )
    return found[0]


async def full_ticket_id(door: Door, prefix: str) -> str:
    """The id of the one ticket among the newest that begins so. InputError."""
    if len(prefix) >= FULL_LENGTH:
        return prefix
    found = [
        one["ticketId"] for one in (await door.tickets(limit=200))["tickets"] if one["ticketId"].startswith(prefix)
    ]
    if len(found) != 1:
        many = "more than one ticket begins" if found else "no ticket of the newest 200 begins"
        raise InputError(f"{many} with {prefix!r}.", fix="Take the id from: opsagent tickets --json")
    return str(found[0])


async def full_draft_id(door: Door, prefix: str) -> str:
    """The run of the one draft among the newest that begins so. InputError."""
    if len(prefix) >= FULL_LENGTH:
        return prefix
    found = [one["runId"] for one in (await door.drafts.drafts("all"))["drafts"] if one["runId"].startswith(prefix)]
    if len(found) != 1:
        many = "more than one draft begins" if found else "no draft of the newest 200 begins"
        raise InputError(f"{many} with {prefix!r}.", fix="Take the id from: opsagent runbooks drafts --status all")
    return str(found[0])
