"""What cannot be read is answered in words, kept, listed, replayed and forgotten; what proves nothing is not kept."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from opsagent.domain.quarantine import Quarantined
from opsagent.loop.intake import without_secrets

HOOK = "/api/v1/tickets/webhook/alertmanager"
KEPT = "/api/v1/quarantine"


def delivery(name: str = "ShopDown") -> dict[str, object]:
    return {"alerts": [{"status": "firing", "labels": {"alertname": name}, "startsAt": "2026-11-21T03:00:00Z"}]}


async def kept(web) -> list[dict[str, object]]:
    return (await web.client("operator").get(KEPT)).json()["deliveries"]


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b"{", None),
        (b"\xff\xfe\x00", None),
        (b'{"alerts": 5}', "/alerts"),
        (b'{"alerts": [{"labels": {"a": 5}}]}', "/alerts/0/labels/a"),
    ],
)
async def test_what_cannot_be_read_is_kept_and_said(web, raw: bytes, pointer: str | None):
    answer = await web.client("intake").post(HOOK, content=raw, headers={"X-Api-Token": "hush", "X-Trace": "t1"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().get("pointer") == pointer
    (one,) = await kept(web)
    assert one["deliveryId"] == answer.json()["quarantined"]
    assert (one["source"], one["why"], one["pointer"]) == ("alertmanager", answer.json()["detail"], pointer or "")
    detail = (await web.client("operator").get(f"{KEPT}/{one['deliveryId']}")).json()
    assert detail["body"] == raw.decode("utf-8", "backslashreplace")
    assert detail["headers"]["x-trace"] == "t1"
    assert "hush" not in str(detail)
    assert "opsa_" not in str(detail)


async def test_the_same_again_is_counted_and_a_large_one_is_kept_whole(web):
    client = web.client("intake")
    for _ in range(3):
        await client.post(HOOK, content=b"{")
    large = json.dumps(delivery() | {"padding": "x" * 1_000_000}).encode()
    assert (await client.post("/api/v1/tickets/webhook/newsource", content=large)).status_code == 404
    found = {one["sizeBytes"]: one for one in await kept(web)}
    assert found[1]["times"] == 3
    address = f"{KEPT}/{found[len(large)]['deliveryId']}"
    detail = (await web.client("operator").get(address)).json()
    assert (detail["cut"], detail["body"]) == (False, large.decode())
    web.app.state.deps = replace(web.deps, sources={"newsource": web.deps.sources["alertmanager"]})
    assert (await web.client("operator").post(f"{address}/replay")).status_code == 200


async def test_what_was_not_kept_whole_is_not_read_again(web):
    cut = Quarantined(
        id="ab", tenant="default", source="alertmanager", received_at=web.deps.clock.now(), body=b"{", size=2, why="x"
    )
    await web.agent.stores.quarantine.keep(cut)
    assert (await web.client("operator").post(f"{KEPT}/ab/replay")).status_code == 409


async def test_thousands_of_alerts_at_once_are_all_taken(web):
    alerts = [
        {"status": "firing", "labels": {"alertname": "HostDown", "instance": f"web-{number}"}} for number in range(1200)
    ]
    answer = await web.client("intake").post(HOOK, json={"alerts": [*alerts, alerts[0]]})
    assert (answer.status_code, answer.json()["received"]) == (202, 1201)
    tickets = answer.json()["tickets"]
    assert len({one["ticketId"] for one in tickets}) == 1200
    assert (tickets[-1]["ticketId"], tickets[-1]["created"]) == (tickets[0]["ticketId"], False)


async def test_a_source_nobody_knows_is_kept_until_somebody_does(web):
    answer = await web.client("intake").post("/api/v1/tickets/webhook/newsource", json=delivery())
    assert answer.status_code == 404
    (one,) = await kept(web)
    again = await web.client("operator").post(f"{KEPT}/{one['deliveryId']}/replay")
    assert again.status_code == 404
    assert len(await kept(web)) == 1, "what still cannot be read stays"
    web.app.state.deps = replace(web.deps, sources={"newsource": web.deps.sources["alertmanager"]})
    taken = await web.client("operator").post(f"{KEPT}/{one['deliveryId']}/replay")
    assert taken.status_code == 200
    assert taken.json()["tickets"][0]["created"]
    assert await kept(web) == []


async def test_what_proves_nothing_is_never_kept(web):
    for name in ("alertmanager", "newsource"):
        answer = await web.client("").post(f"/api/v1/tickets/webhook/{name}", content=b"{", headers={"Host": "evil"})
        assert answer.status_code == 401
    assert await kept(web) == []


async def test_only_operators_look_and_forgetting_is_for_good(web):
    await web.client("intake").post(HOOK, content=b"{")
    (one,) = await kept(web)
    path = f"{KEPT}/{one['deliveryId']}"
    for method, address in (("GET", KEPT), ("GET", path), ("POST", f"{path}/replay"), ("DELETE", path)):
        assert (await web.client("viewer").request(method, address)).status_code == 403
        assert (await web.client("intake").request(method, address)).status_code == 403
    assert (await web.client("operator").delete(path)).status_code == 204
    assert (await web.client("operator").delete(path)).status_code == 404
    assert (await web.client("operator").get(f"{KEPT}/NOT-AN-ID")).status_code == 422


async def test_switched_off_nothing_is_kept(web):
    web.app.state.deps = replace(web.deps, agent=replace(web.agent, enabled=False))
    assert (await web.client("intake").post(HOOK, content=b"{")).status_code == 503
    assert await kept(web) == []


async def test_a_heartbeat_makes_no_ticket_and_is_stored(web):
    answer = await web.client("intake").post(HOOK, json=delivery("Watchdog"))
    assert answer.json() == {"received": 0, "tickets": [], "words": "The alerting is alive."}
    (heart,) = await web.agent.stores.heartbeats.list()
    assert (heart.tenant, heart.source) == (web.tenant, "alertmanager")


def test_headers_that_may_be_secret_are_left_out():
    given = {
        "Authorization": "Bearer x",
        "X-PagerDuty-Signature": "v1=x",
        "Cookie": "x",
        "X-API-Key": "x",
        "DD-Auth": "x",
        "User-Agent": "curl" * 500,
        "Host": "\0",
    }
    assert without_secrets(given) == {"User-Agent": ("curl" * 500)[:500], "Host": "\ufffd"}
