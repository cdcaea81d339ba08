"""The door to what people are told: the channels, their tests, the notices and where they stand, words to be told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from opsagent.domain.audience import Audience
from opsagent.domain.identity import Principal
from opsagent.domain.message import Message, of_words
from opsagent.domain.notice import Notice, NoticeStatus
from opsagent.domain.page import Page
from opsagent.errors import InputError, NotFound
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.notify import Channel
from opsagent.ports.stores import NoticeStore

TEST_TITLE = "A test of OpsAgent"
TEST_TEXT = "Somebody asked for this to see whether it arrives. Nothing is wrong, and nothing needs to be done."
MAX_ADDRESS_CHARS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Callers have checked the permission of their route. `hint` tells the outbox that there is something to send."""

    notices: NoticeStore
    channels: Mapping[str, Channel]
    audiences: Sequence[Audience]
    clock: Clock
    ids: Ids
    hint: Callable[[], None]

    async def list(
        self,
        tenant: str,
        *,
        status: NoticeStatus | None = None,
        run_id: str = "",
        channel: str = "",
        limit: int = 50,
        cursor: str = "",
    ) -> Page[Notice]:
        """Newest first. InputError for a bad cursor."""
        return await self.notices.list(
            tenant, status=status, run_id=run_id, channel=channel, limit=limit, cursor=cursor
        )

    async def get(self, tenant: str, notice_id: str) -> Notice:
        """One notice. NotFound."""
        return await self.notices.get(tenant, notice_id)

    async def resend(self, principal: Principal, notice_id: str) -> Notice:
        """Send one that was given up or delivered once more. NotFound, IllegalMove."""
        notice = await self.notices.resend(principal.tenant, notice_id, principal.id)
        self.hint()
        return notice

    async def test(self, principal: Principal, channel: str, address: str = "", *, key: str = "") -> Sequence[Notice]:
        """Send a test to an address, else to each one that is told by this channel. NotFound, InputError.

        The same `key` sends nothing twice.
        """
        self._channel(channel)
        addresses = [address] if address else self.addresses(principal.tenant, channel)
        if not addresses:
            raise InputError(
                f"Nobody is told by {channel}, so it is not known where a test goes.",
                fix="Give an address, or name one in the notifications_file.",
            )
        text = f"{TEST_TEXT} Asked for by {principal.id}, to {{}} by {channel}."
        at, once = self.clock.now(), key or self.ids.uuid()
        shown = self.channels[channel].shown
        found = [
            notice_of(of_words(principal.tenant, TEST_TITLE, text.format(shown(to)), at), channel, to, f"test:{once}")
            for to in addresses
        ]
        await self.notices.add(found)
        self.hint()
        return [await self.notices.get(principal.tenant, one.id) for one in found]

    def addresses(self, tenant: str, channel: str) -> Sequence[str]:
        """Whom the tenant's messages are told by this channel."""
        mine = [one.address for one in self.audiences if one.channel == channel and one.tenant in ("", tenant)]
        return list(dict.fromkeys(mine))

    def shown(self, notice: Notice) -> str:
        """A notice's address without what may be secret; dots where its channel is not set up here."""
        channel = self.channels.get(notice.channel)
        return channel.shown(notice.address) if channel else "…"

    def _channel(self, name: str) -> Channel:
        if name not in self.channels:
            known = ", ".join(sorted(self.channels))
            raise NotFound(f"There is no channel {name}.", fix=f"Set up here: {known}.")
        return self.channels[name]


def notice_of(message: Message, channel: str, address: str, once: str) -> Notice:
    """The notice of words; the same `once` to the same address is the same notice. InputError."""
    if not address or len(address) > MAX_ADDRESS_CHARS or "\0" in address:
        raise InputError("This is no address.", fix=f"Give one of 1 to {MAX_ADDRESS_CHARS} characters.")
    digest = hashlib.sha256(f"{once}\n{channel}\n{address}".encode("utf-8", "surrogatepass")).hexdigest()
    return Notice(
        id=f"said:{channel}:{digest[:32]}",
        tenant=message.tenant,
        channel=channel,
        address=address,
        body=message.to_json(),
        created_at=message.at,
        due_at=message.at,
    )
