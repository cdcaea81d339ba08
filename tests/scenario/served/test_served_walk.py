"""The whole way over HTTP: keys, a target, a runbook, a question, an answer, a timeline."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import pytest

from served import Caller, Served, Shop, until

ROLES = ("intake", "viewer", "operator", "approver", "admin")


def events_of(caller: Caller, run_id: str, *, after: str = "", most: int | None = None) -> list[tuple[str, Any]]:
    """The run's stream of events, `(id or name, data)`, up to its end or so many."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
    found: list[tuple[str, Any]] = []
    with caller.stream("GET", f"/api/agent-ops/{run_id}/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        label = ""
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name in ("id", "event"):
                label = value
            elif name == "data":
                found.append((label, json.loads(value)))
                if len(found) == most:
                    break
    return found


@pytest.mark.parametrize("role", ROLES)
def test_a_key_of_each_role_is_made_by_command_and_works(served: Served, role: str) -> None:
    made = served.cli("keys", "create", "--role", role, "--name", f"ada {role}")
    assert (made["role"], made["tenant"]) == (role, "default")
    assert made["kind"] == ("person" if role in ("approver", "admin") else "service")
    answer = served.caller(made["key"]).get("/api/agent-ops")
    assert answer.status_code == (403 if role == "intake" else 200)


def test_an_asked_repair_is_shown_approved_by_a_person_and_told(served: Served, admin: Caller, shop: Shop) -> None:
    operator = served.new_caller("operator")
    robot = served.new_caller("admin", "service")
    person = served.new_caller("approver", "person")
    session = shop.execute(operator)

    asked = operator.question(session)
    assert asked["command"] == f"touch {shop.healthy}"
    assert asked["manifest"]["writes"] == [str(shop.healthy)]
    assert asked["target"]
    assert len(asked["digest"]) >= 64
    assert asked["runbookTitle"] == f"The {shop.name} is down"

    for caller in (operator, robot):
        refused = caller.approve(asked)
        assert refused.status_code == 403
        assert "person" in refused.json()["fix"] or "role" in refused.json()["fix"]
    other = person.approve(asked, digest="0" * 64)
    assert (other.status_code, other.json()["code"]) == (409, "approval-mismatch")
    assert not shop.healthy.exists()

    with person.watch(session) as socket:
        first = json.loads(socket.recv(timeout=10))
        assert (first["type"], first["session"]["status"]) == ("snapshot", "awaiting_approval")
        assert person.approve(asked).json()["status"] == "granted"
        assert person.approve(asked).status_code == 200, "the same answer again changes nothing"
        heard = [json.loads(text) for text in socket]
        assert (socket.close_code, heard[-1]) == (1000, {"type": "end", "status": "completed"})
    assert {"change", "event"} <= {one["type"] for one in heard}

    run = admin.run_once(session)
    assert shop.healthy.exists()
    assert (run["status"], run["hadEffect"]) == ("completed", True)
    steps = {one["name"]: one for one in admin.get_json(f"/api/v1/agent/{session}")["steps"]}
    assert steps["look"]["outcome"]["stdout"] == "out of coffee\n"
    assert steps["mend"]["approval"]["decidedBy"].startswith("person:approver person/")
    late = person.approve(asked, approve=False)
    assert (late.status_code, late.json()["code"]) == (409, "approval-decided")


def test_a_timeline_is_read_as_json_and_as_a_stream_that_goes_on_where_it_broke(
    served: Served, admin: Caller, shop: Shop
) -> None:
    run_id = shop.execute(admin)
    asked = admin.question(run_id)
    begun = events_of(admin, run_id, most=3)
    assert [label for label, _ in begun] == ["1", "2", "3"]
    admin.approve(asked)
    rest = events_of(admin, run_id, after=begun[-1][0])
    label, end = rest.pop()
    assert (label, end["runId"], end["status"]) == ("end", run_id, "completed")
    streamed = [data for _, data in (*begun, *rest)]
    read = admin.get_json(f"/api/agent-ops/{run_id}/events", limit=1000)["events"]
    assert streamed == read
    assert [one["sequence"] for one in read] == list(range(1, len(read) + 1))
    assert {"planning", "execution", "tool_call", "tool_result", "approval", "final"} <= {
        one["eventType"] for one in read
    }
    part = admin.get_json(f"/api/agent-ops/{run_id}/events", limit=2, after=1)
    assert [one["sequence"] for one in part["events"]] == [2, 3]
    assert part["nextAfter"] == 3
    viewer = served.new_caller("viewer")
    outputs = [one["toolOutput"] for one in viewer.get_json(f"/api/agent-ops/{run_id}/events")["events"]]
    assert set(outputs) == {None}, "a viewer may not look at what commands have said"
    assert list(islice(events_of(admin, run_id, after="99999"), 2)) == [("end", end)]


def test_a_parked_run_is_cancelled_and_retried(admin: Caller, shop: Shop) -> None:
    first = shop.execute(admin)
    asked = admin.question(first)
    early = admin.post(f"/api/agent-ops/{first}/retry")
    assert (early.status_code, early.json()["code"]) == (409, "illegal-move")
    admin.json_of("POST", f"/api/agent-ops/{first}/cancel", status=202)
    assert admin.run_once(first)["status"] == "cancelled"
    assert admin.approve(asked).status_code == 409
    again = admin.json_of("POST", f"/api/agent-ops/{first}/retry", status=202)["runId"]
    assert admin.run(again)["retryOf"] == first
    assert admin.approve(admin.question(again)).status_code == 200
    assert admin.run_once(again)["status"] == "completed"
    ended = admin.post(f"/api/agent-ops/{again}/cancel")
    assert (ended.status_code, ended.json()["code"]) == (409, "illegal-move")


def test_a_running_command_is_killed_by_cancel(served: Served, admin: Caller, shop: Shop) -> None:
    admin.json_of(
        "POST", "/api/v1/runbooks", {"text": shop.text().replace("cat {{connection.state}}", "sleep 600")}, status=201
    )
    run_id = shop.execute(admin)

    until(lambda: "claimed" in {one["status"] for one in _steps(admin, run_id)}, "the command runs")
    admin.json_of("POST", f"/api/agent-ops/{run_id}/cancel", status=202)
    assert admin.run_once(run_id, within_s=10)["status"] == "cancelled"
    assert not shop.healthy.exists()


def _steps(caller: Caller, run_id: str) -> list[dict[str, Any]]:
    return caller.get_json(f"/api/v1/agent/{run_id}")["steps"]


def test_a_refusal_by_a_person_ends_the_run_with_their_words(admin: Caller, shop: Shop) -> None:
    run_id = shop.execute(admin)
    refused = admin.approve(admin.question(run_id), approve=False, notes="not on a Friday")
    assert refused.json()["status"] == "refused"
    run = admin.run_once(run_id)
    assert run["status"] == "failed"
    assert "not on a Friday" in run["error"]
    assert not shop.healthy.exists()
