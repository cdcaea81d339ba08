"""Correlate: join each signal to its ticket, or make a ticket and its one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from opsagent.domain.correlation import Correlation
from opsagent.domain.run import Node, Run, Source
from opsagent.domain.ticket import Signal, Ticket
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.tickets import Arrival, Joined, TicketStore

_OLD_S = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlate:
    """One problem, one ticket, one run: of the same (tenant, fingerprint), or of a group that `rules` make."""

    tickets: TicketStore
    clock: Clock
    ids: Ids
    rules: Correlation = field(default_factory=Correlation)

    async def __call__(self, signals: Sequence[Signal], *, silenced: Sequence[str] = ()) -> Sequence[Joined]:
        """What became of each signal, in order; all stored when this returns. `silenced`: words for each, or none."""
        if not signals:
            return ()
        words = silenced or [""] * len(signals)
        return await self.tickets.receive([self._arrival(*one) for one in zip(signals, words, strict=True)])

    def _arrival(self, signal: Signal, silenced: str) -> Arrival:
        now = self.clock.now()
        run_id, ticket_id = self.ids.uuid(), self.ids.uuid()
        title = signal.title or signal.name
        ticket = Ticket(
            id=ticket_id,
            tenant=signal.tenant,
            fingerprint=signal.fingerprint,
            name=signal.name,
            title=title,
            source=signal.source,
            description=signal.description,
            priority=signal.priority,
            environment=signal.environment,
            labels=dict(signal.labels),
            annotations=dict(signal.annotations),
            signals=1,
            run_id=run_id,
            created_at=now,
            updated_at=now,
            began_at=_began(signal, now),
        )
        run = Run(
            id=run_id,
            tenant=signal.tenant,
            source=Source.TICKET,
            task=f"{signal.name}: {title}",
            created_at=now,
            updated_at=now,
            requested_by=f"source:{signal.source}",
            next_node=Node.EVALUATOR,
            priority=signal.priority,
            alert=signal.name,
            ticket_id=ticket_id,
            fingerprint=signal.fingerprint,
            trigger={"source": signal.source, "ticketId": ticket_id},
            due_at=now,
        )
        storm = self.rules.storm
        return Arrival(
            signal=signal,
            ticket=ticket,
            run=run,
            grouping=self.rules.grouping(signal),
            storm=(storm, storm.grouping(signal)) if storm else None,
            damping=self.rules.damping,
            silenced=silenced,
        )


def _began(signal: Signal, now: float) -> float | None:
    """When the problem began. What had fired for days when it came first was not seen late: it is from before us."""
    if signal.starts_at is None or not now - _OLD_S <= signal.starts_at <= now:
        return None
    return signal.starts_at
