"""Webhooks in, tickets out, and who may hand a delivery in."""

from __future__ import annotations

import pytest

from opsagent.domain.escalation import Escalation
from opsagent.domain.escalation_policy import Occasion
from opsagent.domain.ticket import TicketStatus
from opsagent.web.deliveries import is_loopback_name
from opsagent.web.views import iso_or_none

HOOK = "/api/v1/tickets/webhook/alertmanager"


def delivery(
    name: str = "ShopDown", status: str = "firing", *, starts: str = "2026-11-21T03:00:00Z"
) -> dict[str, object]:
    return {
        "version": "4",
        "status": status,
        "receiver": "ops",
        "alerts": [
            {
                "status": status,
                "labels": {"alertname": name, "severity": "critical", "service": "shop"},
                "annotations": {"summary": "the shop does not answer"},
                "startsAt": starts,
                "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-11-21T04:00:00Z",
                "fingerprint": "00112233aabbccdd",
            }
        ],
    }


async def test_a_delivery_makes_a_ticket_and_its_run(web):
    client = web.client("intake")
    answer = await client.post(HOOK, json=delivery())
    assert answer.status_code == 202, answer.text
    (one,) = answer.json()["tickets"]
    assert one["created"]
    ticket = (await web.client("viewer").get(f"/api/v1/tickets/{one['ticketId']}")).json()
    assert (ticket["runId"], ticket["status"], ticket["severity"]) == (one["runId"], "open", "critical")
    assert [signal["name"] for signal in ticket["latestSignals"]] == ["ShopDown"]
    run = (await web.client("viewer").get(f"/api/agent-ops/{one['runId']}")).json()
    assert (run["source"], run["ticketId"], run["alert"]) == ("ticket", one["ticketId"], "ShopDown")


async def test_a_storm_of_the_same_is_one_ticket(web):
    client = web.client("intake")
    answers = [(await client.post(HOOK, json=delivery())).json()["tickets"][0] for _ in range(3)]
    assert len({one["ticketId"] for one in answers}) == 1
    assert [one["created"] for one in answers] == [True, False, False]
    assert len((await web.client().get("/api/v1/tickets/demo/tickets")).json()["tickets"]) == 1


async def test_resolved_without_a_ticket_makes_none(web):
    answer = await web.client("intake").post(HOOK, json=delivery(status="resolved"))
    assert answer.json() == {
        "received": 1,
        "tickets": [{"ticketId": None, "runId": None, "created": False, "duplicate": False, "reopened": False}],
        "words": "",
    }


async def test_resolved_names_the_ticket_and_closes_nothing(web):
    client = web.client("intake")
    (made,) = (await client.post(HOOK, json=delivery())).json()["tickets"]
    (over,) = (await client.post(HOOK, json=delivery(status="resolved"))).json()["tickets"]
    assert over["ticketId"] == made["ticketId"]
    ticket = (await web.client().get(f"/api/v1/tickets/{made['ticketId']}")).json()
    assert (ticket["status"], ticket["firing"]) == ("open", False)


