"""POST /api/v1/trigger/api: what it takes, what it refuses, and that text is kept as it came."""

from __future__ import annotations

import orjson
import pytest
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsagent.web.app import bare_app

PATH = "/api/v1/trigger/api"


async def test_a_run_is_stored_before_the_answer(web):
    answer = await web.client("intake").post(
        PATH,
        json={
            "taskDescription": "Check Lambda configs in account STX-EKYC-NON-PROD",
            "accountId": "012345678901",
            "selectedSkill": "debugging",
            "mode": "fast",
            "callbackUrl": "https://hooks.example.com/T0/secret-part?x=1",
            "priority": "high",
            "parameters": {"service": "shop", "count": 3},
        },
    )
    assert answer.status_code == 202
    accepted = answer.json()
    assert accepted["threadId"] == f"agent-ops-{accepted['runId']}"
    assert answer.headers["location"] == f"/api/agent-ops/{accepted['runId']}"
    shown = (await web.client("viewer").get(answer.headers["location"])).json()
    assert shown["taskDescription"] == "Check Lambda configs in account STX-EKYC-NON-PROD"
    assert (shown["accountId"], shown["selectedSkill"], shown["mode"]) == ("012345678901", "debugging", "fast")
    assert (shown["status"], shown["source"], shown["tenantId"], shown["priority"]) == (
        "queued",
        "api",
        "default",
        "high",
    )
    assert shown["parameters"] == {"service": "shop", "count": "3"}
    assert shown["callbackHost"] == "hooks.example.com"
    assert "secret-part" not in orjson.dumps(shown).decode()
    assert shown["createdAt"].endswith("Z")
    assert (shown["completedAt"], shown["durationMs"], shown["ttl"], shown["result"]) == (None, None, None, None)
    stored = await web.agent.stores.runs.get("default", accepted["runId"])
    assert stored.callback_url == "https://hooks.example.com/T0/secret-part?x=1"
    assert stored.requested_by == "service:intake/key-inta"


@pytest.mark.parametrize(
    ("key", "client", "source"),
    [("admin", "cli", "cli"), ("approver", "cli", "cli"), ("robot", "cli", "api"), ("intake", "cli", "api"),
     ("admin", "curl", "api"), ("admin", "", "api")],
)  # fmt: skip
async def test_only_a_person_at_our_command_line_is_the_source_cli(web, key, client, source):
    headers = {"X-OpsAgent-Client": client} if client else {}
    answer = await web.client(key).post(PATH, json={"taskDescription": "x"}, headers=headers)
    assert (await web.agent.stores.runs.get("default", answer.json()["runId"])).source == source


async def test_the_body_names_no_source(web):
    answer = await web.client().post(PATH, json={"taskDescription": "x", "source": "cli"})
    assert answer.status_code == 422


async def test_snake_case_is_taken_too(web):
    answer = await web.client().post(PATH, json={"task_description": "x", "selected_skill": "cost", "account_id": "1"})
    assert answer.status_code == 202
    run = await web.agent.stores.runs.get("default", answer.json()["runId"])
    assert (run.task, run.selected_skill, run.account_id) == ("x", "cost", "1")


@given(text=st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_text_round_trips_unmutated(web, text):
    answer = await web.client().post(PATH, json={"taskDescription": text})
    if not text.strip():
        assert answer.status_code == 422
        return
    shown = await web.client().get(f"/api/agent-ops/{answer.json()['runId']}")
    assert shown.json()["taskDescription"] == text


@pytest.mark.parametrize(
    "text",
    ["'; DROP TABLE runs; --", "$(rm -rf /) `id` && reboot | nc x 1", "<script>alert(1)</script>", "\u202eesrever"],
)
async def test_hostile_text_is_only_text(web, text):
    answer = await web.client().post(PATH, json={"taskDescription": text, "parameters": {"p": text}})
    assert answer.status_code == 202
    shown = (await web.client().get(f"/api/agent-ops/{answer.json()['runId']}")).json()
    assert (shown["taskDescription"], shown["parameters"]) == (text, {"p": text})


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/taskDescription"),
        ({"taskDescription": 5}, "#/taskDescription"),
        ({"taskDescription": None}, "#/taskDescription"),
        ({"taskDescription": ["x"]}, "#/taskDescription"),
        ({"taskDescription": "x\x00y"}, "#/taskDescription"),
        ({"taskDescription": "x", "mode": "end"}, "#/mode"),
        ({"taskDescription": "x", "mode": "PLAN"}, "#/mode"),
        ({"taskDescription": "x", "accountId": 12345}, "#/accountId"),
        ({"taskDescription": "x", "priority": "urgent"}, "#/priority"),
        ({"taskDescription": "x", "parameters": {"a": {"b": 1}}}, "#/parameters/a"),
        ({"taskDescription": "x", "parameters": {"a": True}}, "#/parameters/a"),
        ({"taskDescription": "x", "parameters": {"a": 1.5}}, "#/parameters/a"),
        ({"taskDescription": "x", "parameters": {"a": 10**300}}, "#/parameters/a"),
        ({"taskDescription": "x", "parameters": {"a/b~c": "1"}}, "#/parameters/a~1b~0c/[key]"),
        ({"taskDescription": "x", "parameters": []}, "#/parameters"),
        ({"taskDescription": "x", "callbackUrl": "ftp://x/"}, "#/callbackUrl"),
        ({"taskDescription": "x", "callbackUrl": "https://user:pw@x/"}, "#/callbackUrl"),
        ({"taskDescription": "x", "callbackUrl": "https://"}, "#/callbackUrl"),
        ({"taskDescription": "x", "callbackUrl": "http://[::1"}, "#/callbackUrl"),
        ({"taskDescription": "x", "callbackUrl": "http://x:99999/"}, "#/callbackUrl"),
        ({"taskDescription": "x", "callbackUrl": "http://x/a b"}, "#/callbackUrl"),
        ({"taskDescription": "x", "callbackUrl": "http://x/\n"}, "#/callbackUrl"),
        ({"taskDescription": "x", "callbackUrl": "javascript:alert(1)"}, "#/callbackUrl"),
        ({"taskDescription": "x", "colour": "red"}, "#/colour"),
    ],
)
async def test_a_wrong_field_is_named_by_its_pointer(web, body, pointer):
    answer = await web.client().post(PATH, json=body)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [one["pointer"] for one in problem["errors"]] == [pointer], problem
    assert {"type", "title", "status", "detail", "fix", "code"} <= problem.keys()
    assert (await web.client().get("/api/agent-ops")).json()["runs"] == []


