"""The demo from its first word to its last: four incidents one after the other, then what became of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from opsagent.cli.demo.asking import Asker
from opsagent.cli.demo.follow import Follower
from opsagent.cli.demo.incidents import INCIDENTS, Incident
from opsagent.cli.demo.score import COLUMNS, Score, score
from opsagent.cli.demo.shop import LOOK_S
from opsagent.cli.demo.stage import Folders, Stage, set_stage
from opsagent.cli.demo.telling import Teller
from opsagent.cli.demo.timeline import write_timeline
from opsagent.cli.exits import Exit
from opsagent.domain.event import RunEvent
from opsagent.domain.run import Node
from opsagent.domain.ticket import Ticket
from opsagent.errors import UnavailableError
from opsagent.loop.views import RunView

ALERT_S = 20.0  # two failed checks take the prober one second; a busy machine takes longer
QUIET_S = 10.0  # until the prober has seen the shop healthy again


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """`ask` answers the questions; with `keep` everything stays up at the end until Ctrl-C."""

    folders: Folders
    teller: Teller
    ask: Asker
    keep: bool = False

    async def play(self) -> Exit:
        """All of it; FAILED unless every incident ended as it should."""
        self.teller.say("OpsAgent demo: a small shop on this machine is broken for real, and repaired.", style="bold")
        self.teller.now("starting the shop, its supervisor, a prober and OpsAgent")
        with logged_to(self.folders.log):
            return await self._on_stage()

    async def _on_stage(self) -> Exit:
        async with set_stage(self.folders) as stage:
            await self._introduce(stage)
            scores = await self._all(stage)
            self.teller.table(COLUMNS, [one.row for one in scores], [one.good for one in scores])
            self.teller.say()
            self.teller.address("timelines", self.folders.timelines)
            if self.keep:
                await self._stay(stage)
        return Exit.OK if all(one.good for one in scores) else Exit.FAILED

    async def _introduce(self, stage: Stage) -> None:
        self.teller.address("shop", stage.shop.health_url)
        self.teller.address("OpsAgent", stage.url)
        self.teller.address("folder", stage.shop.folder)
        self.teller.folder = str(stage.shop.folder)
        for part, why in (await stage.app.readiness()).degraded.items():
            self.teller.say(f"degraded: {part}: {why}", style="yellow")
        self.teller.say(
            "A new OpsAgent only observes. This one was switched to acting, and may close a measured false positive "
            "by itself; it asks before it changes anything.",
            style="dim",
        )

    async def _all(self, stage: Stage) -> list[Score]:
        scores: list[Score] = []
        for number, incident in enumerate(INCIDENTS, start=1):
            one = await self._one(stage, number, incident)
            scores.append(one)
            if not one.good:
                self._stop_here(one)
                break
        return scores + [Score(incident=incident) for incident in INCIDENTS[len(scores) :]]

    def _stop_here(self, one: Score) -> None:
        changed = one.view is not None and one.view.run.had_effect
        self.teller.fact("not fixed", one.result if changed else "nothing was changed; the shop is left as it is")
        self.teller.say("The demo stops here.")

    async def _one(self, stage: Stage, number: int, incident: Incident) -> Score:
        self.teller.chapter(number, len(INCIDENTS), incident.title, incident.story)
        clock = stage.app.clock
        before = await stage.shop.facts()
        known = {ticket.id for ticket in await self._tickets(stage)}
        began_at = clock.now()
        await incident.happens(stage.shop)
        if incident.real:
            broken = await stage.shop.until_healthy(2.0, wanted=False)
            self.teller.fact("broken", "/healthz fails" if broken else "/healthz still answers 200")
        else:
            self.teller.fact("healthy", "/healthz answers 200")
            await stage.cry_wolf()
        ticket = await self._arrival(stage, known)
        self.teller.fact("alert", f"{ticket.name} after {ticket.created_at - began_at:.1f} s: {ticket.title}")
        view = await self._follow(stage, ticket)
        events = await stage.app.stores.journal.events(stage.person.tenant, view.run.id)
        self._conclude(view, events)
        healthy = await stage.shop.healthy()
        if incident.real and healthy:
            await self._until_quiet(stage, ticket)
        after = await stage.shop.facts()
        write_timeline(self.folders.timelines, number, incident.title, view, events)
        return score(incident, began_at=began_at, view=view, before=before, after=after, healthy=healthy)

    async def _follow(self, stage: Stage, ticket: Ticket) -> RunView:
        follower = Follower(
            agent=stage.app.agent, clock=stage.app.clock, teller=self.teller, person=stage.person, ask=self.ask
        )
        return await follower.follow(ticket.run_id)

    def _conclude(self, view: RunView, events: Sequence[RunEvent]) -> None:
        for event in events:
            if event.node == Node.VERIFY.value:
                self.teller.fact("verified", event.content.removeprefix("Verified: yes. Measured "))
        if view.ticket:
            self.teller.fact(
                view.ticket.status.value, view.ticket.reason, style="green" if view.ticket.closed_at else "red"
            )

    async def _tickets(self, stage: Stage) -> tuple[Ticket, ...]:
        return (await stage.app.stores.tickets.list(stage.person.tenant)).items

    async def _arrival(self, stage: Stage, known: set[str]) -> Ticket:
        """The ticket of the alert that comes in now."""
        self.teller.now("waiting for an alert")
        clock = stage.app.clock
        limit = clock.monotonic() + ALERT_S
        while clock.monotonic() < limit:
            for ticket in await self._tickets(stage):
                if ticket.id not in known:
                    return ticket
            await clock.sleep(LOOK_S)
        raise UnavailableError(
            f"No alert came within {ALERT_S:.0f} s.", fix="Run the demo again; with --keep, look around."
        )

    async def _until_quiet(self, stage: Stage, ticket: Ticket) -> None:
        """Wait until the prober has told that the alert is over: the next one is then a new one."""
        clock = stage.app.clock
        limit = clock.monotonic() + QUIET_S
        while clock.monotonic() < limit:
            if not (await stage.app.stores.tickets.get(stage.person.tenant, ticket.id)).firing:
                return
            await clock.sleep(LOOK_S)

    async def _stay(self, stage: Stage) -> None:
        self.teller.say()
        self.teller.address("kept", stage.url)
        self.teller.address("look", f"opsagent runs --data-dir {self.folders.scratch / 'opsagent'}")
        self.teller.say("Ctrl-C ends it all.")
        with suppress(asyncio.CancelledError):  # that is how it is meant to end here
            await asyncio.Event().wait()


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Send what OpsAgent warns of into a file that is made when there is something: the terminal is for the story."""
    logging.basicConfig(handlers=[logging.FileHandler(path, delay=True)], level=logging.WARNING, force=True)
    try:
        yield
    finally:
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)  # the folder may go now
