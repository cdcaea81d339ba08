"""Something that is shown once, such as a key's secret: to be copied now, and nowhere afterwards."""

from __future__ import annotations

from markupsafe import Markup
from nicegui import ui

from opsagent.web.dashboard.widgets.press import answered, html


async def show_once(title: str, words: str, value: str) -> None:
    """Until it is closed by its button; a click beside it does not take it away."""
    with (
        ui.dialog().props("persistent") as dialog,
        ui.element("div").classes("sheet"),
    ):
        dialog.props["aria-label"] = title
        html(title, tag="h2")
        html(words)
        html(
            Markup(
                '<pre class="output" tabindex="0">{}</pre><button type="button" class="button" data-copy>Copy</button>'
            ).format(value),
            classes="copied",
        )
        with ui.element("div").classes("row"):
            html("I have it", tag="button", classes="button primary").props("type=button").on(
                "click", lambda: dialog.submit("seen")
            )
    await answered(dialog)
