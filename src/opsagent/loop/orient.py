"""Orient: is the problem real, which runbook is for it, which target, and which way to go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.reading import Reading
from opsagent.domain.run import Mode, Node, Run, RunStatus, Usage, Verified
from opsagent.domain.runbook import Check, Phase, Runbook
from opsagent.domain.ticket import Assessment, Classification, Ticket
from opsagent.loop.drive import Drive
from opsagent.loop.looking import measure
from opsagent.ports.stores import Measurement
from opsagent.stages.aim import Missing, Target, aim
from opsagent.stages.find_runbook import Match
from opsagent.stages.triage import triage


async def evaluator(drive: Drive) -> None:
    """Find the runbook and the target, measure the condition of a ticket, and choose the mode."""
    run = drive.run
    ticket = await drive.ticket()
    match = await drive.kit.find_runbook(run, ticket)
    connections = await drive.kit.stores.connections.list(run.tenant)
    target = aim(run, match.runbook, ticket, connections)
    accepted = f"Accepted from {run.source.value} by {run.requested_by}. {_found(match, target)}"
    events = [drive.event(EventType.PLANNING, Node.EVALUATOR, accepted)]
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
    assessment = triage(reading, await _history(drive, ticket), now=drive.kit.clock.now())
    events = [
        drive.event(
            EventType.TRIAGE,
            Node.EVALUATOR,
            _assessed(assessment),
            metadata={
                "classification": assessment.classification.value,
                "confidence": str(assessment.confidence),
                "samples": str(reading.samples),
            },
        )
    ]
    run = replace(drive.run, assessment=assessment)
    await _choose(drive, run, match, target, reading, events)


async def planner(drive: Drive) -> None:
    """Write the plan down in words; each step is rendered and judged when its turn comes."""
    plan, usage = await drive.kit.reasoner.plan(await drive.situation())
    lines = [f"{number}. {step.name}: {step.text}" for number, step in enumerate(plan.steps, start=1)]
    content = "\n".join([plan.reason, *lines])
    await drive.save(
        spend(drive.go(Node.GENERATE), usage),
        events=(drive.event(EventType.PLANNING, Node.PLANNER, content),),
    )


def spend(run: Run, usage: Usage) -> Run:
    """The run with these tokens added."""
    if not usage.input_tokens and not usage.output_tokens:
        return run
    total = Usage(
        input_tokens=run.usage.input_tokens + usage.input_tokens,
        output_tokens=run.usage.output_tokens + usage.output_tokens,
    )
    return replace(run, usage=total)


async def _choose(
    drive: Drive,
    run: Run,
    match: Match,
    target: Target | Missing,
    reading: Reading | None,
    events: Sequence[RunEvent],
) -> None:
    measured = measurement(drive, reading)
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
    evaluation, usage = await drive.kit.reasoner.evaluate(situation)
    mode = run.mode if run.mode is not Mode.AUTO and evaluation.mode is not Mode.END else evaluation.mode
    node = {Mode.PLAN: Node.PLANNER, Mode.FAST: Node.GENERATE}.get(mode, Node.FINAL)
    chosen = replace(drive.go(node), resolved_mode=mode, reason=evaluation.reason if node is Node.FINAL else "")
    word = drive.event(EventType.PLANNING, Node.EVALUATOR, f"Mode {mode.value}: {evaluation.reason}")
    await drive.save(spend(chosen, usage), events=(*events, word), measured=measured)


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


async def _history(drive: Drive, ticket: Ticket) -> Sequence[Ticket]:
    earlier = await drive.kit.stores.tickets.history(ticket.tenant, ticket.fingerprint)
    return [one for one in earlier if one.id != ticket.id]


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


def _assessed(assessment: Assessment) -> str:
    words = {
        Classification.FALSE_POSITIVE: "Not a real problem now",
        Classification.TRUE_POSITIVE: "A real problem",
        Classification.UNCERTAIN: "Uncertain",
    }[assessment.classification]
    lines = [f"{words} ({assessment.classification.value}, confidence {assessment.confidence:.2f})."]
    lines += [f"- {evidence.text}" for evidence in assessment.evidence]
    return "\n".join(lines)
