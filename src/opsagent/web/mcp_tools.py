"""What OpsAgent offers as tools over MCP: each one permission, one body, one view; none of them answers a question.

Whoever connects a model here gives it these, and nothing else. That nothing among them grants an approval is the point:
the question can be read, and a person answers it where persons do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from opsagent.domain.identity import Permission, Principal
from opsagent.domain.priority import Priority
from opsagent.domain.run import Mode, RunStatus, Source
from opsagent.domain.ticket import TicketStatus
from opsagent.domain.trigger import Trigger
from opsagent.loop.agent import Agent
from opsagent.web import catalogue_views, views
from opsagent.web.agent_sessions import session
from opsagent.web.bodies import Body, Parameters, ShortText, Text, TextOrNumber
from opsagent.web.library_views import found_json, runbook_detail

_Answer = Callable[[Agent, Principal, Any], Awaitable[Mapping[str, Any]]]
_MOST = 50
Limit = Annotated[int, Field(ge=1, le=_MOST)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool. `reads` is declared to the client: whether it leaves everything as it was."""

    name: str
    title: str
    permission: Permission
    takes: type[Body]
    answer: _Answer
    reads: bool = True

    @property
    def description(self) -> str:
        """What it is for, in the words of its function."""
        return " ".join((self.answer.__doc__ or "").split())


class Words(Body):
    """A few words."""

    query: Annotated[Text, Field(min_length=1, max_length=1000)]
    limit: Limit = 5


class OneRunbook(Body):
    """One runbook."""

    runbook_id: Annotated[TextOrNumber, Field(min_length=1, description="A slug, or a position in the list.")]


class Work(Body):
    """What should be done."""

    task: Annotated[Text, Field(min_length=1, description="What should be done, in words; at most 10,000 characters.")]
    runbook_id: Annotated[TextOrNumber, Field(description="The runbook to follow, if it is known.")] = ""
    connection: Annotated[ShortText, Field(description="The registered target, if it is known.")] = ""
    parameters: Annotated[Parameters, Field(default_factory=dict, description="Values of the runbook's parameters.")]
    mode: Literal["auto", "plan", "fast"] = "auto"
    priority: Literal["critical", "high", "medium", "low"] = "medium"


class OneRun(Body):
    """One run."""

    run_id: Annotated[ShortText, Field(min_length=1)]


class Timeline(OneRun):
    """Where to begin in it."""

    after: Annotated[int, Field(ge=0, description="The sequence number of the last line that is known.")] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class Runs(Body):
    """Which runs."""

    status: Literal["", "queued", "in_progress", "awaiting_approval", "completed", "failed", "cancelled"] = ""
    limit: Limit = 10


class Tickets(Body):
    """Which tickets."""

    status: Literal["", "open", "escalated", "resolved", "closed"] = ""
    limit: Limit = 10


class Nothing(Body):
    """No arguments."""


async def _search(agent: Agent, principal: Principal, given: Words) -> Mapping[str, Any]:
    """Find runbooks: the best answers to a few words (an alert's name, a symptom), ranked, each with its reason."""
    return found_json(await agent.library.search(principal.tenant, given.query, limit=given.limit))


async def _runbook(agent: Agent, principal: Principal, given: OneRunbook) -> Mapping[str, Any]:
    """Read one runbook: its steps, its parameters, and its text."""
    return runbook_detail(await agent.library.get(principal.tenant, given.runbook_id))


async def _start(agent: Agent, principal: Principal, given: Work) -> Mapping[str, Any]:
    """Start a run. It is stored at once and worked on by OpsAgent; whatever changes something waits for a person.

    Answers with the run's id: read it with show_run or run_timeline.
    """
    trigger = Trigger(
        tenant=principal.tenant,
        source=Source.API,
        text=given.task,
        requested_by=principal.id,
        mode=Mode(given.mode),
        priority=Priority(given.priority),
        runbook_id=given.runbook_id,
        connection=given.connection,
        parameters=given.parameters,
    )
    return views.accepted(await agent.submit(trigger))


async def _runs(agent: Agent, principal: Principal, given: Runs) -> Mapping[str, Any]:
    """List runs, the newest first."""
    status = RunStatus(given.status) if given.status else None
    return views.run_list(await agent.stores.runs.list(principal.tenant, status=status, limit=given.limit))


async def _run(agent: Agent, principal: Principal, given: OneRun) -> Mapping[str, Any]:
    """Read one run step by step: each command with its verdict, its question and its outcome, and the result."""
    return await session(agent, principal, given.run_id)


async def _timeline(agent: Agent, principal: Principal, given: Timeline) -> Mapping[str, Any]:
    """Read the timeline of a run, from the line after a sequence number on."""
    await agent.stores.runs.get(principal.tenant, given.run_id)
    found = await agent.stores.journal.events(principal.tenant, given.run_id, after=given.after, limit=given.limit)
    look = principal.may(Permission.LOOK)
    return {"events": [views.event_json(event, look=look) for event in found]}


async def _tickets(agent: Agent, principal: Principal, given: Tickets) -> Mapping[str, Any]:
    """List tickets, the newest first: what monitoring reported, what triage concluded, and its run."""
    status = TicketStatus(given.status) if given.status else None
    page = await agent.stores.tickets.list(principal.tenant, status=status, limit=given.limit)
    return catalogue_views.ticket_list(page)


async def _approvals(agent: Agent, principal: Principal, _: Nothing) -> Mapping[str, Any]:
    """List what waits for a person: the exact command, what it would do, and on which target.

    It cannot be answered here: a person does that on the page, in the chat it was asked in, or at a terminal.
    """
    found = await agent.waiting(principal.tenant)
    return views.pending_json(found, look=principal.may(Permission.LOOK))


TOOLS: tuple[Tool, ...] = (
    Tool(name="search_runbooks", title="Find runbooks", permission=Permission.READ, takes=Words, answer=_search),
    Tool(name="show_runbook", title="One runbook", permission=Permission.READ, takes=OneRunbook, answer=_runbook),
    Tool(
        name="start_run",
        title="Start a run",
        permission=Permission.POST_SIGNAL,
        takes=Work,
        answer=_start,
        reads=False,
    ),
    Tool(name="list_runs", title="List runs", permission=Permission.READ, takes=Runs, answer=_runs),
    Tool(name="show_run", title="One run, step by step", permission=Permission.READ, takes=OneRun, answer=_run),
    Tool(name="run_timeline", title="A run's timeline", permission=Permission.READ, takes=Timeline, answer=_timeline),
    Tool(name="list_tickets", title="List tickets", permission=Permission.READ, takes=Tickets, answer=_tickets),
    Tool(
        name="list_approvals",
        title="What waits for a person",
        permission=Permission.READ,
        takes=Nothing,
        answer=_approvals,
    ),
)
