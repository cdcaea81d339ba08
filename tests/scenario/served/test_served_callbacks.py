"""A run's result goes out to whoever asked for it: signed, once, and never in the way of the run."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from pathlib import Path

from served import Caller, Served, serve, until
from servers.loopback import free_port
from servers.sink import Got, sink

SECRET = "the callback secret of the tests"


def is_from_opsagent(secret: str, header: str, body: bytes, tolerance_s: int = 300) -> bool:
    """As docs/webhooks.md tells receivers to check it."""
    fields = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    timestamp = fields.get("t", "")
    if not (timestamp.isascii() and timestamp.isdigit()) or abs(time.time() - int(timestamp)) > tolerance_s:
        return False
    wanted = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), fields.get("v1", "").encode())


def triggered(caller: Caller, url: str) -> str:
    body = {"taskDescription": "tell me when you are done", "callbackUrl": url}
    return str(caller.json_of("POST", "/api/v1/trigger/api", body, status=202)["runId"])


def check(got: Got, run_id: str, status: str) -> None:
    """One signed call with the run's result."""
    assert got.method == "POST"
    assert got.path == "/done?for=me"
    assert is_from_opsagent(SECRET, got.headers["x-opsagent-signature"], got.body)
    assert not is_from_opsagent("another secret", got.headers["x-opsagent-signature"], got.body)
    assert not is_from_opsagent(SECRET, got.headers["x-opsagent-signature"], got.body + b" ")
    said = json.loads(got.body)
    assert (said["runId"], said["status"], said["source"]) == (run_id, status, "api")
    assert said["result"]["summary"]


def test_the_documented_check_is_the_one_used_here() -> None:
    page = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()
    (documented,) = re.findall(r"def is_from_opsagent.*?(?=```)", page, re.DOTALL)
    mine = Path(__file__).read_text()
    for line in documented.splitlines()[2:]:
        assert line in mine


def test_a_result_is_called_back_signed_and_once(admin: Caller) -> None:
    with sink() as there:
        run_id = triggered(admin, f"{there.url}done?for=me")
        until(lambda: there.got, "the call")
        run = admin.run_once(run_id)
        (got,) = there.got
        check(got, run_id, run["status"])
        assert run["callbackHost"] == "127.0.0.1", "the address may be a secret, so only its host is shown"
        assert "done?for=me" not in json.dumps(run)


def test_a_receiver_that_fails_twice_hears_it_once_under_one_key(served: Served, admin: Caller) -> None:
    with sink() as there:
        there.statuses = [500, 503]
        run_id = triggered(admin, f"{there.url}done?for=me")
        until(lambda: len(there.got) == 3, "the third call")
        run = admin.run_once(run_id)
        for got in there.got:
            check(got, run_id, run["status"])
        assert len({got.headers["idempotency-key"] for got in there.got}) == 1
        assert len({got.body for got in there.got}) == 1
        after = triggered(admin, f"{there.url}done?for=me")
        until(lambda: json.loads(there.got[-1].body)["runId"] == after, "a later call")
        assert [json.loads(got.body)["runId"] for got in there.got].count(run_id) == 3


def test_a_receiver_that_is_gone_does_not_keep_the_run(admin: Caller) -> None:
    run_id = triggered(admin, f"http://127.0.0.1:{free_port()}/done")
    assert admin.run_once(run_id)["result"]["summary"]


def test_a_private_address_is_refused_with_a_reason_and_the_run_ends_all_the_same(tmp_path: Path) -> None:
    with sink() as there, serve(tmp_path / "data") as closed:
        admin = closed.admin()
        run_id = triggered(admin, there.url)
        assert admin.run_once(run_id)["result"]["summary"]
        said = until(
            lambda: next((line for line in closed.said().splitlines() if f"{run_id}:callback" in line), ""),
            "the log says what became of the notice",
        )
        assert "given up" in said
        assert "127.0.0.1" in said
        assert "private_callback_hosts" in said
        metadata = triggered(admin, "http://169.254.169.254/latest/meta-data")
        until(lambda: f"{metadata}:callback to" in closed.said(), "the log says it of the second too")
    assert there.got == []
