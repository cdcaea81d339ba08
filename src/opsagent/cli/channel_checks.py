"""What `opsagent doctor` says of the ways people are told: which are set up, and which addresses do not work."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

from opsagent.domain.audience import Audience
from opsagent.domain.visible import one_line
from opsagent.ports.notify import Channel

WITHIN_S = 15.0
ALWAYS_THERE = frozenset({"webhook", "slack-webhook"})  # they need nothing but an address
State = Literal["ok", "degraded", "missing"]
Found = tuple[str, State, str, str]


async def examine_channels(channels: Mapping[str, Channel], audiences: Sequence[Audience]) -> list[Found]:
    """Name, state, what it means, how to mend it; each address is tried without sending anything."""
    told = {(one.channel, one.address): one.name for one in audiences}
    found: list[Found] = [
        (f"channel {name}", "ok", channel.about, "")
        for name, channel in sorted(channels.items())
        if name not in ALWAYS_THERE or any(name == used for used, _ in told)
    ]
    if not told:
        means = "nobody is told of questions and results but who started a run"
        return [*found, ("notifications", "ok", means, "Set up mail or Slack: docs/notifications.md")]
    checks = [_check(channels[channel], address) for channel, address in told]
    for (channel, address), name, wrong in zip(told, told.values(), await asyncio.gather(*checks), strict=True):
        shown = f"{name}: {channel}, {channels[channel].shown(address)}"
        if wrong:
            found.append((f"address {shown}", "degraded", one_line(wrong), "Then: opsagent channels test " + channel))
        else:
            found.append((f"address {shown}", "ok", "can be told, as far as can be seen without sending", ""))
    return found


async def _check(channel: Channel, address: str) -> str:
    try:
        async with asyncio.timeout(WITHIN_S):
            return await channel.check(address)
    except TimeoutError:
        return f"There was no answer within {WITHIN_S:g} s."
