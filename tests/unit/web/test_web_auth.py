"""Keys, roles, and that every door declares exactly one permission."""

from __future__ import annotations

import hashlib

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import WebSocketRoute

from opsagent.domain.identity import PERMISSIONS, ApiKey, Permission, PrincipalKind, Role
from opsagent.web import session, single_sign_on
from opsagent.web.app import bare_app
from opsagent.web.auth import MAX_CACHED_KEYS, Keyring
from opsagent.web.health import OPEN_PATHS
from opsagent.web.openapi import permissions

OPEN_DOORS = session.OPEN_DOORS | single_sign_on.OPEN_DOORS
ROUTES = [
    (route, method) for route in iter_route_contexts(bare_app("1").routes) for method in sorted(route.methods or {"WS"})
]


def test_every_route_declares_exactly_one_permission():
    open_routes = {(method, route.path) for route, method in ROUTES if not permissions(route)}
    assert open_routes == {("GET", path) for path in OPEN_PATHS} | OPEN_DOORS
    assert [route.path for route, _ in ROUTES if len(permissions(route)) > 1] == []


def test_every_socket_is_among_the_routes_that_are_walked():
    sockets = [route.path for route, method in ROUTES if method == "WS"]
    assert sockets == ["/ws/approvals/{session_id}"]
    assert all(isinstance(route._effective_route, WebSocketRoute) for route, method in ROUTES if method == "WS")


ONLY_PERSONS = {  # of those who may operate; the key "operator" is a service's
    "/api/v1/tickets/{ticket_id}/close",
    "/api/v1/tickets/{ticket_id}/reopen",
    "/api/v1/escalations/{escalation_id}/acknowledge",
}
SIGNED = {"/api/v1/trigger/slack", "/api/v1/slack/interactions"}  # a signature is their proof, and no key is
KEYED = [
    (route, method)
    for route, method in ROUTES
    if method != "WS" and route.path not in OPEN_PATHS | SIGNED and (method, route.path) not in OPEN_DOORS
]


NAMES = (
    "run_id",
    "session_id",
    "ticket_id",
    "runbook_id",
    "key_id",
    "person_id",
    "name",
    "source",
    "user",
    "workspace",
)


def address(path: str) -> str:
    for name in NAMES:
        path = path.replace("{" + name + "}", "alertmanager" if name == "source" else "x")
    return path.replace("{step_number}", "1")


async def test_without_a_key_every_route_but_the_open_ones_refuses(web):
    stranger = web.client("")
    for route, method in KEYED:
        answer = await stranger.request(method, address(route.path))
        assert (method, route.path, answer.status_code) == (method, route.path, 401)
        assert answer.json()["code"] == "unauthenticated"
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["fix"]


@pytest.mark.parametrize("path", sorted(SIGNED))
async def test_no_key_opens_a_door_that_takes_signatures(web, path):
    for name in ("", "admin", "intake"):
        answer = await web.client(name).post(path, content=b"text=hello")
        assert (answer.status_code, answer.content) == (401, b'{"error":"Invalid signature"}')


@pytest.mark.parametrize("role", [Role.INTAKE, Role.VIEWER, Role.OPERATOR, Role.APPROVER])
async def test_every_route_lets_in_the_roles_that_carry_its_permission_and_no_other(web, role):
    client = web.client(role.value)
    for route, method in KEYED:
        (permission,) = permissions(route)
        answer = await client.request(method, address(route.path), params={"step_number": 1, "q": "x"})
        allowed = permission in PERMISSIONS[role] and (role is not Role.OPERATOR or route.path not in ONLY_PERSONS)
        assert (answer.status_code == 403) is not allowed, (method, route.path, answer.text)


@pytest.mark.parametrize(
    "headers", [{"X-API-Key": "opsa_viewer-secret"}, {"Authorization": "bearer opsa_viewer-secret"}]
)
async def test_a_key_comes_in_either_header(web, headers):
    answer = await web.client("").get("/api/agent-ops", headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer opsa_nobody"},
        {"Authorization": "Bearer viewer-secret"},
        {"Authorization": "Basic opsa_viewer-secret"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer opsa_" + "x" * 5000},
        {"X-API-Key": "opsa_é\x80".encode("latin-1")},
        {"Authorization": "Bearer opsa_wrong", "X-API-Key": "opsa_viewer-secret"},
    ],
)
async def test_what_is_no_key_is_refused(web, headers):
    answer = await web.client("").get("/api/agent-ops", headers=headers)
    assert answer.status_code == 401
    assert "opsa_w" not in answer.text


async def test_a_key_in_the_address_is_not_read(web):
    answer = await web.client("").get("/api/agent-ops?key=opsa_viewer-secret&token=opsa_viewer-secret")
    assert answer.status_code == 401


async def test_a_revoked_key_stops_working_at_once(web):
    viewer, admin = web.client("viewer"), web.client("admin")
    assert (await viewer.get("/api/agent-ops")).status_code == 200
    assert (await admin.delete("/api/v1/keys/key-viewer")).status_code == 204
    assert (await viewer.get("/api/agent-ops")).status_code == 401


