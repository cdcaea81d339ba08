"""Reads who is told what from a YAML file; a file that is not understood as a whole stops the start."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from opsagent.adapters.policy_yaml import Section, read_file
from opsagent.domain.audience import NAMED, Audience
from opsagent.domain.message import MessageKind
from opsagent.domain.priority import Priority

_ADDRESS_KEYS = frozenset({"channel", "address"})
_TELL_KEYS = frozenset({"to", "about", "priority", "environment", "tenant"})
_ABOUT = frozenset(MessageKind) - NAMED
Word = TypeVar("Word", bound=StrEnum)


def load_audiences(path: Path | None, channels: Collection[str]) -> tuple[Audience, ...]:
    """The audiences of the file; none without one. PolicyUnloadable (file, line, fix): also for an unknown channel."""
    if path is None:
        return ()
    file, _ = read_file(path, str(path))
    file.only({"addresses", "tell"})
    named = file.section("addresses")
    addresses = {name: _address(named, name, channels) for name in named}
    found = []
    for entry in file.sections("tell"):
        entry.only(_TELL_KEYS)
        for name in entry.texts("to"):
            if name not in addresses:
                raise entry.refuse(f"nobody has the name {name!r}", key="to", fix="Put it under `addresses`.")
            channel, address = addresses[name]
            found.append(
                Audience(
                    channel=channel,
                    address=address,
                    name=name,
                    kinds=_known(entry, "about", _ABOUT, MessageKind),
                    priorities=_known(entry, "priority", frozenset(Priority), Priority),
                    environments=frozenset(entry.texts("environment")),
                    tenant=entry.text("tenant"),
                )
            )
    return tuple(found)


def _address(named: Section, name: str, channels: Collection[str]) -> tuple[str, str]:
    one = named.section(name)
    one.only(_ADDRESS_KEYS)
    channel, address = one.text("channel"), one.text("address")
    if channel not in channels:
        raise one.refuse(
            f"the channel {channel!r} is not set up", key="channel", fix=f"Set up: {', '.join(sorted(channels))}."
        )
    if not address:
        raise one.refuse("there is no address", key="address", fix="Say where to.")
    return channel, address


def _known(entry: Section, key: str, words: Collection[Word], kind: type[Word]) -> frozenset[Word]:
    given = entry.texts(key)
    for one in given:
        if one not in {word.value for word in words}:
            allowed = ", ".join(sorted(word.value for word in words))
            raise entry.refuse(f"{one!r} is not known in {key!r}", key=key, fix=f"Use {allowed}.")
    return frozenset(kind(one) for one in given)
