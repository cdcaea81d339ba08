"""S2's addresses: execute a runbook, see what waits, approve, resolve."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opsagent.domain.step import StepStatus
from opsagent.ports.stores import Change


@pytest.fixture
async def shop(web, runbook_text):
    answer = await web.client().post(
        "/api/v1/runbooks", content=runbook_text, headers={"Content-Type": "text/markdown"}
    )
    assert answer.status_code == 201, answer.text
    return web


@pytest.mark.parametrize("runbook_id", ["shop-down", 1, "1"])
async def test_execute_takes_a_slug_or_a_number(shop, runbook_id):
    client = shop.client("operator")
    answer = await client.post(
        "/api/v1/agent/execute", json={"runbook_id": runbook_id, "issue_description": "Database connection timeout"}
    )
    session = answer.json()
    assert answer.status_code == 200
    assert session["session_id"] == session["sessionId"] == session["runId"]
    assert (session["runbook_id"], session["runbookTitle"], session["status"]) == (
        "shop-down",
        "The shop is down",
        "queued",
    )
    assert session["issue_description"] == "Database connection timeout"
    shown = (await client.get(f"/api/v1/agent/{session['session_id']}")).json()
    assert shown == session


@pytest.mark.parametrize("runbook_id", [2, "nothing", True, 1.5, None, [], ""])
async def test_a_runbook_that_is_not_there(shop, runbook_id):
    answer = await shop.client().post(
        "/api/v1/agent/execute", json={"runbook_id": runbook_id, "issue_description": "x"}
    )
    assert answer.status_code in {404, 422}
    assert answer.json()["fix"]


async def test_execute_with_a_key_is_done_once(shop):
    body = {"runbookId": "shop-down", "issueDescription": "x", "parameters": {}}
    one = await shop.client().post("/api/v1/agent/execute", json=body, headers={"Idempotency-Key": "k"})
    two = await shop.client().post("/api/v1/agent/execute", json=body, headers={"Idempotency-Key": "k"})
    assert one.json()["sessionId"] == two.json()["sessionId"]
    trigger = await shop.client().post(
        "/api/v1/trigger/api", json={"taskDescription": "x"}, headers={"Idempotency-Key": "k"}
    )
    assert trigger.json()["code"] == "idempotency-mismatch"


async def test_what_waits_shows_the_exact_command(web):
    run = await web.run("the shop is slow")
    approval = await web.ask(run, text="systemctl restart shop")
    pending = (await web.client("viewer").get("/api/v1/agent/pending-approvals")).json()
    (asked,) = pending["approvals"]
    assert pending["unknownSteps"] == []
    assert (asked["command"], asked["digest"], asked["runbook_title"]) == (
        "systemctl restart shop", approval.digest, "The shop is down",
    )  # fmt: skip
    assert (asked["issueDescription"], asked["session_id"], asked["step_number"]) == ("the shop is slow", run.id, 1)
    assert asked["manifest"]["services"] == ["shop.service"]
    assert asked["undo"] == "systemctl stop shop"
    assert asked["outside"] == [{"start": 0, "end": 3, "origin": "alert label service"}]
    assert asked["expiresAt"] > asked["requestedAt"]


async def test_what_waits_can_be_of_one_run_or_only_counted(web):
    first, second = await web.run("one"), await web.run("two")
    for run in (first, second):
        await web.ask(run)
    client = web.client("viewer")
    mine = (await client.get("/api/v1/agent/pending-approvals", params={"runId": second.id})).json()
    assert ([one["runId"] for one in mine["approvals"]], mine["waiting"]) == ([second.id], 2)
    counted = (await client.get("/api/v1/agent/pending-approvals", params={"limit": 0})).json()
    assert counted == {"approvals": [], "unknownSteps": [], "waiting": 2}
    assert (await client.get("/api/v1/agent/pending-approvals", params={"limit": 1001})).status_code == 422


@pytest.mark.parametrize(("approve", "status"), [(True, "granted"), (False, "refused")])
async def test_a_person_decides(web, approve, status):
    run = await web.run()
    approval = await web.ask(run)
    client = web.client("approver")
    body = {"approve": approve, "notes": "Looks good", "digest": approval.digest}
    address = f"/api/v1/agent/{run.id}/approve-step"
    answer = await client.post(address, params={"step_number": 1}, json=body)
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert (answer.json()["notes"], answer.json()["decidedBy"]) == ("Looks good", "person:approver/key-appr")
    again = await client.post(address, params={"step_number": 1}, json=body)
    assert again.json() == answer.json()
    other = await client.post(address, params={"step_number": 1}, json={**body, "approve": not approve})
    assert (other.status_code, other.json()["code"]) == (409, "approval-decided")
    assert (await client.get("/api/v1/agent/pending-approvals")).json()["approvals"] == []


async def test_another_effect_than_the_one_shown_is_not_approved(web):
    run = await web.run()
    await web.ask(run)
    answer = await web.client("approver").post(
        f"/api/v1/agent/{run.id}/approve-step?step_number=1", json={"approve": True, "digest": "0" * 64}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "approval-mismatch")
    assert len((await web.client().get("/api/v1/agent/pending-approvals")).json()["approvals"]) == 1


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("", {"approve": True}, 422),
        ("?step_number=0", {"approve": True}, 422),
        ("?step_number=x", {"approve": True}, 422),
        ("?step_number=99999999999999999999", {"approve": True}, 422),
        ("?step_number=1", {}, 422),
        ("?step_number=1", {"approve": "yes"}, 422),
        ("?step_number=1", {"approve": 1}, 422),
        ("?step_number=1", {"approve": None}, 422),
        ("?step_number=1", {"approve": True, "force": True}, 422),
        ("?step_number=2", {"approve": True}, 404),
    ],
)
async def test_a_half_said_yes_is_no_yes(web, query, body, status):
    run = await web.run()
    await web.ask(run)
    answer = await web.client("approver").post(f"/api/v1/agent/{run.id}/approve-step{query}", json=body)
    assert answer.status_code == status, answer.text
    assert len((await web.client().get("/api/v1/agent/pending-approvals")).json()["approvals"]) == 1


async def test_a_step_nobody_knows_the_end_of_waits_for_a_person(web):
    run = await web.run("half done")
    await web.ask(run)
    lease, held = await web.lease(run)
    (step,) = await web.agent.stores.journal.steps(run.tenant, run.id)
    now = web.deps.clock.now()
    unknown = replace(step, status=StepStatus.UNKNOWN)
    await web.agent.stores.runs.save(lease, Change(run=held.park(now, until=None), steps=(unknown,)))
    await web.agent.stores.runs.release(lease)
    client = web.client("approver")
    (waiting,) = (await client.get("/api/v1/agent/pending-approvals")).json()["unknownSteps"]
    assert (waiting["session_id"], waiting["stepNumber"], waiting["issueDescription"]) == (run.id, 1, "half done")
    address = f"/api/v1/agent/{run.id}/resolve-step?step_number=1"
    assert (await client.post(address, json={"answer": "perhaps"})).status_code == 422
    assert (await web.client("robot").post(address, json={"answer": "happened"})).status_code == 403
    answer = await client.post(address, json={"answer": waiting["answers"][0]})
    assert (answer.status_code, answer.json()["status"]) == (200, "happened")
    assert (await client.get("/api/v1/agent/pending-approvals")).json()["unknownSteps"] == []
    assert (await client.post(address, json={"answer": "aborted"})).status_code == 409


async def test_a_session_shows_each_step_with_its_verdict_and_question(web):
    run = await web.run()
    await web.ask(run)
    session = (await web.client("viewer").get(f"/api/v1/agent/{run.id}")).json()
    (step,) = session["steps"]
    assert (step["stepNumber"], step["decision"], step["rule"], step["status"]) == (
        1, "ASK", "effects-ask", "awaiting_approval",
    )  # fmt: skip
    assert step["approval"]["status"] == "pending"
    assert (session["current_step"], session["status"]) == (1, "awaiting_approval")
