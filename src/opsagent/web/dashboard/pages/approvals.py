"""Agent Dashboard: what waits for a person; what it would do first, the exact command next, a model's words last."""

from __future__ import annotations

from markupsafe import Markup
from nicegui import Client
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.cards import Cards
from opsagent.web.dashboard.widgets.press import html

_EMPTY = Markup(
    "<strong>Nothing waits for you.</strong>When a command needs a person, it appears here by itself. "
    'What the agent did meanwhile is in <a href="/runs">Agent Ops</a>.'
)
_HELP = Markup("<kbd>j</kbd> <kbd>k</kbd> choose · <kbd>a</kbd> approve · <kbd>r</kbd> reject · <kbd>n</kbd> note")


async def approvals(request: Request, client: Client) -> Response | None:
    """Every open question, the oldest first."""

    async def build(visit: Visit) -> None:
        board = _Board(visit)
        await board.refresh()
        board.cards.choose_first()
        visit.fresh.append(board.refresh)

    return await shown(request, client, "Agent Dashboard", build, place="/approvals")


class _Board:
    """The questions, and what stands around them."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._help = html(_HELP, classes="quiet wide-only")
        self._none = html(_EMPTY, classes="empty")
        self._more = html("", classes="quiet")
        self.cards = Cards(visit)

    async def refresh(self) -> None:
        """Read them again."""
        pending = await self._visit.api.get("/api/v1/agent/pending-approvals")
        await self.cards.show(pending["approvals"], pending["unknownSteps"])
        beyond = pending["waiting"] - len(self.cards.waiting)
        behind = f"{beyond:,} more wait behind these; each answer brings up the next."
        self._more.set_content(behind if beyond > 0 else "")
        self._none.set_visibility(not len(self.cards))
        self._help.set_visibility(bool(len(self.cards)))
