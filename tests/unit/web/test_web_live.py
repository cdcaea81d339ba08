"""Server-sent events and the WebSocket over a real socket: resume, slow and leaving clients, revoked keys, shutdown."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from opsagent.domain.event import EventType, RunEvent
from opsagent.web.live import looks, streams_of_app
from opsagent.web.server import Server

SOON = 10.0  # seconds; only reached when something is wrong


@dataclass
class Site:
    web: object
    server: Server
    port: int
    serving: asyncio.Task

    def http(self, name="operator"):
        headers = {"X-API-Key": f"opsa_{name}-secret"}
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=SOON)

    def address(self, run):
        return f"ws://127.0.0.1:{self.port}/ws/approvals/{run.id}"

    async def stop(self):
        self.server.should_exit = True
        await asyncio.wait_for(self.serving, SOON)


@pytest.fixture
async def open_site(make_web):
    sites = []

    async def make(**config):
        web = await make_web(**{"tick_s": 30.0, **config})  # so that only hints, not the tick, can pass the tests
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        server = Server(web.app, host="127.0.0.1", port=0)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0)
        sites.append(Site(web, server, listening.getsockname()[1], serving))
        return sites[-1]

    yield make
    for site in sites:
        if not site.serving.done():
            await site.stop()


@pytest.fixture
async def site(open_site):
    return await open_site()


@asynccontextmanager
async def stream(site, run, *, name="operator", **headers):
    async with site.http(name) as client:
        wanted = {"Accept": "text/event-stream", **{key.replace("_", "-"): value for key, value in headers.items()}}
        async with client.stream("GET", f"/api/agent-ops/{run.id}/events", headers=wanted) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            yield events(answer)


async def events(answer):
    """(name, id, data) of each event; comments are left out."""
    found = {}
    async for line in answer.aiter_lines():
        if line:
            field, _, value = line.partition(": ")
            found[field] = value
        elif "data" in found:
            yield found.get("event", "message"), found.get("id"), json.loads(found["data"])
            found = {}


async def take(source, count):
    return [await asyncio.wait_for(anext(source), SOON) for _ in range(count)]


async def test_sse_sends_what_was_what_comes_and_the_end(site):
    run = await site.web.run()
    async with stream(site, run) as source:
        assert (await take(source, 1))[0][2]["content"].startswith("Accepted")
        await site.web.note(run, "thinking", "acting")
        assert [(number, data["content"]) for _, number, data in await take(source, 2)] == [
            ("2", "thinking"),
            ("3", "acting"),
        ]
        await site.web.end(run)
        (last,), (end,) = await take(source, 1), await take(source, 1)
        assert last[2]["content"] == "the end"
        assert (end[0], end[2]["status"]) == ("end", "completed")
        with pytest.raises(StopAsyncIteration):
            await anext(source)


async def test_sse_resumes_after_the_last_event(site):
    run = await site.web.run()
    await site.web.note(run, *(f"line {number}" for number in range(2, 1203)))
    await site.web.end(run)
    async with stream(site, run, Last_Event_ID="1") as source:
        got = [one async for one in source]
    assert [int(number) for name, number, _ in got if name == "message"] == list(range(2, 1204))
    assert got[-1][0] == "end"
    async with site.http() as client:
        wrong = await client.get(
            f"/api/agent-ops/{run.id}/events", headers={"Accept": "text/event-stream", "Last-Event-ID": "x"}
        )
    assert wrong.status_code == 422


async def test_sse_of_what_is_not_there_and_for_nobody(site):
    async with site.http() as client:
        accept = {"Accept": "text/event-stream"}
        assert (await client.get("/api/agent-ops/nowhere/events", headers=accept)).status_code == 404
        client.headers["X-API-Key"] = "opsa_wrong"
        assert (await client.get("/api/agent-ops/nowhere/events", headers=accept)).status_code == 401


async def test_sse_hides_output_from_those_who_may_not_look(site):
    run = await site.web.run()
    await site.web.note(run, "ran", output="hunter2")
    await site.web.end(run)
    for name, seen in (("viewer", None), ("operator", "hunter2")):
        async with stream(site, run, name=name) as source:
            outputs = [data.get("toolOutput") async for _, _, data in source if data.get("eventType") == "tool_result"]
        assert outputs == [seen]


async def test_sse_shows_what_a_model_writes_to_those_who_may_look(site):
    for name in ("viewer", "operator"):
        run = await site.web.run()
        async with stream(site, run, name=name) as source:
            await take(source, 1)
            words = RunEvent(
                run_id=run.id,
                tenant=run.tenant,
                type=EventType.EXECUTION,
                node="plan",
                content="so we look",
                metadata={"thinking": "openai:m"},
            )
            site.web.live.publish(words)
            if name == "operator":
                ((event, number, told),) = await take(source, 1)
                assert (event, number) == ("thinking", None)
                assert (told["node"], told["model"], told["text"]) == ("plan", "openai:m", "so we look")
            await site.web.end(run)
            assert [event async for event, _, _ in source] == ["message", "end"]


async def until(condition):
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_client_that_leaves_frees_its_place(site):
    run, streams = await site.web.run(), streams_of_app(site.web.app)
    async with stream(site, run) as source:
        await take(source, 1)
        assert streams._open == 1
    await until(lambda: streams._open == 0 and site.web.live.watching() == 0)


async def test_there_are_only_so_many_places(open_site):
    site = await open_site(max_streams=1)
    run = await site.web.run()
    async with stream(site, run) as source:
        await take(source, 1)
        async with site.http() as client:
            more = await client.get(f"/api/agent-ops/{run.id}/events", headers={"Accept": "text/event-stream"})
            assert (more.status_code, more.headers["retry-after"]) == (429, "5")
        with pytest.raises(InvalidStatus) as refused:
            await connect(site.address(run), additional_headers={"X-API-Key": "opsa_viewer-secret"})
        assert refused.value.response.status_code == 429


async def test_a_revoked_key_hears_nothing_more(open_site):
    site = await open_site(tick_s=0.05)
    run = await site.web.run()
    async with stream(site, run, name="viewer") as source, asyncio.timeout(SOON):
        await take(source, 1)
        async with site.http("admin") as admin:
            await admin.delete("/api/v1/keys/key-viewer")
        await site.web.note(run, "not for them")
        (refused,) = [one async for one in source]
    assert (refused[0], refused[2]["code"]) == ("error", "unauthenticated")


async def test_shutdown_ends_every_stream_promptly(site):
    run, loop = await site.web.run(), asyncio.get_running_loop()
    async with stream(site, run) as source:
        await take(source, 1)
        async with connect(site.address(run), additional_headers={"X-API-Key": "opsa_viewer-secret"}) as talk:
            await asyncio.wait_for(talk.recv(), SOON)
            began = loop.time()
            await site.stop()
            assert loop.time() - began < 5
            with pytest.raises(ConnectionClosed) as closed:
                await talk.recv()
            assert closed.value.rcvd.code in {1001, 1012}
        with pytest.raises(StopAsyncIteration):
            await take(source, 1)


async def heard(talk):
    return json.loads(await asyncio.wait_for(talk.recv(), SOON))


async def test_the_socket_sends_a_snapshot_then_changes_then_the_end(site):
    run = await site.web.run("the shop is slow")
    async with connect(site.address(run), additional_headers={"Authorization": "Bearer opsa_operator-secret"}) as talk:
        snapshot = await heard(talk)
        assert (snapshot["type"], snapshot["session"]["status"]) == ("snapshot", "queued")
        await site.web.ask(run)
        change = await heard(talk)
        assert (change["type"], change["session"]["status"]) == ("change", "awaiting_approval")
        assert change["session"]["steps"][0]["approval"]["command"] == "systemctl restart shop"
        await site.web.note(run, "a person is asked")
        event = await heard(talk)
        assert (event["type"], event["event"]["content"]) == ("event", "a person is asked")
        async with site.http("approver") as client:
            await client.post(f"/api/v1/agent/{run.id}/approve-step?step_number=1", json={"approve": True})
        assert (await heard(talk))["session"]["steps"][0]["approval"]["status"] == "granted"
        await site.web.end(run)
        rest = [json.loads(message) async for message in talk]  # ends without an error on a normal close
        assert [one["type"] for one in rest] == ["event", "change", "end"]
        assert rest[-1] == {"type": "end", "status": "completed"}
        assert talk.close_code == 1000


@pytest.mark.parametrize("way", ["message", "subprotocol", "header"])
async def test_the_socket_takes_a_key_in_three_ways(site, way):
    run = await site.web.run()
    key = "opsa_viewer-secret"
    protocols = [websockets.Subprotocol("opsagent")] + ([websockets.Subprotocol(key)] if way == "subprotocol" else [])
    headers = {"X-API-Key": key} if way == "header" else {}
    async with connect(site.address(run), subprotocols=protocols, additional_headers=headers) as talk:
        assert talk.subprotocol == "opsagent"
        if way == "message":
            await talk.send(json.dumps({"key": key}))
        assert (await heard(talk))["type"] == "snapshot"


@pytest.mark.parametrize(
    "message",
    [
        '{"key": "opsa_wrong"}',
        '{"key": 5}',
        "{}",
        "[]",
        "nonsense",
        "[" * 2000,
        b"\x00\xff",
        '{"key": "opsa_intake-secret"}',
    ],
)
async def test_the_socket_closes_on_a_wrong_first_message(site, message):
    run = await site.web.run()
    async with connect(site.address(run)) as talk:
        await talk.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            await talk.recv()
    assert closed.value.rcvd.code == (4403 if "intake" in str(message) else 4401)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-API-Key": "opsa_wrong"}, 401),
        ({"X-API-Key": "opsa_intake-secret"}, 403),
        ({"X-API-Key": "opsa_viewer-secret", "Origin": "https://evil.example"}, 403),
        ({"X-API-Key": "opsa_viewer-secret", "Origin": "null"}, 403),
    ],
)
async def test_the_socket_is_refused_before_it_opens(site, headers, status):
    run = await site.web.run()
    with pytest.raises(InvalidStatus) as refused:
        await connect(site.address(run), additional_headers=headers)
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body)["fix"]


async def test_the_socket_opens_for_our_own_page(site):
    run = await site.web.run()
    headers = {"X-API-Key": "opsa_viewer-secret"}
    async with connect(site.address(run), origin=f"http://127.0.0.1:{site.port}", additional_headers=headers) as talk:
        assert (await heard(talk))["type"] == "snapshot"


async def test_the_socket_of_a_run_that_is_not_there(site):
    run = await site.web.run()
    address = site.address(run).replace(run.id, "nowhere")
    async with connect(address, additional_headers={"X-API-Key": "opsa_viewer-secret"}) as talk:
        with pytest.raises(ConnectionClosed) as closed:
            await talk.recv()
    assert closed.value.rcvd.code == 4404


async def test_a_slow_watcher_gets_the_newest_and_holds_nobody_up(site):
    run = await site.web.run()
    async with connect(site.address(run), additional_headers={"X-API-Key": "opsa_viewer-secret"}, max_queue=1) as talk:
        assert (await heard(talk))["type"] == "snapshot"
        for number in range(300):
            await site.web.note(run, f"line {number} " + "x" * 5000)
        await site.web.end(run)
        messages = [json.loads(message) async for message in talk]
        contents = [one["event"]["content"].split()[1] for one in messages if one["type"] == "event"]
        assert contents[:300] == [str(number) for number in range(300)]


async def test_a_large_body_is_refused_over_a_real_socket(site):
    async with site.http("intake") as client:
        body = b'{"taskDescription": "' + b"x" * (10 * 1024 * 1024) + b'"}'
        answer = await client.post("/api/v1/trigger/api", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
        assert (await client.get("/healthz")).status_code == 200


async def test_a_tenants_stream_says_look_when_something_was_written_and_not_because_time_passes(make_web):
    web = await make_web(tick_s=0.01)
    streams = streams_of_app(web.app)
    deps = replace(web.deps, hears_every_write=True)
    async with aclosing(looks(deps, streams, "default")) as hints:
        assert await anext(hints)
        assert [await anext(hints) for _ in range(3)] == [False] * 3
        web.live.anything()
        heard = [await asyncio.wait_for(anext(hints), SOON) for _ in range(2)]
        assert any(heard)
        assert not await anext(hints)


async def test_where_others_write_too_a_tenants_stream_says_look_each_time(make_web):
    web = await make_web(tick_s=0.01)
    async with aclosing(looks(web.deps, streams_of_app(web.app), "default")) as hints:
        assert [await anext(hints) for _ in range(3)] == [True] * 3
