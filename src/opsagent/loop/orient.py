"""Orient: is the problem real, which runbook is for it, which target, and which way to go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.reading import Reading
from opsagent.domain.run import Mode, Node, Run, RunStatus, Verified
from opsagent.domain.runbook import Check, Phase, Runbook
from opsagent.domain.ticket import Assessment, Classification, Evidence, Ticket
from opsagent.loop.drive import Drive
from opsagent.loop.looking import measure
from opsagent.loop.split import goals_text, may_split
from opsagent.loop.weigh import plan_text
from opsagent.ports.tickets import Measurement
from opsagent.stages.aim import Missing, Target, aim
from opsagent.stages.find_runbook import Match
from opsagent.stages.triage import DEPLOYED_S, Context, triage

ALONGSIDE_S = 900.0  # another alert that was not heard of for so long says nothing about this one


async def evaluator(drive: Drive) -> None:
    """Find the runbook and the target, measure the condition of a ticket, and choose the mode."""
    run = drive.run
    ticket = await drive.ticket()
    match = await drive.kit.find_runbook(run, ticket)
    connections = await drive.kit.stores.connections.list(run.tenant)
    target = aim(run, match.runbook, ticket, connections)
    accepted = "" if run.chosen_by else f"Accepted from {run.source.value} by {run.requested_by}. "
    events = [drive.event(EventType.PLANNING, Node.EVALUATOR, accepted + _found(match, target))]
    run = _bound(drive, match, target)
    if ticket is None:
        await _choose(drive, run, match, target, None, events)
        return
    check = match.runbook.measure_for(ticket.name) if match.runbook else None
    if check is not None and isinstance(target, Target):
        wait = await _too_soon(drive, ticket)
        if wait is not None:
            said = "Waiting: this problem was measured a moment ago."
            waiting = run.wait(drive.kit.clock.now(), until=wait, why=said)
            await drive.save(waiting, events=events if run.waiting != said else ())
            drive.parked = True
            return
    await drive.save(replace(run, waiting=""), events=events)
    reading = await _reading(drive, check, target, match)
    looked = _Looked(ticket=ticket, reading=reading, context=await _context(drive, ticket))
    await _choose(drive, drive.run, match, target, looked, ())


async def planner(drive: Drive) -> None:
    """Write the plan down in words; each step is rendered and judged when its turn comes."""
    plan, usage = await drive.think(drive.kit.reasoner.plan(await drive.situation()))
    content = plan_text(plan)
    events = (drive.event(EventType.PLANNING, Node.PLANNER, content, usage=usage),)
    if not plan.steps:
        nothing = drive.go(Node.FINAL, outcome=RunStatus.FAILED, reason=plan.reason)
        await drive.save(nothing.spent(usage), events=events)
        return
    run = drive.go(Node.GENERATE, plan=plan if plan.by else None)
    await drive.save(run.spent(usage), notices=drive.kit.tell.plan(drive.run, content), events=events)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """A ticket with what was measured and what is known around it."""

    ticket: Ticket
    reading: Reading
    context: Context

    def assess(self, now: float, opinion: Evidence | None = None) -> Assessment:
        """What triage concludes; a model's opinion is one more piece of evidence."""
        opinions = (*self.context.opinions, *((opinion,) if opinion else ()))
        return triage(self.ticket, self.reading, replace(self.context, opinions=opinions), now=now)


async def _choose(
    drive: Drive,
    run: Run,
    match: Match,
    target: Target | Missing,
    looked: _Looked | None,
    events: Sequence[RunEvent],
) -> None:
    reading = looked.reading if looked else None
    measured = measurement(drive, reading)
    run, events = _assessed(drive, run, looked, None, events)
    if reading is not None and reading.healthy:
        ended = replace(
            _to_final(drive, run, RunStatus.COMPLETED, reading.text), verified=Verified.YES, resolved_mode=Mode.END
        )
        await drive.save(ended, events=events, measured=measured)
        return
    if isinstance(target, Missing) and match.runbook is not None:
        status = RunStatus.COMPLETED if run.ticket_id else RunStatus.FAILED
        ended = replace(_to_final(drive, run, status, target.reason), resolved_mode=Mode.END)
        await drive.save(ended, events=events, measured=measured)
        return
    drive.run = run
    situation = await drive.situation(runbook=match.runbook, candidates=match.candidates)
    evaluation, usage = await drive.think(drive.kit.reasoner.evaluate(situation))
    if evaluation.opinion is not None:
        drive.run, events = _assessed(drive, run, looked, evaluation.opinion, events)
    drive.run = await drive.skilled(evaluation.skill)
    by = f"In the words of {evaluation.by}: " if evaluation.by else ""
    picked = _picked(match, evaluation.runbook_id)
    if picked is None and may_split(run, evaluation, situation.connections):
        said = f"{by}{evaluation.reason}\n{goals_text(evaluation.goals)}"
        chosen = drive.go(Node.SUBTASKS, resolved_mode=Mode.PLAN, subtasks=evaluation.goals, chosen_by=evaluation.by)
    elif picked is not None:
        said = f"The runbook `{picked.id}` was chosen among those found. {by}{evaluation.reason}"
        chosen = drive.go(Node.EVALUATOR, runbook_id=picked.id, chosen_by=evaluation.by)
        values = _filled(chosen, picked, looked.ticket if looked else None, evaluation.parameters)
        chosen = replace(chosen, parameters=values)
    else:
        mode = run.mode if run.mode is not Mode.AUTO and evaluation.mode is not Mode.END else evaluation.mode
        node = {Mode.PLAN: Node.PLANNER, Mode.FAST: Node.GENERATE}.get(mode, Node.FINAL)
        said = f"Mode {mode.value}: {by}{evaluation.reason}"
        chosen = drive.go(node, resolved_mode=mode, reason=evaluation.reason if node is Node.FINAL else "")
        chosen = chosen if evaluation.ok else replace(chosen, outcome=RunStatus.FAILED)
    if evaluation.risk:
        said += f"\nRisk in the opinion of {evaluation.by}: {evaluation.risk}. No rule reads it."
        chosen = replace(chosen, risk=evaluation.risk, risk_by=evaluation.by)
    about = {"risk": evaluation.risk, "riskBy": evaluation.by} if evaluation.risk else None
    word = drive.event(EventType.PLANNING, Node.EVALUATOR, said, usage=usage, metadata=about)
    await drive.save(chosen.spent(usage), events=(*events, word), measured=measured)


