"""One message to one channel, with its delivery state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from urllib.parse import urlsplit

from opsagent.errors import IllegalMove


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Where who started a run is answered: a channel's name, and an address only that channel understands.

    `plans`: the plan is told there too, as where work is written down; a chat hears of questions and ends.
    """

    channel: str
    address: str
    plans: bool = False


class NoticeStatus(StrEnum):
    """Where a notice stands."""

    PENDING = "pending"
    SENDING = "sending"  # claimed by a sender; not confirmed
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; kept so that a person can send it again


class Lane(IntEnum):
    """Notices of one lane never wait for those of the other."""

    URGENT = 0  # a person is asked for something, or has answered
    ORDINARY = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message on its way. `id` is its idempotency key; `body` is JSON text; times are epoch seconds.

    `receipt` is what the channel calls the message it delivered (a Slack timestamp, a comment's id). `follows` names
    the earlier notice this one changes: it waits for that one, and is sent with its receipt. `tried_at` is when it was
    tried first, since a person sent it again (`resent`) where one did; None before. `ends_at` is when it is of no more
    use; None where nothing says so.
    """

    id: str
    tenant: str
    channel: str
    address: str
    body: str
    created_at: float
    run_id: str = ""
    status: NoticeStatus = NoticeStatus.PENDING
    attempts: int = 0
    due_at: float = 0.0
    possible_repeat: bool = False
    last_error: str = ""
    receipt: str = ""
    follows: str = ""
    lane: Lane = Lane.ORDINARY
    tried_at: float | None = None
    ends_at: float | None = None
    resent: bool = False

    @property
    def place(self) -> str:
        """Where it is sent to: its channel, with the host where the address is a URL. A place hangs as a whole."""
        try:
            host = urlsplit(self.address).hostname if "://" in self.address else ""
        except ValueError:  # no URL after all; its channel says so
            host = ""
        return f"{self.channel} {host}" if host else self.channel

    def changed(self, body: str, now: float) -> Notice:
        """The notice that shows `body` in the place of this one."""
        return Notice(
            id=f"{self.id} changed",
            tenant=self.tenant,
            channel=self.channel,
            address=self.address,
            body=body,
            created_at=now,
            run_id=self.run_id,
            due_at=now,
            follows=self.id,
            lane=self.lane,
        )

    def again(self, now: float) -> Notice:
        """Pending once more, with all its tries; a possible repeat where it may have arrived before. IllegalMove."""
        if self.status not in (NoticeStatus.DELIVERED, NoticeStatus.DEAD):
            raise IllegalMove(
                f"The notice is {self.status.value}: it is on its way already.",
                fix="Look again later; one that was given up or delivered can be sent again.",
            )
        repeat = self.possible_repeat or self.status is NoticeStatus.DELIVERED
        return replace(
            self,
            status=NoticeStatus.PENDING,
            attempts=0,
            due_at=now,
            possible_repeat=repeat,
            last_error="",
            tried_at=None,
            resent=True,
        )


@dataclass(frozen=True, slots=True)
class Full:
    """What of a lane cannot be sent now: places and tenants whose slots are taken."""

    places: frozenset[str]
    tenants: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """How many notices are sent at once in each lane: in all, to one place, and of one tenant."""

    in_all: int = 8
    of_place: int = 4
    of_tenant: int = 6

    def full(self, sending: Sequence[Notice], lane: Lane) -> Full | None:
        """What must wait while these are being sent; None where the whole lane must."""
        mine = [one for one in sending if one.lane is lane]
        if len(mine) >= self.in_all:
            return None
        places, tenants = Counter(one.place for one in mine), Counter(one.tenant for one in mine)
        return Full(
            frozenset(place for place, count in places.items() if count >= self.of_place),
            frozenset(tenant for tenant, count in tenants.items() if count >= self.of_tenant),
        )


def latest(notices: Sequence[Notice]) -> Sequence[Notice]:
    """Those that no other of them follows: what is shown in each place now."""
    followed = {one.follows for one in notices}
    return [one for one in notices if one.id not in followed]
