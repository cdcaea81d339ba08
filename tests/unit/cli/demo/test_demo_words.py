"""What the demo says and how it judges itself: scores, the telling line, the timeline's page."""

import dataclasses

import pytest

from opsagent.cli.demo.incidents import INCIDENTS
from opsagent.cli.demo.score import COLUMNS, Score, score
from opsagent.cli.demo.shop import Facts
from opsagent.cli.demo.telling import telling_line
from opsagent.cli.demo.timeline import markdown, write_timeline
from opsagent.domain.command import Command
from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.manifest import Decision, Manifest, Proof, Verdict
from opsagent.domain.outcome import Outcome
from opsagent.domain.run import Run, RunResult, RunStatus, Source, Verified
from opsagent.domain.runbook import Phase
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.ticket import Assessment, Classification, Ticket, TicketStatus
from opsagent.loop.views import RunView

REAL, FALSE_ALARM = INCIDENTS[0], INCIDENTS[3]
FACTS = Facts(status={"state": "running", "pid": "1"}, config_sha256="0" * 64, files=("orders/00001.json 9",))


def step(number, proof):
    manifest = Manifest(proof=proof)
    return Step(
        id=f"r.{number}",
        run_id="r",
        tenant="default",
        number=number,
        name=f"step-{number}",
        phase=Phase.DIAGNOSIS,
        command=Command(executor="shell", text="true", connection_id="c"),
        status=StepStatus.SUCCEEDED,
        verdict=Verdict(decision=Decision.ALLOW, rule="r", reason="r", manifest=manifest),
        outcome=Outcome(exit_code=0),
    )


def view(*, verified, ticket, classification, effects):
    assessment = Assessment(classification=classification, confidence=0.95, evidence=())
    run = Run(
        id="r",
        tenant="default",
        source=Source.TICKET,
        task="t",
        created_at=11.0,
        updated_at=16.0,
        completed_at=16.0,
        requested_by="s",
        status=RunStatus.COMPLETED,
        verified=verified,
        assessment=assessment,
        result=RunResult(summary="It is up again."),
    )
    steps = [step(1, Proof.READ), *(step(2 + n, Proof.EFFECT) for n in range(effects))]
    opened = Ticket(
        id="t",
        tenant="default",
        fingerprint="f",
        name="ShopDown",
        title="t",
        source="s",
        status=ticket,
        created_at=11.0,
    )
    return RunView(run=run, steps=steps, approvals=(), ticket=opened)


def repaired(**changes):
    given = {
        "verified": Verified.YES,
        "ticket": TicketStatus.RESOLVED,
        "classification": Classification.TRUE_POSITIVE,
        "effects": 1,
    }
    return view(**given | changes)


def left_alone(**changes):
    given = {"ticket": TicketStatus.CLOSED, "classification": Classification.FALSE_POSITIVE, "effects": 0}
    return repaired(**given | changes)


def judge(incident, seen, *, after=FACTS, healthy=True):
    return score(incident, began_at=10.0, view=seen, before=FACTS, after=after, healthy=healthy)


def test_a_repair_counts_when_it_was_measured_and_nothing_was_lost():
    one = judge(REAL, repaired())
    assert one.good
    assert one.row == (REAL.title, "1.0 s", "6.0 s", "1 reads\n1 effect", "0", "repaired")


@pytest.mark.parametrize(
    ("seen", "rest", "result"),
    [
        (repaired(verified=Verified.NO), {}, "not fixed"),
        (repaired(verified=Verified.NOT_MEASURABLE), {}, "not fixed"),
        (repaired(), {"healthy": False}, "not fixed"),
        (repaired(ticket=TicketStatus.ESCALATED), {}, "ticket left open"),
        (repaired(), {"after": dataclasses.replace(FACTS, files=())}, "orders lost"),
    ],
)
def test_a_repair_does_not_count_otherwise(seen, rest, result):
    one = judge(REAL, seen, **rest)
    assert (one.good, one.result) == (False, result)


def test_a_false_alarm_counts_when_it_was_left_alone():
    one = judge(FALSE_ALARM, left_alone())
    assert one.good
    assert one.row[2] == "-"


@pytest.mark.parametrize(
    ("seen", "rest", "result"),
    [
        (left_alone(effects=1), {}, "changed something"),
        (
            left_alone(),
            {"after": dataclasses.replace(FACTS, status={"state": "running", "pid": "2"})},
            "changed something",
        ),
        (left_alone(classification=Classification.UNCERTAIN), {}, "not recognised"),
        (left_alone(ticket=TicketStatus.OPEN), {}, "ticket left open"),
    ],
)
def test_a_false_alarm_does_not_count_otherwise(seen, rest, result):
    one = judge(FALSE_ALARM, seen, **rest)
    assert (one.good, one.result) == (False, result)


def test_an_incident_that_was_not_played_has_a_row():
    assert Score(incident=REAL).row == (REAL.title, "-", "-", "-", "-", "not run")
    assert len(COLUMNS) == len(Score(incident=REAL).row)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (None, "not run"),
        (Outcome(exit_code=0), "nothing"),
        (Outcome(exit_code=0, stdout="a\nb\nc\n"), "(+2) c"),
        (Outcome(exit_code=1, stderr="no\n"), "no"),
    ],
)
def test_the_telling_line(outcome, said):
    assert telling_line(outcome) == said


def event(content, **changes):
    return RunEvent(run_id="r", tenant="default", type=EventType.TOOL_RESULT, node="tools", content=content, **changes)


def test_output_cannot_end_its_block_or_move_the_terminal():
    page = markdown("x", repaired(), [event("first\nsecond", tool_output="```\n# not a heading\n\x1b[2J````")])
    assert "\x1b" not in page
    assert "  `````\n" in page
    assert "\n# not a heading" not in page


def test_both_files_are_written(tmp_path):
    path = write_timeline(tmp_path, 1, "process killed", repaired(), [event("done")])
    assert path.name == "1-process-killed.md"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["1-process-killed.json", "1-process-killed.md"]
    assert path.read_text().startswith("# process killed\n\nIt is up again.\n")
