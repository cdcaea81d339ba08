"""The way in for monitoring: read a delivery, keep what cannot be read, store its signals, hear heartbeats."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from opsagent.domain.event import cap
from opsagent.domain.identity import Principal
from opsagent.domain.quarantine import BODY_CAP_BYTES, Quarantined
from opsagent.domain.ticket import Signal
from opsagent.errors import ConflictError, InputError, NotFound
from opsagent.loop.agent import Agent
from opsagent.ports.clock import Clock
from opsagent.ports.intake import Parsed, SignalSource
from opsagent.ports.tickets import Joined

MAX_HEADERS, MAX_HEADER_CHARS = 50, 500
WORDS_BYTES = 2000
AT_ONCE = 500  # signals stored in one transaction
_SECRET_HEADER = re.compile(r"auth|token|secret|key|cookie|signature|password|session|credential", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a delivery: its signals and their tickets in the same order, and what else it said, in words."""

    signals: Sequence[Signal]
    joined: Sequence[Joined]
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Callers have checked the proof or the key: nothing unproven is stored, not even in quarantine."""

    agent: Agent
    sources: Mapping[str, SignalSource]
    clock: Clock

    async def deliver(self, tenant: str, source: str, headers: Mapping[str, str], raw: bytes) -> Taken:
        """Take a delivery in. What cannot be read is kept in quarantine first, then its error is raised.

        InputError with `extra["quarantined"]`; NotFound for a source nobody knows (kept, too); Disabled.
        """
        self.agent.require_enabled()
        try:
            parsed = self._read(tenant, source, headers, raw)
        except InputError as error:
            kept = await self._keep(tenant, source, headers, raw, error)
            error.extra["quarantined"] = kept.id
            raise
        return await self._take(tenant, source, parsed)

    async def replay(self, principal: Principal, delivery_id: str) -> Taken:
        """Read a kept delivery again, as the source reads now; when it works it leaves the quarantine.

        NotFound, ConflictError when not all of it was kept, InputError when it still cannot be read, Disabled.
        """
        self.agent.require_enabled()
        kept = await self.agent.stores.quarantine.get(principal.tenant, delivery_id)
        if not kept.whole:
            raise ConflictError(
                f"Only {len(kept.body)} of {kept.size} bytes were kept.", fix="Let the source send it again, in parts."
            )
        # What a source wants done for a delivery (`then`) is for the one that came with its proof, not for a replay.
        parsed = self._read(kept.tenant, kept.source, kept.headers, kept.body)
        taken = await self._take(kept.tenant, kept.source, Parsed(signals=parsed.signals, words=parsed.words))
        await self.agent.stores.quarantine.remove(principal.tenant, delivery_id, principal.id)
        return taken

    async def forget(self, principal: Principal, delivery_id: str) -> None:
        """Remove a kept delivery. NotFound."""
        await self.agent.stores.quarantine.remove(principal.tenant, delivery_id, principal.id)

    def _read(self, tenant: str, source: str, headers: Mapping[str, str], raw: bytes) -> Parsed:
        way_in = self.sources.get(source)
        if way_in is None:
            raise NotFound(
                f"There is no source called {source}.", fix=f"Known: {', '.join(sorted(self.sources)) or 'none'}."
            )
        return way_in.parse(tenant, headers, raw, self.clock.now())

    async def _take(self, tenant: str, source: str, parsed: Parsed) -> Taken:
        joined: list[Joined] = []
        for part in _parts(parsed.signals):
            joined += await self.agent.receive(tenant, part)
        if parsed.alive:
            await self.agent.stores.heartbeats.beat(tenant, source, self.clock.now())
        if parsed.then is not None:
            await parsed.then()
        words = parsed.words or ("The alerting is alive." if parsed.alive else "")
        return Taken(signals=parsed.signals, joined=joined, words=words)

    async def _keep(
        self, tenant: str, source: str, headers: Mapping[str, str], raw: bytes, error: InputError
    ) -> Quarantined:
        identity = f"{source}/".encode() + raw
        return await self.agent.stores.quarantine.keep(
            Quarantined(
                id=hashlib.sha256(identity).hexdigest()[:32],
                tenant=tenant,
                source=storable(source),
                received_at=self.clock.now(),
                headers=without_secrets(headers),
                body=raw[:BODY_CAP_BYTES],
                size=len(raw),
                why=storable(cap(error.message, WORDS_BYTES)),
                fix=storable(cap(error.fix, WORDS_BYTES)),
                pointer=storable(str(error.extra.get("pointer", ""))[:500]),
            )
        )


def _parts(signals: Sequence[Signal]) -> Iterator[Sequence[Signal]]:
    """So many that other writers get a turn between them. Cut short, the source sends all again, and it joins."""
    yield from (signals[start : start + AT_ONCE] for start in range(0, max(1, len(signals)), AT_ONCE))


def without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that prove nothing, each cut to `MAX_HEADER_CHARS`."""
    kept = [(name, value) for name, value in headers.items() if not _SECRET_HEADER.search(name)]
    return {storable(name[:100]): storable(value[:MAX_HEADER_CHARS]) for name, value in kept[:MAX_HEADERS]}


def storable(text: str) -> str:
    """Text every store takes: no NUL, no lone surrogate."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
