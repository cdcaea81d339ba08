"""The door to the chat: a message becomes an answer or a run, and whatever it says it never becomes a decision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from opsagent.domain.conversation import MEMORY_LINES, Cited, Conversation, Line, LineKind, memory
from opsagent.domain.identity import Permission, Principal
from opsagent.domain.page import Page
from opsagent.domain.run import Run, Source
from opsagent.domain.trigger import MAX_TASK_CHARS, Trigger
from opsagent.errors import Forbidden, InputError, NotFound, OpsAgentError, StoreUnavailable, TooLarge
from opsagent.loop.agent import Agent
from opsagent.loop.library import Library
from opsagent.ports.answering import Answerer, Asks, Question, Reply
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.conversations import LineKey
from opsagent.ports.stores import IdempotencyKey, Stores
from opsagent.stages.reply import cited_runbook, facts_about, reply

_LOOKED_THROUGH = 50  # runs and tickets, the newest, that a message is compared with
_PLAINLY = "No model is set up, so this is a search and not an understanding."


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """Callers have checked the permission of their route; whose conversation it is and what a run needs, this does.

    `submit` is the agent's. Without an `answerer` a rule answers. `changed(tenant, conversation id)` tells watchers.
    """

    stores: Stores
    library: Library
    clock: Clock
    ids: Ids
    submit: Callable[..., Awaitable[Run]]
    changed: Callable[[str, str], None]
    answerer: Answerer | None = None

    async def begin(self, principal: Principal) -> Conversation:
        """A new one of this person."""
        now = self.clock.now()
        return await self.stores.conversations.create(
            Conversation(
                id=self.ids.uuid(), tenant=principal.tenant, owner=principal.id, created_at=now, updated_at=now
            )
        )

    async def get(self, principal: Principal, conversation_id: str) -> Conversation:
        """One of theirs, or any of the tenant for an admin. NotFound, also for another's."""
        found = await self.stores.conversations.get(principal.tenant, conversation_id)
        if found.owner != principal.id and not principal.may(Permission.ADMINISTER):
            raise NotFound(f"There is no conversation {conversation_id}.", fix="List yours, or begin one.")
        return found

    async def list(
        self, principal: Principal, *, everybody: bool = False, limit: int = 50, cursor: str = ""
    ) -> Page[Conversation]:
        """Theirs, newest first; with `everybody` those of the tenant. Forbidden, InputError."""
        if everybody and not principal.may(Permission.ADMINISTER):
            raise Forbidden("Only an admin lists the conversations of others.", fix="Leave `everybody` out.")
        owner = "" if everybody else principal.id
        return await self.stores.conversations.list(principal.tenant, owner=owner, limit=limit, cursor=cursor)

    async def lines(
        self, principal: Principal, conversation_id: str, *, after: int = 0, limit: int = 200
    ) -> Sequence[Line]:
        """Its lines above a number. NotFound."""
        await self.get(principal, conversation_id)
        return await self.stores.conversations.lines(principal.tenant, conversation_id, after=after, limit=limit)

    async def delete(self, principal: Principal, conversation_id: str) -> None:
        """Remove it; the runs that came of it stay. NotFound."""
        await self.get(principal, conversation_id)
        await self.stores.conversations.delete(principal.tenant, conversation_id, principal.id)
        self.changed(principal.tenant, conversation_id)

    async def say(
        self, principal: Principal, conversation_id: str, text: str, *, key: IdempotencyKey | None = None
    ) -> Sequence[Line]:
        """The message as stored, and what was replied. The same key again replies the same.

        InputError, TooLarge, NotFound, IdempotencyMismatch, ConflictError (the conversation is full).
        """
        if not text.strip():
            raise InputError("The message is empty.", fix="Say what you want to know, or what should be done.")
        if len(text) > MAX_TASK_CHARS:
            raise TooLarge(f"The message has {len(text)} characters; {MAX_TASK_CHARS} are taken.", fix="Shorten it.")
        await self._own(principal, conversation_id)
        said = self._line(principal, conversation_id, LineKind.MESSAGE, text)
        named = LineKey(key=key.key, request_sha256=key.request_sha256) if key else None
        message = await self.stores.conversations.append(said, key=named)
        self.changed(principal.tenant, conversation_id)
        answered = await self._replied(message)
        if answered is None:
            drafted = replace(await self._reply(principal, message), of=message.number)
            # Two at once with one key think twice and are told the same: the first reply that is stored.
            answered = await self.stores.conversations.append(drafted, key=LineKey(key=f"reply {message.number}"))
            self.changed(principal.tenant, conversation_id)
        return (message, answered)

    async def start(
        self,
        principal: Principal,
        conversation_id: str,
        number: int,
        *,
        looks: bool = False,
        connection: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> Line:
        """Start what line `number` offers, once for the same fields; with `looks` only its looks.

        Forbidden, NotFound, InputError.
        """
        await self._own(principal, conversation_id)
        found = await self.stores.conversations.lines(principal.tenant, conversation_id, after=max(0, number - 1))
        offer = next((line for line in found if line.number == number and line.kind is LineKind.OFFER), None)
        if offer is None:
            raise NotFound(f"Line {number} offers nothing.", fix="Start a line of the kind offer.")
        asked = (await self.stores.conversations.lines(principal.tenant, conversation_id, after=offer.of - 1, limit=1))[
            0
        ]
        trigger = self._trigger(principal, asked, runbook_id=offer.runbook_id, looks=looks)
        trigger = replace(trigger, connection=connection, parameters=dict(parameters or {}))
        started = await self._run(trigger, asked)
        # The keys of what the agent itself writes hold a space, so that no caller's key is ever one of them.
        stored = await self.stores.conversations.append(
            replace(started, of=number), key=LineKey(key=f"start {number} {_sha256(trigger)}")
        )
        self.changed(principal.tenant, conversation_id)
        return stored

    async def _own(self, principal: Principal, conversation_id: str) -> Conversation:
        found = await self.get(principal, conversation_id)
        if found.owner != principal.id:
            raise Forbidden("This conversation is somebody else's: you may read it.", fix="Begin one of your own.")
        return found

    async def _replied(self, message: Line) -> Line | None:
        later = await self.stores.conversations.lines(
            message.tenant, message.conversation_id, after=message.number, limit=200
        )
        return next((line for line in later if line.of == message.number and line.kind is not LineKind.MESSAGE), None)

    async def _reply(self, principal: Principal, message: Line) -> Line:
        """What to answer. What cannot be done now is an answer in words; only a store that is gone is an error."""
        try:
            searched = await self.library.search(message.tenant, message.text)
            found = [(hit, listed.runbook) for hit, listed in searched.joined] if searched.found.fits else []
            known = await self._facts(message)
            facts = [words for _, words in known]
            cited = (*(cited_runbook(one) for _, one in found), *(one for one, _ in known))
            message = replace(message, cited=cited)  # what is answered from it, is answered from these
            if self.answerer is None:
                return self._plain(message, reply(message.text, found, facts), _PLAINLY)
            earlier = await self.stores.conversations.lines(
                message.tenant, message.conversation_id, after=max(0, message.number - 1 - MEMORY_LINES)
            )
            read = await self.answerer.reply(
                Question(
                    conversation_id=message.conversation_id,
                    tenant=message.tenant,
                    text=message.text,
                    asked_by=principal.id,
                    at=message.at,
                    memory=memory([line for line in earlier if line.number < message.number]),
                    runbooks=[runbook for _, runbook in found],
                    facts=facts,
                )
            )
            if not read.ok:
                plain = self._plain(
                    message, reply(message.text, found, facts), f"{read.text} This is what a search finds."
                )
                return replace(plain, usage=read.usage)
            return await self._as_read(principal, message, read)
        except StoreUnavailable:
            raise
        except OpsAgentError as error:
            return self._answer(message, f"{error.message} {error.fix}".strip())

    async def _as_read(self, principal: Principal, message: Line, read: Reply) -> Line:
        """Do what the model made of the message, as far as the person may: it starts a run, which judges and asks."""
        looks = read.asks is Asks.LOOK
        if read.asks in (Asks.ANSWER, Asks.CLARIFY):
            return replace(self._answer(message, read.text), by=read.by, usage=read.usage)
        if not principal.may(Permission.LOOK if looks else Permission.OPERATE):
            words = "This needs a look at the world" if looks else "This is something to be done"
            said = f"{words}, for which your role is not enough: ask somebody with the role operator."
            return replace(self._answer(message, said), by=read.by, usage=read.usage)
        started = await self._run(self._trigger(principal, message, runbook_id=read.runbook_id, looks=looks), message)
        return replace(started, text=f"{started.text} {read.text}", by=read.by, usage=read.usage)

    def _trigger(self, principal: Principal, asked: Line, *, runbook_id: str, looks: bool) -> Trigger:
        """A run of the person's own words; a model's are only shown."""
        return Trigger(
            tenant=asked.tenant,
            source=Source.CHAT,
            text=asked.text,
            requested_by=principal.id,
            runbook_id=runbook_id,
            only_looks=looks,
            details={"conversation": asked.conversation_id, "line": str(asked.number)},
        )

    async def _run(self, trigger: Trigger, asked: Line) -> Line:
        """The run of the trigger, once. Raises what `submit` does."""
        sha256 = _sha256(trigger)
        name = f"chat {asked.conversation_id} {asked.number} {sha256}"
        run = await self.submit(trigger, key=IdempotencyKey(key=name, request_sha256=sha256))
        looks = trigger.only_looks
        limit = " It may only look: it changes nothing and asks for nothing." if looks else ""
        text = f"{'Looking' if looks else 'Started'}: run {run.id[:8]}.{limit}"
        return replace(
            self._answer(asked, text), kind=LineKind.RUN, run_id=run.id, runbook_id=trigger.runbook_id, looks=looks
        )

    async def _facts(self, message: Line) -> Sequence[tuple[Cited, str]]:
        runs = await self.stores.runs.list(message.tenant, limit=_LOOKED_THROUGH)
        tickets = await self.stores.tickets.list(message.tenant, limit=_LOOKED_THROUGH)
        return facts_about(message.text, runs.items, tickets.items)

    def _plain(self, message: Line, said: Reply, plainly: str) -> Line:
        kind = LineKind.OFFER if said.runbook_id else LineKind.ANSWER
        return replace(
            self._answer(message, f"{plainly}\n{said.text}"), kind=kind, runbook_id=said.runbook_id, of=message.number
        )

    def _answer(self, message: Line, text: str) -> Line:
        return replace(message, kind=LineKind.ANSWER, text=text, at=self.clock.now(), number=0, of=message.number)

    def _line(self, principal: Principal, conversation_id: str, kind: LineKind, text: str) -> Line:
        return Line(tenant=principal.tenant, conversation_id=conversation_id, kind=kind, text=text, at=self.clock.now())


def chat_of(agent: Agent) -> Conversations:
    """The door to the chat, over the agent's own."""
    return Conversations(
        stores=agent.stores,
        library=agent.library,
        clock=agent.clock,
        ids=agent.accept.ids,
        submit=agent.submit,
        changed=agent.live.changed,
        answerer=agent.answerer,
    )


def _sha256(trigger: Trigger) -> str:
    """What tells one start from another."""
    asked = [
        trigger.runbook_id,
        trigger.only_looks,
        trigger.connection,
        sorted(trigger.parameters.items()),
        trigger.text,
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