def _assessed(
    drive: Drive, run: Run, looked: _Looked | None, opinion: Evidence | None, events: Sequence[RunEvent]
) -> tuple[Run, Sequence[RunEvent]]:
    """The run with what triage concludes, and the line that says so in place of an earlier one."""
    if looked is None:
        return run, events
    assessment = looked.assess(drive.kit.clock.now(), opinion)
    word = drive.event(
        EventType.TRIAGE,
        Node.EVALUATOR,
        _in_words(assessment),
        metadata={
            "classification": assessment.classification.value,
            "confidence": str(assessment.confidence),
            "samples": str(looked.reading.samples),
        },
    )
    return replace(run, assessment=assessment), (word,)


def _picked(match: Match, runbook_id: str) -> Runbook | None:
    """What a model chose, if it was among the candidates and may be executed; never where one fits already."""
    if match.runbook is not None:
        return None
    return next((one for one in match.candidates if one.id == runbook_id and one.executable), None)


def _filled(run: Run, runbook: Runbook, ticket: Ticket | None, offered: Mapping[str, str]) -> dict[str, str]:
    """The caller's values, and a model's only for what is declared, not given otherwise, and fits its pattern."""
    labels = ticket.labels if ticket else run.labels
    values = dict(run.parameters)
    for parameter in runbook.parameters:
        given = parameter.name in values or (parameter.source and parameter.source in labels)
        value = offered.get(parameter.name)
        if not given and value is not None and parameter.accepts(value):
            values[parameter.name] = value
    return values


def _bound(drive: Drive, match: Match, target: Target | Missing) -> Run:
    run = drive.run.begin(drive.kit.clock.now())
    if match.runbook is not None:
        run = replace(run, runbook_id=match.runbook.id, runbook_version=match.runbook.version)
    if isinstance(target, Target):
        run = replace(run, connection=target.connection.name, parameters=dict(target.parameters))
    return run


def _to_final(drive: Drive, run: Run, status: RunStatus, reason: str) -> Run:
    return replace(run.go(Node.FINAL, drive.kit.clock.now()), outcome=status, reason=reason)


async def _too_soon(drive: Drive, ticket: Ticket) -> float | None:
    """When the fingerprint may be measured again, if that is not yet."""
    last = await drive.kit.stores.tickets.last_measurement(ticket.tenant, ticket.fingerprint)
    if last is None:
        return None
    free_at = last.at + drive.kit.limits.measure_every_s
    return free_at if free_at > drive.kit.clock.now() else None


async def _reading(drive: Drive, check: Check | None, target: Target | Missing, match: Match) -> Reading:
    if isinstance(target, Missing):
        return Reading(healthy=None, text=f"The condition was not measured: {target.reason}")
    if check is None:
        return Reading(healthy=None, text=f"The condition was not measured: {_unmeasured(match.runbook, match)}")
    return await measure(drive, check, phase=Phase.TRIAGE)


def _unmeasured(runbook: Runbook | None, match: Match) -> str:
    return f"{runbook.id} declares no measure for this alert." if runbook else f"{match.why}."


async def _context(drive: Drive, ticket: Ticket) -> Context:
    """What is known around a problem; an alert that names no service has nothing beside it."""
    stores, tenant, service = drive.kit.stores, ticket.tenant, ticket.service
    since = drive.kit.clock.now() - ALONGSIDE_S
    began = ticket.created_at - DEPLOYED_S
    return Context(
        history=await stores.triage.history(tenant, ticket.fingerprint),
        alongside=await stores.triage.alongside(
            tenant, service=service, environment=ticket.environment, other_than=ticket.fingerprint, since=since
        )
        if service
        else (),
        deployments=await stores.deployments.list(tenant, service=service, environment=ticket.environment, since=began)
        if service
        else (),
        answers=await stores.triage.answers(tenant),
    )


def measurement(drive: Drive, reading: Reading | None) -> Measurement | None:
    """What is to be remembered of a reading: an answer about the fingerprint, if it was one."""
    if reading is None or reading.healthy is None or not drive.run.fingerprint:
        return None
    return Measurement(
        tenant=drive.run.tenant,
        fingerprint=drive.run.fingerprint,
        healthy=reading.healthy,
        at=drive.kit.clock.now(),
        text=reading.text,
    )


def _found(match: Match, target: Target | Missing) -> str:
    where = target.reason if isinstance(target, Missing) else f"target {target.connection.name} ({target.why})"
    return f"Runbook: {match.why}. {where[:1].upper()}{where[1:]}"


def _in_words(assessment: Assessment) -> str:
    words = {
        Classification.FALSE_POSITIVE: "Not a real problem now",
        Classification.TRUE_POSITIVE: "A real problem",
        Classification.UNCERTAIN: "Uncertain",
    }[assessment.classification]
    lines = [f"{words} ({assessment.classification.value}, confidence {assessment.confidence:.2f})."]
    lines += [f"- {evidence.text}" for evidence in assessment.evidence]
    return "\n".join(lines)
