"""Every route with every kind of key: who is let in, and that nobody else is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from opsagent.domain.identity import PERMISSIONS, Permission, Role
from opsagent.web import session, single_sign_on
from served import Caller, Served, serve

OPEN = {("get", "/healthz"), ("get", "/readyz")}
SIGNED = {"/api/v1/trigger/slack", "/api/v1/slack/interactions"}  # a signature is their proof, and no key is
# The others of this kind read their body first, and here it is broken; they are walked in unit/web/test_web_auth.py.
ONLY_PERSONS = {"/api/v1/escalations/{escalation_id}/acknowledge", "/api/v1/people/{person_id}/invitation"}
HALF = {"content": b"{", "headers": {"Content-Type": "application/json"}}  # let in or not, nothing is done


def signs_in(method: str, path: str) -> bool:
    """Whoever does has no key yet."""
    return (method.upper(), path) in session.OPEN_DOORS | single_sign_on.OPEN_DOORS


@pytest.fixture(scope="module")
def routes(served: Served) -> list[tuple[str, str, str]]:
    """Method, address and permission of each route, with names in the addresses that nothing has."""
    document: dict[str, Any] = served.admin().get_json("/api/v1/openapi.json")
    found = [
        (method, path, operation["x-permission"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if path not in SIGNED and not signs_in(method, path)
    ]
    assert len(found) > 40
    return found


def asked(caller: Caller, method: str, path: str) -> httpx.Response:
    address = "/".join("7" if part.startswith("{") else part for part in path.split("/"))
    body = HALF if method in ("post", "put") else {}
    return caller.request(method, address, params={"step_number": 7} if path.endswith("-step") else {}, **body)


def test_without_a_key_only_the_probes_answer(served: Served, routes: list[tuple[str, str, str]]) -> None:
    for caller in (served.caller(), served.caller("opsa_wrong"), served.caller("not one of ours")):
        for method, path, _ in routes:
            answer = asked(caller, method, path)
            if (method, path) in OPEN:
                assert answer.status_code == 200
            else:
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), f"{method} {path}"
                assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", sorted(SIGNED))
def test_no_key_opens_a_door_that_takes_signatures(served: Served, path: str) -> None:
    for headers in ({}, {"Authorization": f"Bearer {served.admin().key}"}):
        answer = httpx.post(f"{served.url}{path}", content=b"text=hello", headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": "Invalid signature"})


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("kind", ["person", "service"])
def test_each_role_is_let_in_where_its_permissions_say_and_nowhere_else(
    served: Served, routes: list[tuple[str, str, str]], role: Role, kind: str
) -> None:
    if role is Role.APPROVER and kind == "service":
        body = {"name": "x", "role": "approver", "kind": "service"}
        assert served.admin().post("/api/v1/keys", json=body).status_code == 422
        return
    caller = served.new_caller(role.value, kind)
    held = PERMISSIONS[role] - ({Permission.APPROVE} if kind == "service" else set())
    for method, path, permission in routes:
        answer = asked(caller, method, path)
        let_in = (permission in held and (kind == "person" or path not in ONLY_PERSONS)) or (method, path) in OPEN
        assert (answer.status_code not in (401, 403)) == let_in, f"{role} {method} {path}: {answer.text}"
        assert answer.status_code < 500, f"{method} {path}"


def test_an_intake_key_may_post_and_cannot_read_what_became_of_it(served: Served) -> None:
    intake = served.new_caller("intake")
    run_id = intake.json_of("POST", "/api/v1/trigger/api", {"taskDescription": "x"}, status=202)["runId"]
    assert intake.get(f"/api/agent-ops/{run_id}").status_code == 403
    with pytest.raises(InvalidStatus) as refused:
        intake.watch(run_id).close()
    assert refused.value.response.status_code == 403


def test_a_socket_without_a_key_or_from_another_page_hears_nothing(served: Served, admin: Caller) -> None:
    run_id = admin.json_of("POST", "/api/v1/trigger/api", {"taskDescription": "x"}, status=202)["runId"]
    address = f"{served.url.replace('http', 'ws', 1)}/ws/approvals/{run_id}"
    with connect(address, proxy=None) as socket:
        socket.send('{"key": "opsa_wrong"}')
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)
        assert socket.close_code == 4401
    with connect(address, proxy=None) as socket:
        socket.send(f'{{"key": "{admin.key}"}}')
        assert '"snapshot"' in str(socket.recv(timeout=10))
    with pytest.raises(InvalidStatus) as refused:
        connect(address, proxy=None, origin="https://evil.example").close()  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403


def test_a_revoked_key_works_no_more_at_once(served: Served, admin: Caller) -> None:
    made = admin.json_of("POST", "/api/v1/keys", {"name": "short", "role": "viewer"}, status=201)
    viewer = served.caller(made["secret"])
    assert viewer.get("/api/agent-ops").status_code == 200
    assert admin.delete(f"/api/v1/keys/{made['keyId']}").status_code == 204
    assert viewer.get("/api/agent-ops").status_code == 401
    assert made["secret"] not in str(admin.get_json("/api/v1/keys"))


@pytest.fixture
def slow_server(tmp_path: Any) -> Iterator[Served]:
    with serve(tmp_path / "data", rate_limit_per_minute=60) as running:
        yield running


def test_a_key_that_asks_too_often_is_told_when_to_come_back(slow_server: Served) -> None:
    admin = slow_server.admin()
    answers = [admin.get("/api/agent-ops") for _ in range(80)]
    refused = [one for one in answers if one.status_code == 429]
    assert refused
    assert int(refused[0].headers["retry-after"]) >= 1
    assert httpx.get(f"{slow_server.url}/healthz", trust_env=False).status_code == 200
