"""Lets whoever watches a run read along while a model writes; nobody watching, nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.run import Run
from opsagent.domain.visible import visible
from opsagent.ports.clock import Clock
from opsagent.ports.dispatch import Live
from opsagent.ports.redact import Redactor

EVERY_S = 0.2
TAIL_CHARS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Aloud:
    """Makes the ear of one question. What it tells is never stored; the answer is, when it is whole."""

    live: Live
    clock: Clock
    redact: Redactor

    def __call__(self, run: Run, name: str, model: str) -> Callable[[str], None] | None:
        """What takes the text so far, again and again; None while nobody watches."""
        if not self.live.watched(run.tenant, run.id):
            return None
        told_at = float("-inf")
        event = RunEvent(
            run_id=run.id, tenant=run.tenant, type=EventType.EXECUTION, node=name, metadata={"thinking": model}
        )

        def hear(text: str) -> None:
            nonlocal told_at
            now = self.clock.monotonic()
            if now - told_at < EVERY_S or not self.live.watched(run.tenant, run.id):
                return
            if shown := self._shown(text):
                told_at = now
                self.live.publish(replace(event, content=shown, created_at=self.clock.now()))

        return hear

    def _shown(self, text: str) -> str:
        """The end of it, without secrets. The last word waits until it is whole: half of a secret is not known."""
        whole = text[: max(text.rfind(" "), text.rfind("\n"), 0)]
        return visible(self.redact(whole), lines=True)[-TAIL_CHARS:]
