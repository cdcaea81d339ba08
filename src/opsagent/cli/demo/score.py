"""What became of each incident: measured, counted from the run, and never taken from a summary's words."""

from __future__ import annotations

from dataclasses import dataclass

from opsagent.cli.demo.incidents import Incident
from opsagent.cli.demo.shop import Facts
from opsagent.domain.run import Verified
from opsagent.domain.ticket import Classification, TicketStatus
from opsagent.loop.views import RunView

COLUMNS = ("incident", "detected\nafter", "fixed\nafter", "commands\nrun", "approvals", "result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One incident's end. `began_at` is epoch seconds; `view` is None for one that was not played."""

    incident: Incident
    began_at: float = 0.0
    view: RunView | None = None
    good: bool = False
    result: str = "not run"

    @property
    def row(self) -> tuple[str, ...]:
        """The row of the table."""
        if self.view is None or self.view.ticket is None or self.view.run.completed_at is None:
            return (self.incident.title, "-", "-", "-", "-", self.result)
        detected = f"{self.view.ticket.created_at - self.began_at:.1f} s"
        fixed = f"{self.view.run.completed_at - self.began_at:.1f} s" if self.incident.real and self.good else "-"
        ran = [step for step in self.view.steps if step.outcome is not None]
        effects = sum(not step.is_read for step in ran)
        commands = f"{len(ran) - effects} reads\n{effects} {'effect' if effects == 1 else 'effects'}"
        granted = sum(approval.decided_at is not None for approval in self.view.approvals)
        return (self.incident.title, detected, fixed, commands, str(granted), self.result)


def score(incident: Incident, *, began_at: float, view: RunView, before: Facts, after: Facts, healthy: bool) -> Score:
    """Judge one incident. `before` and `after` are the shop's facts around it, `healthy` the demo's own look."""
    good, result = _repaired(view, before, after, healthy) if incident.real else _left_alone(view, before, after)
    return Score(incident=incident, began_at=began_at, view=view, good=good, result=result)


def _repaired(view: RunView, before: Facts, after: Facts, healthy: bool) -> tuple[bool, str]:
    ticket = view.ticket
    if view.run.verified is not Verified.YES or not healthy:
        return False, "not fixed"
    if ticket is None or ticket.status is not TicketStatus.RESOLVED:
        return False, "ticket left open"
    if after.orders != before.orders:
        return False, "orders lost"
    return True, "repaired"


def _left_alone(view: RunView, before: Facts, after: Facts) -> tuple[bool, str]:
    found, ticket = view.run.assessment, view.ticket
    if any(step.may_have_had_effect for step in view.steps) or after != before:
        return False, "changed something"
    if found is None or found.classification is not Classification.FALSE_POSITIVE:
        return False, "not recognised"
    if ticket is None or ticket.status is not TicketStatus.CLOSED:
        return False, "ticket left open"
    return True, "false positive"
