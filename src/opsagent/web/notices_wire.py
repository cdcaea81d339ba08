"""The shapes of notices and channels on the wire."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic documents typing.TypedDict only from Python 3.12 on


class NoticeJson(TypedDict):
    """One message to one address, and where it stands; the address without what may be secret.

    `kind` is what it tells (`asked`, `ended` ...; `result` for a callback). `nextAt` is when it is tried next.
    """

    noticeId: str
    channel: str
    address: str
    kind: str
    title: str
    runId: str | None
    status: str
    attempts: int
    nextAt: str | None
    possibleRepeat: bool
    lastError: str
    createdAt: str


class NoticeList(TypedDict):
    """A page, newest first."""

    notices: list[NoticeJson]
    nextCursor: str | None
    lastKey: str | None


class NoticeDetail(NoticeJson):
    """With what it says, as JSON text (no brand has shaped it yet), and the notice it follows."""

    body: str
    follows: str | None
    receipt: str


class AddressJson(TypedDict):
    """Somebody who is told by a channel: the name in the notifications file, and what it wants to hear (empty: all)."""

    name: str
    address: str
    about: list[str]
    priorities: list[str]
    environments: list[str]


class ChannelJson(TypedDict):
    """A way out that is set up: by what it sends, and who is told by it."""

    name: str
    about: str
    addresses: list[AddressJson]


class ChannelList(TypedDict):
    """All by name."""

    channels: list[ChannelJson]


class TestSent(TypedDict):
    """What is on its way; look at each to see whether it arrived."""

    notices: list[NoticeJson]
