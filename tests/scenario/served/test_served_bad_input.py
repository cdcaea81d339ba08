"""Whatever is sent, the answer says what is wrong and what to do, and the server goes on."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from served import Caller, Served, Shop

TRIGGER = "/api/v1/trigger/api"
WEBHOOK = "/api/v1/tickets/webhook/alertmanager"
RUNBOOKS = "/api/v1/runbooks"
JSON = {"Content-Type": "application/json"}
OPEN = "[" * 100_000


def posted(caller: Caller, path: str, content: bytes | str) -> httpx.Response:
    return caller.post(path, content=content, headers=JSON)


@pytest.mark.parametrize(
    ("body", "pointer", "word"),
    [
        ({"taskDescription": "x", "prioritty": "high"}, "#/prioritty", "not known"),
        ({}, "#/taskDescription", "required"),
        ({"taskDescription": 7}, "#/taskDescription", "text"),
        ({"taskDescription": "x", "mode": "quick"}, "#/mode", "auto"),
        ({"taskDescription": "x", "priority": 1}, "#/priority", "low"),
        ({"taskDescription": "x", "parameters": ["a"]}, "#/parameters", "object"),
        ({"taskDescription": "x", "parameters": {"a b": "c"}}, "#/parameters", ""),
        ({"taskDescription": "x", "callbackUrl": "ftp://example.org"}, "#/callbackUrl", "http"),
        ({"taskDescription": "x", "callbackUrl": "http://user:secret@example.org"}, "#/callbackUrl", "password"),
        ({"taskDescription": "nul \x00"}, "#/taskDescription", "NUL"),
    ],
)
def test_a_wrong_field_is_named(admin: Caller, body: dict[str, Any], pointer: str, word: str) -> None:
    said = admin.json_of("POST", TRIGGER, body, status=422)
    (wrong,) = said["errors"]
    assert wrong["pointer"].startswith(pointer)
    assert word in wrong["detail"]
    assert pointer.removeprefix("#/") in said["detail"]
    assert "secret" not in json.dumps(said)


def test_an_unknown_field_is_answered_with_the_known_ones(admin: Caller) -> None:
    said = admin.json_of("POST", TRIGGER, {"taskDescription": "x", "calbackUrl": "y"}, status=422)
    assert "callbackUrl" in said["fix"]


@pytest.mark.parametrize("path", [TRIGGER, WEBHOOK, RUNBOOKS, "/api/v1/agent/execute", "/api/v1/tickets/demo/ticket"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"taskDescription": "\xff\xfe"}',
        b'{"taskDescription": "\\ud800"}',
        b'{"taskDescription": NaN}',
        b'{"version": "4", "alerts": NaN}',
        b'{"taskDescription": 1e999}',
        f'{{"parameters": {OPEN}'.encode(),
        OPEN.encode() + b"]" * 100_000,
        b'"text"',
        b"null",
        b"[1, 2]",
    ],
    ids=[
        "empty",
        "half",
        "utf-8",
        "surrogate",
        "nan",
        "nan-alerts",
        "infinity",
        "deep",
        "deep-closed",
        "text",
        "null",
        "list",
    ],
)
def test_what_is_not_the_json_asked_for_is_refused(admin: Caller, path: str, content: bytes) -> None:
    refused = posted(admin, path, content)
    assert refused.status_code in (400, 422), refused.text
    assert len(refused.content) < 10_000, "what was sent is not sent back"


def test_a_body_of_10_mb_is_refused_whether_or_not_it_says_so(admin: Caller) -> None:
    big = json.dumps({"taskDescription": "x" * 10_000_000}).encode()
    declared = posted(admin, TRIGGER, big)
    assert (declared.status_code, declared.json()["code"]) == (413, "too-large")

    def chunks() -> Any:
        for start in range(0, len(big), 65536):
            yield big[start : start + 65536]

    try:
        chunked = admin.post(TRIGGER, content=chunks(), headers=JSON)
    except httpx.WriteError:
        pass  # it was refused before all was sent
    else:
        assert chunked.status_code == 413
    long = admin.json_of("POST", TRIGGER, {"taskDescription": "x" * 10_001}, status=413)
    assert "10000" in long["detail"]


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/api/agent-ops?cursor=garbage", "cursor"),
        ("/api/agent-ops?cursor=%F0%9F%98%80", "cursor"),
        ("/api/agent-ops?lastKey=bm90IG91cnM", "cursor"),
        ("/api/v1/tickets?cursor=garbage", "cursor"),
        ("/api/agent-ops?limit=0", "limit"),
        ("/api/agent-ops?limit=many", "limit"),
        ("/api/agent-ops?status=done", "status"),
        ("/api/agent-ops?source=fax", "source"),
        ("/api/agent-ops?colour=red", "colour"),
        ("/api/v1/runbooks/search?q=", "q"),
    ],
)
def test_a_wrong_query_is_named(admin: Caller, path: str, word: str) -> None:
    refused = admin.get(path)
    assert refused.status_code == 422, refused.text
    assert word in refused.json()["detail"].lower()


@pytest.mark.parametrize(
    "path",
    [
        "/api/agent-ops/nothing",
        "/api/agent-ops/nothing/events",
        "/api/v1/agent/nothing",
        "/api/v1/tickets/nothing",
        "/api/v1/runbooks/nothing",
        "/api/v1/connections/nothing",
        "/api/agent-ops/..%2f..%2fetc%2fpasswd",
        "/nowhere",
    ],
)
def test_what_is_not_there_is_404_with_a_fix(admin: Caller, path: str) -> None:
    assert admin.get(path).status_code == 404


def test_a_wrong_way_to_ask_is_said(admin: Caller) -> None:
    assert admin.delete("/api/agent-ops").status_code == 405
    assert admin.post(TRIGGER, content=b"taskDescription=x").status_code == 415
    assert admin.post(TRIGGER, json={"taskDescription": "x"}, headers={"Idempotency-Key": "a b"}).status_code == 422
    assert admin.get("/api/agent-ops", headers={"Last-Event-ID": "x"}).status_code == 200
    run_id = admin.json_of("POST", TRIGGER, {"taskDescription": "x"}, status=202)["runId"]
    stream = {"Accept": "text/event-stream", "Last-Event-ID": "minus one"}
    assert admin.get(f"/api/agent-ops/{run_id}/events", headers=stream).status_code == 422


@pytest.mark.parametrize(
    ("line", "becomes", "word"),
    [
        ("cat {{connection.state}}", "cat {{nowhere}}", "nowhere"),
        ("cat {{connection.state}}", "cat /tmp/{{connection.state}}.log", "glued"),
        ("cat {{connection.state}}", 'cat "{{connection.state}}"', "quotes"),
        ("cat {{connection.state}}", "bash -c {{connection.state}}", "code"),
        ("cat {{connection.state}}", "{{connection.state}} --version", "name of the command"),
        ("id: ", "idd: ", "idd"),
        ("every: 50ms", "every: soon", "every"),
    ],
    ids=["missing", "glued", "quoted", "code", "name", "key", "duration"],
)
def test_a_bad_runbook_is_refused_with_its_line(
    served: Served, admin: Caller, new_shop: Any, tmp_path: Any, line: str, becomes: str, word: str
) -> None:
    shop: Shop = new_shop()
    text = shop.text().replace(line, becomes, 1)
    said = admin.json_of("POST", RUNBOOKS, {"text": text, "path": "shop.md"}, status=422)
    assert said["code"] == "runbook-refused"
    assert said["file"] == "shop.md"
    assert becomes.split(maxsplit=1)[0] in text.splitlines()[said["line"] - 1], said
    assert said["detail"].startswith(f"shop.md:{said['line']}: ")
    assert word in said["detail"] + said["fix"]
    assert admin.get(f"{RUNBOOKS}/{shop.runbook}").status_code == 404
    path = tmp_path / "shop.md"
    path.write_text(text)
    told = served.cli("runbooks", "add", str(path), code=1)
    assert (told["line"], told["fix"]) == (said["line"], said["fix"])


@pytest.mark.parametrize(
    ("parameters", "word"),
    [({}, "needs mark"), ({"mark": "x; rm -rf /"}, "does not fit its pattern"), ({"mark": "-rf"}, "does not fit")],
)
def test_a_run_without_what_its_runbook_needs_touches_nothing(
    admin: Caller, new_shop: Any, parameters: dict[str, str], word: str
) -> None:
    shop: Shop = new_shop()
    shop.register(admin)
    text = shop.text("touch {{mark}}").replace("measures:", "parameters: {mark: '^[a-z]+$'}\nmeasures:")
    admin.json_of("PUT", f"{RUNBOOKS}/{shop.runbook}", {"text": text})
    body = {"runbookId": shop.runbook, "issueDescription": "x", "connection": shop.name, "parameters": parameters}
    run = admin.run_once(admin.json_of("POST", "/api/v1/agent/execute", body)["runId"])
    assert (run["status"], run["hadEffect"]) == ("failed", False)
    assert word in run["error"]
    assert admin.get_json(f"/api/v1/agent/{run['runId']}")["steps"] == []


def test_after_all_that_it_still_works(served: Served, admin: Caller, shop: Shop) -> None:
    run_id = shop.execute(admin)
    admin.approve(admin.question(run_id))
    assert admin.run_once(run_id)["status"] == "completed"
    assert "Traceback" not in served.said()
    assert "incident" not in served.said()
