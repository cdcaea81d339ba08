"""Writes what happened in one incident into two files that are kept: Markdown for people, JSON for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from opsagent.domain.event import RunEvent
from opsagent.domain.run import Node
from opsagent.domain.visible import visible
from opsagent.loop.views import RunView
from opsagent.web.catalogue_views import ticket_json
from opsagent.web.views import event_json, iso, run_json, session_json


def write_timeline(folder: Path, number: int, title: str, view: RunView, events: Sequence[RunEvent]) -> Path:
    """Write `<number>-<title>.md` and `.json`; the path of the first."""
    name = f"{number}-{re.sub('[^a-z0-9]+', '-', title.lower()).strip('-')}"
    document = {
        "run": run_json(view.run),
        "session": session_json(view, title, look=True),
        "ticket": ticket_json(view.ticket) if view.ticket else None,
        "events": [event_json(event, look=True) for event in events],
    }
    (folder / f"{name}.json").write_text(json.dumps(document, indent=2, ensure_ascii=False), "utf-8")
    path = folder / f"{name}.md"
    path.write_text(markdown(title, view, events), "utf-8")
    return path


def markdown(title: str, view: RunView, events: Sequence[RunEvent]) -> str:
    """The timeline as a page: the result first, then every event in order, then every approval."""
    run = view.run
    lines = [f"# {visible(title)}", ""]
    if run.result:
        lines += [visible(run.result.summary, lines=True), ""]
    lines.append(f"- run `{run.id}`: {run.status.value}, verified: {run.verified.value if run.verified else 'not'}")
    if view.ticket:
        lines.append(f"- ticket `{view.ticket.id}`: {view.ticket.status.value}. {visible(view.ticket.reason)}")
    lines += ["", "## Timeline", ""]
    for event in events:
        first, *more = event.content.splitlines() or [""]
        lines.append(f"- `{iso(event.created_at)}` **{event.type.value}** {visible(first)}")
        if more:
            lines += _block("\n".join(more))
        if event.node == Node.GUARD.value and event.tool_args.get("command"):  # once: where it was judged
            lines += _block(event.tool_args["command"])
        if event.tool_output:
            lines += _block(event.tool_output.rstrip())
    if view.approvals:
        lines += ["", "## Approvals", ""]
    for approval in view.approvals:
        decided = f" by {approval.decided_by} at {iso(approval.decided_at)}" if approval.decided_at else ""
        lines.append(f"- step {approval.step_number}: {approval.status.value}{visible(decided)}, of digest")
        lines += _block(approval.digest)
        lines += _block(approval.command)
    return "\n".join([*lines, ""])


def _block(text: str) -> list[str]:
    # a fence longer than any run of backticks inside: output must not end the block it stands in
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text) or [""]))
    return ["", *(f"  {line}" for line in (fence, *visible(text, lines=True).split("\n"), fence)), ""]