@pytest.mark.parametrize("starts", ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00", "0002-01-01T00:00:00Z"])
async def test_an_alert_of_any_time_is_a_ticket_that_can_be_looked_at(web, starts):
    (made,) = (await web.client("intake").post(HOOK, json=delivery(starts=starts))).json()["tickets"]
    answer = await web.client().get(f"/api/v1/tickets/{made['ticketId']}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["latestSignals"][0]["startsAt"] < "9000"


@pytest.mark.parametrize(
    ("at", "shown"), [(253402300799.9999, "9999-12-31T23:59:59.000Z"), (1e15, "9999-12-31T23:59:59.000Z"), (0, None)]
)
def test_a_time_past_all_calendars_is_shown_as_the_last(at, shown):
    assert iso_or_none(at) == shown


LOCAL = "http://127.0.0.1:8080"


async def test_the_sources_own_secret_lets_it_in(make_web):
    web = await make_web(alertmanager_secret="s3cret-s3cret")
    client = web.client("")
    good = await client.post(HOOK, json=delivery(), headers={"Authorization": "Bearer s3cret-s3cret"})
    assert good.status_code == 202
    assert (await web.agent.stores.tickets.list("default")).items
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-API-Key": "s3cret-s3cret"}):
        assert (await client.post(HOOK, json=delivery(), headers=headers)).status_code == 401


@pytest.mark.parametrize(
    ("loopback", "opened", "base", "headers", "status"),
    [
        (True, True, LOCAL, {}, 202),
        (True, True, "http://localhost:8080", {}, 202),
        (True, True, "http://[::1]:8080", {}, 202),
        (False, True, LOCAL, {}, 401),
        (True, False, LOCAL, {}, 401),
        (True, True, "http://evil.example:8080", {}, 401),
        (True, True, "http://127.0.0.1.evil.example", {}, 401),
        (True, True, LOCAL, {"Origin": "https://evil.example"}, 401),
        (True, True, LOCAL, {"Origin": "null"}, 401),
        (True, True, LOCAL, {"Forwarded": "for=203.0.113.9"}, 401),
        (True, True, LOCAL, {"X-Forwarded-For": "203.0.113.9"}, 401),
        (True, True, LOCAL, {"X-Forwarded-Proto": "https"}, 401),
        (True, True, LOCAL, {"Via": "1.1 proxy"}, 401),
        (True, True, LOCAL, {"X-Real-IP": "203.0.113.9"}, 401),
        (True, True, LOCAL, {"X-API-Key": "opsa_wrong"}, 401),
        (True, True, LOCAL, {"X-API-Key": "opsa_viewer-secret"}, 403),
    ],
)
async def test_without_proof_only_on_loopback_and_never_for_a_page(make_web, loopback, opened, base, headers, status):
    web = await make_web(loopback=loopback, open_sources=frozenset({"alertmanager"} if opened else ()))
    answer = await web.client("", base=base).post(HOOK, json=delivery(), headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "name", ["", "[", "[::1", "10.0.0.1", "127.0.0.1.nip.io", "localhost.evil", "2130706433", "@x"]
)
def test_what_is_not_this_machine(name):
    assert not is_loopback_name(name)


async def test_an_unknown_source_is_told_only_to_those_with_a_key(web):
    assert (await web.client("").post("/api/v1/tickets/webhook/nagios", json={})).status_code == 401
    answer = await web.client("intake").post("/api/v1/tickets/webhook/nagios", json={})
    assert (answer.status_code, answer.json()["fix"]) == (404, "Known: alertmanager.")


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'{"alerts": 5}', b'{"alerts": [5]}', b"\xff", b"[" * 100_000, b'{"alerts": NaN}'],
)
async def test_a_broken_delivery_is_bad_input(web, raw):
    answer = await web.client("intake").post(HOOK, content=raw, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


DEMO = {
    "title": "Database connection timeout",
    "description": "Unable to connect to PostgreSQL database",
    "severity": "high",
    "environment": "prod",
    "source": "prometheus",
}


async def test_the_demo_ticket(web):
    answer = await web.client("intake").post("/api/v1/tickets/demo/ticket", json=DEMO)
    ticket = answer.json()
    assert answer.status_code == 201
    assert {name: ticket[name] for name in DEMO} == DEMO
    assert ticket["runId"]
    again = (await web.client("intake").post("/api/v1/tickets/demo/ticket", json=DEMO)).json()
    assert (again["ticketId"], again["signals"]) == (ticket["ticketId"], 2)


async def test_the_demo_ticket_with_a_key_counts_once(web):
    client, headers = web.client("intake"), {"Idempotency-Key": "once"}
    one = await client.post("/api/v1/tickets/demo/ticket", json=DEMO, headers=headers)
    two = await client.post("/api/v1/tickets/demo/ticket", json=DEMO, headers=headers)
    assert two.json()["ticketId"] == one.json()["ticketId"]
    assert two.json()["signals"] == 1
    other = await client.post("/api/v1/tickets/demo/ticket", json={**DEMO, "title": "Other"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")


@pytest.mark.parametrize(
    "wrong", [{"title": ""}, {"title": 5}, {"severity": "bad"}, {"source": "a b"}, {"colour": "red"}]
)
async def test_a_wrong_demo_ticket(web, wrong):
    assert (await web.client().post("/api/v1/tickets/demo/ticket", json={**DEMO, **wrong})).status_code == 422


def escalation(ticket: str, now: float) -> Escalation:
    """One about an open ticket, that tells somebody now."""
    return Escalation(
        id="e1", tenant="default", policy="p", policy_version="1", occasion=Occasion.TICKET_OPEN, subject=ticket,
        since=now, began_at=now, ticket_id=ticket, next_at=now,
    )  # fmt: skip


@pytest.mark.parametrize("service", ["operator", "robot"])
async def test_a_service_closes_reopens_and_acknowledges_nothing(web, service):
    made = (await web.client("intake").post("/api/v1/tickets/demo/ticket", json=DEMO)).json()["ticketId"]
    now, robot = web.deps.clock.now(), web.client(service)
    await web.agent.stores.escalations.begin([escalation(made, now)])
    for path in (f"tickets/{made}/close", f"tickets/{made}/reopen", "escalations/e1/acknowledge"):
        answer = await robot.post(f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["code"], "a service" in answer.text) == (403, "forbidden", True)
    assert (await web.agent.stores.tickets.get("default", made)).status is TicketStatus.OPEN
    assert (await web.agent.stores.escalations.get("default", "e1"))[0].ended is None
    assert (await web.client("admin").post("/api/v1/escalations/e1/acknowledge")).status_code == 200


async def test_a_person_closes_and_reopens(web):
    made = (await web.client("intake").post("/api/v1/tickets/demo/ticket", json=DEMO)).json()
    address, client = f"/api/v1/tickets/{made['ticketId']}", web.client("approver")
    closed = (await client.post(f"{address}/close", json={"reason": "was a drill"})).json()
    assert (closed["status"], closed["reason"]) == ("closed", "was a drill")
    assert closed["closedAt"].endswith("Z")
    assert [one["ticketId"] for one in (await client.get("/api/v1/tickets?status=closed")).json()["tickets"]] == [
        made["ticketId"]
    ]
    reopened = (await client.post(f"{address}/reopen")).json()
    assert (reopened["status"], reopened["closedAt"]) == ("open", None)
    assert (await client.post("/api/v1/tickets/nowhere/close")).status_code == 404


async def test_a_question_outlives_the_closing_of_its_ticket_and_so_does_its_escalation(web):
    made = (await web.client("intake").post("/api/v1/tickets/demo/ticket", json=DEMO)).json()
    question = await web.ask(await web.agent.stores.runs.get("default", made["runId"]))
    await web.client().post(f"/api/v1/tickets/{made['ticketId']}/close")
    (pending,) = await web.agent.stores.approvals.pending("default")
    assert pending.id == question.id
    (waiting,) = await web.agent.stores.escalations.waiting(Occasion.APPROVAL_UNANSWERED, 10)
    assert waiting.case.ticket.status is TicketStatus.CLOSED
    assert waiting.case.over(web.deps.clock.now()) is None
    await web.client().post(f"/api/v1/tickets/{made['ticketId']}/take")
    (waiting,) = await web.agent.stores.escalations.waiting(Occasion.APPROVAL_UNANSWERED, 10)
    assert waiting.case.over(web.deps.clock.now()) is not None, "a person has it"


async def test_a_ticket_that_is_opened_again_by_hand_is_told_anew_though_somebody_had_looked(web):
    ticket = (await web.client("intake").post("/api/v1/tickets/demo/ticket", json=DEMO)).json()["ticketId"]
    escalations, admin = web.agent.stores.escalations, web.client()
    await escalations.begin([escalation(ticket, web.deps.clock.now())])
    await admin.post("/api/v1/escalations/e1/acknowledge")
    await admin.post(f"/api/v1/tickets/{ticket}/reopen")
    assert not await escalations.waiting(Occasion.TICKET_OPEN, 10), "it was open all the time"
    await admin.post(f"/api/v1/tickets/{ticket}/close")
    reopened = (await admin.post(f"/api/v1/tickets/{ticket}/reopen")).json()
    assert reopened["recurrences"] == 1
    (waiting,) = await escalations.waiting(Occasion.TICKET_OPEN, 10)
    assert (waiting.case.subject, waiting.number) == (ticket, 2)


async def two_tickets(web):
    made = []
    for title in ("till is slow", "vault is slow"):
        answer = await web.client("intake").post("/api/v1/tickets/demo/ticket", json={"title": title})
        made.append(answer.json())
    return made


async def test_a_person_merges_two_tickets_and_the_waiting_run_of_the_first_is_cancelled(web):
    first, other = await two_tickets(web)
    client = web.client("approver")
    path = f"/api/v1/tickets/{first['ticketId']}/merge"
    answer = await client.post(path, json={"into": other["ticketId"]})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["ticketId"], answer.json()["members"]) == (other["ticketId"], 2)
    gone = (await client.get(f"/api/v1/tickets/{first['ticketId']}")).json()
    assert (gone["status"], gone["mergedInto"], gone["alerts"]) == ("closed", other["ticketId"], [])
    control = web.agent.stores.control
    assert await control.cancel_requested("default", first["runId"])
    assert not await control.cancel_requested("default", other["runId"])
    assert (await client.post(path, json={"into": other["ticketId"]})).json()["ticketId"] == other["ticketId"]
    refused = await client.post(f"/api/v1/tickets/{first['ticketId']}/reopen")
    assert refused.status_code == 409
    assert other["ticketId"] in refused.json()["fix"]


@pytest.mark.parametrize("who", ["operator", "robot", "viewer"])
async def test_neither_a_service_nor_a_viewer_merges(web, who):
    first, other = await two_tickets(web)
    path = f"/api/v1/tickets/{first['ticketId']}/merge"
    assert (await web.client(who).post(path, json={"into": other["ticketId"]})).status_code == 403
    assert (await web.client().get(f"/api/v1/tickets/{first['ticketId']}")).json()["status"] == "open"
