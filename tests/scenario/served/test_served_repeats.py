"""What a caller sends twice is done once, and what was acknowledged is there."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from served import Caller, Served

CALLERS = 50
EACH = 4
TRIGGER = "/api/v1/trigger/api"


def body(text: str = "look after the shop") -> dict[str, Any]:
    return {"taskDescription": text}


def test_the_same_key_and_request_is_one_run(admin: Caller) -> None:
    first = admin.json_of("POST", TRIGGER, body(), status=202, idempotency_key="night-shift-1")
    # snake_case is the same request, written otherwise
    again = admin.json_of(
        "POST", TRIGGER, {"task_description": "look after the shop"}, status=202, idempotency_key="night-shift-1"
    )
    assert again["runId"] == first["runId"]
    other = admin.json_of("POST", TRIGGER, body(), status=202, idempotency_key="night-shift-2")
    assert other["runId"] != first["runId"]


def test_the_same_key_with_another_request_is_refused(admin: Caller) -> None:
    admin.json_of("POST", TRIGGER, body("one thing"), status=202, idempotency_key="used")
    refused = admin.json_of("POST", TRIGGER, body("another thing"), status=422, idempotency_key="used")
    assert refused["code"] == "idempotency-mismatch"
    assert "new key" in refused["fix"].lower() or "another key" in refused["fix"].lower()


def test_a_key_sent_by_many_at_once_is_one_run(served: Served) -> None:
    key = served.new_caller("intake").key

    def send(_: int) -> str:
        with Caller(served.url, key) as caller:
            return str(
                caller.json_of("POST", TRIGGER, body("all at once"), status=202, idempotency_key="storm")["runId"]
            )

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(send, range(20)))) == 1


def test_every_acknowledged_run_of_many_callers_is_there(served: Served, admin: Caller) -> None:
    key = served.new_caller("intake").key

    def send(number: int) -> Sequence[str]:
        with Caller(served.url, key) as caller:
            return [
                str(caller.json_of("POST", TRIGGER, body(f"caller {number}"), status=202)["runId"]) for _ in range(EACH)
            ]

    with ThreadPoolExecutor(CALLERS) as pool:
        acknowledged = [run for runs in pool.map(send, range(CALLERS)) for run in runs]
    assert len(set(acknowledged)) == CALLERS * EACH
    listed = [run["runId"] for run in admin.every("/api/agent-ops", "runs")]
    assert set(acknowledged) <= set(listed)
    assert len(listed) == len(set(listed)), "no page shows a run twice"
