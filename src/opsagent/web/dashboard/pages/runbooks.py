"""Runbooks: all of them, or what the agent would find for some words."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import segment
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.press import html
from opsagent.web.dashboard.widgets.rows import MOST, Row, Rows, line
from opsagent.web.dashboard.widgets.words import badge, text, times

_EMPTY = Markup(
    "<strong>No runbook here.</strong><code>opsagent runbooks add --shipped</code> adds those for common trouble; "
    "<code>opsagent runbooks add FILE</code> adds your own."
)
_SEARCH = Markup(
    '<form role="search" class="row" action="/runbooks"><input type="search" name="q" value="{}" '
    'placeholder="Search as the agent does" aria-label="Search runbooks" class="grow">'
    '<button class="button" type="submit">Search</button></form>'
)


async def runbooks(request: Request, client: Client, q: str = "") -> Response | None:
    """The list, or with `q` what fits, the best first, and why."""

    async def build(visit: Visit) -> None:
        html(_SEARCH.format(q))
        html(await _ways(visit), classes="row")
        words = html("", classes="quiet")
        rows = Rows("Runbooks", _EMPTY)
        if q.strip():
            found = await visit.api.get("/api/v1/runbooks/search", q=q.strip()[:500])
            words.set_content("" if found["fits"] else "Nothing answers this; the nearest are below.")
            rows.show([_hit(one) for one in found["hits"]])
        else:
            listed = await visit.api.get("/api/v1/runbooks")
            rows.show([_row(one) for one in listed["runbooks"][:MOST]])
            beyond = len(listed["runbooks"]) - MOST
            words.set_content(f"The first {MOST}; a search finds the {beyond:,} others, too." if beyond > 0 else "")

    return await shown(request, client, "Runbooks", build, place="/runbooks")


async def _ways(visit: Visit) -> Markup:
    """Where else to go from here, as far as the visitor may."""
    drafts = len((await visit.api.get("/api/v1/drafts"))["drafts"])
    ways = [("/drafts", f"Drafts ({drafts})", "")]
    if "operate" in visit.may:
        ways = [("/editor", "New runbook", "primary"), ("/coverage", "Coverage of alerts", ""), *ways]
    return Markup("").join(Markup('<a class="button {2}" href="{0}">{1}</a>').format(*one) for one in ways)


def _row(one: dict[str, Any]) -> Row:
    facts = [
        one["summary"],
        f"{one['steps']} steps",
        ", ".join(one["alerts"]),
    ]
    off = "" if one["enabled"] else badge("switched_off")
    return _listed(one, " · ".join(part for part in facts if part), off)


def _hit(one: dict[str, Any]) -> Row:
    return _listed(one, one["why"])


def _listed(one: dict[str, Any], under: str, sign: Markup | str = "") -> Row:
    markup = line(text(one["title"]), text(under), sign, at=_used(one["uses"]))
    return Row(key=one["runbookId"], markup=markup, href=f"/runbooks/{segment(one['runbookId'])}")


def _used(uses: dict[str, Any]) -> str:
    """How often ended runs followed it, and, of those after which something was measured, how many were healthy."""
    if not uses["used"]:
        return "not used yet"
    measured = uses["yes"] + uses["no"]
    healthy = f", healthy after {uses['yes']} of {measured}" if measured else ""
    return f"used {times(uses['used'])}{healthy}"
