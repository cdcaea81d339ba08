"""A run as a Markdown report, for a ticket or a post-mortem: the result first, then each command and what it did."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from opsagent.domain.identity import Permission
from opsagent.domain.visible import one_line, visible
from opsagent.web import wire
from opsagent.web.agent_sessions import session
from opsagent.web.auth import Reader
from opsagent.web.deps import deps_of
from opsagent.web.views import event_json, run_json

router = APIRouter(prefix="/api/agent-ops", tags=["Runs"])
_EVENTS = 1000
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!~])")


@router.get(
    "/{run_id}/report",
    summary="A run as a report",
    responses={200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}},
)
async def get_report(request: Request, principal: Reader, run_id: Annotated[str, Path(max_length=100)]) -> Response:
    """Markdown: result, commands with verdict, answer and output, and the first 1,000 lines of the timeline.

    Output needs the right to look.
    """
    agent = deps_of(request).agent
    run = run_json(await agent.stores.runs.get(principal.tenant, run_id))
    look = principal.may(Permission.LOOK)
    events = await agent.stores.journal.events(principal.tenant, run_id, after=0, limit=_EVENTS)
    text = report(run, await session(agent, principal, run_id), [event_json(event, look=look) for event in events])
    headers = {"Content-Disposition": f'attachment; filename="run-{run["runId"]}.md"'}
    return Response(text.encode("utf-8", "replace"), media_type="text/markdown; charset=utf-8", headers=headers)


def report(run: wire.RunJson, steps: wire.SessionJson, events: list[wire.EventJson]) -> str:
    """The whole report. What came from outside is escaped or fenced, so that it cannot become markup."""
    result = run["result"]
    facts = {
        "Status": run["status"],
        "Measured afterwards": run["verified"],
        "Started by": run["requestedBy"],
        "Started": run["startedAt"] or run["createdAt"],
        "Ended": run["completedAt"],
        "Runbook": run["runbookId"],
        "Target": run["connection"],
        "Ticket": run["ticketId"],
        "Tokens": str(run["inputTokens"] + run["outputTokens"]) if run["model"] else "",
        "Cost by the prices that were set": f"{steps['cost']:.4f}" if steps["cost"] else "",
        "Run": run["runId"],
    }
    parts = [
        f"# {_words(run['taskDescription'], 200)}",
        "\n".join(f"- {name}: {_words(value)}" for name, value in facts.items() if value),
        "## Result",
        _fenced(run["error"] or (result["summary"] if result else "It has not ended.")),
        "## Commands",
        *([part for step in steps["steps"] for part in _step(step)] or ["None."]),
        "## Timeline",
        "\n".join(f"- {event['createdAt']} {event['eventType']}: {_words(event['content'], 300)}" for event in events)
        or "Nothing.",
    ]
    return "\n\n".join(parts) + "\n"


def _step(step: wire.StepJson) -> list[str]:
    parts = [
        f"### {step['stepNumber']}. {_words(step['name'] or step['phase'])}: {step['status']}",
        _fenced(step["command"]),
    ]
    if step["decision"]:
        parts.append(f"{step['decision']} by {_words(step['rule'])}: {_words(step['reason'])}")
    approval = step["approval"]
    if approval is not None:
        note = f" “{_words(approval['notes'])}”" if approval["notes"] else ""
        parts.append(f"Asked: {approval['status']} {_words(approval['decidedBy'])} {approval['decidedAt'] or ''}{note}")
    outcome = step["outcome"]
    if outcome is not None:
        parts.append(f"Exit {outcome['exitCode']}, {outcome['durationMs']} ms. {_words(outcome['note'])}".rstrip())
        parts += [_fenced(text) for text in (outcome["stdout"], outcome["stderr"]) if text]
    return parts


def _words(text: str | None, limit: int = 0) -> str:
    return _SPECIAL.sub(r"\\\1", one_line(text or "", limit))


def _fenced(text: str) -> str:
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{visible(text, lines=True).rstrip()}\n{fence}"
