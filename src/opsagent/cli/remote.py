"""The door of a running server: its HTTP API, with the admin key of the data folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from opsagent.bootstrap.outfit import clock
from opsagent.cli.admin_key import read_admin_key
from opsagent.cli.door import MOST_PENDING
from opsagent.cli.draft_door import RemoteDrafts
from opsagent.cli.folder import Server
from opsagent.cli.options import Place
from opsagent.cli.problem import error_of
from opsagent.cli.remote_chat import RemoteChat
from opsagent.cli.remote_library import RemoteLibrary
from opsagent.cli.remote_notices import RemoteNotices
from opsagent.cli.remote_people import RemotePeople
from opsagent.cli.remote_timetable import RemoteTimetable
from opsagent.errors import RateLimited, UnavailableError

Json = dict[str, Any]
LOOK_EVERY_S = 0.5  # a look costs two requests of the key's 600 a minute
TIMEOUT_S = 30.0
PATIENCE = 10  # how often a request is sent before "too many requests" is an error
EXPLAIN_AT_ONCE = 100  # commands in one request: what the route takes
# What `web/triggers.py` looks for; written out here because importing the web app costs a command half a second.
CLIENT_HEADER, CLI_CLIENT = "X-OpsAgent-Client", "cli"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteDoor:
    """Asks the server; its problems come back as the errors they were."""

    client: httpx.AsyncClient
    place: Place
    local: bool = False

    @property
    def timetable(self) -> RemoteTimetable:
        """What goes by the clock."""
        return RemoteTimetable(ask=self._ask)

    @property
    def notices(self) -> RemoteNotices:
        """What people were told, and by what."""
        return RemoteNotices(ask=self._ask)

    @property
    def chat(self) -> RemoteChat:
        """The chat."""
        return RemoteChat(ask=self._ask)

    @property
    def people(self) -> RemotePeople:
        """Who may sign in."""
        return RemotePeople(ask=self._ask)

    @property
    def library(self) -> RemoteLibrary:
        """Runbooks."""
        return RemoteLibrary(ask=self._ask)

    @property
    def drafts(self) -> RemoteDrafts:
        """Runbooks that runs suggest."""
        return RemoteDrafts(ask=self._ask)

    @property
    def where(self) -> str:
        """Whom we talk to, in words."""
        return f"The server at {str(self.client.base_url).rstrip('/')}"

    def now(self) -> float:
        """Epoch seconds."""
        return clock().now()

    async def pause_between_looks(self) -> None:
        """A moment."""
        await clock().sleep(LOOK_EVERY_S)

    async def submit(self, task: str, **fields: object) -> Json:
        """Store a run."""
        return await self._ask("POST", "/api/v1/trigger/api", {"task_description": task, **fields})

    async def drive(self, run_id: str) -> None:
        """The server's workers do that."""

    async def runs(
        self, *, source: str = "", status: str = "", text: str = "", limit: int = 50, cursor: str = ""
    ) -> Json:
        """Newest first."""
        query = _given(source=source, status=status, text=text, limit=str(limit), cursor=cursor)
        return await self._ask("GET", "/api/agent-ops", query=query)

    async def run(self, run_id: str) -> Json:
        """One run."""
        return await self._ask("GET", f"/api/agent-ops/{_part(run_id)}")

    async def session(self, run_id: str) -> Json:
        """One run with its steps."""
        return await self._ask("GET", f"/api/v1/agent/{_part(run_id)}")

    async def events(self, run_id: str, *, after: int = 0) -> Sequence[Json]:
        """The timeline after a sequence number, all pages of it."""
        found: list[Json] = []
        following: int | None = after
        while following is not None:
            query = {"after": str(following), "limit": "1000"}
            page = await self._ask("GET", f"/api/agent-ops/{_part(run_id)}/events", query=query)
            found += page["events"]
            following = page["nextAfter"]
        return found

    async def cancel(self, run_id: str) -> Json:
        """Ask a run to stop."""
        return await self._ask("POST", f"/api/agent-ops/{_part(run_id)}/cancel")

    async def retry(self, run_id: str) -> Json:
        """A new run of the same request."""
        return await self._ask("POST", f"/api/agent-ops/{_part(run_id)}/retry")

    async def pending(self, run_id: str = "") -> Json:
        """What waits for a person."""
        query = {"runId": run_id, "limit": str(MOST_PENDING)}
        return await self._ask("GET", "/api/v1/agent/pending-approvals", query=query)

    async def decide(self, question: Json, *, grant: bool, notes: str) -> Json:
        """Answer the question that was shown."""
        path = f"/api/v1/agent/{_part(question['runId'])}/approve-step"
        body = {"approve": grant, "notes": notes, "digest": question["digest"]}
        return await self._ask("POST", path, body, query={"step_number": str(question["stepNumber"])})

    async def resolve(self, run_id: str, step_number: int, answer: str) -> Json:
        """Say what became of an unknown step."""
        path = f"/api/v1/agent/{_part(run_id)}/resolve-step"
        return await self._ask("POST", path, {"answer": answer}, query={"step_number": str(step_number)})

    async def switch(self, name: str, *, on: bool, everywhere: bool = False) -> Mapping[str, bool]:
        """Set `paused` or `acting`."""
        if name == "acting":
            return await self._ask("POST", "/api/v1/control/acting", {"on": on, "everywhere": everywhere})
        return await self._ask("POST", f"/api/v1/control/{'pause' if on else 'resume'}", {"everywhere": everywhere})

    async def switches(self) -> Mapping[str, bool]:
        """What holds now."""
        return await self._ask("GET", "/api/v1/control")

    async def tickets(self, *, status: str = "", limit: int = 50) -> Json:
        """Newest first."""
        return await self._ask("GET", "/api/v1/tickets", query=_given(status=status, limit=str(limit)))

    async def quarantine(self) -> Sequence[Json]:
        """Deliveries that could not be read."""
        return _listed(await self._ask("GET", "/api/v1/quarantine"), "deliveries")

    async def quarantined(self, delivery_id: str) -> Json:
        """One of them with its body."""
        return await self._ask("GET", f"/api/v1/quarantine/{_part(delivery_id)}")

    async def replay(self, delivery_id: str) -> Json:
        """Read it again."""
        return await self._ask("POST", f"/api/v1/quarantine/{_part(delivery_id)}/replay")

    async def forget_delivery(self, delivery_id: str) -> None:
        """Remove one of them."""
        await self._ask("DELETE", f"/api/v1/quarantine/{_part(delivery_id)}")

    async def ticket(self, ticket_id: str) -> Json:
        """One ticket with everything known about it."""
        return await self._ask("GET", f"/api/v1/tickets/{_part(ticket_id)}")

    async def reopen(self, ticket_id: str, reason: str) -> Json:
        """Say that it is not over."""
        return await self._ask("POST", f"/api/v1/tickets/{_part(ticket_id)}/reopen", {"reason": reason})

    async def say(self, ticket_id: str, *, real: bool, note: str) -> Json:
        """Say whether it was real or noise."""
        body = {"verdict": "real" if real else "noise", "note": note}
        return await self._ask("POST", f"/api/v1/tickets/{_part(ticket_id)}/feedback", body)

    async def quality(self, days: int) -> Json:
        """How automatic closing does."""
        return await self._ask("GET", "/api/v1/triage/quality", query={"days": str(days)})

    async def spending(self, days: int) -> Json:
        """What was spent on models."""
        return await self._ask("GET", "/api/v1/spending", query={"days": str(days)})

    async def skills(self) -> Json:
        """What is on the shelves."""
        return await self._ask("GET", "/api/v1/skills")

    async def skill(self, name: str) -> Json:
        """One skill."""
        return await self._ask("GET", f"/api/v1/skills/{_part(name)}")

    async def skill_file(self, name: str, path: str) -> str:
        """One of its further files."""
        found = await self._ask("GET", f"/api/v1/skills/{_part(name)}/file", query={"path": path})
        return str(found["text"])

    async def connections(self) -> Sequence[Json]:
        """All connections by name."""
        return _listed(await self._ask("GET", "/api/v1/connections"), "connections")

    async def connection(self, name: str) -> Json:
        """One connection."""
        return await self._ask("GET", f"/api/v1/connections/{_part(name)}")

    async def put_connection(self, fields: Json) -> Json:
        """Store one."""
        body = {key: value for key, value in fields.items() if key != "name"}
        return await self._ask("PUT", f"/api/v1/connections/{_part(fields['name'])}", body)

    async def remove_connection(self, name: str) -> None:
        """Remove one."""
        await self._ask("DELETE", f"/api/v1/connections/{_part(name)}")

    async def freezes(self) -> Sequence[Json]:
        """Maintenance freezes that have not ended."""
        return _listed(await self._ask("GET", "/api/v1/freezes"), "freezes")

    async def freeze(self, fields: Json) -> Json:
        """Set one."""
        return await self._ask("POST", "/api/v1/freezes", fields)

    async def lift(self, freeze_id: str) -> None:
        """End one now."""
        await self._ask("DELETE", f"/api/v1/freezes/{_part(freeze_id)}")

    async def take(self, ticket_id: str, *, back: bool) -> Json:
        """Take a ticket over, or hand it back."""
        return await self._ask("POST", f"/api/v1/tickets/{_part(ticket_id)}/{'hand-back' if back else 'take'}")

    async def link_slack(self, user: str, fields: Json) -> Json:
        """Say who a Slack user is."""
        return await self._ask("PUT", f"/api/v1/slack/people/{_part(user)}", fields)

    async def unlink_slack(self, user: str) -> None:
        """The user is nobody here from now on."""
        await self._ask("DELETE", f"/api/v1/slack/people/{_part(user)}")

    async def slack_people(self) -> Sequence[Json]:
        """Those who are somebody."""
        return _listed(await self._ask("GET", "/api/v1/slack/people"), "people")

    async def slack_workspace(self, team: str, *, remove: bool) -> None:
        """Register a workspace, or forget it."""
        await self._ask("DELETE" if remove else "PUT", f"/api/v1/slack/workspaces/{_part(team)}")

    async def slack_workspaces(self) -> Sequence[Json]:
        """Those of the tenant."""
        return _listed(await self._ask("GET", "/api/v1/slack/workspaces"), "workspaces")

    async def test_connection(self, name: str) -> Json:
        """Really connect, once with each account."""
        return await self._ask("POST", f"/api/v1/connections/{_part(name)}/test")

    async def credentials(self) -> Sequence[Json]:
        """All credentials by name, without values."""
        return _listed(await self._ask("GET", "/api/v1/credentials"), "credentials")

    async def put_credential(self, name: str, fields: Json) -> Json:
        """Store a value."""
        return await self._ask("PUT", f"/api/v1/credentials/{_part(name)}", fields)

    async def remove_credential(self, name: str) -> None:
        """Remove one."""
        await self._ask("DELETE", f"/api/v1/credentials/{_part(name)}")

    async def rotate_key(self) -> Json:
        """Seal every value with the present key."""
        return await self._ask("POST", "/api/v1/credentials/rotate-key")

    async def explain(self, commands: Sequence[str], connection: str) -> Sequence[Json]:
        """What the policy says of commands on a connection."""
        found: list[Json] = []
        for at in range(0, len(commands), EXPLAIN_AT_ONCE):
            body = {"commands": list(commands[at : at + EXPLAIN_AT_ONCE]), "connection": connection}
            answer = await self._ask("POST", "/api/v1/policy/explain", body)
            found += [_verdict(one) for one in answer["verdicts"]]
        return found

    async def create_key(self, *, role: str, kind: str, name: str) -> Json:
        """Make a key; its text is returned once."""
        return await self._ask("POST", "/api/v1/keys", {"role": role, "kind": kind, "name": name})

    async def keys(self) -> Sequence[Json]:
        """All keys of the tenant."""
        return _listed(await self._ask("GET", "/api/v1/keys"), "keys")

    async def revoke_key(self, key_id: str) -> None:
        """End one now."""
        await self._ask("DELETE", f"/api/v1/keys/{_part(key_id)}")

    async def check_audit(self, head: str) -> Json:
        """Check the whole record, beside the server: the API does not hand it out."""
        from opsagent.cli.local import local_door

        async with local_door(self.place) as beside:
            return await beside.check_audit(head)

    async def audit(self, *, after: int, limit: int) -> Sequence[Json]:
        """The append-only record, read beside the server: the API does not hand it out."""
        from opsagent.cli.local import local_door

        async with local_door(self.place) as beside:
            return await beside.audit(after=after, limit=limit)

    async def _ask(
        self, method: str, path: str, body: Json | None = None, *, query: Mapping[str, str] | None = None
    ) -> Json:
        for _ in range(PATIENCE):
            try:
                response = await self.client.request(method, path, json=body, params=query)
            except httpx.HTTPError as error:
                raise UnavailableError(
                    f"{self.where} did not answer ({type(error).__name__}).",
                    fix="Look at its log; start it again with: opsagent serve",
                ) from None
            if not response.is_error:
                found: Json = response.json() if response.content else {}
                return found
            refusal = error_of(response.status_code, response.content)
            if not isinstance(refusal, RateLimited):
                raise refusal
            await clock().sleep(_seconds(refusal))  # nothing was done, so asking again is harmless
        raise refusal


@asynccontextmanager
async def remote_door(place: Place, server: Server) -> AsyncIterator[RemoteDoor]:
    """Talk to the server found in the data folder. Unauthenticated when its admin key cannot be read."""
    headers = {"authorization": f"Bearer {read_admin_key(server.folder)}", CLIENT_HEADER: CLI_CLIENT}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=TIMEOUT_S, trust_env=False) as client:
        yield RemoteDoor(client=client, place=place)


def _seconds(refusal: RateLimited) -> float:
    wanted = refusal.extra.get("retryAfter")
    return min(float(wanted), TIMEOUT_S) if isinstance(wanted, int | float) else 1.0


def _given(**query: str) -> dict[str, str]:
    return {name: value for name, value in query.items() if value}


def _part(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _listed(answer: Json, name: str) -> list[Json]:
    return list(answer[name])


def _verdict(one: Json) -> Json:
    """The API says `decision`; at the command line the word is `verdict`."""
    return {name: one[key] for name, key in _VERDICT.items()}


_VERDICT = {"command": "command", "verdict": "decision", "rule": "rule", "reason": "reason", "manifest": "manifest"}
