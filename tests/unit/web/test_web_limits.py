"""Body limit, rate limit, and what the edge does for every answer."""

from __future__ import annotations

import asyncio
import json

import pytest
from fastapi.routing import iter_route_contexts
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from uvicorn.protocols.utils import ClientDisconnected

from manual_clock import ManualClock
from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.slack.signature import sign
from opsagent.errors import StoreUnavailable, UnavailableError
from opsagent.web.app import bare_app
from opsagent.web.body_limit import BodyLimit, Missed
from opsagent.web.deps import Readiness
from opsagent.web.edge import Edge
from opsagent.web.origin import same_host
from opsagent.web.turns import MAX_BUCKETS, Buckets

PATH = "/api/v1/trigger/api"
WAYS_IN = sorted(
    (method, route.path)
    for route in iter_route_contexts(bare_app("1").routes)
    for method in route.methods or ()
    if method in {"POST", "PUT"}
)


async def test_a_declared_large_body_is_refused_unread_on_every_way_in(web):
    client = web.client("")
    declared = {"Content-Type": "application/json", "Content-Length": str(17 * 1024 * 1024)}
    for method, path in WAYS_IN:
        answer = await client.request(method, path, content=b"x", headers=declared)
        assert (path, answer.status_code, answer.json()["code"]) == (path, 413, "too-large")


async def test_the_rate_is_limited_on_every_way_in(make_web):
    web = await make_web(rate_per_minute=1)
    client = web.client("")
    await client.get("/api/agent-ops")
    for method, path in WAYS_IN:
        answer = await client.request(method, path, content=b"{}")
        assert (path, answer.status_code, answer.json()["code"]) == (path, 429, "rate-limited")


@pytest.mark.parametrize("path", [PATH, "/api/v1/tickets/webhook/alertmanager", "/api/v1/runbooks"])
async def test_a_chunked_large_body_is_refused_while_it_comes(make_web, path):
    web = await make_web(delivery_limit_bytes=1024 * 1024)
    sent = 0

    async def chunks():
        nonlocal sent
        for _ in range(160):
            sent += 65536
            yield b"x" * 65536

    answer = await web.client().post(path, content=chunks(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert sent <= 18 * 65536


def scope_of(*headers):
    """A POST to the trigger as a server hands it in."""
    return {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "headers": [(b"x-api-key", b"opsa_admin-secret"), (b"content-type", b"application/json"), *headers],
        "client": ("10.0.0.1", 1),
        "server": ("ops.test", 80),
        "scheme": "http",
        "root_path": "",
        "http_version": "1.1",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
    }


async def test_a_lying_length_is_counted(web):
    messages = iter([{"type": "http.request", "body": b"x" * 700_000, "more_body": True}] * 3)
    sent = []

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message)

    await web.app(scope_of((b"content-length", b"5")), receive, send)
    assert sent[0]["status"] == 413


async def test_a_limit_of_its_own(make_web):
    web = await make_web(body_limit_bytes=100)
    assert (await web.client().post(PATH, json={"taskDescription": "x" * 50})).status_code == 202
    assert (await web.client().post(PATH, json={"taskDescription": "x" * 100})).status_code == 413


async def test_what_monitoring_delivers_has_a_limit_of_its_own_and_is_missed_in_the_log(make_web, caplog):
    web = await make_web(body_limit_bytes=100, delivery_limit_bytes=5000)
    alert = {"status": "firing", "labels": {"alertname": "ShopDown", "text": "x" * 1000}}
    hook = "/api/v1/tickets/webhook/alertmanager"
    assert (await web.client().post(hook, json={"alerts": [alert]})).status_code == 202
    assert (await web.client().post(hook, json={"alerts": [alert] * 5})).status_code == 413
    assert "a delivery of alertmanager is larger than 5000 bytes" in caplog.text
    ready = (await web.client().get("/readyz")).json()
    (missed,) = [one["why"] for one in ready["degraded"] if one["part"] == "deliveries"]
    assert "of alertmanager was larger than 5000 bytes" in missed
    assert (await web.client().post("/api/v1/trigger/slack", content=b"x" * 101)).status_code == 413


def test_what_was_missed_is_told_for_a_day_however_many_names_it_came_under():
    clock = ManualClock()
    missed = Missed(clock=clock, limit_bytes=5000)
    for number in range(30):
        missed.note(f"/api/v1/tickets/webhook/made-up-{number}")
    assert missed.words().count("made-up") == 20
    clock.move(86_401)
    assert missed.words() == ""


async def test_bodies_that_come_in_together_are_bounded_and_counted_off_again(web):
    async def reads_all(scope, receive, send):
        while (await receive()).get("more_body"):
            await asyncio.sleep(0)
        await go.wait()

    go = asyncio.Event()
    missed = Missed(clock=web.deps.clock, limit_bytes=1000)
    limit = BodyLimit(reads_all, 1000, missed, most_bytes=1500)

    async def body():
        return {"type": "http.request", "body": b"x" * 1000, "more_body": False}

    first = asyncio.create_task(limit(scope_of(), body, None))
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError, match="More is being sent"):
        await limit(scope_of(), body, None)
    go.set()
    await first
    await limit(scope_of(), body, None)


