"""Where a Slack message goes: a channel, a thread in it, and the reply address of whoever asked."""

from __future__ import annotations

import json
from dataclasses import dataclass

from opsagent.adapters.slack.config import RESPONSE_URL_LIVES_S

_MARGIN_S = 30.0  # a send takes time, and clocks differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """`channel` is an id (or a user's, for a direct message). `url` is a response_url that was given out at `at`."""

    channel: str = ""
    thread: str = ""
    url: str = ""
    at: float = 0.0

    def to_text(self) -> str:
        """As `Notice.address`; read back by `address_of`."""
        return json.dumps({"at": self.at, "channel": self.channel, "thread": self.thread, "url": self.url})

    def reply_url(self, now: float) -> str:
        """The response_url while it works, else empty. How often it was used, Slack knows."""
        return self.url if now < self.at + RESPONSE_URL_LIVES_S - _MARGIN_S else ""


def address_of(text: str) -> Address:
    """The address in a text: what `to_text` wrote, or the plain id of a channel. ValueError."""
    if not text.startswith("{"):
        if not text.strip() or not text.isprintable():
            raise ValueError("it names no channel")
        return Address(channel=text.strip())
    raw = json.loads(text)
    try:
        found = Address(**raw)
        texts = (found.channel, found.thread, found.url)
        if not all(isinstance(one, str) for one in texts) or not isinstance(found.at, int | float):
            raise ValueError("a field of it is no text")
    except TypeError as error:
        raise ValueError("it has other fields than an address") from error
    return found
