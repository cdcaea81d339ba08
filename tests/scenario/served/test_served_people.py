"""People on a real server: added at the command line, signed in by password, by a key, and by a provider."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from joserfc.jwk import OctKey, RSAKey

from served import OPSAGENT, Caller, Served, Shop, serve
from servers.oidc import SECRET, Provider, provider

PASSWORD = "four random words here"


def browser(served: Served) -> Caller:
    """Somebody at a page of this server."""
    caller = served.caller()
    caller.headers.update({"Origin": served.url, "Sec-Fetch-Site": "same-origin"})
    return caller


def signed_in(served: Served, **body: str) -> Caller:
    caller = browser(served)
    caller.headers["X-CSRF-Token"] = caller.json_of("POST", "/api/v1/session", body, status=201)["csrfToken"]
    return caller


def test_somebody_is_invited_at_the_command_line_and_approves_a_repair(
    served: Served, admin: Caller, shop: Shop
) -> None:
    added = served.cli("people", "add", "Ada@example.com", "--role", "approver", "--name", "ada")
    token = added["invitation"]["token"]
    assert added["invitation"]["path"] == f"/invitation#{token}"
    ada = browser(served)
    body = {"token": token, "password": PASSWORD}
    ada.headers["X-CSRF-Token"] = ada.json_of("POST", "/api/v1/session/invitation", body, status=201)["csrfToken"]
    asked = ada.question(shop.execute(admin))
    other = Caller(served.url)
    served.callers.append(other)
    assert other.approve(asked).status_code == 401
    assert ada.approve(asked).json()["decidedBy"] == "person:ada"
    assert ada.run_once(asked["runId"])["status"] == "completed"
    assert shop.healthy.exists()
    (row,) = [one for one in served.cli("people", "list")["people"] if one["name"] == "ada"]
    assert (row["state"], row["role"], bool(row["lastSeenAt"])) == ("active", "approver", False)

    assert served.cli("people", "role", "ada@example.com", "viewer")["role"] == "viewer"
    assert ada.post("/api/v1/control/pause").status_code == 403
    assert served.cli("people", "logout", "ada@example.com") == {"login": "ada@example.com", "signedOut": True}
    assert ada.get("/api/v1/session").status_code == 401
    again = signed_in(served, login="ada@example.com", password=PASSWORD)
    assert served.cli("people", "disable", "ada@example.com")["state"] == "disabled"
    assert again.get("/api/v1/session").status_code == 401
    refused = browser(served).post("/api/v1/session", json={"login": "ada@example.com", "password": PASSWORD})
    assert refused.status_code == 401
    assert served.cli("people", "enable", "ada@example.com")["state"] == "active"


def at_the_terminal(served: Served, *arguments: str, typed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [OPSAGENT, "people", *arguments, "--data-dir", served.folder],
        env=served.environment, input=typed, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_password_comes_by_stdin_and_is_shown_nowhere(served: Served) -> None:
    done = at_the_terminal(served, "add", "grace", "--role", "admin", "--password-stdin", typed=f"{PASSWORD}\n")
    assert (done.returncode, done.stdout) == (0, "grace may sign in as grace, admin.\n"), done.stderr
    grace = signed_in(served, login="grace", password=PASSWORD)
    done = at_the_terminal(served, "password", "grace", typed="another four random words\n")
    assert done.returncode == 0, done.stderr
    assert grace.get("/api/v1/session").status_code == 401
    signed_in(served, login="grace", password="another four random words")
    short = at_the_terminal(served, "password", "grace", typed="too short\n")
    assert (short.returncode, "too short" in short.stdout + short.stderr) == (2, False)
    for words in (PASSWORD, "another four", "argon2"):
        assert words not in served.said() + done.stdout + done.stderr
    stored = b"".join(one.read_bytes() for one in served.folder.glob("opsagent.db*"))
    assert b"$argon2id$" in stored
    assert b"four random words" not in stored


def test_the_admin_key_signs_in_and_a_session_outlives_a_killed_server(tmp_path: Path) -> None:
    with serve(tmp_path / "data") as first:
        key = (first.folder / "admin.key").read_text().strip()
        caller = signed_in(first, key=key)
        cookie = dict(caller.cookies)
        assert caller.get_json("/api/v1/session")["role"] == "admin"
        first.kill()
    assert (tmp_path / "data" / "session.key").stat().st_mode & 0o077 == 0
    with serve(tmp_path / "data") as second:
        after = browser(second)
        after.cookies.update(cookie)
        assert after.get_json("/api/v1/session")["signedInBy"] == "key"
        after.headers["X-CSRF-Token"] = after.get_json("/api/v1/session")["csrfToken"]
        assert after.delete("/api/v1/session").status_code == 204
        assert cookie["opsagent_session"] not in second.said()


@pytest.fixture(scope="module")
def idp() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def trusting(idp: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("oidc") / "data", **idp.settings()) as running:
        yield running


@pytest.fixture(autouse=True)
def honest(request: pytest.FixtureRequest) -> Iterator[None]:
    """The provider is as it was."""
    yield
    if "idp" in request.fixturenames:
        found: Provider = request.getfixturevalue("idp")
        fresh = Provider()
        found.person, found.lies, found.alg = fresh.person, {}, "RS256"
        found.calls_itself, found.refuses, found.signs_with = "", False, None


def out(caller: Caller, to: str = "/runs") -> str:
    """To the provider and back; the address it sends the browser to."""
    sent = caller.get("/api/v1/session/oidc/start", params={"to": to})
    assert sent.status_code == 303, sent.text
    with httpx.Client(trust_env=False) as there:
        back = there.get(sent.headers["location"])
    assert back.status_code == 302
    return str(back.headers["location"])


def back(caller: Caller, address: str) -> httpx.Response:
    parts = urlsplit(address)
    return caller.get(f"{parts.path}?{parts.query}")


def test_whoever_a_provider_vouches_for_is_somebody_here(idp: Provider, trusting: Served) -> None:
    ada = browser(trusting)
    came = back(ada, out(ada))
    assert (came.status_code, came.headers["location"]) == (303, "/runs")
    who = ada.get_json("/api/v1/session")
    assert (who["principal"], who["role"]) == ("person:ada@example.com", "approver")
    assert who["signedInBy"] == "single sign-on"
    idp.person |= {"groups": ["leads", "oncall", "others"], "email": "ada.l@example.com"}
    back(ada, out(ada))
    assert ada.get_json("/api/v1/session")["role"] == "admin", "of several groups the highest holds"
    (person,) = trusting.cli("people", "list")["people"]
    assert (person["login"], person["singleSignOn"]) == ("ada@example.com", True)
    idp.person |= {"sub": "2", "email": "other.ada@example.com", "name": "root"}
    second = browser(trusting)
    back(second, out(second))
    assert second.get_json("/api/v1/session")["principal"] == "person:other.ada@example.com", "nobody chooses a name"
    trusting.cli("people", "disable", "ada@example.com")
    idp.person |= {"sub": "1"}
    assert ada.get("/api/v1/session").status_code == 401
    refused = back(ada, out(ada))
    assert (refused.status_code, "disabled" in refused.json()["detail"]) == (403, True)
    trusting.cli("people", "enable", "ada@example.com")


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "somebody else"},
        {"aud": ["opsagent", "somebody else"]},
        {"iss": "https://evil.example"},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"sub": None},
        {"email": None},
    ],
    ids=str,
)
def test_a_token_that_does_not_hold_lets_nobody_in(idp: Provider, trusting: Served, lie: dict[str, Any]) -> None:
    idp.lies = lie
    nobody = browser(trusting)
    refused = back(nobody, out(nobody))
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert nobody.get("/api/v1/session").status_code == 401


@pytest.mark.parametrize("forged", ["none", "another key", "our secret"])
def test_a_token_somebody_else_signed_lets_nobody_in(idp: Provider, trusting: Served, forged: str) -> None:
    if forged == "none":
        idp.alg = "none"
    elif forged == "another key":
        idp.signs_with = RSAKey.generate_key(2048, {"kid": "1"})
    else:
        idp.alg, idp.signs_with = "HS256", OctKey.import_key(SECRET, {"kid": str(idp.key.kid)})
    nobody = browser(trusting)
    assert back(nobody, out(nobody)).status_code == 401
    assert nobody.get("/api/v1/session").status_code == 401


def test_a_new_key_of_the_provider_is_found(idp: Provider, trusting: Served) -> None:
    ada = browser(trusting)
    assert back(ada, out(ada)).status_code == 303
    idp.new_key()
    assert back(ada, out(ada)).status_code == 303


def test_a_code_works_once_and_in_the_browser_that_asked(idp: Provider, trusting: Served) -> None:
    ada, eve = browser(trusting), browser(trusting)
    address = out(ada)
    assert back(eve, address).status_code == 401, "another's browser was not sent out with it"
    out(eve)
    assert back(eve, address).status_code == 401, "nor was it with this one"
    cookies = dict(ada.cookies)
    assert back(ada, address).status_code == 303
    assert back(ada, address).status_code == 401, "what the browser kept for it is gone"
    eve.cookies.clear()
    eve.cookies.update(cookies)
    replayed = back(eve, address)
    assert (replayed.status_code, "invalid_grant" in replayed.json()["detail"]) == (401, True)


def test_who_is_in_no_group_gets_in_only_where_there_is_a_default(
    idp: Provider, trusting: Served, tmp_path: Path
) -> None:
    idp.person |= {"sub": "7", "email": "guest@example.com", "name": "Guest", "groups": ["unknown"]}
    guest = browser(trusting)
    refused = back(guest, out(guest))
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "guest@example.com" not in str(trusting.cli("people", "list"))
    with serve(tmp_path / "data", **idp.settings(oidc_default_role="viewer", oidc_tenant="acme")) as open_house:
        guest = browser(open_house)
        assert back(guest, out(guest)).status_code == 303
        who = guest.get_json("/api/v1/session")
        assert (who["role"], who["tenantId"]) == ("viewer", "acme")


@pytest.mark.parametrize(("verified", "status"), [(True, 303), (False, 409)])
def test_somebody_who_was_here_before_is_recognised_by_a_checked_address(
    idp: Provider, trusting: Served, verified: bool, status: int
) -> None:
    login = f"here{status}@example.com"
    trusting.cli("people", "add", login, "--role", "viewer", "--name", f"here {status}")
    idp.person |= {"sub": f"before {status}", "email": login, "email_verified": verified}
    caller = browser(trusting)
    assert back(caller, out(caller)).status_code == status
    if status == 303:
        assert caller.get_json("/api/v1/session")["principal"] == "person:here 303"


def test_a_provider_that_lets_nobody_in_or_is_another(idp: Provider, trusting: Served, tmp_path: Path) -> None:
    idp.refuses = True
    nobody = browser(trusting)
    refused = back(nobody, out(nobody))
    assert (refused.status_code, "access_denied" in refused.json()["detail"]) == (401, True)
    idp.calls_itself = "https://another.example"
    with serve(tmp_path / "data", **idp.settings()) as doubting:
        answer = browser(doubting).get("/api/v1/session/oidc/start")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert trusting.caller().get("/api/v1/session/oidc/callback").status_code == 401


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb"])
def test_the_way_back_leads_nowhere_else(trusting: Served, to: str) -> None:
    ada = browser(trusting)
    assert back(ada, out(ada, to)).headers["location"] == "/"


def test_without_a_provider_there_is_no_such_door(served: Served) -> None:
    assert browser(served).get("/api/v1/session/oidc/start").status_code == 404
