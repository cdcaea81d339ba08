"""From noun to wire: runs, events, steps, approvals; one small function per noun, plain types out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from opsagent.domain.approval import Approval
from opsagent.domain.command import Command
from opsagent.domain.event import RunEvent
from opsagent.domain.manifest import Decision, Manifest, Verdict
from opsagent.domain.outcome import Outcome
from opsagent.domain.page import Page
from opsagent.domain.plan import subtask_run_id
from opsagent.domain.rehearsed import Rehearsed
from opsagent.domain.run import RETENTION_S, Run, RunResult
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.ticket import Assessment
from opsagent.loop.views import RunView
from opsagent.loop.waiting import Waiting
from opsagent.web import wire

_LAST = 253402300799.0  # 9999-12-31T23:59:59Z, past which no datetime reaches
RUNS_PATH = "/api/agent-ops"
_ADDRESS_KEYS = frozenset({"responseUrl", "callbackUrl", "response_url", "callback_url"})


def iso(at: float) -> str:
    """Epoch seconds as ISO 8601 UTC with milliseconds: 2026-11-21T03:00:00.000Z. A later one is the last of 9999."""
    return datetime.fromtimestamp(min(at, _LAST), UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def iso_or_none(at: float | None) -> str | None:
    """The same; None for a time that is not set (0 counts as not set)."""
    return iso(at) if at else None


def host_of(url: str) -> str:
    """Only where an answer goes: the address itself may be a secret (a chat's reply address is one)."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def result_json(result: RunResult) -> wire.ResultJson:
    """A run's end."""
    return {
        "summary": result.summary,
        "toolsUsed": list(result.tools_used),
        "iterations": result.iterations,
        "recommendations": list(result.recommendations),
    }


def assessment_json(assessment: Assessment) -> wire.AssessmentJson:
    """What triage concluded."""
    return {
        "classification": assessment.classification.value,
        "confidence": assessment.confidence,
        "measured": assessment.measured,
        "evidence": [{"kind": one.kind, "text": one.text, "weight": one.weight} for one in assessment.evidence],
        "at": iso_or_none(assessment.at),
    }


def run_json(run: Run) -> wire.RunJson:
    """A run as lists and details show it."""
    return {
        "runId": run.id,
        "tenantId": run.tenant,
        "source": run.source.value,
        "status": run.status.value,
        "taskDescription": run.task,
        "mode": run.mode.value,
        "resolvedMode": run.resolved_mode.value if run.resolved_mode else None,
        "threadId": run.thread_id,
        "trigger": _without_addresses(run.trigger),
        "priority": run.priority.value,
        "accountId": run.account_id,
        "selectedSkill": run.selected_skill,
        "runbookId": run.runbook_id,
        "connection": run.connection,
        "scope": list(run.scope),
        "parameters": dict(run.parameters),
        "alert": run.alert,
        "ticketId": run.ticket_id,
        "retryOf": run.retry_of,
        "parent": run.parent,
        "subtasks": [subtask_run_id(run.id, place) for place in range(len(run.subtasks))],
        "requestedBy": run.requested_by,
        "callbackHost": host_of(run.callback_url),
        "model": run.model,
        "onlyLooks": run.only_looks,
        "node": run.next_node.value,
        "assessment": assessment_json(run.assessment) if run.assessment else None,
        "modelRisk": {"level": run.risk, "by": run.risk_by} if run.risk else None,
        "verified": run.verified.value if run.verified else None,
        "hadEffect": run.had_effect,
        "result": result_json(run.result) if run.result else None,
        "error": run.error,
        "inputTokens": run.usage.input_tokens,
        "outputTokens": run.usage.output_tokens,
        "createdAt": iso(run.created_at),
        "updatedAt": iso(run.updated_at),
        "startedAt": iso_or_none(run.started_at),
        "completedAt": iso_or_none(run.completed_at),
        "durationMs": run.duration_ms,
        "ttl": run.ttl,
    }


def run_list(page: Page[Run]) -> wire.RunList:
    """A page of runs."""
    cursor = page.cursor or None
    return {"runs": [run_json(run) for run in page.items], "nextCursor": cursor, "lastKey": cursor}


def accepted(run: Run) -> wire.Accepted:
    """What the caller of a trigger hears."""
    own = f"{RUNS_PATH}/{run.id}"
    return {
        "runId": run.id,
        "status": run.status.value,
        "threadId": run.thread_id,
        "links": {"self": own, "events": f"{own}/events", "cancel": f"{own}/cancel"},
    }


def event_json(event: RunEvent, *, look: bool) -> wire.EventJson:
    """A line of the timeline; tool output only for those who may look."""
    return {
        "runId": event.run_id,
        "sequence": event.sequence,
        "eventType": event.type.value,
        "node": event.node,
        "content": event.content,
        "toolName": event.tool_name,
        "toolArgs": dict(event.tool_args),
        "toolOutput": event.tool_output if look else None,
        "metadata": dict(event.metadata),
        "artifact": event.artifact,
        "createdAt": iso(event.created_at),
        "ttl": round(event.created_at) + RETENTION_S,
    }


def thinking_json(event: RunEvent) -> wire.ThinkingJson:
    """What a model wrote so far, while it writes; the newest stands for all before it."""
    return {
        "runId": event.run_id,
        "node": event.node,
        "model": event.metadata.get("thinking", ""),
        "text": event.content,
        "createdAt": iso(event.created_at),
    }


def manifest_json(manifest: Manifest) -> wire.ManifestJson:
    """What a command would do."""
    return {
        "proof": manifest.proof.value,
        "invocations": [{"name": one.name, "arguments": list(one.arguments)} for one in manifest.invocations],
        "reads": list(manifest.reads),
        "writes": list(manifest.writes),
        "deletes": list(manifest.deletes),
        "contacts": list(manifest.contacts),
        "services": list(manifest.services),
        "processes": list(manifest.processes),
        "executes": list(manifest.executes),
        "sensitive": list(manifest.sensitive),
        "forbidden": list(manifest.forbidden),
        "privileged": manifest.privileged,
        "reversible": manifest.reversible,
        "author": manifest.author,
        "reasons": list(manifest.reasons),
    }


def verdict_json(command: str, verdict: Verdict) -> wire.VerdictJson:
    """What the policy says of a command."""
    return {
        "command": command,
        "decision": verdict.decision.value,
        "rule": verdict.rule,
        "reason": verdict.reason,
        "manifest": manifest_json(verdict.manifest),
        "undoManifest": manifest_json(verdict.undo) if verdict.undo else None,
    }


def rehearsal_json(found: Sequence[Rehearsed]) -> wire.Rehearsal:
    """A dry run."""
    steps: list[wire.RehearsedJson] = [
        {
            "name": one.name,
            "phase": one.phase,
            "command": one.command,
            "target": one.target,
            "when": one.when,
            "undo": one.undo,
            "saves": list(one.saves),
            "verdict": verdict_json(one.command, one.verdict) if one.verdict else None,
            "problem": one.problem,
        }
        for one in found
    ]
    denied = any(one.verdict is not None and one.verdict.decision is Decision.DENY for one in found)
    return {"steps": steps, "denied": denied}


def outside_json(command: Command) -> list[wire.OutsideJson]:
    """The stretches of a command that came from outside."""
    return [{"start": span.start, "end": span.end, "origin": span.origin} for span in command.outside]


def approval_json(approval: Approval, step: Step | None = None, alike: Sequence[Approval] = ()) -> wire.ApprovalJson:
    """A question to people; `step` lets it mark what came from outside, `alike` are earlier answers to the like."""
    return {
        "approvalId": approval.id,
        "runId": approval.run_id,
        "sessionId": approval.run_id,
        "session_id": approval.run_id,
        "stepNumber": approval.step_number,
        "step_number": approval.step_number,
        "attempt": approval.attempt,
        "status": approval.status.value,
        "runbookId": approval.runbook_id,
        "runbookTitle": approval.title,
        "runbook_title": approval.title,
        "issueDescription": approval.task,
        "issue_description": approval.task,
        "command": approval.command,
        "outside": outside_json(step.command) if step and step.command.shown == approval.command else [],
        "target": approval.target,
        "why": approval.why,
        "reason": approval.reason,
        "manifest": manifest_json(approval.manifest),
        "digest": approval.digest,
        "undo": approval.undo,
        "undoManifest": manifest_json(approval.undo_manifest) if approval.undo_manifest else None,
        "requestedAt": iso(approval.requested_at),
        "expiresAt": iso(approval.expires_at),
        "decidedAt": iso_or_none(approval.decided_at),
        "decidedBy": approval.decided_by,
        "notes": approval.notes,
        "usedAt": iso_or_none(approval.used_at),
        "persons": approval.persons,
        "fourEyes": approval.four_eyes,
        "startedBy": approval.started_by,
        "grants": [{"by": one.by, "at": iso(one.at), "notes": one.notes} for one in approval.grants],
        "alike": [
            {
                "runId": one.run_id,
                "status": one.status.value,
                "decidedBy": one.decided_by,
                "decidedAt": iso_or_none(one.decided_at),
                "notes": one.notes,
                "command": one.command,
                "target": one.target,
            }
            for one in alike
        ],
    }


def outcome_json(outcome: Outcome, *, look: bool) -> wire.OutcomeJson:
    """How an attempt ended; its output only for those who may look."""
    return {
        "exitCode": outcome.exit_code,
        "signal": outcome.signal,
        "stdout": outcome.stdout if look else None,
        "stderr": outcome.stderr if look else None,
        "truncated": outcome.truncated,
        "artifact": outcome.artifact,
        "timedOut": outcome.timed_out,
        "cancelled": outcome.cancelled,
        "changed": outcome.changed,
        "known": outcome.known,
        "note": outcome.note,
        "backend": outcome.backend,
        "startedAt": iso_or_none(outcome.started_at),
        "endedAt": iso_or_none(outcome.ended_at),
        "durationMs": round(outcome.duration_s * 1000),
    }


def step_json(step: Step, approvals: Sequence[Approval], *, look: bool) -> wire.StepJson:
    """A step with its newest question."""
    asked = [approval for approval in approvals if approval.step_id == step.id]
    verdict = step.verdict
    return {
        "stepId": step.id,
        "stepNumber": step.number,
        "step_number": step.number,
        "name": step.name,
        "phase": step.phase.value,
        "attempt": step.attempt,
        "status": step.status.value,
        "why": step.why,
        "executor": step.command.executor,
        "connection": step.command.connection_id,
        "command": step.command.text,
        "outside": outside_json(step.command),
        "digest": step.digest,
        "decision": verdict.decision.value if verdict else None,
        "rule": verdict.rule if verdict else "",
        "reason": verdict.reason if verdict else "",
        "manifest": manifest_json(verdict.manifest) if verdict else None,
        "approval": approval_json(asked[-1], step) if asked else None,
        "outcome": outcome_json(step.outcome, look=look) if step.outcome else None,
        "undo": step.command.undo,
        "undoOf": step.undo_of,
        "createdAt": iso_or_none(step.created_at),
        "updatedAt": iso_or_none(step.updated_at),
    }


def session_json(view: RunView, title: str, *, look: bool, cost: float = 0.0) -> wire.SessionJson:
    """A run as the execution of a runbook, whose title is given, with what its questions to models cost."""
    run = view.run
    steps = [step_json(step, view.approvals, look=look) for step in view.steps]
    current = steps[-1]["stepNumber"] if steps else None
    created, completed = iso(run.created_at), iso_or_none(run.completed_at)
    return {
        "sessionId": run.id,
        "session_id": run.id,
        "runId": run.id,
        "status": run.status.value,
        "runbookId": run.runbook_id,
        "runbook_id": run.runbook_id,
        "runbookTitle": title,
        "runbook_title": title,
        "issueDescription": run.task,
        "issue_description": run.task,
        "ticketId": run.ticket_id,
        "currentStep": current,
        "current_step": current,
        "steps": steps,
        "result": result_json(run.result) if run.result else None,
        "verified": run.verified.value if run.verified else None,
        "error": run.error,
        "cost": cost,
        "createdAt": created,
        "created_at": created,
        "updatedAt": iso(run.updated_at),
        "completedAt": completed,
        "completed_at": completed,
    }


def unknown_step_json(run: Run, step: Step, *, look: bool) -> wire.UnknownStepJson:
    """A step a person must speak about."""
    return {
        "sessionId": run.id,
        "session_id": run.id,
        "stepNumber": step.number,
        "step_number": step.number,
        "issueDescription": run.task,
        "answers": [StepStatus.HAPPENED.value, StepStatus.NOT_HAPPENED.value, StepStatus.ABORTED.value],
        "step": step_json(step, (), look=look),
    }


def pending_json(found: Waiting, *, look: bool) -> wire.PendingJson:
    """What waits for a person."""
    return {
        "approvals": [approval_json(one.approval, one.step, one.alike) for one in found.questions],
        "unknownSteps": [unknown_step_json(run, step, look=look) for run, step in found.unknown],
        "waiting": found.total,
    }


def _without_addresses(details: Mapping[str, str]) -> dict[str, str]:
    return {name: host_of(value) if name in _ADDRESS_KEYS else value for name, value in details.items()}
