"""People sign in by a password or a key, act in a session, and only from our own page."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection, Request

from opsagent.adapters.clock import SystemClock
from opsagent.adapters.passwords import Argon2Config, Argon2Passwords
from opsagent.domain.chat_user import ChatUser
from opsagent.domain.identity import Role, same_person, sha256
from opsagent.domain.person import INVITATION_S
from opsagent.errors import NotFound, OpsAgentError
from opsagent.web.dashboard.api import Api
from opsagent.web.dashboard.inside import Inside
from opsagent.web.doorman import Doorman

PASSWORD = "four random words here"
HERE = {"Origin": "http://ops.test", "Sec-Fetch-Site": "same-origin"}


async def add(web, login="ada@example.com", role="admin", name="ada"):
    body = {"login": login, "role": role, "name": name, "password": PASSWORD}
    made = await web.client("admin").post("/api/v1/people", json=body)
    assert made.status_code == 201, made.text
    return made.json()


async def sign_in(web, login="ada@example.com", **body) -> httpx.AsyncClient:
    browser = web.client("")
    browser.headers.update(HERE)
    answer = await browser.post("/api/v1/session", json=body or {"login": login, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    browser.headers["X-CSRF-Token"] = answer.json()["csrfToken"]
    return browser


async def test_somebody_signs_in_and_acts_as_the_person_they_are(web):
    added = await add(web)
    assert (added["state"], added["login"], added["lastSeenAt"]) == ("active", "ada@example.com", None)
    browser = web.client("")
    answer = await browser.post("/api/v1/session", json={"login": " Ada@Example.COM", "password": PASSWORD})
    assert answer.status_code == 201
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("opsagent_session=")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    who = (await browser.get("/api/v1/session")).json()
    assert who == answer.json()
    assert (who["principal"], who["role"], who["signedInBy"]) == ("person:ada", "admin", "password")
    assert same_person(who["principal"], "person:Ada/1f2e")
    assert {"approve", "administer"} <= set(who["permissions"])
    assert (await browser.get("/api/agent-ops")).status_code == 200


@pytest.mark.parametrize("public_url", ["https://ops.example.com", "http://ops.example.com"])
async def test_where_people_come_by_https_the_cookie_goes_by_it_alone(make_web, public_url):
    web = await make_web(public_url=public_url)
    await add(web)
    answer = await web.client("").post("/api/v1/session", json={"login": "ada@example.com", "password": PASSWORD})
    cookie, secure = answer.headers["set-cookie"], public_url.startswith("https")
    assert cookie.startswith("__Host-opsagent_session=" if secure else "opsagent_session=")
    assert ("; Secure" in cookie) is secure


async def test_whoever_is_not_let_in_hears_the_same_whatever_is_wrong(web):
    await add(web)
    await add(web, "gone@example.com", name="gone")
    gone = await web.client("admin").put("/api/v1/people/gone@example.com/disabled", json={"disabled": True})
    assert gone.json()["state"] == "disabled"
    invited = {"login": "eve", "role": "viewer"}
    assert (await web.client("admin").post("/api/v1/people", json=invited)).json()["state"] == "without_password"
    tried = [
        {"login": "ada@example.com", "password": "not the password"},
        {"login": "nobody@example.com", "password": PASSWORD},
        {"login": "gone@example.com", "password": PASSWORD},
        {"login": "eve", "password": PASSWORD},
        {"login": "ada@example.com", "password": PASSWORD, "tenant": "other"},
        {"login": "ada@example.com", "password": "\ud800"},
    ]
    answers = [await web.client("").post("/api/v1/session", json=one) for one in tried[:-1]]
    assert {one.status_code for one in answers} == {401}
    assert len({one.text for one in answers}) == 1
    assert not any("set-cookie" in one.headers for one in answers)


@pytest.mark.parametrize("body", [{}, {"login": "ada"}, {"password": "x"}, {"login": "a", "password": "b", "key": "c"}])
async def test_one_proof_is_shown(web, body):
    answer = await web.client("").post("/api/v1/session", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#")


async def test_a_key_becomes_a_session_that_ends_with_it(web):
    browser = await sign_in(web, key="opsa_viewer-secret")
    who = (await browser.get("/api/v1/session")).json()
    assert (who["principal"], who["name"], who["signedInBy"]) == ("person:viewer/key-view", "viewer", "key")
    assert (await web.client("admin").delete("/api/v1/keys/key-viewer")).status_code == 204
    assert (await browser.get("/api/v1/session")).status_code == 401


async def test_a_key_that_may_read_nothing_begins_no_session(web):
    for key, status in (("opsa_intake-secret", 403), ("opsa_nobody", 401), ("viewer", 401)):
        answer = await web.client("").post("/api/v1/session", json={"key": key})
        assert answer.status_code == status


async def test_a_change_in_a_session_needs_its_own_token_and_our_own_page(web):
    await add(web)
    browser, other = await sign_in(web), await sign_in(web)
    change = "/api/v1/control/pause"
    assert (await browser.post(change)).status_code == 200
    for headers in (
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "x" * 64},
        {"X-CSRF-Token": other.headers["X-CSRF-Token"]},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ):
        answer = await browser.post(change, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), headers
    del browser.headers["Origin"], browser.headers["Sec-Fetch-Site"]
    assert (await browser.post(change)).status_code == 403, "a browser says where a page is from"
    assert (await browser.get("/api/v1/control")).status_code == 200, "looking needs no token"


async def test_a_key_needs_neither(web):
    await add(web)
    browser = await sign_in(web)
    del browser.headers["X-CSRF-Token"]
    headers = {"X-API-Key": "opsa_admin-secret", "Origin": "https://evil.example"}
    assert (await browser.post("/api/v1/control/pause", headers=headers)).status_code == 200
    refused = await browser.post("/api/v1/control/pause", headers={"X-API-Key": "opsa_viewer-secret"})
    assert refused.status_code == 403, "the key that came counts, not the session beside it"


async def test_behind_a_proxy_that_renames_the_host_the_public_address_is_ours(make_web):
    web = await make_web(public_url="https://ops.example.com:8443/agent")
    await add(web)
    browser = web.client("", base="https://inner.test")
    for origin, status in (
        ("https://ops.example.com:8443", 201),
        ("https://inner.test", 201),
        ("http://ops.example.com:8443", 403),
        ("https://ops.example.com", 403),
        ("https://evil.example", 403),
    ):
        body = {"login": "ada@example.com", "password": PASSWORD}
        answer = await browser.post("/api/v1/session", json=body, headers={"Origin": origin})
        assert answer.status_code == status, origin


async def test_signing_out_ends_the_session_for_good(web):
    await add(web)
    browser = await sign_in(web)
    cookie = browser.cookies["opsagent_session"]
    answer = await browser.delete("/api/v1/session")
    assert (answer.status_code, "Max-Age=0" in answer.headers["set-cookie"]) == (204, True)
    assert "opsagent_session" not in browser.cookies
    again = await web.client("").get("/api/v1/session", headers={"Cookie": f"opsagent_session={cookie}"})
    assert again.status_code == 401
    assert (await web.client("admin").delete("/api/v1/session")).status_code == 422, "a key has none"


@pytest.mark.parametrize("what", ["password", "disabled", "sessions"])
async def test_what_ends_every_session_of_somebody(web, what):
    await add(web)
    await add(web, "eve", name="eve")
    browsers, eve = [await sign_in(web) for _ in range(2)], await sign_in(web, "eve")
    admin, one = web.client("admin"), "/api/v1/people/ada@example.com"
    done = {
        "password": admin.put(f"{one}/password", json={"password": "another four random words"}),
        "disabled": admin.put(f"{one}/disabled", json={"disabled": True}),
        "sessions": admin.delete(f"{one}/sessions"),
    }
    answers = {name: await call if name == what else call.close() for name, call in done.items()}
    assert answers[what].status_code < 300
    for browser in browsers:
        assert (await browser.get("/api/v1/session")).status_code == 401
    assert (await eve.get("/api/v1/session")).status_code == 200


async def test_a_new_role_holds_in_the_sessions_there_are(web):
    await add(web)
    browser = await sign_in(web)
    assert (await browser.get("/api/v1/keys")).status_code == 200
    changed = await web.client("admin").put("/api/v1/people/ada@example.com/role", json={"role": "viewer"})
    assert changed.json()["role"] == "viewer"
    assert (await browser.get("/api/v1/keys")).status_code == 403


async def test_a_session_gets_old_and_lies_unused(web):
    await add(web)
    browser = await sign_in(web)
    sessions, clock = web.deps.sessions, web.deps.clock
    ((session,),) = [[await sessions.sessions.find(_hash(web, browser))]]
    assert session is not None
    assert not session.is_over(clock.now(), sessions.idle_s)
    assert session.is_over(session.seen_at + sessions.idle_s, sessions.idle_s)
    assert session.is_over(session.created_at + sessions.longest_s, 1e12)


async def test_an_open_page_that_nobody_uses_keeps_no_session_alive(web, monkeypatch):
    monkeypatch.setattr("opsagent.loop.sessions.SEEN_EVERY_S", 0.0)
    await add(web)
    browser = await sign_in(web)
    store = web.deps.sessions.sessions

    async def seen_after(ask) -> bool:
        before = await store.find(_hash(web, browser))
        await ask
        return (await store.find(_hash(web, browser))).seen_at > before.seen_at

    by_itself = await _page(web, browser)
    assert not await seen_after(by_itself.get("/api/agent-ops"))
    assert not await seen_after(_first_hint(by_itself, "/api/v1/live"))
    assert not await seen_after(_first_hint(by_itself, f"/api/agent-ops/{(await web.run()).id}/events"))
    assert await seen_after(by_itself.post("/api/v1/control/pause"))
    assert await seen_after(browser.get("/api/agent-ops"))
    assert await seen_after(_page(web, browser)), "to open a page is to use it"


async def test_what_an_open_page_reads_keeps_nobody_from_answering(make_web):
    web = await make_web(rate_per_minute=5)
    await add(web)
    browser = await sign_in(web)
    page = await _page(web, browser)
    for _ in range(20):
        await page.get("/api/agent-ops")
    await page.post("/api/v1/control/acting", {"on": True})
    answers = [(await browser.get("/api/agent-ops")).status_code for _ in range(10)]
    assert answers[-1] == 429
    await page.get("/api/agent-ops")
    await page.post("/api/v1/control/pause")
    assert (await browser.get("/assets/theme.css")).status_code != 429
    token = {"X-CSRF-Token": page.token, "Origin": "http://ops.test"}
    assert (await browser.post("/api/v1/control/resume", headers=token)).status_code == 429
    assert (await browser.post("/api/v1/control/pause", headers=token)).status_code == 200


async def test_a_conversation_is_followed_in_a_session(web):
    await add(web)
    browser = await sign_in(web)
    page = await _page(web, browser)
    made = await page.post("/api/v1/conversations")
    path = f"/api/v1/conversations/{made['conversationId']}"
    await page.post(f"{path}/messages", {"text": "what waits?"})
    async with asyncio.timeout(10), aclosing(_blocks(web, browser, path)) as blocks:
        first = await anext(blocks)
    assert b"event: line" in first


async def _page(web, browser) -> Api:
    """What an open page of that browser asks by."""
    headers = [(b"cookie", f"opsagent_session={browser.cookies['opsagent_session']}".encode()), (b"host", b"ops.test")]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers, "scheme": "http"}
    api = Api(web.app, Request({**scope, "client": ("192.0.2.7", 1), "server": ("ops.test", 80)}))
    api.prove((await api.get("/api/v1/session"))["csrfToken"])
    return api


async def _first_hint(api: Api, path: str) -> None:
    async with asyncio.timeout(10), aclosing(api.hints(path)) as hints:
        await anext(hints)


async def _blocks(web, browser, path):
    cookie = {"Cookie": f"opsagent_session={browser.cookies['opsagent_session']}", "Accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(transport=Inside(web.app, ("", 0)), base_url="http://ops.test", headers=cookie) as http,
        http.stream("GET", path) as answer,
    ):
        async for block in answer.aiter_bytes():
            yield block


def _hash(web, browser) -> str:
    return sha256(browser.cookies["opsagent_session"].rpartition(".")[0])


@pytest.mark.parametrize("spoilt", ["", "x", "x" * 5000, "é", "{id}.x", "{id}", ".{signature}", "{id}x.{signature}"])
async def test_a_cookie_we_did_not_sign_is_none(web, spoilt):
    await add(web)
    browser = await sign_in(web)
    identifier, _, signature = browser.cookies["opsagent_session"].rpartition(".")
    cookie = spoilt.format(id=identifier, signature=signature)
    answer = await web.client("").get("/api/v1/session", headers={b"Cookie": f"opsagent_session={cookie}".encode()})
    assert answer.status_code == 401


async def test_only_a_person_who_administers_says_who_a_person_is(web):
    body = {"login": "eve", "role": "admin"}
    for name in ("robot", "viewer", "approver"):
        refused = await web.client(name).post("/api/v1/people", json=body)
        assert refused.status_code == 403, name
    await add(web)
    robot = web.client("robot")
    assert (await robot.put("/api/v1/people/ada@example.com/role", json={"role": "viewer"})).status_code == 403
    assert (await robot.put("/api/v1/people/ada@example.com/password", json={"password": PASSWORD})).status_code == 403
    assert (await robot.post("/api/v1/people/ada@example.com/invitation")).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"login": "ADA@example.com", "role": "viewer"}, 409),
        ({"login": "ada", "role": "viewer", "name": "Ada"}, 409),
        ({"login": "a b", "role": "viewer"}, 422),
        ({"login": "bob", "role": "viewer", "name": "person:bob/1"}, 422),
        ({"login": "bob", "role": "intake"}, 422),
        ({"login": "bob", "role": "viewer", "password": "short"}, 422),
        ({"login": "bob", "role": "viewer", "password": "aaaaaaaaaaaaaaaa"}, 422),
        ({"login": "bob@example.com", "role": "viewer", "password": "Bob@Example.com"}, 422),
    ],
)
async def test_who_cannot_be_added(web, body, status):
    await add(web)
    answer = await web.client("admin").post("/api/v1/people", json=body)
    assert answer.status_code == status
    assert body.get("password", "$argon2") not in answer.text
    assert len((await web.client("admin").get("/api/v1/people")).json()["people"]) == 1


async def test_neither_a_password_nor_its_hash_is_shown(web):
    await add(web)
    person = (await web.deps.agent.stores.people.list("default"))[0]
    assert person.password_hash.startswith("$argon2id$")
    assert person.password_hash not in repr(person)
    shown = (await web.client("admin").get("/api/v1/people")).text
    assert "argon2" not in shown
    assert PASSWORD not in shown
    record = await web.deps.agent.stores.audit.list("default")
    assert "argon2" not in str(record)


async def test_who_did_what_is_in_the_record(web):
    await add(web)
    browser = await sign_in(web)
    await web.client("admin").put("/api/v1/people/ada@example.com/role", json={"role": "viewer"})
    await browser.delete("/api/v1/session")
    record = [(one.actor, one.action) for one in await web.deps.agent.stores.audit.list("default")]
    admin = "person:admin/key-admi"
    assert record[-4:] == [
        (admin, "person.add"),
        ("person:ada", "session.begin"),
        (admin, "person.role"),
        ("person:ada", "session.end"),
    ]


async def echo(scope, receive, send):
    """What a framework does that asks nobody who they are."""
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close"})


async def status_of_socket(web, path: str, **headers: str) -> int:
    """101 when the socket is opened, else the status of the refusal."""
    said = []

    async def receive():
        return {"type": "websocket.connect"} if not said else {"type": "websocket.disconnect", "code": 1000}

    async def send(message):
        said.append(message)

    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"ops.test"), *given],
        "client": ("127.0.0.1", 1),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    await web.app(scope, receive, send)
    return 101 if said[0]["type"] == "websocket.accept" else int(said[0]["status"])


@pytest.mark.parametrize("path", ["/pages/socket", "/ws/approvals/{run}"])
async def test_a_socket_comes_from_our_page_and_from_somebody_we_know(web, path):
    web.app.mount("/pages", echo)
    await add(web)
    run, browser = await web.run(), await sign_in(web)
    mounted, path, here = path.startswith("/pages"), path.format(run=run.id), "http://ops.test"
    cookie = f"opsagent_session={browser.cookies['opsagent_session']}"

    assert await status_of_socket(web, path, cookie=cookie, origin=here) == 101
    assert await status_of_socket(web, path, x_api_key="opsa_viewer-secret") == 101
    assert await status_of_socket(web, path, cookie=cookie, origin="https://evil.example") == 403
    assert await status_of_socket(web, path, cookie=cookie, origin="null") == 403
    assert await status_of_socket(web, path, cookie=cookie, origin=here, sec_fetch_site="same-site") == 403
    assert await status_of_socket(web, path, cookie=cookie) == 403, "a browser always says where its page is from"
    assert await status_of_socket(web, path, x_api_key="opsa_intake-secret") == 403
    assert await status_of_socket(web, path, x_api_key="opsa_viewer-secret", origin="https://evil.example") == 403
    # Ours takes a key in its first message as well, so it opens first and then hears nothing.
    unknown = 401 if mounted else 101
    assert await status_of_socket(web, path, origin=here) == unknown
    assert await status_of_socket(web, path, cookie=cookie[:-3] + "abc", origin=here) == unknown
    await browser.delete("/api/v1/session")
    assert await status_of_socket(web, path, cookie=cookie, origin=here) == unknown


async def test_a_link_sets_a_password_once_and_signs_in(make_web):
    web = await make_web(public_url="https://ops.example.com/")
    admin = web.client("admin")
    body = {"login": "ada@example.com", "role": "approver", "name": "ada"}
    assert (await admin.post("/api/v1/people", json=body)).status_code == 201
    old, new = [(await admin.post("/api/v1/people/ada@example.com/invitation")).json() for _ in range(2)]
    assert new["url"] == f"https://ops.example.com/invitation#{new['token']}"
    assert (await admin.get("/api/v1/people/ada@example.com")).json()["state"] == "invited"

    async def accept(token, password=PASSWORD):
        return await web.client("").post("/api/v1/session/invitation", json={"token": token, "password": password})

    assert (await accept(old["token"])).status_code == 404, "a later link takes its place"
    assert (await accept("")).status_code == 404
    assert (await accept(new["token"], "short")).status_code == 422
    both = await asyncio.gather(accept(new["token"]), accept(new["token"]))
    assert sorted(one.status_code for one in both) in ([201, 404], [201, 409]), "it is used once"
    assert (await accept(new["token"])).status_code == 404
    (done,) = [one for one in both if one.status_code == 201]
    assert (done.json()["principal"], done.json()["signedInBy"]) == ("person:ada", "invitation")
    assert (await admin.get("/api/v1/people/ada@example.com")).json()["state"] == "active"


async def test_a_link_is_void_once_its_person_is_disabled(web):
    admin = web.client("admin")
    await admin.post("/api/v1/people", json={"login": "ada", "role": "viewer"})
    token = (await admin.post("/api/v1/people/ada/invitation")).json()["token"]
    for disabled in (True, False):
        await admin.put("/api/v1/people/ada/disabled", json={"disabled": disabled})
    answer = await web.client("").post("/api/v1/session/invitation", json={"token": token, "password": PASSWORD})
    assert answer.status_code == 404


class Later(SystemClock):
    """So many seconds from now."""

    def __init__(self, by_s):
        self.by_s = by_s

    def now(self):
        return super().now() + self.by_s


async def test_a_link_that_is_too_old_opens_nothing(web):
    admin = web.client("admin")
    await admin.post("/api/v1/people", json={"login": "ada", "role": "viewer"})
    token = (await admin.post("/api/v1/people/ada/invitation")).json()["token"]
    late = replace(web.deps.people, clock=Later(INVITATION_S))
    with pytest.raises(NotFound):
        await late.accept(token, PASSWORD)


async def test_somebody_changes_their_own_password_and_their_other_browsers_are_signed_out(web):
    await add(web)
    here, there = await sign_in(web), await sign_in(web)
    body = {"current": PASSWORD, "password": "another four random words"}
    wrong = await here.put("/api/v1/session/password", json=body | {"current": "something else here"})
    assert (wrong.status_code, (await there.get("/api/v1/session")).status_code) == (422, 200)
    changed = await here.put("/api/v1/session/password", json=body)
    assert changed.status_code == 201
    assert (await here.get("/api/v1/session")).status_code == 200
    assert (await there.get("/api/v1/session")).status_code == 401
    refused = await web.client("").post("/api/v1/session", json={"login": "ada@example.com", "password": PASSWORD})
    assert refused.status_code == 401
    assert (await web.client("admin").put("/api/v1/session/password", json=body)).status_code == 422


async def test_failed_sign_ins_are_slowed_down_and_stand_in_the_record(web):
    await add(web)
    wrong = {"login": "ada@example.com", "password": "not the password"}
    answers = await asyncio.gather(*(web.client("").post("/api/v1/session", json=wrong) for _ in range(12)))
    looked_at = [one.status_code for one in answers].count(401)
    assert looked_at == 5, "five are free, and then each waits"
    (late, *_) = [one for one in answers if one.status_code == 429]
    assert int(late.headers["retry-after"]) >= 1
    right = await web.client("").post("/api/v1/session", json=wrong | {"password": PASSWORD})
    assert right.status_code == 429, "not even the right one is looked at"
    assert (await web.client("").post("/api/v1/session", json={"key": "opsa_admin-secret"})).status_code == 201
    record = [one for one in await web.deps.agent.stores.audit.list("default") if one.action == "session.refused"]
    assert [one.detail["person"] for one in record] == ["ada"] * 5
    await web.client("").post("/api/v1/session", json={"login": "nobody", "password": "hunter2hunter2"})
    record = await web.deps.agent.stores.audit.list("default")
    assert (record[-1].action, record[-1].detail["person"]) == ("session.refused", "")
    assert "hunter2" not in str(record)


async def test_what_a_browser_may_do_with_an_answer(make_web):
    web = await make_web()
    web.app.mount("/pages", page)
    answer = await web.client().get("/api/agent-ops")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers
    shown = (await web.client().get("/pages/x")).headers["content-security-policy"]
    assert {"default-src 'self'", "object-src 'none'", "frame-ancestors 'none'"} <= set(shown.split("; "))
    assert "http" not in shown, "nothing of another host is ever loaded"
    for far in (web.client(base="https://ops.test"), (await make_web(public_url="https://ops.example.com")).client()):
        assert (await far.get("/api/agent-ops")).headers["strict-transport-security"] == "max-age=31536000"


async def page(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def test_a_person_is_one_person_whatever_they_come_with(web):
    """Four eyes are two persons': a session, a key and a linked chat user of one name are the same two eyes."""
    await add(web, role="approver")
    await add(web, "eve", role="approver", name="eve")
    admin, run = web.client("admin"), await web.run()
    key = await admin.post("/api/v1/keys", json={"name": "Ada", "role": "approver", "kind": "person"})
    linked = ChatUser(tenant="default", chat="slack", user="U1", person="ada", role=Role.APPROVER)
    asked = await web.ask(run, four_eyes=True, started_by="person:ada")
    ada, eve, with_key = await sign_in(web), await sign_in(web, "eve"), web.client("")
    with_key.headers["X-API-Key"] = key.json()["secret"]
    path, params = f"/api/v1/agent/{run.id}/approve-step", {"step_number": 1}
    for caller in (ada, with_key):
        refused = await caller.post(path, params=params, json={"approve": True, "digest": asked.digest})
        assert refused.status_code in (403, 409), refused.text
    with pytest.raises(OpsAgentError):
        await web.agent.decide(linked.principal(), asked.id, grant=True, notes="", digest=asked.digest)
    granted = await eve.post(path, params=params, json={"approve": True, "digest": asked.digest})
    assert (granted.status_code, granted.json()["decidedBy"]) == (200, "person:eve")


