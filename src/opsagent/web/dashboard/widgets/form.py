"""A form in a sheet: native fields with the browser's own checks, sent once, and a refusal said above the buttons."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from markupsafe import Markup
from nicegui import events, ui

from opsagent.web.dashboard.api import Refused
from opsagent.web.dashboard.widgets.press import answered, html

Given = Mapping[str, str]
Send = Callable[[Given], Awaitable[Any]]
_LINE = "\n"
_NUMBERS = count(1)  # ids of fields are those of the page; a number is enough to tell two sheets apart
# A box that is not ticked is not in a form's data; what a datetime field says is in the viewer's zone.
_SENT = """(e) => {
  e.preventDefault();
  const given = {};
  for (const [name, value] of new FormData(e.target)) given[name] = value;
  for (const at of e.target.querySelectorAll('input[type="datetime-local"]'))
    if (at.value) given[at.name] = new Date(at.value).toISOString();
  emit(given);
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One field of a form.

    `of` shows it only while other fields have one of some values: `(("kind", ("token", "password")),)`. A hidden field
    is neither checked nor sent.
    """

    name: str
    label: str
    kind: Literal["text", "password", "area", "choice", "tick", "number", "moment"] = "text"
    value: str = ""
    choices: Sequence[tuple[str, str]] = ()
    hint: str = ""
    pattern: str = ""
    needed: bool = False
    of: Sequence[tuple[str, Sequence[str]]] = ()


async def fill_in(title: str, entries: Sequence[Entry], yes: str, send: Send, *, words: Markup | str = "") -> bool:
    """Ask for the entries and `send` them; the sheet stays while it is refused. False when nothing was sent."""
    with (
        ui.dialog() as dialog,
        ui.element("div").classes("sheet"),
    ):
        dialog.props["aria-label"] = title
        html(title, tag="h2")
        if words:
            html(words, classes="quiet")
        form = ui.element("form").classes("form").props("autocomplete=off")
        with form:
            number = next(_NUMBERS)
            html(Markup("").join(_entry(one, number, first=one is entries[0]) for one in entries), classes="form")
            trouble = html("", classes="trouble").props('role="alert"')
            trouble.set_visibility(False)
            with ui.element("div").classes("row"):
                html("Cancel", tag="button", classes="button").props("type=button").on(
                    "click", lambda: dialog.submit(None)
                )
                go = html(yes, tag="button", classes="button primary").props("type=submit")
    busy = asyncio.Lock()

    async def sent(event: events.GenericEventArguments) -> None:
        if busy.locked():
            return
        async with busy:
            go.props("disabled")
            try:
                await send({str(name): str(value) for name, value in event.args.items()})
            except Refused as refused:
                trouble.set_content(str(Markup("{} {}").format(refused.message, refused.fix)))
                trouble.set_visibility(True)
            else:
                dialog.submit("sent")
            finally:
                go.props(remove="disabled")

    form.on("submit", sent, js_handler=_SENT)
    return bool(await answered(dialog) == "sent")


def lines(text: str) -> list[str]:
    """What was written one a line, without empty ones."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def named(text: str) -> dict[str, str]:
    """`name=value` one a line; a line that begins with a space goes on with the value above. Refused without `=`."""
    found: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        if not line.strip():
            continue
        if line.startswith(" ") and last:
            found[last] += f"\n{line.removeprefix('  ')}"
            continue
        name, sign, value = line.partition("=")
        if not sign:
            raise Refused(422, f"“{line.strip()[:80]}” is no name=value.", "Write one a line: service=shop")
        last = name.strip()
        found[last] = value.strip()
    return found


def written(values: Mapping[str, str]) -> str:
    """The same the other way."""
    return "\n".join(f"{name}={value.replace(_LINE, _LINE + '  ')}" for name, value in values.items())


def _entry(one: Entry, number: int, *, first: bool) -> Markup:
    field = f"{one.name}-{number}"
    hint = Markup('<small id="{0}-hint">{1}</small>').format(field, one.hint) if one.hint else Markup("")
    asked = " ".join(f"{name}={'|'.join(values)}" for name, values in one.of)
    shown = Markup(' data-of="{}" hidden disabled').format(asked) if asked else ""
    told = Markup(' aria-describedby="{}-hint"').format(field) if one.hint else ""
    needed, focus = Markup(" required") if one.needed else "", Markup(" autofocus") if first else ""
    facts = Markup('id="{}" name="{}"{}{}{}').format(field, one.name, needed, focus, told)
    if one.kind == "tick":
        box = Markup('<label class="tick"><input type="checkbox" value="yes" {}{}> {}</label>').format(
            facts, Markup(" checked") if one.value else "", one.label
        )
        return Markup("<fieldset{}>{}{}</fieldset>").format(shown, box, hint)
    return Markup('<fieldset{}><label for="{}">{}</label>{}{}</fieldset>').format(
        shown, field, one.label, _field(one, facts), hint
    )


def _field(one: Entry, facts: Markup) -> Markup:
    if one.kind == "choice":
        options = Markup("").join(
            Markup('<option value="{}"{}>{}</option>').format(
                value, Markup(" selected") if value == one.value else "", word
            )
            for value, word in one.choices
        )
        return Markup("<select {}>{}</select>").format(facts, options)
    if one.kind == "area":
        return Markup('<textarea rows="3" spellcheck="false" {}>{}</textarea>').format(facts, one.value)
    kind = {"moment": "datetime-local"}.get(one.kind, one.kind)
    secret = Markup(' autocomplete="new-password"') if one.kind == "password" else ""
    pattern = Markup(' pattern="{}"').format(one.pattern) if one.pattern else ""
    return Markup('<input type="{}" value="{}" spellcheck="false" autocapitalize="none" {}{}{}>').format(
        kind, one.value, facts, secret, pattern
    )