async def test_unknown_fields_are_refused_with_their_names_and_the_known_ones(web):
    answer = await web.client().post(PATH, json={"taskDescription": "x", "taskDescripton": "y", "colour": "red"})
    assert "taskDescripton is not known here" in answer.json()["detail"]
    assert "colour is not known here" in answer.json()["detail"]
    assert "callbackUrl" in answer.json()["fix"]
    assert "red" not in answer.text


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"not json", 400),
        (b'{"taskDescription": "\xff\xfe"}', 400),
        (b'{"taskDescription": "\\ud800"}', 400),
        (b"[" * 100_000, 400),
        (b'{"taskDescription": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
        (b'{"taskDescription": NaN}', 422),
        (b'{"taskDescription": Infinity}', 422),
        (b'{"taskDescription": 1' + b"0" * 10_000 + b"}", 400),
        (b'{"taskDescription": "x", "parameters": {"a": 1' + b"0" * 5000 + b"}}", 400),
        (b"[]", 422),
        (b'"text"', 422),
        (b"null", 422),
        (b"5", 422),
    ],
)
async def test_what_is_no_request_is_refused_and_never_breaks(web, raw, status):
    answer = await web.client().post(PATH, content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text
    assert len(answer.content) < 2000


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_only_json_is_taken(web, kind):
    answer = await web.client().post(PATH, content=b'{"taskDescription": "x"}', headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-media-type")


async def test_a_long_task_and_many_parameters_are_refused(web):
    assert (await web.client().post(PATH, json={"taskDescription": "x" * 10_001})).status_code == 413
    many = {f"p{number}": "x" for number in range(51)}
    assert (await web.client().post(PATH, json={"taskDescription": "x", "parameters": many})).status_code == 422


async def test_what_is_not_registered_is_not_found(web):
    for field in ("runbookId", "connection"):
        answer = await web.client().post(PATH, json={"taskDescription": "x", field: "nowhere"})
        assert answer.status_code == 404
        assert answer.json()["fix"]


async def test_the_same_key_and_request_answer_with_the_same_run(web):
    client, headers = web.client("intake"), {"Idempotency-Key": "deploy-42"}
    first = await client.post(PATH, json={"taskDescription": "x", "mode": "fast"}, headers=headers)
    again = await client.post(PATH, json={"mode": "fast", "task_description": "x"}, headers=headers)
    assert again.json() == first.json()
    other = await client.post(PATH, json={"taskDescription": "y", "mode": "fast"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")
    assert len((await web.client().get("/api/agent-ops")).json()["runs"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "with space", "é"])
async def test_a_key_that_cannot_be_one_is_refused(web, key):
    answer = await web.client().post(
        PATH, json={"taskDescription": "x"}, headers={"Idempotency-Key": key.encode("latin-1")}
    )
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "Idempotency-Key")


READABLE = sorted(
    route.path
    for route in iter_route_contexts(bare_app("1").routes)
    if "GET" in (route.methods or ()) and "{" not in route.path
)


async def test_switched_off_it_takes_nothing_and_the_rest_stays_readable(make_web):
    web = await make_web(enabled=False)
    client = web.client()
    for path, body in (
        (PATH, {"taskDescription": "x"}),
        ("/api/agent-ops/some-run/retry", {}),
        ("/api/v1/tickets/webhook/alertmanager", {"alerts": []}),
        ("/api/v1/tickets/demo/ticket", {"title": "x"}),
        ("/api/v1/agent/execute", {"runbook_id": "x", "issue_description": "y"}),
    ):
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (503, "disabled", False)
    assert len(READABLE) > 15
    for path in READABLE:
        if "/oidc/" in path:  # leads to a provider, and none is set
            continue
        status = (await client.get(path)).status_code
        assert status == (422 if path.endswith("/search") else 200), path  # a search needs its words