NOT_SIGNED = st.text(st.characters(codec="ascii", exclude_characters="\r\n\x00"), max_size=120)


def doorman_with(key: bytes) -> Doorman:
    return Doorman(sessions=None, attempts=None, key=key)


def read(doorman: Doorman, cookie: str) -> str:
    headers = [(b"cookie", f"opsagent_session={cookie}".encode())]
    return doorman.session_id(HTTPConnection({"type": "http", "scheme": "http", "headers": headers}))


@given(cookie=NOT_SIGNED, token=NOT_SIGNED, flip=st.integers(0, 10_000))
def test_no_cookie_and_no_token_but_ours_is_taken(cookie, token, flip):
    doorman = doorman_with(b"k" * 32)
    signed = doorman.cookie_of("an id")
    assert read(doorman, signed) == "an id"
    assert read(doorman, cookie) == ""
    place = flip % len(signed)
    other = signed[:place] + ("A" if signed[place] != "A" else "B") + signed[place + 1 :]
    assert read(doorman, other) in ("", "an id"), "the last character of base64 has bits that say nothing"
    assert read(doorman_with(b"j" * 32), signed) == ""
    assert token != doorman.csrf_token("an id")
    assert doorman.csrf_token("an id") != doorman.csrf_token("another id")


async def test_a_password_kept_in_an_old_way_is_kept_anew_when_it_is_shown(web):
    await add(web)
    before = await web.deps.people.people.find("default", "ada@example.com")
    stronger = Argon2Passwords(Argon2Config(time_cost=2, memory_kib=64, lanes=1))
    sessions = replace(web.deps.sessions, passwords=stronger)
    begun = await sessions.by_password("default", "ada@example.com", PASSWORD)
    after = await web.deps.people.people.find("default", "ada@example.com")
    assert before is not None
    assert after is not None
    assert "t=2," in after.password_hash
    assert "t=1," in before.password_hash
    assert await sessions.find(begun.id) is not None, "it is the same password, so nobody is signed out"
    both = await asyncio.gather(*(sessions.by_password("default", "ada@example.com", PASSWORD) for _ in range(2)))
    assert len(both) == 2
