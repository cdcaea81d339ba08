"""The one way a command reaches the work: the server running on the data folder, else its store opened here.

Both doors answer in the JSON of the API (camelCase), so that `--json` prints the same whether or not a server runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from opsagent.cli.chat_door import ChatDoor
from opsagent.cli.draft_door import DraftDoor
from opsagent.cli.library_door import LibraryDoor
from opsagent.cli.notices_door import NoticesDoor
from opsagent.cli.options import Place
from opsagent.cli.people_door import PeopleDoor
from opsagent.cli.timetable_door import TimetableDoor

Json = dict[str, Any]
MOST_PENDING = 1000  # questions shown or searched at once; the oldest


class Door(Protocol):
    """What commands ask for. Every method may raise the errors of `loop.agent.Agent`, told apart by the same codes."""

    @property
    def local(self) -> bool:
        """Whether this process opened the store itself, so that nobody else works on its runs."""
        ...

    @property
    def timetable(self) -> TimetableDoor:
        """What goes by the clock: schedules, silences, maintenance windows."""
        ...

    @property
    def notices(self) -> NoticesDoor:
        """What people were told, and by what."""
        ...

    @property
    def chat(self) -> ChatDoor:
        """Conversations."""
        ...

    @property
    def people(self) -> PeopleDoor:
        """Who may sign in."""
        ...

    @property
    def library(self) -> LibraryDoor:
        """Runbooks."""
        ...

    @property
    def drafts(self) -> DraftDoor:
        """Runbooks that runs suggest."""
        ...

    @property
    def where(self) -> str:
        """Whom we talk to, in words."""
        ...

    def now(self) -> float:
        """Epoch seconds."""
        ...

    async def pause_between_looks(self) -> None:
        """Wait as long as lies between two looks at something that changes."""
        ...

    # runs
    async def submit(self, task: str, **fields: object) -> Json:
        """Store a run; `fields` are those of `POST /api/v1/trigger/api` in snake_case."""
        ...

    async def drive(self, run_id: str) -> None:
        """Work on a run in this process until it ends or waits for a person; a server needs no such push."""
        ...

    async def runs(
        self, *, source: str = "", status: str = "", text: str = "", limit: int = 50, cursor: str = ""
    ) -> Json:
        """`{runs, nextCursor}`, newest first."""
        ...

    async def run(self, run_id: str) -> Json:
        """One run."""
        ...

    async def session(self, run_id: str) -> Json:
        """One run with its steps, verdicts, approvals and outcomes."""
        ...

    async def events(self, run_id: str, *, after: int = 0) -> Sequence[Json]:
        """The timeline after a sequence number."""
        ...

    async def cancel(self, run_id: str) -> Json:
        """Ask a run to stop."""
        ...

    async def retry(self, run_id: str) -> Json:
        """A new run of the same request."""
        ...

    # people
    async def pending(self, run_id: str = "") -> Json:
        """`{approvals, unknownSteps, waiting}`: the oldest of what waits for a person; with `run_id` of that run."""
        ...

    async def decide(self, question: Json, *, grant: bool, notes: str) -> Json:
        """Answer a question of `pending`; its digest goes with the answer."""
        ...

    async def resolve(self, run_id: str, step_number: int, answer: str) -> Json:
        """Say what became of an unknown step."""
        ...

    async def switch(self, name: str, *, on: bool, everywhere: bool = False) -> Mapping[str, bool]:
        """Set `paused` or `acting`; what holds now."""
        ...

    async def switches(self) -> Mapping[str, bool]:
        """What holds now."""
        ...

    async def freezes(self) -> Sequence[Json]:
        """Maintenance freezes that have not ended."""
        ...

    async def freeze(self, fields: Json) -> Json:
        """Set one; `fields` are those of the API in snake_case, times as ISO 8601."""
        ...

    async def lift(self, freeze_id: str) -> None:
        """End one now."""
        ...

    async def take(self, ticket_id: str, *, back: bool) -> Json:
        """Take a ticket over, or hand it back."""
        ...

    # what is registered
    async def tickets(self, *, status: str = "", limit: int = 50) -> Json:
        """`{tickets, nextCursor}`, newest first."""
        ...

    async def quarantine(self) -> Sequence[Json]:
        """Deliveries that could not be read, the latest first."""
        ...

    async def quarantined(self, delivery_id: str) -> Json:
        """One of them with its body."""
        ...

    async def replay(self, delivery_id: str) -> Json:
        """Read it again: `{received, tickets, words}`."""
        ...

    async def forget_delivery(self, delivery_id: str) -> None:
        """Remove one of them."""

    async def ticket(self, ticket_id: str) -> Json:
        """One ticket with its alerts, its latest signals and what a person said of it."""
        ...

    async def reopen(self, ticket_id: str, reason: str) -> Json:
        """Say that it is not over."""
        ...

    async def say(self, ticket_id: str, *, real: bool, note: str) -> Json:
        """Say whether it was real or noise."""
        ...

    async def quality(self, days: int) -> Json:
        """How automatic closing does."""
        ...

    async def spending(self, days: int) -> Json:
        """`{days}`: what was spent on models."""
        ...

    async def skills(self) -> Json:
        """`{skills, unread}`."""
        ...

    async def skill(self, name: str) -> Json:
        """One skill with its text."""
        ...

    async def skill_file(self, name: str, path: str) -> str:
        """One of its further files."""
        ...

    async def connections(self) -> Sequence[Json]:
        """All connections by name."""
        ...

    async def connection(self, name: str) -> Json:
        """One connection."""
        ...

    async def put_connection(self, fields: Json) -> Json:
        """Store one; `fields` are those of the API."""
        ...

    async def remove_connection(self, name: str) -> None:
        """Remove one."""
        ...

    async def test_connection(self, name: str) -> Json:
        """Really connect: `{ok, results}`, a result for each account."""
        ...

    async def credentials(self) -> Sequence[Json]:
        """All credentials by name, without values."""
        ...

    async def put_credential(self, name: str, fields: Json) -> Json:
        """Store a value; `fields` are those of the API in snake_case."""
        ...

    async def remove_credential(self, name: str) -> None:
        """Remove one."""
        ...

    async def rotate_key(self) -> Json:
        """Seal every value with the present key: `{resealed}`."""
        ...

    async def explain(self, commands: Sequence[str], connection: str) -> Sequence[Json]:
        """What the policy says of commands on a connection."""
        ...

    # people of Slack
    async def link_slack(self, user: str, fields: Json) -> Json:
        """Say who a Slack user is; `fields` are those of the API in snake_case."""
        ...

    async def unlink_slack(self, user: str) -> None:
        """The user is nobody here from now on."""
        ...

    async def slack_people(self) -> Sequence[Json]:
        """Those who are somebody, by user."""
        ...

    async def slack_workspace(self, team: str, *, remove: bool) -> None:
        """Register a workspace for the tenant, or forget it."""
        ...

    async def slack_workspaces(self) -> Sequence[Json]:
        """Those of the tenant."""
        ...

    # administration
    async def create_key(self, *, role: str, kind: str, name: str) -> Json:
        """A new key with its `secret`, which is shown here and never again."""
        ...

    async def keys(self) -> Sequence[Json]:
        """All keys of the tenant, without their text."""
        ...

    async def revoke_key(self, key_id: str) -> None:
        """End one now."""
        ...

    async def check_audit(self, head: str) -> Json:
        """Check the whole record: `{entries, head, trouble, heads}`; `heads` is how many were kept."""
        ...

    async def audit(self, *, after: int, limit: int) -> Sequence[Json]:
        """The append-only record."""
        ...


@asynccontextmanager
async def open_door(place: Place) -> AsyncIterator[Door]:
    """The server of the data folder if one answers, else the store. ConfigurationError, StoreUnavailable."""
    from opsagent.cli.folder import running_server

    server = await running_server(place)
    if server is not None:
        from opsagent.cli.remote import remote_door

        async with remote_door(place, server) as remote:
            yield remote
    else:
        from opsagent.cli.local import local_door

        async with local_door(place) as local:
            yield local
