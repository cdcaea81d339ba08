"""`opsagent chat`: ask, and watch what comes of it; words typed here never decide anything."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from opsagent.cli.answer import ask_line
from opsagent.cli.chat_page import open_chat_page
from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.follow import follow_to_end
from opsagent.cli.options import AsJson, DataDir, Place, TenantName
from opsagent.cli.perform import perform
from opsagent.cli.screen import hint, say, say_json, table
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import InputError, OpsAgentError, UnavailableError

Json = dict[str, Any]
_HELP = (
    "Ask or say what should be done. /start [CONNECTION] follows the runbook offered last, "
    "/look [CONNECTION] runs only its looks, /quit leaves."
)


def chat(
    message: Annotated[
        str, typer.Argument(metavar="[MESSAGE]", help="Say this one thing and leave.", show_default=False)
    ] = "",
    *,
    conversation: Annotated[
        str, typer.Option("--conversation", metavar="ID", help="Go on with this one.", show_default=False)
    ] = "",
    past: Annotated[bool, typer.Option("--list", help="List your conversations and leave.")] = False,
    forget: Annotated[
        str, typer.Option("--forget", metavar="ID", help="Remove this one and leave.", show_default=False)
    ] = "",
    gradio: Annotated[
        bool, typer.Option("--gradio", help="Say where the chat page is; serve it where no server runs.")
    ] = False,
    data_dir: DataDir = None,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: AsJson = False,
) -> None:
    """Talk to it. Questions are answered; a task becomes a run shown live. Decide with `opsagent approve`, not here."""
    place = Place(data_dir=data_dir, tenant=tenant, as_json=as_json)
    if gradio:
        open_chat_page(place)

    async def work(door: Door) -> Exit | None:
        if past:
            await _list(door, as_json=as_json)
            return None
        if forget:
            await door.chat.forget(forget)
            say("It is removed. Runs that came of it stay.")
            return None
        if as_json and not message:
            raise InputError("--json takes one message.", fix='Say it as an argument: opsagent chat "..." --json')
        known = (await door.chat.lines(conversation))["conversation"] if conversation else await door.chat.begin()
        talk = _Talk(door=door, conversation_id=known["conversationId"], as_json=as_json)
        if message:
            await talk.once(message)
        else:
            await talk.on()
        return None

    perform(place, work)


async def _list(door: Door, *, as_json: bool) -> None:
    found = await door.chat.conversations(50)
    if as_json:
        say_json(found)
    elif not found["conversations"]:
        say("You have no conversations. Begin one: opsagent chat")
    else:
        rows = [(one["conversationId"], one["updatedAt"], one["lines"], one["title"]) for one in found["conversations"]]
        table(("conversation", "last", "lines", "about"), rows)


@dataclass(slots=True, kw_only=True)
class _Talk:
    """One conversation at a terminal, or with whoever writes to standard input."""

    door: Door
    conversation_id: str
    as_json: bool
    _offer: int = 0

    async def on(self) -> None:
        """Line by line until the end of input."""
        await self._history()
        hint(_HELP)
        while (line := await ask_line("> ")) is not None:
            if line.strip() == "/quit":
                break
            if line.strip():
                try:
                    await self._hear(line.strip())
                except UnavailableError:
                    raise
                except OpsAgentError as error:  # said, and the talk goes on
                    hint(f"{error.message} {error.fix}")
        hint(f"Go on with it: opsagent chat --conversation {self.conversation_id}")

    async def once(self, text: str) -> None:
        """One message; what was replied."""
        said = await self.door.chat.say(self.conversation_id, text)
        if self.as_json:
            say_json({"conversationId": self.conversation_id, **said})
            return
        await self._tell(said["reply"])
        hint(f"Go on with it: opsagent chat --conversation {self.conversation_id}")

    async def _hear(self, line: str) -> None:
        command, _, connection = line.partition(" ")
        if command in ("/start", "/look"):
            if not self._offer:
                hint("Nothing was offered yet. Name a runbook by its id.")
                return
            started = await self.door.chat.start(
                self.conversation_id, self._offer, looks=command == "/look", connection=connection.strip()
            )
            await self._tell(started)
        elif line.startswith("/"):
            hint(_HELP)
        else:
            await self._tell((await self.door.chat.say(self.conversation_id, line))["reply"])

    async def _history(self) -> None:
        after: int | None = 0
        while after is not None:
            page = await self.door.chat.lines(self.conversation_id, after=after)
            for line in page["lines"]:
                say(f"> {line['text']}" if line["kind"] == "message" else line["text"])
                self._remember(line)
            after = page["nextAfter"]

    async def _tell(self, line: Json) -> None:
        say(line["text"])
        self._remember(line)
        if line["kind"] == "offer":
            hint("/start [CONNECTION] follows it, /look [CONNECTION] runs only its looks.")
        if line["kind"] == "run":
            await self._watch(line["runId"])

    def _remember(self, line: Json) -> None:
        if line["kind"] == "offer":
            self._offer = line["number"]

    async def _watch(self, run_id: str) -> None:
        """Until the run ends. Leaving early leaves it as it is."""
        try:
            await follow_to_end(self.door, run_id, as_json=False, asks=False)
        except (KeyboardInterrupt, asyncio.CancelledError):
            if self.door.local:
                hint(f"Run {run_id[:8]} is kept where it stands; nobody works on it until you start: opsagent serve")
            else:
                hint(f"Run {run_id[:8]} goes on without you: opsagent show {run_id[:8]}")
            raise
