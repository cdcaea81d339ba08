"""Remind: the notices of one telling of an escalation, and the line that says so."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from opsagent.domain.escalation import Case, Escalation
from opsagent.domain.escalation_policy import Addressee, EscalationPolicy, Occasion
from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.message import Message, of_reminder
from opsagent.domain.notice import Lane, Notice, latest

_FACTS = {
    Occasion.APPROVAL_UNANSWERED: "Nobody has answered for {}.",
    Occasion.RUN_FAILED: "It failed {} ago, and nobody has said that they are looking.",
    Occasion.TICKET_OPEN: "It has been open for {}, and nobody has taken it over.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remind:
    """`public_url` is where people reach this server; empty where nobody said.

    `changeable` are the names of channels that can change what they have shown.
    """

    public_url: str = ""
    changeable: frozenset[str] = frozenset()

    def notices(self, escalation: Escalation, policy: EscalationPolicy, case: Case, now: float) -> tuple[Notice, ...]:
        """One for each address of the telling that comes next: the same telling has the same ids."""
        message = self.message(escalation, case, now, step=f" Step {escalation.step + 1} of {len(policy.steps)}.")
        told = dict.fromkeys((one.channel, one.address) for one in policy.steps[escalation.step].tell)
        return tuple(_notice(escalation, message, channel, address) for channel, address in told)

    def in_their_place(self, done: Escalation, case: Case, told: Sequence[Notice]) -> Sequence[Notice]:
        """Somebody is looking: each reminder that can be changed says who, and loses its button."""
        now = case.since if done.acknowledged_at is None else done.acknowledged_at
        body = self.message(done, case, now).to_json()
        return [one.changed(body, now) for one in latest(told) if one.channel in self.changeable]

    def lines(self, escalation: Escalation, policy: EscalationPolicy, case: Case, now: float) -> tuple[RunEvent, ...]:
        """What the timeline of its run says about it."""
        if case.run is None:
            return ()
        step = policy.steps[escalation.step]
        again = f" again ({escalation.told + 1} of {step.repeats + 1})" if escalation.told else ""
        line = RunEvent(
            run_id=case.run.id,
            tenant=escalation.tenant,
            type=EventType.NOTIFICATION,
            node=case.run.next_node.value,
            content=f"{policy.name}, step {escalation.step + 1}{again}: told {people(step.tell)}.",
            metadata={"escalation": escalation.id, "occasion": escalation.occasion.value},
            created_at=now,
        )
        return (line,)

    def message(self, escalation: Escalation, case: Case, now: float, *, step: str = "") -> Message:
        """What people read: how long it has waited, or who is looking."""
        words = _FACTS[escalation.occasion].format(lasting(now - case.since)) + step
        if escalation.acknowledged_by:
            words = f"{escalation.acknowledged_by} is looking. Nobody else is told; nothing is approved by that."
        elif escalation.occasion is Occasion.RUN_FAILED and case.run is not None and case.run.error:
            words = f"{words}\n{case.run.error}"
        message = of_reminder(escalation, case, words, now)
        if self.public_url and message.run_id:
            return replace(message, link=f"{self.public_url.rstrip('/')}/runs/{message.run_id}")
        return message


def people(tell: Sequence[Addressee]) -> str:
    """Who is told, in words: names, each with its channels. Never an address: some of them are secrets."""
    channels: dict[str, list[str]] = {}
    for one in tell:
        channels.setdefault(one.name or "an address", []).append(one.channel)
    return ", ".join(f"{name} ({' and '.join(dict.fromkeys(ways))})" for name, ways in channels.items())


def lasting(seconds: float) -> str:
    """A length of time as people say it."""
    minutes = max(0, int(seconds // 60))
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{hours // 24} days"


def _notice(escalation: Escalation, message: Message, channel: str, address: str) -> Notice:
    where = hashlib.sha256(f"{channel}\n{address}".encode()).hexdigest()[:16]
    return Notice(
        id=f"{escalation.telling}:{channel}:{where}",
        tenant=escalation.tenant,
        channel=channel,
        address=address,
        body=message.to_json(),
        created_at=message.at,
        run_id=message.run_id,
        due_at=message.at,
        ends_at=message.question.expires_at if message.question else None,
        lane=Lane.URGENT,
    )
