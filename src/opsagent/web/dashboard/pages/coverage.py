"""Coverage: for each alert that can fire, whether there is a runbook, and whether it works here."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import Refused, segment
from opsagent.web.dashboard.pages.editor import NOT_YOURS
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.press import button, html
from opsagent.web.dashboard.widgets.words import badge, text, times
from opsagent.web.dashboard.widgets.write import labelled

_MOST_BYTES = 900_000  # of a file: a message of the page's socket holds a million
_READ = f"""(e) => {{
  const file = e.target.files[0];
  if (!file) return;
  if (file.size > {_MOST_BYTES}) {{ emit(file.name, null); return; }}
  file.text().then((words) => emit(file.name, words));
}}"""
_HOW = Markup(
    "Choose a rule file of Prometheus, or paste what it says (or the answer of its <code>/api/v1/rules</code>). Each "
    "runbook is judged on a target its alert could be about, and nothing is run."
)
_HINT = "groups:\n  - name: shop\n    rules:\n      - alert: ShopDown\n        expr: up == 0"
_WORDS = {"ready": "Ready", "partly": "Partly", "none": "No runbook"}


async def coverage(request: Request, client: Client) -> Response | None:
    """Rules in, a report out."""

    async def build(visit: Visit) -> None:
        if "operate" not in visit.may:
            html(NOT_YOURS.format(visit.role), classes="empty")
            return
        _Coverage(visit)

    return await shown(request, client, "Coverage", build, place="/runbooks")


class _Coverage:
    """The form, and below it what was found."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._file = "rules"
        with ui.element("section").classes("card").props('aria-label="Alert rules"'):
            html(_HOW)
            with ui.element("label").classes("field"):
                html("A rule file", tag="span")
                chosen = html("", tag="input").props('type=file accept=".yml,.yaml,.json,.rules,text/*"')
                chosen.on("change", self._chosen, js_handler=_READ)
            self._rules = labelled("Alert rules", rows=8, classes="editor", hint=_HINT)
            with ui.element("div").classes("row"):
                button("Report", self._report, kind="primary")
        self._said = html("", classes="stack").props('role="status"')

    async def _chosen(self, event: Any) -> None:
        name, words = event.args
        if words is None:
            self._refused("The file is too large for this page.", "Use the command line: opsagent runbooks coverage.")
            return
        self._file = str(name)[:200]
        self._rules.put(str(words))
        await self._tell(str(words))

    async def _report(self) -> None:
        await self._tell(await self._rules.read())

    async def _tell(self, rules: str) -> None:
        if not rules.strip():
            self._refused("There is no rule yet.", "Choose a file, or paste rules above.")
            return
        try:
            found = await self._visit.api.post("/api/v1/runbooks/coverage", {"rules": rules, "file": self._file})
        except Refused as refused:
            self._refused(refused.message, refused.fix)
            return
        self._said.set_content(str(_shown(found)))

    def _refused(self, message: str, fix: str) -> None:
        words = Markup('<div class="trouble" role="alert"><p>{}</p><p>{}</p></div>').format(text(message), text(fix))
        self._said.set_content(str(words))


def _shown(found: dict[str, Any]) -> Markup:
    figures = Markup("").join(
        Markup('<div class="card"><span class="figure">{}</span><span>{}</span></div>').format(
            found["counts"].get(cover, 0), word
        )
        for cover, word in _WORDS.items()
    )
    worst_first = sorted(found["alerts"], key=lambda one: (list(_WORDS)[::-1].index(one["cover"]), one["alert"]))
    rows = Markup("").join(Markup("<li>{}</li>").format(_alert(one)) for one in worst_first)
    return Markup('<h2>{} alerts</h2><div class="cards">{}</div><ul class="rows" aria-label="Alerts">{}</ul>').format(
        len(found["alerts"]), figures, rows
    )


def _alert(one: dict[str, Any]) -> Markup:
    if one["runbookId"]:
        runbook = Markup('<a href="/runbooks/{}">{}</a>').format(segment(one["runbookId"]), text(one["runbookId"]))
    else:
        query = urlencode({"alert": one["alert"]})
        runbook = Markup('<a href="/editor?{}">Write a runbook for it</a>').format(query)
    uses = one["uses"]
    facts = [one["why"], f"on {one['target']}" if one["target"] else ""]
    if uses and uses["used"]:
        facts.append(f"used {times(uses['used'])}, healthy after {uses['yes']}")
    points = Markup("").join(Markup("<li>{}</li>").format(text(each)) for each in (*one["problems"], *one["notes"]))
    return Markup(
        '<div class="row-in covered"><span class="what"><strong>{}</strong> <span class="quiet">{} {}:{}</span>'
        '<span class="under plain">{} {}</span>{}</span>{}</div>'
    ).format(
        text(one["alert"]),
        text(one["severity"]),
        text(one["file"]),
        one["line"],
        runbook,
        text(" · ".join(fact for fact in facts if fact)),
        Markup('<ul class="reasons">{}</ul>').format(points) if points else "",
        badge(f"cover_{one['cover']}"),
    )