async def test_one_key_cannot_use_up_anothers_rate(make_web):
    web = await make_web(rate_per_minute=3)
    one, two = web.client("viewer"), web.client("operator")
    assert (await one.get("/api/agent-ops")).status_code == 200
    assert (await two.get("/api/agent-ops")).status_code == 200
    answers = [await one.get("/api/agent-ops") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert (refused.json()["code"], refused.json()["retryable"]) == ("rate-limited", True)
    assert (await two.get("/api/agent-ops")).status_code == 200


async def test_inventing_keys_does_not_help(make_web):
    web = await make_web(rate_per_minute=5)
    client = web.client("")
    answers = [await client.get("/api/agent-ops", headers={"X-API-Key": f"opsa_{number}"}) for number in range(7)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2


async def test_probes_are_never_refused(make_web):
    web = await make_web(rate_per_minute=1)
    answers = [(await web.client("").get("/healthz")).status_code for _ in range(5)]
    assert answers == [200] * 5


async def test_no_limit_when_switched_off(make_web):
    web = await make_web(rate_per_minute=0)
    answers = [(await web.client("viewer").get("/healthz")).status_code for _ in range(20)]
    assert answers == [200] * 20


FIRING = {"alerts": [{"status": "firing", "labels": {"alertname": "High"}, "startsAt": "2026-11-20T23:20:00Z"}]}
PROOF = {
    "/api/v1/tickets/webhook/alertmanager": {"Authorization": f"Bearer {'s' * 20}"},
    "/api/v1/trigger/jira": {"X-Automation-Webhook-Token": "j" * 20},
}
BODY = {
    "/api/v1/tickets/webhook/alertmanager": FIRING,
    "/api/v1/trigger/jira": {"taskDescription": "look", "issueKey": "OPS-1"},
}
SELF_PROVING = [*PROOF, "/api/v1/trigger/slack", "/api/v1/slack/interactions"]


async def hand_in(web, path, *, proven=True):
    """What a source sends, with its proof or without."""
    if path in PROOF:
        return await web.client("").post(path, json=BODY[path], headers=PROOF[path] if proven else {})
    at, raw = str(int(SystemClock().now())), b"payload={}" if path.endswith("interactions") else b"command=%2Fops&text="
    signature = sign("the-signing-secret-of-the-tests" if proven else "another", at, raw)
    return await web.client("").post(
        path, content=raw, headers={"X-Slack-Request-Timestamp": at, "X-Slack-Signature": signature}
    )


def strict(make_web, **config):
    return make_web(alertmanager_secret="s" * 20, jira_secret="j" * 20, rate_per_minute=3, **config)


@pytest.mark.parametrize("path", SELF_PROVING)
async def test_a_flood_that_proves_nothing_does_not_keep_out_what_does(make_web, path):
    web = await strict(make_web)
    unproven = [(await hand_in(web, path, proven=False)).status_code for _ in range(5)]
    assert unproven == [401] * 3 + [429] * 2
    proven = [(await hand_in(web, path)).status_code for _ in range(5)]
    assert not set(proven) & {401, 429}
    assert (await hand_in(web, path, proven=False)).status_code == 429


@pytest.mark.parametrize("path", SELF_PROVING)
async def test_what_is_proven_has_a_limit_of_its_own(make_web, path):
    web = await strict(make_web, deliveries_per_minute=2)
    answers = [await hand_in(web, path) for _ in range(4)]
    assert [one.status_code == 429 for one in answers] == [False, False, True, True]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (await web.client("").get("/api/agent-ops")).status_code == 401, "what is proven is not the address's"


async def test_each_source_and_tenant_has_its_own_limit(make_web):
    web = await strict(make_web, deliveries_per_minute=1)
    alertmanager, rule = PROOF
    assert [(await hand_in(web, alertmanager)).status_code for _ in range(2)] == [202, 429]
    assert [(await hand_in(web, rule)).status_code for _ in range(2)] == [202, 429]


async def test_a_key_proves_a_source_but_no_source_that_is_made_up(make_web):
    web = await strict(make_web)
    client = web.client("intake")
    real = [(await client.post("/api/v1/tickets/webhook/alertmanager", json=FIRING)).status_code for _ in range(6)]
    assert real == [202] * 6
    made_up = [(await client.post(f"/api/v1/tickets/webhook/no{nth}", json=FIRING)).status_code for nth in range(5)]
    assert made_up == [404] * 3 + [429] * 2
    assert len((await web.client().get("/api/v1/quarantine")).json()["deliveries"]) == 3, "what was refused is not kept"


async def test_what_is_let_in_without_proof_counts_before_it_is_stored(make_web):
    web = await make_web(rate_per_minute=2, loopback=True, open_sources=frozenset({"alertmanager"}))
    path, client = "/api/v1/tickets/webhook/alertmanager", web.client("")
    bodies = [{"alerts": [{**FIRING["alerts"][0], "labels": {"alertname": f"High{nth}"}}]} for nth in range(4)]
    answers = [await client.post(path, json=body, headers={"Host": "localhost"}) for body in bodies]
    assert [one.status_code for one in answers] == [202, 202, 429, 429]
    assert len((await web.agent.stores.tickets.list("default")).items) == 2


async def test_a_storm_of_single_posts_of_one_alertmanager_is_taken(make_web):
    web = await make_web(alertmanager_secret="s" * 20, rate_per_minute=60)
    client, path = web.client(""), "/api/v1/tickets/webhook/alertmanager"
    statuses = set()
    for _ in range(5):
        some = await asyncio.gather(*(client.post(path, json=FIRING, headers=PROOF[path]) for _ in range(100)))
        statuses |= {one.status_code for one in some}
    assert statuses == {202}


class HandClock:
    def __init__(self):
        self.time = 0.0

    def monotonic(self):
        return self.time


@given(
    rate=st.integers(1, 1000),
    waits=st.lists(st.floats(0, 100, allow_nan=False, allow_infinity=False), min_size=1, max_size=200),
)
def test_a_bucket_never_gives_more_than_its_rate(rate, waits):
    clock = HandClock()
    buckets, given_out = Buckets(rate, clock), 0
    for wait in waits:
        clock.time += wait
        given_out += buckets.take("a") == 0
    assert given_out <= rate + clock.time * rate / 60 + 1e-6


def test_waiting_as_long_as_told_is_enough():
    clock = HandClock()
    buckets = Buckets(7, clock)
    for _ in range(7):
        assert buckets.take("a") == 0
    clock.time += buckets.take("a") + 1e-9
    assert buckets.take("a") == 0


def test_the_buckets_stay_few():
    buckets = Buckets(1, HandClock())
    for number in range(MAX_BUCKETS + 50):
        buckets.take(str(number))
    assert len(buckets._buckets) == MAX_BUCKETS


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://ops.test", "ops.test", True),
        ("http://ops.test:8080", "ops.test:8080", True),
        ("https://OPS.test", "ops.test:443", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("http://ops.test:8081", "ops.test:8080", False),
        ("http://ops.test.evil", "ops.test", False),
        ("null", "ops.test", False),
        ("", "", False),
        ("http://[", "ops.test", False),
        ("file://", "", False),
        ("http://ops.test:x", "ops.test", False),
    ],
)
def test_same_host(origin, host, same):
    assert same_host(origin, host) is same


async def test_every_answer_says_how_it_may_be_used(web):
    for path in ("/healthz", "/api/agent-ops", "/nowhere"):
        headers = (await web.client().get(path)).headers
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "no-route"),
        ("GET", "/api/agent-ops/", 404, "no-route"),
        ("PATCH", "/api/agent-ops", 405, "wrong-method"),
        ("BREW", "/healthz", 405, "wrong-method"),
        ("GET", "/docs", 404, "no-route"),
        ("GET", "/openapi.json", 404, "no-route"),
    ],
)
async def test_what_is_not_there(web, method, path, status, code):
    answer = await web.client().request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_bug_is_an_incident_without_a_traceback(make_web):
    async def broken():
        raise RuntimeError("secret detail")

    web = await make_web(readiness=broken)
    answer = await web.client().get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert "secret detail" not in answer.text
    assert answer.json()["incident"] in answer.json()["fix"]


