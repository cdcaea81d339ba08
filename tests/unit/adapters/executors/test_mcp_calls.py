"""Calls of the tools of real MCP servers, started and over HTTP: once, as judged, and what is known afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local_shell import BACKENDS, eventually, open_folder
from mcp_bench import Bench, login, remote, started
from opsagent.adapters.executors.local import Backend
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Proof
from opsagent.errors import ExecutionError, InputError, SandboxUnavailable, TokenTaken, UnavailableError
from opsagent.ports.executor import Traced
from servers.loopback import free_port
from servers.mcp_http import TOKEN, HttpMcp, serve


@pytest.fixture(params=BACKENDS, ids=str)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with open_folder() as folder:
        yield Bench(folder, request.param)


@pytest.fixture
def boxed() -> Iterator[Bench]:
    with open_folder() as folder:
        yield Bench(folder)


@pytest.fixture
def cluster() -> Iterator[HttpMcp]:
    with open_folder() as folder, serve(folder) as made:
        yield made


def effects(folder: Path) -> list[str]:
    noted = folder / "effects"
    return noted.read_text().splitlines() if noted.exists() else []


async def test_a_started_server_answers_once_and_all_is_told(bench: Bench) -> None:
    order = await bench.order('restart_pod {"name": "web-1"}', started())
    outcome = await bench.server().run(order)
    assert (outcome.exit_code, outcome.known, outcome.changed) == (0, True, None), outcome
    assert '"restarted": "web-1"' in outcome.stdout
    assert outcome.backend == bench.backend
    assert 0 < outcome.started_at <= outcome.ended_at
    assert effects(bench.home(order)) == ["restart web-1"]
    with pytest.raises(TokenTaken):
        await bench.server().run(order)
    trace = await bench.server().trace(order)
    assert (trace.traced, trace.outcome) == (Traced.FINISHED, outcome)
    assert effects(bench.home(order)) == ["restart web-1"]


@pytest.mark.parametrize("json_response", [False, True], ids=["sse", "json"])
async def test_a_server_with_an_address_answers_once(bench: Bench, cluster: HttpMcp, json_response: bool) -> None:
    cluster.json_response = json_response
    order = await bench.order('restart_pod {"name": "web-1"}', remote(cluster.url))
    outcome = await bench.server().run(order)
    assert (outcome.exit_code, outcome.known) == (0, True), outcome
    assert effects(cluster.folder) == ["restart web-1"]
    assert set(cluster.seen) == {"POST"}, "nobody waits for a stream"
    with pytest.raises(TokenTaken):
        await bench.server().run(order)
    assert effects(cluster.folder) == ["restart web-1"]


async def test_a_credential_opens_the_address_and_is_in_no_output(boxed: Bench, cluster: HttpMcp) -> None:
    where = remote(cluster.url, credential="key")
    cluster.wants = f"Bearer {TOKEN}"
    order = await boxed.order(f'fails {{"why": "{TOKEN} is wrong"}}', where, login=login())
    outcome = await boxed.server().run(order)
    assert (outcome.exit_code, outcome.known) == (1, True)
    assert "[redacted] is wrong" in outcome.stdout
    assert TOKEN not in str(outcome)
    with pytest.raises(ExecutionError, match=r"not started.*401 Unauthorized"):
        await boxed.server().run(replace(order, login=None, token=f"{order.run_id}.again"))
    kept = [path.read_bytes() for path in boxed.folder.rglob("*") if path.is_file()]
    assert not [one for one in kept if TOKEN.encode() in one]


async def test_a_started_server_gets_its_credential_and_nothing_of_ours(
    boxed: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSAGENT_OWN_SECRET", "do-not-tell")
    where = started(credential_variable="CLUSTER_TOKEN", environment="REGION=eu-1 MODE='read only'")

    async def told(name: str) -> str:
        order = await boxed.order(f'tells {{"name": "{name}"}}', where, login=login())
        return (await boxed.server().run(order)).stdout

    assert await told("CLUSTER_TOKEN") == "[redacted]"
    assert await told("MODE") == "read only"
    assert await told("OPSAGENT_OWN_SECRET") == "nothing"
    assert await told("/etc/passwd") == "nothing"
    assert await told(str(boxed.folder / "state")) == "nothing"


async def test_without_a_box_a_credential_is_not_given_away() -> None:
    with open_folder() as folder:
        bench, where = Bench(folder, Backend.RLIMITS), started(credential_variable="CLUSTER_TOKEN")
        with pytest.raises(UnavailableError, match="PID namespace"):
            await bench.order('tells {"name": "x"}', where, login=login())
        order = await bench.order('tells {"name": "x"}', started())
        order = replace(order, connection=where, login=login(), command=replace(order.command, credential="key"))
        with pytest.raises(SandboxUnavailable, match="credential"):
            await bench.server().run(order)


async def test_an_error_of_the_tool_is_an_answer(boxed: Bench) -> None:
    outcome = await boxed.server().run(await boxed.order('fails {"why": "no such pod"}', started(), proof=Proof.READ))
    assert (outcome.exit_code, outcome.known, outcome.changed) == (1, True, False)
    assert "no such pod" in outcome.stdout
    assert "answered with an error" in outcome.stderr


async def test_a_tool_that_has_changed_since_it_was_judged_is_not_called(boxed: Bench, cluster: HttpMcp) -> None:
    order = await boxed.order('restart_pod {"name": "web-1"}', remote(cluster.url))
    (cluster.folder / "changed").write_text("Restarts a pod, and deletes its volume.")
    with pytest.raises(ExecutionError, match="declared otherwise"):
        await boxed.server().run(order)
    assert not effects(cluster.folder)
    assert (await boxed.server().trace(order)).traced is Traced.NEVER_STARTED
    again = await boxed.order('restart_pod {"name": "web-1"}', remote(cluster.url))
    assert again.command.files != order.command.files


async def test_what_was_traced_first_is_never_called(boxed: Bench, cluster: HttpMcp) -> None:
    order = await boxed.order('restart_pod {"name": "web-1"}', remote(cluster.url))
    assert (await boxed.server().trace(order)).traced is Traced.NEVER_STARTED
    with pytest.raises(TokenTaken):
        await boxed.server().run(order)
    assert not effects(cluster.folder)


@pytest.mark.parametrize("kind", ["started", "remote"])
async def test_a_call_without_an_answer_stays_unknown(boxed: Bench, cluster: HttpMcp, kind: str) -> None:
    where = started() if kind == "started" else remote(cluster.url)
    order = await boxed.order('silent_restart {"name": "web-1"}', where)
    order = replace(order, command=replace(order.command, timeout_s=6.0))
    outcome = await boxed.server().run(order)
    assert (outcome.exit_code, outcome.known) == (None, False), outcome
    assert "may have been carried out" in outcome.note
    trace = await boxed.server().trace(replace(order, patience_s=5.0))
    assert (trace.traced, trace.outcome) == (Traced.UNKNOWN, outcome)
    folder = boxed.home(order) if kind == "started" else cluster.folder
    assert effects(folder) == ["restart web-1"], "it is never called again by itself"


async def test_killed_in_the_middle_it_is_unknown_and_not_called_again(bench: Bench, cluster: HttpMcp) -> None:
    order = await bench.order('silent_restart {"name": "web-1"}', remote(cluster.url))
    task = asyncio.create_task(bench.server().run(order))
    await eventually(lambda: effects(cluster.folder))
    os.kill(bench.holder(order), signal.SIGKILL)
    outcome = await task
    assert (outcome.exit_code, outcome.known) == (None, False)
    assert (await bench.server().trace(order)).traced is Traced.UNKNOWN
    with pytest.raises(TokenTaken):
        await bench.server().run(order)
    assert effects(cluster.folder) == ["restart web-1"]


async def test_cancelling_ends_the_server_it_started(boxed: Bench) -> None:
    order = await boxed.order('silent_restart {"name": "web-1"}', started())
    task = asyncio.create_task(boxed.server().run(order))
    await eventually(lambda: effects(boxed.home(order)))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    trace = await boxed.server().trace(order)
    assert trace.traced is Traced.UNKNOWN
    assert trace.outcome is not None
    assert trace.outcome.cancelled
    assert not [one for one in _commands() if str(boxed.home(order)) in one]


def _commands() -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            found.append(process.read_bytes().decode(errors="replace"))
    return found


async def test_where_nobody_listens_or_starts_nothing_was_called(boxed: Bench, cluster: HttpMcp) -> None:
    order = await boxed.order('restart_pod {"name": "web-1"}', remote(cluster.url))
    for where, why in (
        (remote(f"http://127.0.0.1:{free_port()}/mcp"), "refused the connection"),
        (replace(remote(cluster.url), options={}), "private or loopback"),
        (remote(cluster.url.replace("/mcp", "/other")), "404"),
        (started(command="/usr/bin/no-such-server"), "cannot be started"),
        (started(command="/bin/true"), "server"),
    ):
        with pytest.raises(ExecutionError, match=f"not started.*{why}"):
            await boxed.server().run(replace(order, connection=where, token=f"{order.run_id}.{why[:4]}.1"))
        tested = await boxed.server().test(where, None)
        assert not tested.ok
        assert why in tested.text
    assert not effects(cluster.folder)


async def test_a_long_answer_is_cut(boxed: Bench, cluster: HttpMcp) -> None:
    order = await boxed.order('many {"count": 500}', remote(cluster.url), proof=Proof.READ)
    outcome = await boxed.server(output_cap_bytes=2000).run(order)
    assert (outcome.exit_code, outcome.truncated, len(outcome.stdout)) == (0, True, 2000)
    assert outcome.stdout.startswith('{"result": ["xxx')


async def test_testing_says_what_would_be_read(boxed: Bench, cluster: HttpMcp) -> None:
    tested = await boxed.server().test(remote(cluster.url, reads="count_pods tells"), None)
    assert tested.ok, tested
    assert tested.facts["reads"] == "count_pods tells"
    assert "restart_pod" in tested.facts["tools"].split()
    assert "count_pods (read-only)" in tested.facts["tools"]
    tested = await boxed.server().test(remote(cluster.url, reads="count_pods restart_pod gone"), None)
    assert not tested.ok
    assert "no tool gone" in tested.text
    assert "does not declare restart_pod read-only" in tested.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"options": {}}, "by its address or started by a command"),
        ({"options": {"command": "server", "allow_private": "true"}}, "allow_private is for a server that has"),
        ({"options": {"command": "'open"}}, "cannot be read"),
        ({"options": {"command": "server", "credential_variable": "X"}}, "one of the two is missing"),
        ({"options": {"command": "server", "environment": "LD_PRELOAD=/tmp/x.so"}}, "LD_PRELOAD"),
        ({"options": {"command": "server", "reads": "get_*"}}, "names no tool"),
        ({"options": {"command": "server", "verify": "no"}}, "Unknown option"),
        ({"address": "https://mcp.example.com/mcp", "options": {"command": "server"}}, "by one of them"),
        ({"address": "http://mcp.example.com/mcp", "options": {}, "credential": "key"}, "clear text"),
        ({"address": "https://mcp.example.com/mcp?key=1", "options": {}}, "no query"),
        ({"address": "https://mcp.example.com/mcp", "options": {"network": "true"}}, "network is for a server that is"),
    ],
)
def test_a_registration_that_cannot_work_is_refused(boxed: Bench, changes: dict[str, object], words: str) -> None:
    where = replace(Connection(id="x", tenant="acme", name="x", executor="mcp"), **changes)
    with pytest.raises(InputError, match=words):
        boxed.server().check(where)
