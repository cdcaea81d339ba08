"""The editor: a new runbook, or the next version of one."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import Refused, segment
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.editor import Editor
from opsagent.web.dashboard.widgets.press import button, html
from opsagent.web.dashboard.widgets.words import text
from opsagent.web.dashboard.widgets.write import Field

PATH = "/api/v1/runbooks"
NOT_YOURS = Markup("<strong>Runbooks are written by operators.</strong>Your role ({}) may read and search them.")
_BEGINNING = """---
id: what-is-wrong
title: What is wrong
alerts: [{alert}]
---

# What is wrong

## Diagnosis

What does it say?

```shell name=look
uptime
```

## Verify

```shell name=answers
uptime
```
"""


async def editor(request: Request, client: Client, runbook: str = "", alert: str = "") -> Response | None:
    """The runbook with the id `runbook`, or a new one, which may be for an alert."""

    async def build(visit: Visit) -> None:
        if "operate" not in visit.may:
            html(NOT_YOURS.format(visit.role), classes="empty")
            return
        found = await visit.api.get(f"{PATH}/{segment(runbook)}") if runbook else None
        page = _Editing(visit, found, alert)
        await page.editor.begin()

    return await shown(request, client, "Edit a runbook" if runbook else "New runbook", build, place="/runbooks")


class _Editing:
    """The text with what stores it. It is stored only over the version that was opened."""

    def __init__(self, visit: Visit, found: dict[str, Any] | None, alert: str) -> None:
        self._visit = visit
        self._found = found
        name = f"{found['runbookId']}.md" if found else "runbook.md"
        if found:
            html(Markup("<p>{} · version {}</p>").format(text(found["title"]), found["revision"]), classes="quiet")
        plain = "".join(one for one in alert[:100] if one.isalnum() or one in "_-:.")
        source = found["source"] if found else _BEGINNING.format(alert=plain or "AlertName")
        self.editor = Editor(visit, source, name, over=found["version"] if found else "")
        self._trouble = html("", classes="trouble").props('role="alert"')
        self._trouble.set_visibility(False)
        with ui.element("div").classes("row save"):
            self._note = Field(
                "Why it changes", most=200, hint="Why (kept with the version)", classes="grow", keep="why"
            )
            button("Save", self._save, kind="primary")
            back = f"/runbooks/{segment(found['runbookId'])}" if found else "/runbooks"
            html("Cancel", tag="a", classes="button").props("data-discard").props["href"] = back

    async def _save(self) -> None:
        body = {
            "text": await self.editor.text.read(),
            "note": await self._note.read(),
            "expectedVersion": await self.editor.text.begun_over(),
        }
        self._trouble.set_visibility(False)
        try:
            if self._found:
                stored = await self._visit.api.put(f"{PATH}/{segment(self._found['runbookId'])}", body)
            else:
                stored = await self._visit.api.post(PATH, body)
        except Refused as refused:
            await self.editor.check()
            words = Markup("<p>{}</p><p>{}</p><p>Nothing was stored; your text is still here.</p>")
            self._trouble.set_content(str(words.format(text(refused.message), text(refused.fix))))
            self._trouble.set_visibility(True)
            return
        self.editor.text.is_kept()
        self._note.is_kept()
        ui.navigate.to(f"/runbooks/{segment(stored['runbookId'])}")
