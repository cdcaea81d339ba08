"""Things to write in: native fields that tell what stands in them, and can be told what shall."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from markupsafe import Markup
from nicegui import ui

from opsagent.web.dashboard.api import Refused
from opsagent.web.dashboard.widgets.press import html, say

_SENT_BY_ENTER = """(e) => {
  if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { e.preventDefault(); emit(); }
}"""

_AGAIN = "Press it again."


class Field:
    """A text field or area; `text` is what stands in it. `pause_s`: tell only so often while somebody types.

    `keep` is a name of it on its page: until it is sent it is kept in the tab (`assets/kept.js`), with the version
    it was begun `over`. Never for a secret.
    """

    def __init__(
        self,
        label: str,
        *,
        text: str = "",
        rows: int = 0,
        classes: str = "",
        hint: str = "",
        most: int = 0,
        pause_s: float = 0.0,
        keep: str = "",
        over: str = "",
    ) -> None:
        self.text = text
        self._changed: Callable[[], Awaitable[None]] | None = None
        tag = "textarea" if rows else "input"
        self.element = html(Markup.escape(text) if rows else "", tag=tag, classes=classes).props(
            "spellcheck=false autocomplete=off" + (f" rows={rows}" if rows else " type=text")
        )
        self.element.props["aria-label"] = label
        if hint:
            self.element.props["placeholder"] = hint
        if keep:
            self.element.props["data-keep"] = keep
            self.element.props["data-over"] = over
        if keep and pause_s:
            self.element.props["data-long"] = "true"  # the page's script asks before it is left
        if most:
            self.element.props["maxlength"] = str(most)
        if text and not rows:
            self.element.props["value"] = text
        self.element.on(
            "input", self._typed, js_handler="(e) => emit(e.target.value)", throttle=pause_s, leading_events=not pause_s
        )

    def on_change(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do this whenever it has been changed."""
        self._changed = act

    def on_enter(self, act: Callable[[], Awaitable[Any]]) -> None:
        """Do this when Enter is pressed; with Shift it is a new line."""

        async def entered() -> None:
            try:
                await act()
            except Refused as refused:
                say(refused)

        self.element.on("keydown", entered, args=[], js_handler=_SENT_BY_ENTER)

    async def read(self) -> str:
        """What stands in it now, also what was typed a moment ago."""
        with suppress(TimeoutError):  # a browser that does not answer has told all it could
            self.text = str(await ui.run_javascript(f"return getHtmlElement({self.element.id}).value", timeout=5.0))
        return self.text

    async def begun_over(self) -> str:
        """The version it was begun over: what the tab has kept may be older than the page. Refused.

        It is not guessed: over the page's own version the text would take back what a colleague has written since.
        """
        try:
            return str(await ui.run_javascript(f"return getHtmlElement({self.element.id}).dataset.over", timeout=5.0))
        except TimeoutError:
            raise Refused(HTTPStatus.GATEWAY_TIMEOUT, "Nothing was stored: the page did not answer.", _AGAIN) from None

    def is_kept(self) -> None:
        """What was typed is stored: the page may be left without a question, and the tab forgets it."""
        ui.run_javascript(f"written.forget(getHtmlElement({self.element.id}))")

    def put(self, text: str) -> None:
        """Let this stand in it."""
        self.text = text
        ui.run_javascript(
            f"""{{
              const field = getHtmlElement({self.element.id});
              field.value = {json.dumps(text)};
              if (field.dataset.keep) written.keep(field);
            }}"""
        )

    def take(self) -> str:
        """What stands in it, which is then empty; what was typed meanwhile stays."""
        taken, self.text = self.text, ""
        ui.run_javascript(
            f"""{{
              const field = getHtmlElement({self.element.id});
              if (field.value === {json.dumps(taken)}) field.value = "";
              if (field.dataset.keep) written.keep(field);
            }}"""
        )
        return taken

    def to_line(self, number: int) -> None:
        """Go to a line (from 1), and mark it."""
        ui.run_javascript(
            f"""{{
              const field = getHtmlElement({self.element.id});
              const lines = field.value.split("\\n");
              const at = Math.max(0, Math.min({number}, lines.length) - 1);
              const start = lines.slice(0, at).reduce((sum, one) => sum + one.length + 1, 0);
              field.focus();
              field.setSelectionRange(start, start + lines[at].length);
              field.scrollTop = at * parseFloat(getComputedStyle(field).lineHeight) - field.clientHeight / 3;
            }}"""
        )

    async def _typed(self, event: Any) -> None:
        self.text = str(event.args)
        if self._changed is not None:
            await self._changed()


def labelled(label: str, classes: str = "", **more: Any) -> Field:
    """A field with its name above it."""
    with ui.element("label").classes(f"field {classes}"):
        html(label, tag="span")
        return Field(label, **more)


class Choice:
    """A list to choose one of; `value` is what is chosen. `options` are pairs of value and words."""

    def __init__(self, label: str, options: list[tuple[str, str]], value: str = "") -> None:
        self.value = value
        self._changed: Callable[[], Awaitable[None]] | None = None
        self.element = html(_options(options, value), tag="select")
        self.element.props["aria-label"] = label
        self.element.on("change", self._chosen, js_handler="(e) => emit(e.target.value)")

    def on_change(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do this whenever another is chosen."""
        self._changed = act

    def offer(self, options: list[tuple[str, str]], value: str) -> None:
        """Let these be chosen from, and this one be chosen."""
        self.value = value
        self.element.set_content(str(_options(options, value)))

    async def _chosen(self, event: Any) -> None:
        self.value = str(event.args)
        if self._changed is not None:
            await self._changed()


def _options(options: list[tuple[str, str]], value: str) -> Markup:
    return Markup("").join(
        Markup('<option value="{}"{}>{}</option>').format(key, Markup(" selected") if key == value else "", words)
        for key, words in options
    )
