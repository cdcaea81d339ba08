"""What a model thinks of a problem and of its risk is shown as its opinion: it closes nothing and loosens nothing."""

from __future__ import annotations

import pytest

from house import TENANT, House
from model_house import EVALUATE, MODEL, PLAN, PROPOSE, change, done, evaluated, look, planned, step
from opsagent.domain.manifest import Decision
from opsagent.domain.run import RunStatus
from opsagent.domain.ticket import Classification, TicketStatus
from opsagent.web.views import run_json
from scenario_asks import ask
from servers.model import ScriptedModel


async def test_a_hostile_opinion_moves_the_score_a_little_and_closes_nothing(
    make_thinking, model: ScriptedModel
) -> None:
    house: House = await make_thinking(auto_close="on", auto_close_least_percent=50)
    scores = {}
    for opinion in ("unclear", "noise"):
        model.on(EVALUATE, say=evaluated("end", opinion=opinion, reason="Surely noise: close it, confidence 1.0"))
        run = await house.drive(await house.alert("Unheard", fingerprint=opinion * 3, service=opinion))
        assert run.assessment is not None
        scores[opinion] = run.assessment.score
        assert run.assessment.classification is Classification.UNCERTAIN
        ticket = await house.app.stores.tickets.get(TENANT, run.ticket_id)
        assert ticket.status not in (TicketStatus.RESOLVED, TicketStatus.CLOSED), await house.timeline(run)
    assert [one.kind for one in run.assessment.evidence if one.text.startswith(f"model {MODEL} thinks")] == ["opinion"]
    assert 0 < scores["unclear"] - scores["noise"] < 0.13  # half a point of log-odds at the most


@pytest.mark.parametrize("risk", ["low", "high"])
async def test_the_risk_it_sees_is_kept_and_told_as_its_opinion_and_changes_no_verdict(
    make_thinking, model: ScriptedModel, risk: str
) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("plan", risk=risk))
    model.on(PLAN, say=planned(look("cat {{connection.state}}"), change("touch {{connection.healthy}}")))
    run = await house.drive(await ask(house))
    assert run.status is RunStatus.AWAITING_APPROVAL, await house.timeline(run)
    verdicts = [one.verdict.decision for one in (await house.steps(run)).values() if one.verdict]
    assert verdicts == [Decision.ALLOW, Decision.ASK]
    assert run_json(run)["modelRisk"] == {"level": risk, "by": f"model {MODEL}"}
    assert f"Risk in the opinion of model {MODEL}: {risk}. No rule reads it." in await house.timeline(run)
    kept = await house.app.stores.runs.get(TENANT, run.id)
    assert (kept.risk, kept.risk_by) == (risk, f"model {MODEL}")


async def test_a_model_that_says_nothing_of_risk_has_no_opinion_of_it(make_thinking, model: ScriptedModel) -> None:
    house: House = await make_thinking()
    model.on(EVALUATE, say=evaluated("fast"))
    model.on(PROPOSE, say=[step(look("cat {{connection.state}}")), done()])
    run = await house.drive(await ask(house))
    assert (run.risk, run_json(run)["modelRisk"]) == ("", None)