async def test_a_store_that_cannot_write_is_said_in_words(make_web):
    async def full():
        raise StoreUnavailable("The disk is full.", fix="Make room.")

    web = await make_web(readiness=full)
    answer = await web.client().get("/readyz")
    assert (answer.status_code, answer.json()["detail"], answer.json()["retryable"]) == (503, "The disk is full.", True)


@pytest.mark.parametrize(
    ("readiness", "status", "word"),
    [
        (Readiness(ready=True), 200, "ok"),
        (Readiness(ready=True, degraded={"sandbox": "no namespaces"}), 200, "degraded"),
        (Readiness(ready=False, degraded={"store": "the disk is full"}), 503, "unready"),
    ],
)
async def test_ready_says_what_is_degraded_and_why(make_web, readiness, status, word):
    async def say():
        return readiness

    web = await make_web(readiness=say)
    answer = await web.client("").get("/readyz")
    assert (answer.status_code, answer.json()["status"], answer.json()["version"]) == (status, word, "1.2.3")
    assert answer.json()["degraded"] == [{"part": part, "why": why} for part, why in readiness.degraded.items()]


async def test_metrics_count_by_route_and_never_by_address(web):
    client = web.client("viewer")
    for path in ("/api/agent-ops/one", "/api/agent-ops/two", "/nowhere/one", "/nowhere/two"):
        await client.get(path)
    text = (await client.get("/metrics")).text
    assert 'opsagent_http_requests_total{method="GET",route="/api/agent-ops/{run_id}",status="404"} 2.0' in text
    assert 'opsagent_http_requests_total{method="GET",route="none",status="404"} 2.0' in text
    assert "opsagent_http_request_seconds_bucket" in text
    assert "/one" not in text


