"""Tell: put a fact into the outbox, once for each address that should hear it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from opsagent.domain.approval import Approval, ApprovalStatus
from opsagent.domain.audience import Audience
from opsagent.domain.message import Message, MessageKind, message_of, of_end, of_plan, of_question
from opsagent.domain.notice import Lane, Notice, ReplyTo, latest
from opsagent.domain.run import Run
from opsagent.domain.ticket import Ticket
from opsagent.ports.clock import Clock
from opsagent.ports.notify import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Makes notices; they are stored in the transaction that makes the fact, so none is lost and none is invented.

    `public_url` is where people reach this server; empty where nobody said. `channels`, by name, know when two
    addresses are one.
    """

    clock: Clock
    public_url: str = ""
    audiences: Sequence[Audience] = ()
    channels: Mapping[str, Channel] = field(default_factory=dict)

    def question(self, run: Run, approval: Approval, environment: str) -> tuple[Notice, ...]:
        """A question was asked, or is no longer open; the second follows the first wherever that went.

        `environment` is that of the question's target.
        """
        pending = approval.status is ApprovalStatus.PENDING
        kind = MessageKind.ASKED if pending else MessageKind.ANSWERED
        asked = replace(of_question(kind, run, approval, self.clock.now()), environment=environment)
        return self.to_all(asked, run.reply_to)

    def reminded(self, run: Run, approval: Approval, environment: str, notices: Sequence[Notice]) -> tuple[Notice, ...]:
        """A question is no longer open: the reminders of it among a run's `notices` say so too, where they can."""
        message = self._linked(
            replace(of_question(MessageKind.ANSWERED, run, approval, self.clock.now()), environment=environment)
        )
        shown = [one for one in notices if one.channel in self.channels and self.channels[one.channel].changes]
        return tuple(one.changed(message.to_json(), message.at) for one in latest(shown) if _reminds_of(one, approval))

    def plan(self, run: Run, plan: str) -> tuple[Notice, ...]:
        """A run has a plan, in words."""
        return self.to_all(of_plan(run, plan, self.clock.now()), [one for one in run.reply_to if one.plans])

    def end(self, run: Run, ticket: Ticket | None, environment: str) -> tuple[Notice, ...]:
        """A run has ended. Where its ticket names no environment, that of its target counts."""
        said = of_end(run, ticket, self.clock.now())
        return self.to_all(replace(said, environment=said.environment or environment), run.reply_to)

    def to_all(self, message: Message, reply_to: Sequence[ReplyTo]) -> tuple[Notice, ...]:
        """A notice for whoever started it, and for each audience that wants it; none of them twice."""
        message = self._linked(message)
        wanted = [(one.channel, one.address) for one in reply_to]
        wanted += [(one.channel, one.address) for one in self.audiences if one.wants(message)]
        once: dict[tuple[str, str], str] = {}
        for channel, address in wanted:  # who started it comes first: that address can do more
            once.setdefault((channel, self._destination(channel, address)), address)
        return tuple(self.to_one(message, channel, address) for (channel, _), address in once.items())

    def _linked(self, message: Message) -> Message:
        if not self.public_url:
            return message
        return replace(message, link=f"{self.public_url.rstrip('/')}/runs/{message.run_id}")

    def _destination(self, channel: str, address: str) -> str:
        known = self.channels.get(channel)
        return known.destination(address) if known else address

    def to_one(self, message: Message, channel: str, address: str) -> Notice:
        """The notice for one address. The same fact has the same id, so that it is there once."""
        answered = message.kind is MessageKind.ANSWERED
        return Notice(
            id=_id(message, message.kind, channel, address),
            tenant=message.tenant,
            channel=channel,
            address=address,
            body=message.to_json(),
            created_at=message.at,
            run_id=message.run_id,
            due_at=message.at,
            follows=_id(message, MessageKind.ASKED, channel, address) if answered else "",
            ends_at=message.question.expires_at if message.question and not answered else None,
            lane=Lane.URGENT if message.question else Lane.ORDINARY,
        )


def _reminds_of(notice: Notice, approval: Approval) -> bool:
    try:
        said = message_of(notice.body)
    except ValueError:
        return False  # a callback's
    return said.kind is MessageKind.REMINDED and said.question is not None and said.question.id == approval.id


def _id(message: Message, kind: MessageKind, channel: str, address: str) -> str:
    where = hashlib.sha256(f"{channel}\n{address}".encode()).hexdigest()[:16]
    return f"{message.run_id}:{kind.value}:{message.about}:{channel}:{where}"
