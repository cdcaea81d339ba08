"""Feedback, deployments and the quality of closing over HTTP."""

from __future__ import annotations

TICKET = {"title": "The shop is down", "name": "ShopDown", "labels": {"service": "shop"}}


async def test_a_ticket_shows_its_alerts_and_what_a_person_said(web):
    made = (await web.client().post("/api/v1/tickets/demo/ticket", json=TICKET)).json()
    own = f"/api/v1/tickets/{made['ticketId']}"
    found = (await web.client("viewer").get(own)).json()
    assert (found["members"], found["membersFiring"], found["service"]) == (1, 1, "shop")
    assert [(one["name"], one["firing"]) for one in found["alerts"]] == [("ShopDown", True)]
    assert found["feedback"] is None
    said = await web.client("approver").post(f"{own}/feedback", json={"verdict": "noise", "note": "a drill"})
    assert said.status_code == 200, said.text
    assert said.json()["verdict"] == "noise"
    found = (await web.client("viewer").get(own)).json()
    assert (found["feedback"]["note"], found["status"]) == ("a drill", "open")  # a word closes nothing
    (entry,) = [one for one in await web.agent.stores.audit.list("default") if one.action == "ticket.feedback"]
    assert entry.detail["real"] == "false"


async def test_feedback_is_checked(web):
    made = (await web.client().post("/api/v1/tickets/demo/ticket", json=TICKET)).json()
    own = f"/api/v1/tickets/{made['ticketId']}/feedback"
    assert (await web.client("approver").post(own, json={"verdict": "maybe"})).status_code in {400, 422}
    assert (await web.client("operator").post(own, json={"verdict": "noise"})).status_code == 403
    nowhere = await web.client("approver").post("/api/v1/tickets/nothing/feedback", json={"verdict": "noise"})
    assert nowhere.status_code == 404


async def test_deployments_are_kept_once(web):
    body = {"service": "shop", "version": "v42", "environment": "prod", "at": "2026-01-02T03:04:05Z"}
    client = web.client("intake")
    first = await client.post("/api/v1/deployments", json=body, headers={"Idempotency-Key": "build-7"})
    assert first.status_code == 201, first.text
    again = await client.post("/api/v1/deployments", json=body, headers={"Idempotency-Key": "build-7"})
    assert again.json() == first.json()
    other = await client.post(
        "/api/v1/deployments", json=body | {"version": "v43"}, headers={"Idempotency-Key": "build-7"}
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")
    late = await client.post("/api/v1/deployments", json=body | {"at": "2999-01-01T00:00:00Z"})
    assert late.status_code in {400, 422}
    listed = await web.client("viewer").get("/api/v1/deployments", params={"service": "shop"})
    assert [one["version"] for one in listed.json()["deployments"]] == ["v42"]
    assert (await web.client("viewer").get("/api/v1/deployments", params={"service": "x"})).json() == {
        "deployments": []
    }


async def test_the_quality_of_closing_is_shown(web):
    found = (await web.client("viewer").get("/api/v1/triage/quality", params={"days": 7})).json()
    assert (found["mode"], found["days"], found["closed"]["rate"]) == ("off", 7, None)
    assert (found["closed"]["low"], found["closed"]["high"]) == (0.0, 1.0)
