"""Things to press and to be asked by: native buttons, and the question before what cannot be taken back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from markupsafe import Markup
from nicegui import Client, ui

from opsagent.web.dashboard.api import Refused

Act = Callable[[], Awaitable[Any]]


def html(markup: Markup | str, *, tag: str = "div", classes: str = "") -> ui.html:
    """Markup of ours: everything in it that came from elsewhere was escaped where it was put in."""
    return ui.html(
        str(markup) if isinstance(markup, Markup) else str(Markup.escape(markup)), sanitize=False, tag=tag
    ).classes(classes)


def button(words: Markup | str, act: Act, *, kind: str = "", label: str = "", hint: str = "") -> ui.html:
    """A button that does `act`; while that lasts it cannot be pressed again, and a refusal is said where it was."""

    async def pressed() -> None:
        made.props("disabled")
        try:
            await act()
        except Refused as refused:
            say(refused)
        finally:
            if not made.is_deleted:
                made.props(remove="disabled")

    made = html(words, tag="button", classes=f"button {kind}").props("type=button")
    if label:
        made.props["aria-label"] = label
    if hint:
        made.props["title"] = hint
    return made.on("click", pressed, args=[])


def say(refused: Refused) -> None:
    """A refusal, in the API's words."""
    ui.notify(
        f"{refused.message} {refused.fix}",
        type="negative",
        position="top",  # below are the answers of a question
        multi_line=True,
        timeout=12_000,
        close_button="Close",
    )


async def sure(
    title: str, words: Markup | str, yes: str, *, kind: str = "danger", among: list[ui.dialog] | None = None
) -> bool:
    """Ask once more; False for everything but the yes. While it is asked the sheet is `among` those of who asks."""
    with (
        ui.dialog() as dialog,
        ui.element("div").classes("sheet").props('role="alertdialog" aria-modal="true"') as sheet,
    ):
        sheet.props["aria-label"] = title
        html(title, tag="h2")
        html(words)
        with ui.element("div").classes("row"):
            html("Cancel", tag="button", classes="button").props("type=button autofocus").on(
                "click", lambda: dialog.submit("no")
            )
            html(yes, tag="button", classes=f"button {kind}").props("type=button").on(
                "click", lambda: dialog.submit("yes")
            )
    among = [] if among is None else among
    among.append(dialog)
    answer = await answered(dialog)
    among.remove(dialog)
    return bool(answer == "yes")


async def answered(sheet: ui.dialog) -> Any:
    """What was submitted in a sheet, which is then gone."""
    answer = await sheet
    if not sheet.is_deleted:  # whoever was asked may have left the page
        sheet.delete()
    return answer


def sheet_is_open(client: Client) -> bool:
    """Whether something is asked over the page: then its keys belong to the sheet."""
    return any(isinstance(one, ui.dialog) and one.value for one in client.elements.values())


def too_late(sheets: Iterable[ui.dialog]) -> None:
    """Somebody else was quicker: close what is still asked about it, and say so to whoever is in the middle of it."""
    for sheet in sheets:
        sheet.submit("no")
        say_answered()


def say_answered() -> None:
    """That a press came too late."""
    ui.notify("Somebody has answered this.", type="warning", timeout=12_000, close_button="Close")
