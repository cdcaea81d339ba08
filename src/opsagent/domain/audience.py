"""Who is told what: an address of a channel, and what it wants to hear."""

from __future__ import annotations

from dataclasses import dataclass

from opsagent.domain.message import Message, MessageKind
from opsagent.domain.priority import Priority

NAMED = frozenset({MessageKind.REMINDED, MessageKind.SAID})  # told to the addresses they name, to no audience


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """People at an address. Empty lists mean all, but no plans; `tenant` empty means every tenant's messages.

    `name` is what the file of people calls the address.
    """

    channel: str
    address: str
    name: str = ""
    kinds: frozenset[MessageKind] = frozenset()
    priorities: frozenset[Priority] = frozenset()
    environments: frozenset[str] = frozenset()
    tenant: str = ""

    def wants(self, message: Message) -> bool:
        """Whether these people are told of it. Reminders and words go to whom they name, never here."""
        return (
            message.kind not in NAMED
            and (message.kind in self.kinds if self.kinds else message.kind is not MessageKind.PLANNED)
            and (not self.priorities or message.priority in self.priorities)
            and (not self.environments or message.environment in self.environments)
            and self.tenant in ("", message.tenant)
        )
