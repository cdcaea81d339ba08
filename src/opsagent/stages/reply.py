"""Reply: answer a message of the chat from what is known, without a model and without a guess."""

from __future__ import annotations

import re
from collections.abc import Sequence

from opsagent.domain.conversation import Cited, CitedKind
from opsagent.domain.run import Run
from opsagent.domain.runbook import Runbook
from opsagent.domain.ticket import Ticket
from opsagent.domain.visible import one_line
from opsagent.ports.answering import Asks, Reply
from opsagent.ports.index import Hit

MOST_FACTS = 5
_WORD = re.compile(r"\w{4,}")
_ABOUT_RUNS = frozenset({"run", "runs", "running", "waiting", "approval", "approvals"})
_ABOUT_TICKETS = frozenset({"ticket", "tickets", "alert", "alerts", "firing", "incident", "incidents"})


def reply(text: str, found: Sequence[tuple[Hit, Runbook]], facts: Sequence[str]) -> Reply:
    """What a search says. A runbook the message names is offered; a likeness is told, and nothing more."""
    known = [f"Known of it:\n{_listed(facts)}"] if facts else []
    words = set(text.lower().split())
    named = next((one for hit, one in found if one.executable and (hit.exact or one.id.lower() in words)), None)
    if named is not None:
        offer = f"Runbook {named.id} is for this: {_about(named)} Nothing was started."
        return Reply(asks=Asks.TASK, text="\n".join([offer, *known]), runbook_id=named.id)
    near = [f"{runbook.id}: {_about(runbook)}" for _, runbook in found[:MOST_FACTS]]
    runbooks = [f"Runbooks that speak of it:\n{_listed(near)}\nName one by its id to have it offered."] if near else []
    if not near and not known:
        return Reply(
            asks=Asks.CLARIFY,
            text="Nothing here speaks of that: no runbook, run or ticket. Try the name of an alert or of a service.",
        )
    return Reply(asks=Asks.ANSWER, text="\n".join([*known, *runbooks]))


def facts_about(text: str, runs: Sequence[Run], tickets: Sequence[Ticket]) -> tuple[tuple[Cited, str], ...]:
    """The runs and tickets, given newest first, that share a word with the message; a few of each.

    Each with what is known of it in words.
    """
    asked = set(re.findall(r"\w+", text.lower()))
    words = {one.lower() for one in _WORD.findall(text)} - _ABOUT_RUNS - _ABOUT_TICKETS
    all_runs, all_tickets = bool(asked & _ABOUT_RUNS), bool(asked & _ABOUT_TICKETS)
    told = [_of_run(run) for run in runs if (all_runs and not run.ended) or _shares(words, run.task)][:MOST_FACTS]
    for ticket in tickets:
        if len(told) >= 2 * MOST_FACTS:
            break
        if (all_tickets and ticket.status.value == "open") or _shares(words, f"{ticket.name} {ticket.title}"):
            told.append(_of_ticket(ticket))
    return tuple(told)


def _of_run(run: Run) -> tuple[Cited, str]:
    end = f" {one_line(run.result.summary, 160)}" if run.result else ""
    title = one_line(run.task, 120)
    words = f"run {run.id[:8]}, {run.status.value}: {title}.{end}"
    return Cited(kind=CitedKind.RUN, id=run.id, title=title), words


def _of_ticket(ticket: Ticket) -> tuple[Cited, str]:
    title = one_line(ticket.title or ticket.name, 160)
    words = f"ticket {ticket.id[:8]}, {ticket.status.value}: {title}"
    return Cited(kind=CitedKind.TICKET, id=ticket.id, title=title), words


def cited_runbook(runbook: Runbook) -> Cited:
    """A runbook as what an answer was made from."""
    return Cited(kind=CitedKind.RUNBOOK, id=runbook.id, title=one_line(runbook.title, 160))


def _shares(words: set[str], text: str) -> bool:
    return not words.isdisjoint(one.lower() for one in _WORD.findall(text))


def _about(runbook: Runbook) -> str:
    words = one_line(runbook.summary or runbook.title, 200)
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