async def test_a_new_key_works_and_its_secret_is_shown_once(web):
    admin = web.client("admin")
    made = await admin.post("/api/v1/keys", json={"name": "night shift", "role": "viewer"})
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert secret.startswith("opsa_")
    assert (await web.client("").get("/api/agent-ops", headers={"X-API-Key": secret})).status_code == 200
    listed = await admin.get("/api/v1/keys")
    assert secret not in listed.text
    assert hashlib.sha256(secret.encode()).hexdigest() not in listed.text
    assert "night shift" in listed.text


async def test_a_service_never_approves(web):
    admin, run = web.client("admin"), await web.run()
    refused = await admin.post("/api/v1/keys", json={"name": "bot", "role": "approver", "kind": "service"})
    assert (refused.status_code, refused.json()["detail"]) == (422, "Only a person approves.")
    await web.ask(run)
    answer = await web.client("robot").post(
        f"/api/v1/agent/{run.id}/approve-step", params={"step_number": 1}, json={"approve": True}
    )
    assert answer.status_code == 403
    assert "only a person" in answer.json()["detail"]


@pytest.mark.parametrize("role", list(Role))
async def test_a_service_makes_no_person(web, role):
    robot, body = web.client("robot"), {"name": "sock puppet", "role": role.value, "kind": "person"}
    refused = await robot.post("/api/v1/keys", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "kind service" in refused.json()["fix"]
    assert "sock puppet" not in (await robot.get("/api/v1/keys")).text
    assert (await web.client("admin").post("/api/v1/keys", json=body)).status_code == 201


async def test_a_service_makes_services(web):
    made = await web.client("robot").post("/api/v1/keys", json={"name": "helper", "role": "admin", "kind": "service"})
    assert (made.status_code, made.json()["kind"]) == (201, "service")


async def test_another_tenant_sees_nothing(make_web):
    web = await make_web()
    run = await web.run()
    now = web.deps.clock.now()
    foreign = ApiKey(
        id="k2",
        tenant="other",
        role=Role.ADMIN,
        kind=PrincipalKind.PERSON,
        name="eve",
        secret_sha256=hashlib.sha256(b"opsa_eve").hexdigest(),
        created_at=now,
    )
    await web.agent.stores.keys.put(foreign, "test")
    eve = web.client("")
    eve.headers["X-API-Key"] = "opsa_eve"
    assert (await eve.get("/api/agent-ops")).json()["runs"] == []
    for path in (f"/api/agent-ops/{run.id}", f"/api/agent-ops/{run.id}/events", f"/api/v1/agent/{run.id}"):
        assert (await eve.get(path)).status_code == 404
    assert (await eve.post(f"/api/agent-ops/{run.id}/cancel")).status_code == 404


class CountingKeys:
    """The key store's find, counting."""

    def __init__(self, inner, on_find=lambda: None):
        self.inner, self.on_find, self.finds = inner, on_find, 0

    async def find(self, hashed):
        self.finds += 1
        key = await self.inner.find(hashed)
        self.on_find()
        return key


class StillClock:
    def __init__(self):
        self.time = 0.0

    def monotonic(self):
        return self.time


async def test_a_key_is_looked_up_once_per_ttl(web):
    keys, clock = CountingKeys(web.agent.stores.keys), StillClock()
    ring = Keyring(keys, clock, 5.0)
    for _ in range(3):
        await ring.principal("opsa_viewer-secret")
    assert keys.finds == 1
    clock.time = 5.1
    await ring.principal("opsa_viewer-secret")
    assert keys.finds == 2


async def test_a_revoke_during_the_lookup_is_not_forgotten(web):
    keys = CountingKeys(web.agent.stores.keys)
    ring = Keyring(keys, StillClock(), 5.0)
    keys.on_find = lambda: ring.forget("key-viewer")
    await ring.principal("opsa_viewer-secret")
    assert ring.known("opsa_viewer-secret") == ""


async def test_the_keyring_stays_small(web):
    now = web.deps.clock.now()

    class Endless:
        async def find(self, hashed):
            return ApiKey(
                id=hashed[:8],
                tenant="t",
                role=Role.VIEWER,
                kind=PrincipalKind.SERVICE,
                name="n",
                secret_sha256=hashed,
                created_at=now,
            )

    ring = Keyring(Endless(), StillClock(), 5.0)
    for number in range(MAX_CACHED_KEYS + 10):
        await ring.principal(f"opsa_{number}")
    assert ring.known("opsa_0") == ""
    assert ring.known(f"opsa_{MAX_CACHED_KEYS + 9}")


def test_the_permissions_in_the_routes_are_those_of_the_design():
    declared = {(route.path, method): permissions(route)[0] for route, method in ROUTES if permissions(route)}
    assert declared["/api/v1/trigger/api", "POST"] is Permission.POST_SIGNAL
    assert declared["/api/v1/agent/{session_id}/approve-step", "POST"] is Permission.APPROVE
    assert declared["/api/agent-ops/{run_id}/steps/{step_number}/output", "GET"] is Permission.LOOK
    assert declared["/api/v1/control/acting", "POST"] is Permission.ADMINISTER
