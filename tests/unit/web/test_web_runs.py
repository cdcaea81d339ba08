"""The list of runs, their timelines as JSON, cancel and retry, and who may see output."""

from __future__ import annotations

import pytest

from opsagent.domain.outcome import Outcome
from opsagent.domain.run import RETENTION_S, RunStatus


async def test_lists_page_by_cursor_and_by_last_key(web):
    made = [(await web.run(f"task {number}")).id for number in range(5)]
    client, seen, cursor = web.client("viewer"), [], None
    for name in ("cursor", "lastKey", "last_key"):
        page = (await client.get("/api/agent-ops", params={"limit": 2, **({name: cursor} if cursor else {})})).json()
        assert page["nextCursor"] == page["lastKey"]
        seen += [run["runId"] for run in page["runs"]]
        cursor = page["nextCursor"]
    assert seen == made[::-1]
    assert cursor is None


@pytest.mark.parametrize("status", list(RunStatus))
async def test_each_of_the_six_statuses_filters(web, status):
    await web.run("stays queued")
    done = await web.run("is done")
    await web.end(done)
    page = (await web.client().get("/api/agent-ops", params={"status": status.value})).json()
    expected = {RunStatus.QUEUED: 1, RunStatus.COMPLETED: 1}.get(status, 0)
    assert len(page["runs"]) == expected
    assert all(run["status"] == status.value for run in page["runs"])


async def test_the_source_filters(web):
    await web.run()
    for source, count in (("api", 1), ("slack", 0)):
        assert len((await web.client().get("/api/agent-ops", params={"source": source})).json()["runs"]) == count


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=abc", "limit"),
        ("limit=" + "9" * 6000, "limit"),
        ("status=nearly", "status"),
        ("source=carrier-pigeon", "source"),
        ("stauts=failed", "stauts"),
        ("cursor=" + "x" * 1001, "cursor"),
    ],
)
async def test_a_wrong_filter_is_named(web, query, parameter):
    answer = await web.client().get(f"/api/agent-ops?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, parameter)


@pytest.mark.parametrize("query", ["cursor=nonsense", "cursor=%ff%fe", "cursor=%00", "status=%00"])
async def test_a_foreign_cursor_is_bad_input(web, query):
    answer = await web.client().get(f"/api/agent-ops?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-input")


async def test_an_ended_run_has_its_end(web):
    run = await web.run()
    await web.end(run)
    shown = (await web.client().get(f"/api/agent-ops/{run.id}")).json()
    assert shown["status"] == "completed"
    assert shown["result"] == {
        "summary": "all is well",
        "toolsUsed": ["shell"],
        "iterations": 1,
        "recommendations": [],
    }
    assert shown["completedAt"].endswith("Z")
    assert shown["durationMs"] >= 0
    assert shown["ttl"] - RETENTION_S == pytest.approx(run.created_at, abs=5)


async def test_words_filter(web):
    disk, rest = await web.run("the disk is full"), await web.run("restart it")
    for text, expected in (("FULL dis", [disk.id]), ("e", [rest.id, disk.id]), ("nowhere", [])):
        page = (await web.client("viewer").get("/api/agent-ops", params={"text": text})).json()
        assert [run["runId"] for run in page["runs"]] == expected


async def test_a_run_that_is_not_there(web):
    for path in ("x", "00000000-0000-4000-8000-000000000000", "%F0%9F%98%80", "' or 1=1 --"):
        answer = await web.client().get(f"/api/agent-ops/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert (await web.client().get("/api/agent-ops/%00")).status_code == 422


async def test_the_timeline_pages(web):
    run = await web.run()
    await web.note(run, "one", "two", "three")
    client = web.client("viewer")
    first = (await client.get(f"/api/agent-ops/{run.id}/events", params={"limit": 2})).json()
    assert [event["sequence"] for event in first["events"]] == [1, 2]
    assert first["lastEvent"] == 4
    rest = (await client.get(f"/api/agent-ops/{run.id}/events", params={"after": first["nextAfter"]})).json()
    assert [event["content"] for event in rest["events"]] == ["two", "three"]
    assert rest["nextAfter"] is None
    assert rest["events"][0].keys() >= {
        "runId", "eventType", "node", "content", "toolName", "toolArgs", "toolOutput", "metadata", "createdAt", "ttl",
    }  # fmt: skip


async def test_output_is_for_those_who_may_look(web):
    run = await web.run()
    await web.note(run, "ran", output="password=hunter2")
    await web.end(run, outcome=Outcome(exit_code=0, stdout="out\n", stderr="err\n", started_at=1.0, ended_at=2.5))
    for name, seen in (("viewer", False), ("operator", True)):
        client = web.client(name)
        events = await client.get(f"/api/agent-ops/{run.id}/events")
        session = (await client.get(f"/api/v1/agent/{run.id}")).json()
        assert ("hunter2" in events.text) is seen
        assert session["steps"][0]["outcome"]["stdout"] == ("out\n" if seen else None)
        assert session["steps"][0]["outcome"]["durationMs"] == 1500
        output = await client.get(f"/api/agent-ops/{run.id}/steps/1/output")
        assert output.status_code == (200 if seen else 403)
    assert output.text == "out\nerr\n"
    assert output.headers["content-type"].startswith("text/plain")
    assert (await web.client().get(f"/api/agent-ops/{run.id}/steps/7/output")).status_code == 404


async def test_cancel_and_retry(web):
    client, run = web.client("operator"), await web.run("mend it")
    early = await client.post(f"/api/agent-ops/{run.id}/retry")
    assert (early.status_code, early.json()["code"]) == (409, "illegal-move")
    assert (await client.post(f"/api/agent-ops/{run.id}/cancel")).status_code == 202
    assert await web.agent.stores.control.cancel_requested("default", run.id)
    await web.end(run, RunStatus.CANCELLED)
    late = await client.post(f"/api/agent-ops/{run.id}/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "illegal-move")
    again = await client.post(f"/api/agent-ops/{run.id}/retry")
    assert again.status_code == 202
    shown = (await client.get(again.headers["location"])).json()
    assert (shown["retryOf"], shown["taskDescription"], shown["status"]) == (run.id, "mend it", "queued")


async def test_addresses_in_a_trigger_show_only_their_host(web):
    run = await web.run(details={"responseUrl": "https://hooks.slack.example/commands/T1/secret", "userId": "U1"})
    shown = (await web.client().get(f"/api/agent-ops/{run.id}")).json()
    assert shown["trigger"] == {"responseUrl": "hooks.slack.example", "userId": "U1"}
