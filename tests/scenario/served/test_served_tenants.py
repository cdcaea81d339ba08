"""Two tenants on one server: neither sees, stops or answers anything of the other."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from websockets.exceptions import ConnectionClosed

from opsagent.bootstrap import build
from opsagent.domain.draft import Draft
from opsagent.domain.run import Verified
from opsagent.settings import Settings
from served import Caller, Served, Shop, shop_in, until

_NAMES = (f"tenant{number}" for number in itertools.count(1))


@dataclass
class Two:
    """The first tenant has a shop, a ticket, a parked run and a key; the second has nothing."""

    first: Caller
    second: Caller
    shop: Shop
    ids: dict[str, str]


@pytest.fixture(scope="module")
def two(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    first_tenant, second_tenant = next(_NAMES), next(_NAMES)
    first, second = (
        served.caller(served.cli("keys", "create", "--role", "admin", "--tenant", tenant)["key"])
        for tenant in (first_tenant, second_tenant)
    )
    shop = shop_in(tmp_path_factory.mktemp("tenants"), "marmalade")
    shop.register(first)
    first.json_of("POST", "/api/v1/control/acting", {"on": True})
    (joined,) = first.json_of("POST", "/api/v1/tickets/webhook/alertmanager", shop.alerts(), status=202)["tickets"]
    asked = first.question(joined["runId"])
    steps = first.get_json(f"/api/v1/agent/{joined['runId']}")["steps"]
    key = first.json_of("POST", "/api/v1/keys", {"name": "marmalade key", "role": "viewer"}, status=201)
    refused = first.post("/api/v1/tickets/webhook/alertmanager", json={"alerts": shop.name})
    kept = refused.json()["quarantined"]
    mounted = {"kind": "token", "keeper": "file", "reference": f"{first_tenant}/marmalade"}
    first.json_of("PUT", f"/api/v1/credentials/{shop.name}", mounted)
    rarely = {"taskDescription": shop.name, "everySeconds": 300 * 86400}
    first.json_of("PUT", f"/api/v1/schedules/{shop.name}", rarely)
    person = first.json_of("POST", "/api/v1/people", {"login": shop.name, "role": "viewer"}, status=201)
    told = first.json_of("POST", "/api/v1/channels/webhook/test", {"address": "http://127.0.0.1:9/"}, status=202)
    talk = first.json_of("POST", "/api/v1/conversations", status=201)["conversationId"]
    first.json_of("POST", f"/api/v1/conversations/{talk}/messages", {"text": shop.name})
    (late,) = until(lambda: first.get_json("/api/v1/escalations")["escalations"], "the ticket's escalation")
    learned = Draft(
        tenant=first_tenant,
        run_id=joined["runId"],
        runbook_id=shop.name,
        title=shop.name,
        text=shop.text(),
        verified=Verified.YES,
        created_at=0.0,
    )
    asyncio.run(_keep(served, learned))
    yield Two(
        first,
        second,
        shop,
        {
            "run_id": joined["runId"],
            "session_id": joined["runId"],
            "ticket_id": joined["ticketId"],
            "step_number": str(next(one["stepNumber"] for one in steps if one["name"] == "look")),
            "asked_step": str(asked["stepNumber"]),
            "runbook_id": shop.runbook,
            "version": "1",
            "name": shop.name,
            "key_id": key["keyId"],
            "person_id": person["personId"],
            "digest": asked["digest"],
            "delivery_id": kept,
            "notice_id": told["notices"][0]["noticeId"],
            "conversation_id": talk,
            "escalation_id": late["escalationId"],
        },
    )
    first.json_of("POST", f"/api/agent-ops/{joined['runId']}/cancel", status=202)
    assert first.run_once(joined["runId"])["status"] == "cancelled"


async def _keep(served: Served, draft: Draft) -> None:
    """Only a run that a model worked on leaves one, and no model is set here."""
    async with build(Settings.load({"data_dir": served.folder}, environ={}), serving=False) as beside:
        await beside.stores.drafts.put(draft)


def filled(path: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path, "this walk must know every name in an address"
    return path


def test_no_get_route_shows_anything_of_another_tenant(two: Two) -> None:
    paths = two.first.get_json("/api/v1/openapi.json")["paths"]
    of_one = {path for path, operations in paths.items() if "get" in operations}
    of_one -= {path for path in of_one if path.startswith("/api/v1/skills")}  # they are the installation's, for all
    of_one -= {path for path in of_one if path.startswith("/api/v1/session/oidc/")}  # nobody is anybody there yet
    assert len(of_one) > 15
    for path in sorted(of_one):
        address = filled(path, two.ids)
        query = {"q": two.shop.name} if path.endswith("/search") else {}
        mine = two.first.get(address, params=query)
        theirs = two.second.get(address, params=query)
        assert mine.status_code == 200, f"{address}: {mine.text}"
        if "{" in path:
            assert theirs.status_code == 404, f"{address}: {theirs.text}"
            nothing = two.second.get(filled(path, dict.fromkeys(two.ids, "7")), params=query)
            assert nothing.status_code == 404
            assert nothing.json()["code"] == theirs.json()["code"], "another's is not told from none"
        shown = theirs.text.replace(f"q={two.shop.name}", "").replace(f'"query":"{two.shop.name}"', "")
        if theirs.status_code == 404:
            continue
        for word in (
            two.shop.name,
            *(two.ids[one] for one in ("run_id", "ticket_id", "key_id", "digest", "notice_id")),
        ):
            assert word not in shown, f"{address} shows {word}"


def test_what_the_first_has_the_second_cannot_touch(two: Two) -> None:
    run, ticket, step = two.ids["run_id"], two.ids["ticket_id"], two.ids["asked_step"]
    answer = {"approve": True, "digest": two.ids["digest"]}
    tried = [
        two.second.post(f"/api/agent-ops/{run}/cancel"),
        two.second.post(f"/api/agent-ops/{run}/retry"),
        two.second.post(f"/api/v1/agent/{run}/approve-step", params={"step_number": step}, json=answer),
        two.second.post(f"/api/v1/agent/{run}/resolve-step", params={"step_number": step}, json={"answer": "aborted"}),
        two.second.post(f"/api/v1/tickets/{ticket}/close"),
        two.second.post(f"/api/v1/tickets/{ticket}/reopen"),
        two.second.post(f"/api/v1/tickets/{ticket}/merge", json={"into": ticket}),
        two.second.delete(f"/api/v1/runbooks/{two.shop.runbook}"),
        two.second.post(f"/api/v1/runbooks/{two.shop.runbook}/disable"),
        two.second.post(f"/api/v1/runbooks/{two.shop.runbook}/enable"),
        two.second.post(f"/api/v1/runbooks/{two.shop.runbook}/restore", json={"version": "1"}),
        two.second.delete(f"/api/v1/connections/{two.shop.name}"),
        two.second.post(f"/api/v1/quarantine/{two.ids['delivery_id']}/replay"),
        two.second.delete(f"/api/v1/quarantine/{two.ids['delivery_id']}"),
        two.second.post(f"/api/v1/notices/{two.ids['notice_id']}/resend"),
        two.second.delete(f"/api/v1/keys/{two.ids['key_id']}"),
        two.second.delete(f"/api/v1/credentials/{two.shop.name}"),
        two.second.post(f"/api/v1/schedules/{two.shop.name}/run"),
        two.second.post(f"/api/v1/schedules/{two.shop.name}/pause"),
        two.second.delete(f"/api/v1/schedules/{two.shop.name}"),
        two.second.post(f"/api/v1/escalations/{two.ids['escalation_id']}/acknowledge"),
        two.second.post(f"/api/v1/connections/{two.shop.name}/test"),
        two.second.post(f"/api/v1/runbooks/{two.shop.runbook}/dry-run"),
        two.second.post(f"/api/v1/conversations/{two.ids['conversation_id']}/messages", json={"text": "x"}),
        two.second.post(f"/api/v1/conversations/{two.ids['conversation_id']}/start", json={"line": 2}),
        two.second.delete(f"/api/v1/conversations/{two.ids['conversation_id']}"),
        two.second.post(f"/api/v1/drafts/{run}/dry-run"),
        two.second.post(f"/api/v1/drafts/{run}/merge", json={}),
        two.second.post(f"/api/v1/drafts/{run}/dismiss"),
        two.second.post("/api/v1/agent/execute", json={"runbookId": two.shop.runbook, "issueDescription": "x"}),
        two.second.post("/api/v1/trigger/api", json={"taskDescription": "x", "connection": two.shop.name}),
    ]
    assert [one.status_code for one in tried] == [404] * len(tried), [one.text for one in tried]
    everywhere = two.second.post("/api/v1/control/pause", json={"everywhere": True})
    assert everywhere.status_code == 403
    assert two.first.run(run)["status"] == "awaiting_approval"
    assert two.first.get_json(f"/api/v1/tickets/{ticket}")["status"] == "open"
    assert not two.shop.healthy.exists()


def test_the_second_hears_nothing_on_the_sockets_of_the_first(two: Two) -> None:
    with two.second.watch(two.ids["run_id"]) as socket:
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)
        assert socket.close_code == 4404


def test_the_same_names_are_two_things(two: Two) -> None:
    """The same alert and the same idempotency key of another tenant are its own."""
    body = {"taskDescription": "x"}
    runs = {
        one.json_of("POST", "/api/v1/trigger/api", body, status=202, idempotency_key="shared")["runId"]
        for one in (two.first, two.second)
    }
    assert len(runs) == 2
    (joined,) = two.second.json_of("POST", "/api/v1/tickets/webhook/alertmanager", two.shop.alerts(), status=202)[
        "tickets"
    ]
    assert joined["created"]
    assert joined["ticketId"] != two.ids["ticket_id"]
    assert two.second.run_once(joined["runId"])["hadEffect"] is False