async def test_the_app_can_be_made_twice(make_web):
    one, two = await make_web(), await make_web()
    run = await one.run()
    assert (await one.client().get(f"/api/agent-ops/{run.id}")).status_code == 200
    assert (await two.client().get(f"/api/agent-ops/{run.id}")).status_code == 404


async def test_many_callers_at_once_all_get_their_own_run(web):
    client = web.client("intake")
    answers = await asyncio.gather(*(client.post(PATH, json={"taskDescription": f"task {n}"}) for n in range(100)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["runId"] for answer in answers}) == 100
    runs = (await web.client().get("/api/agent-ops", params={"limit": 200})).json()["runs"]
    assert {run["taskDescription"] for run in runs} == {f"task {n}" for n in range(100)}


async def test_the_document_is_served_to_those_who_may_read(web):
    answer = await web.client("viewer").get("/api/v1/openapi.json")
    described = json.loads(answer.text)
    assert described["paths"]["/api/agent-ops"]["get"]["x-permission"] == "read"
    assert described["paths"]["/healthz"]["get"]["security"] == []


async def test_a_client_that_leaves_in_mid_body_is_no_incident(web):
    async def receive():
        return {"type": "http.disconnect"}

    sent = []

    async def send(message):
        sent.append(message)

    await web.app(scope_of(), receive, send)
    assert sent == []


async def test_a_browser_that_leaves_while_its_socket_is_let_in_is_no_incident(caplog):
    async def leaves(scope, receive, send):
        raise ClientDisconnected

    edge = Edge(leaves, clock=SystemClock(), ids=SystemIds(), registry=CollectorRegistry())
    await edge({"type": "websocket", "path": "/x"}, None, None)
    assert "incident" not in caplog.text
