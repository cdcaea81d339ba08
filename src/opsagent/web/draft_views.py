"""From noun to wire: drafts of runbooks."""

from __future__ import annotations

from collections.abc import Sequence

from opsagent.domain.draft import Draft
from opsagent.loop.drafts import Drafted
from opsagent.web import library_wire as wire
from opsagent.web.views import iso, iso_or_none


def draft_json(draft: Draft) -> wire.DraftJson:
    """A draft without its text."""
    return {
        "runId": draft.run_id,
        "runbookId": draft.runbook_id,
        "title": draft.title,
        "status": draft.status.value,
        "verified": draft.verified.value,
        "notes": list(draft.notes),
        "createdAt": iso(draft.created_at),
        "decidedAt": iso_or_none(draft.decided_at),
        "decidedBy": draft.decided_by,
    }


def draft_list(drafts: Sequence[Draft]) -> wire.DraftList:
    """Drafts, the newest first."""
    return {"drafts": [draft_json(one) for one in drafts]}


def draft_detail(drafted: Drafted) -> wire.DraftDetail:
    """A draft with its text."""
    draft, problem = drafted.draft, drafted.problem
    said: wire.DraftProblem | None = None
    if problem is not None:
        said = {"line": problem.line, "message": problem.message, "fix": problem.fix}
    return {
        **draft_json(draft),
        "text": draft.text,
        "connection": draft.connection,
        "given": dict(draft.given),
        "problem": said,
    }
