"""From noun to wire, continued: the chat."""

from __future__ import annotations

from collections.abc import Sequence

from opsagent.domain.approval import Approval, ApprovalStatus
from opsagent.domain.conversation import Conversation, Line
from opsagent.domain.identity import Principal
from opsagent.domain.page import Page
from opsagent.domain.run import Run, RunStatus
from opsagent.errors import NotFound
from opsagent.loop.agent import Agent
from opsagent.web import conversations_wire as wire
from opsagent.web.views import iso

SESSIONS = "/api/v1/agent"


def conversation_json(conversation: Conversation) -> wire.ConversationJson:
    """A conversation."""
    return {
        "conversationId": conversation.id,
        "title": conversation.title,
        "owner": conversation.owner,
        "lines": conversation.lines,
        "createdAt": iso(conversation.created_at),
        "updatedAt": iso(conversation.updated_at),
    }


def conversation_list(page: Page[Conversation]) -> wire.ConversationList:
    """A page of them."""
    cursor = page.cursor or None
    return {"conversations": [conversation_json(one) for one in page.items], "nextCursor": cursor, "lastKey": cursor}


async def line_json(agent: Agent, principal: Principal, line: Line) -> wire.LineJson:
    """A line, with its run as it is now."""
    return {
        "number": line.number,
        "kind": line.kind.value,
        "text": line.text,
        "at": iso(line.at),
        "of": line.of or None,
        "runbookId": line.runbook_id,
        "runId": line.run_id,
        "onlyLooks": line.looks,
        "by": line.by,
        "inputTokens": line.usage.input_tokens,
        "outputTokens": line.usage.output_tokens,
        "sources": [{"kind": one.kind.value, "id": one.id, "title": one.title} for one in line.cited],
        "run": await line_run_json(agent, principal, line.run_id) if line.run_id else None,
    }


async def line_run_json(agent: Agent, principal: Principal, run_id: str) -> wire.LineRunJson | None:
    """A run and what it waits for; None once it was deleted."""
    try:
        run = await agent.stores.runs.get(principal.tenant, run_id)
    except NotFound:
        return None
    asked: Sequence[Approval] = ()
    if run.status is RunStatus.AWAITING_APPROVAL:
        asked = await agent.stores.approvals.of_run(principal.tenant, run_id)
    return _run(run, [one for one in asked if one.status is ApprovalStatus.PENDING])


def _run(run: Run, asked: Sequence[Approval]) -> wire.LineRunJson:
    return {
        "runId": run.id,
        "status": run.status.value,
        "result": run.result.summary if run.result else "",
        "error": run.error,
        "waiting": [
            {
                "approvalId": one.id,
                "stepNumber": one.step_number,
                "command": one.command,
                "target": one.target,
                "digest": one.digest,
                "answerAt": f"{SESSIONS}/{run.id}/approve-step?step_number={one.step_number}",
            }
            for one in asked
        ],
    }
