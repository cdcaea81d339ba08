"""Schedules, silences and maintenance windows over HTTP."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

DAILY = {"taskDescription": "look at the disks", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}
HUSH = {"matchers": ["service=shop"], "endsAt": "2999-01-01T00:00:00Z", "comment": "moving house"}
ALERT = {"title": "The shop is down", "name": "ShopDown", "labels": {"service": "shop"}}


async def test_a_schedule_is_made_changed_paused_and_removed(web: Any) -> None:
    client = web.client("operator")
    made = await client.put("/api/v1/schedules/nightly", json=DAILY)
    assert made.status_code == 200, made.text
    body = made.json()
    assert (body["version"], body["overlap"], body["missed"], body["enabled"]) == (1, "skip", "run_once", True)
    assert body["nextAt"][11:16] in {"00:30", "01:30"}
    assert body["madeBy"].startswith("service:operator/")
    firings = (await client.get("/api/v1/schedules/nightly/next", params={"count": 3})).json()
    assert firings["next"][0] == body["nextAt"] and len(firings["local"]) == 3
    assert {one[11:16] for one in firings["local"]} == {"02:30"}
    changed = (await client.put("/api/v1/schedules/nightly", json=DAILY | {"overlap": "queue"})).json()
    assert (changed["version"], changed["scheduleId"], changed["overlap"]) == (2, body["scheduleId"], "queue")
    paused = (await client.post("/api/v1/schedules/nightly/pause")).json()
    assert (paused["enabled"], paused["nextAt"]) == (False, None)
    again = (await client.post("/api/v1/schedules/nightly/pause")).json()
    assert again["version"] == paused["version"], "nothing changes the second time"
    assert (await client.post("/api/v1/schedules/nightly/resume")).json()["nextAt"] == body["nextAt"]
    assert [one["name"] for one in (await client.get("/api/v1/schedules")).json()["schedules"]] == ["nightly"]
    assert (await client.delete("/api/v1/schedules/nightly")).status_code == 204
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/next"), ("POST", "/run"), ("POST", "/pause")):
        assert (await client.request(method, f"/api/v1/schedules/nightly{path}")).status_code == 404


async def test_it_runs_now_once_per_key_and_says_who_asked(web: Any) -> None:
    client = web.client("operator")
    await client.put("/api/v1/schedules/nightly", json=DAILY)
    key = {"Idempotency-Key": "now-1"}
    first, second = [await client.post("/api/v1/schedules/nightly/run", headers=key) for _ in range(2)]
    assert (first.status_code, first.json()["runId"]) == (202, second.json()["runId"])
    run = (await client.get(f"/api/agent-ops/{first.json()['runId']}")).json()
    assert (run["source"], run["taskDescription"]) == ("schedule", "look at the disks")
    assert run["requestedBy"].startswith("service:operator/")
    assert run["trigger"]["schedule"] == "nightly"


@pytest.mark.parametrize(
    "wrong",
    [
        {"cron": "61 * * * *"},
        {"cron": "", "everySeconds": 5},
        {"cron": ""},
        {"everySeconds": 600},
        {"timezone": "Europe"},
        {"timezone": "Nowhere/Land"},
        {"startsAt": "2027-01-01T00:00:00"},
        {"startsAt": "0001-01-01T00:00:00+14:00"},
        {"endsAt": "9999-12-31T23:59:59-14:00"},
        {"startsAt": "2027-01-02T00:00:00Z", "endsAt": "2027-01-01T00:00:00Z"},
        {"taskDescription": "   "},
        {"taskDescription": "x" * 10_001},
        {"overlap": "replace"},
        {"runbookId": "nowhere"},
        {"connection": "nowhere"},
        {"mode": "end"},
    ],
)
async def test_what_cannot_be_scheduled_is_refused(web: Any, wrong: dict[str, object]) -> None:
    answer = await web.client("operator").put("/api/v1/schedules/x", json=DAILY | wrong)
    assert answer.status_code in {404, 422}, answer.text
    assert answer.json()["fix"]
    assert not (await web.client().get("/api/v1/schedules")).json()["schedules"]


async def test_intake_that_is_off_starts_no_schedule(make_web: Any) -> None:
    web = await make_web(enabled=False)
    client = web.client()
    assert (await client.put("/api/v1/schedules/nightly", json=DAILY)).status_code == 200
    assert (await client.post("/api/v1/schedules/nightly/run")).status_code == 503


async def test_a_silenced_ticket_is_kept_and_its_run_starts_once_it_is_heard_again(web: Any) -> None:
    client = web.client()
    silence = await client.post("/api/v1/silences", json=HUSH)
    assert silence.status_code == 201, silence.text
    assert silence.json()["matchers"] == ['service="shop"']
    made = [(await client.post("/api/v1/tickets/demo/ticket", json=ALERT)).json() for _ in range(2)]
    ticket = made[0]
    assert ticket["ticketId"] == made[1]["ticketId"]
    assert ticket["silenced"].startswith("silenced by person:admin/") and "moving house" in ticket["silenced"]
    assert (ticket["reason"], ticket["status"], ticket["runId"]) == (ticket["silenced"], "open", "")
    other = (await client.post("/api/v1/tickets/demo/ticket", json=ALERT | {"labels": {"service": "till"}})).json()
    assert other["runId"] and not other["silenced"]
    assert (await client.delete(f"/api/v1/silences/{silence.json()['silenceId']}")).status_code == 204
    assert (await client.get("/api/v1/silences")).json() == {"silences": []}
    heard = (await client.post("/api/v1/tickets/demo/ticket", json=ALERT)).json()
    assert (heard["ticketId"], heard["signals"]) == (ticket["ticketId"], 3)
    assert heard["runId"] and not heard["silenced"] and not heard["reason"]
    assert (await client.get(f"/api/agent-ops/{heard['runId']}")).json()["ticketId"] == ticket["ticketId"]


async def test_a_delivery_of_a_source_says_that_no_run_was_started(web: Any) -> None:
    client = web.client()
    await client.post("/api/v1/silences", json=HUSH | {"matchers": ['alertname=~"Shop.*"', "source=alertmanager"]})
    alert = {
        "status": "firing",
        "labels": {"alertname": "ShopDown"},
        "annotations": {},
        "startsAt": "2027-01-01T00:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": "a" * 16,
    }
    body = {"version": "4", "groupKey": "g", "status": "firing", "receiver": "r", "alerts": [alert]}
    body |= {"groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "", "truncatedAlerts": 0}
    answer = await client.post("/api/v1/tickets/webhook/alertmanager", json=body)
    (one,) = answer.json()["tickets"]
    assert one["ticketId"] and one["runId"] is None and one["created"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"matchers": []},
        {"matchers": ["service"]},
        {"matchers": ["service!=shop"]},
        {"matchers": ["service=~(a+)+$"]},
        {"matchers": ["service=shop"] * 21},
        {"endsAt": "2001-01-01T00:00:00Z", "startsAt": "2001-01-01T00:00:00Z"},
        {"endsAt": "0001-01-01T00:00:00+14:00"},
        {"durationSeconds": 60},
        {"endsAt": None},
        {"endsAt": None, "durationSeconds": 0},
        {"comment": ""},
        {"comment": "  "},
    ],
)
async def test_what_is_no_silence_is_refused(web: Any, wrong: dict[str, object]) -> None:
    answer = await web.client("operator").post("/api/v1/silences", json=HUSH | wrong)
    assert answer.status_code == 422, answer.text


async def test_a_window_that_is_open_silences(web: Any) -> None:
    client = web.client("operator")
    window = {"cron": "* * * * *", "durationSeconds": 3600, "matchers": ["service=shop"], "comment": "patching"}
    made = await client.put("/api/v1/maintenance/patch", json=window)
    assert made.status_code == 200, made.text
    assert made.json()["openUntil"] and made.json()["opensAt"]
    ticket = (await web.client().post("/api/v1/tickets/demo/ticket", json=ALERT)).json()
    assert "maintenance window patch: patching" in ticket["silenced"] and not ticket["runId"]
    shut = await client.put("/api/v1/maintenance/patch", json=window | {"enabled": False})
    assert (shut.json()["openUntil"], shut.json()["opensAt"], shut.json()["version"]) == (None, None, 2)
    assert (await web.client().post("/api/v1/tickets/demo/ticket", json=ALERT)).json()["runId"]
    assert (await client.delete("/api/v1/maintenance/patch")).status_code == 204
    assert (await client.get("/api/v1/maintenance")).json() == {"windows": []}
    assert (await client.delete("/api/v1/maintenance/patch")).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"matchers": []},
        {"durationSeconds": 59},
        {"cron": "* * * * *", "durationSeconds": 6 * 86400},
        {"connections": ["db-1"]},
        {"matchers": ["service=~.*"]},
    ],
)
async def test_what_is_no_window_is_refused(web: Any, wrong: dict[str, object]) -> None:
    window = {"cron": "0 3 * * SUN", "durationSeconds": 3600, "matchers": ["service=shop"]}
    assert (await web.client().put("/api/v1/maintenance/x", json=window)).status_code == 200
    assert (await web.client().put("/api/v1/maintenance/x", json=window | wrong)).status_code == 422


async def test_a_storm_of_silenced_signals_is_one_ticket(web: Any) -> None:
    client = web.client()
    await client.post("/api/v1/silences", json=HUSH)
    answers = await asyncio.gather(*[client.post("/api/v1/tickets/demo/ticket", json=ALERT) for _ in range(50)])
    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["ticketId"] for one in answers}) == 1
    assert not (await client.get("/api/agent-ops")).json()["runs"]


@pytest.mark.parametrize(
    "wrong", [{"startsAt": "0001-01-01T00:00:00+14:00"}, {"endsAt": "9999-12-31T23:59:59-14:00"}, {"endsAt": "x"}]
)
async def test_a_freeze_at_no_possible_time_is_refused_and_breaks_no_list(web: Any, wrong: dict[str, str]) -> None:
    client = web.client("operator")
    freeze = {"endsAt": "2999-01-01T00:00:00Z", "reason": "sale"}
    assert (await client.post("/api/v1/freezes", json=freeze)).status_code == 201
    assert (await client.post("/api/v1/freezes", json=freeze | wrong)).status_code == 422
    assert len((await client.get("/api/v1/freezes")).json()["freezes"]) == 1


@pytest.mark.parametrize(
    ("path", "more"), [("silences", {"matchers": ["service=shop"], "comment": "x"}), ("freezes", {"reason": "x"})]
)
async def test_it_may_be_said_how_long_instead_of_until_when(web: Any, path: str, more: dict[str, object]) -> None:
    client = web.client("operator")
    made = await client.post(f"/api/v1/{path}", json=more | {"durationSeconds": 7200})
    assert made.status_code == 201, made.text
    starts, ends = (datetime.fromisoformat(made.json()[name]) for name in ("startsAt", "endsAt"))
    assert (ends - starts).total_seconds() == 7200
    later = more | {"startsAt": "2027-01-01T00:00:00Z", "durationSeconds": 60}
    assert (await client.post(f"/api/v1/{path}", json=later)).json()["endsAt"].startswith("2027-01-01T00:01:00")
