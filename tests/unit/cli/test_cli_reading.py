"""What a person reads: questions and runs, at the widths of a phone."""

from __future__ import annotations

from typing import Any

import pytest

from opsagent.cli.question import show_question
from opsagent.cli.timeline import marked, show_run
from opsagent.domain.approval import Approval, ApprovalStatus
from opsagent.domain.command import Command, OutsideSpan
from opsagent.domain.event import EventType, RunEvent
from opsagent.domain.manifest import Decision, Manifest, Proof, Verdict
from opsagent.domain.outcome import Outcome
from opsagent.domain.run import Run, RunResult, RunStatus, Source, Verified
from opsagent.domain.runbook import Phase
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.ticket import Assessment, Classification, Evidence
from opsagent.loop.views import RunView
from opsagent.web.views import approval_json, event_json, run_json, session_json

TEXT = "cp /srv/good.conf 'shop\u202e.conf' && systemctl restart shop-with-a-rather-long-name.service"
OUTSIDE = (OutsideSpan(start=18, end=30, origin="alert label instance"),)
MANIFEST = Manifest(
    proof=Proof.EFFECT,
    writes=("/etc/shop.conf",),
    services=("shop.service",),
    reversible=True,
    reasons=("writes /etc/shop.conf", "restarts a service"),
)
STEP = Step(
    id="r.2",
    run_id="abcdef12-0000",
    tenant="t",
    number=2,
    name="restart",
    phase=Phase.MITIGATION,
    command=Command(executor="shell", text=TEXT, connection_id="c", outside=OUTSIDE),
    status=StepStatus.SUCCEEDED,
    verdict=Verdict(decision=Decision.ASK, rule="effect", reason="It restarts a service.", manifest=MANIFEST),
    outcome=Outcome(exit_code=0, stdout="line\n" * 30 + "\x1b[2J", started_at=10, ended_at=11.5, backend="bwrap"),
)
ASKED = Approval(
    id="a1",
    tenant="t",
    run_id="abcdef12-0000",
    step_id="r.2",
    step_number=2,
    attempt=1,
    digest="d" * 64,
    target="shop",
    command=TEXT,
    manifest=MANIFEST,
    requested_at=100,
    expires_at=3700,
    why="Its configuration is broken.",
    undo="cp /srv/bad.conf /etc/shop.conf",
    task="the shop is down",
)
RUN = Run(
    id="abcdef12-0000",
    tenant="t",
    source=Source.TICKET,
    task="the shop is down",
    created_at=1,
    updated_at=2,
    requested_by="signal",
    status=RunStatus.COMPLETED,
    verified=Verified.YES,
    completed_at=61,
    assessment=Assessment(
        classification=Classification.TRUE_POSITIVE,
        confidence=0.93,
        evidence=(Evidence(kind="measured", text="/healthz answered 503 three times", weight=1),),
        measured=True,
    ),
    result=RunResult(summary="The configuration was put back.", recommendations=("Look at who changed it.",)),
)


def _question(width: int, capsys: pytest.CaptureFixture[str]) -> list[str]:
    show_question(dict(approval_json(ASKED, STEP)), 100.0, width=width)
    return capsys.readouterr().out.splitlines()


def _run(width: int, capsys: pytest.CaptureFixture[str], **changes: Any) -> str:
    decided = ASKED.decide(grant=True, by="person:ada", notes="go on", now=200)
    view = RunView(run=RUN, steps=(STEP,), approvals=(decided,), ticket=None)
    words = RunEvent(
        run_id=RUN.id, tenant="t", type=EventType.PLANNING, node="planner", content="1. restart", sequence=1
    )
    show_run(
        dict(run_json(RUN)),
        dict(session_json(view, "", look=True)),
        [dict(event_json(words, look=True))],
        100.0,
        width=width,
    )
    return capsys.readouterr().out


def test_a_question_says_the_effect_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(_question(100, capsys))
    order = ["/etc/shop.conf", "shop.service", "can be taken back", "The exact command", "systemctl", "taken back by"]
    places = [text.index(one) for one in [*order, "target", "why"]]
    assert places == sorted(places)
    assert "1h 00m left" in text
    assert text.count("writes /etc/shop.conf") == 0  # said as a fact, not repeated as a reason


def test_what_came_from_outside_is_marked_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(_question(120, capsys))
    assert "⟦'shop\\u202e.conf'⟧" in text
    assert "came from outside: alert label instance" in text
    assert "\u202e" not in text


def test_a_command_cannot_pretend_where_the_outside_ends() -> None:
    assert marked("a ⟧ b", [{"start": 2, "end": 3, "origin": "x"}]).plain == r"a ⟦\u27e7⟧ b"


@pytest.mark.parametrize("width", [60, 80])
def test_it_fits_a_phone(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert max(map(len, _question(width, capsys))) <= width
    assert max(map(len, _run(width, capsys).splitlines())) <= width


def test_a_run_tells_its_result_first_then_why_then_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = _run(80, capsys)
    order = [
        "completed",
        "measured healthy",
        "The configuration was put back.",
        "Look at who changed it.",
        "true_positive, confidence 0.93",
        "/healthz answered 503",
        "Plan",
        "restart",
        "ASK effect",
        "granted by person:ada",
        "go on",
        "exit 0",
        "Timeline",
    ]
    places = [text.index(one) for one in order]
    assert places == sorted(places)
    assert "\x1b[2J" not in text
    assert "more lines" in text


def test_an_open_question_says_how_to_answer_it(capsys: pytest.CaptureFixture[str]) -> None:
    view = RunView(run=RUN, steps=(STEP,), approvals=(ASKED,), ticket=None)
    assert ASKED.status is ApprovalStatus.PENDING
    show_run(dict(run_json(RUN)), dict(session_json(view, "", look=True)), [], 100.0, width=80)
    assert "opsagent approve abcdef12" in capsys.readouterr().out
