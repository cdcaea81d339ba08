"""Effects on a real HTTP API: at most once, whoever dies or freezes when, and what is known afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from http_bench import Bench, login, patient
from local_shell import BACKENDS, eventually, open_folder, state_of
from opsagent.adapters.executors.local import Backend
from opsagent.domain.credential import CredentialKind
from opsagent.errors import ExecutionError, SandboxUnavailable, TokenTaken
from opsagent.ports.executor import Order, Traced
from servers.api import TOKEN, api
from servers.certificates import certificate
from servers.loopback import free_port

OPEN = 'POST /orders/7/state\nContent-Type: application/json\n\n{"state": "open"}'


@pytest.fixture(params=BACKENDS, ids=str)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with open_folder() as folder, api() as made:
        yield Bench(folder, made, request.param)


@pytest.fixture
def boxed() -> Iterator[Bench]:
    with open_folder() as folder, api() as made:
        yield Bench(folder, made)


def everything_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


async def test_an_effect_happens_once_and_tells_all(bench: Bench) -> None:
    bench.api.wants = f"Bearer {TOKEN}"
    order = bench.effect(OPEN, login=login())
    outcome = await bench.server().run(order)
    assert (outcome.exit_code, outcome.status, outcome.known, outcome.changed) == (0, 200, True, None)
    assert '"done": true' in outcome.stdout
    assert outcome.backend == bench.backend
    assert 0 < outcome.started_at <= outcome.ended_at
    assert bench.api.orders == {"7": "open"}
    assert bench.api.asked[0].headers["content-type"] == "application/json"
    with pytest.raises(TokenTaken):
        await bench.server().run(order)
    trace = await bench.server().trace(order)
    assert (trace.traced, trace.outcome) == (Traced.FINISHED, outcome)
    assert bench.api.effects == ["POST /v1/orders/7/state"]
    assert "idempotency-key" not in bench.api.asked[0].headers


async def test_what_was_traced_first_is_never_sent(bench: Bench) -> None:
    order = bench.effect(OPEN)
    assert (await bench.server().trace(order)).traced is Traced.NEVER_STARTED
    with pytest.raises(TokenTaken):
        await bench.server().run(order)
    assert not bench.api.asked


async def test_a_refused_effect_is_an_answer(bench: Bench) -> None:
    outcome = await bench.server().run(bench.effect(OPEN.replace("/7/", "/8/")))
    assert (outcome.exit_code, outcome.status, outcome.known) == (1, 404, True)
    outcome = await bench.server().run(bench.effect("DELETE /trouble"))
    assert (outcome.exit_code, outcome.status) == (1, 503)
    assert "503" in outcome.stderr


async def test_where_nobody_listens_nothing_was_sent(bench: Bench) -> None:
    order = bench.effect(OPEN, address=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ExecutionError, match=r"not started.*refused the connection"):
        await bench.server().run(order)
    assert (await bench.server().trace(order)).traced is Traced.NEVER_STARTED


async def test_an_address_that_is_not_allowed_is_not_reached(bench: Bench) -> None:
    order = bench.effect(OPEN)
    order = replace(order, connection=replace(order.connection, options={}, credential=""))
    with pytest.raises(ExecutionError, match="private or loopback"):
        await bench.server().run(order)
    assert not bench.api.asked


@pytest.mark.parametrize("path", ["/away", "/moved", "/loop"])
async def test_an_effect_follows_no_redirect(boxed: Bench, path: str) -> None:
    outcome = await boxed.server().run(boxed.effect(f"POST {path}"))
    assert (outcome.exit_code, outcome.status is not None and 300 < outcome.status < 400) == (1, True)
    assert len(boxed.api.asked) == 1


async def test_a_huge_answer_is_cut_and_is_an_answer(boxed: Bench) -> None:
    outcome = await boxed.server(output_cap_bytes=2000).run(boxed.effect("POST /huge"))
    assert (outcome.exit_code, outcome.status, len(outcome.stdout), outcome.truncated) == (0, 200, 2000, True)
    outcome = await boxed.server().run(boxed.effect("POST /garbage"))
    assert (outcome.status, outcome.stdout, outcome.truncated) == (200, "hello", True)
    outcome = await boxed.server().run(boxed.effect("POST /binary"))
    assert "SHA-256" in outcome.stdout


@pytest.mark.parametrize("path", ["/hangs-up", "/nonsense"])
async def test_a_lost_answer_is_not_known_to_have_happened(bench: Bench, path: str) -> None:
    order = bench.effect(f"POST {path}")
    outcome = await bench.server().run(order)
    assert not outcome.known
    assert outcome.exit_code is None
    trace = await bench.server().trace(patient(order))
    assert trace.traced is Traced.UNKNOWN
    assert len(bench.api.asked) == 1


async def test_time_that_runs_out_leaves_it_unknown(bench: Bench) -> None:
    outcome = await bench.server().run(bench.effect("POST /held", timeout_s=0.5))
    assert not outcome.known
    assert bench.api.effects == ["POST /v1/held"]


async def test_under_an_idempotency_key_a_lost_answer_is_asked_for_again(bench: Bench) -> None:
    bench.api.drop = 1
    order = bench.effect(OPEN, idempotency_header="Idempotency-Key")
    outcome = await bench.server().run(order)
    assert (outcome.exit_code, outcome.known) == (0, True)
    assert "sent again under the same key" in outcome.note
    assert bench.api.effects == ["POST /v1/orders/7/state"]
    assert [asked.headers["idempotency-key"] for asked in bench.api.asked] == [order.token] * 2


async def test_a_key_that_brings_no_plain_yes_leaves_it_unknown(boxed: Bench) -> None:
    boxed.api.drop = 2
    order = boxed.effect(OPEN, idempotency_header="Idempotency-Key")
    assert not (await boxed.server().run(order)).known
    boxed.api.drop = 0
    old = boxed.token(order)
    os.utime(old, (1.0, 1.0), follow_symlinks=False)  # by now the API may have forgotten the key
    assert (await boxed.server().trace(patient(order))).traced is Traced.UNKNOWN
    assert len(boxed.api.asked) == 2
    os.utime(old, follow_symlinks=False)
    assert (await boxed.server().trace(order)).traced is Traced.UNKNOWN  # somebody stopped it
    trace = await boxed.server().trace(patient(order))
    assert trace.traced is Traced.FINISHED
    assert trace.outcome is not None
    assert trace.outcome.status == 200
    assert boxed.api.effects == ["POST /v1/orders/7/state"]


async def test_a_cancelled_effect_is_ended_and_not_sent_again(bench: Bench) -> None:
    order = bench.effect("POST /held", idempotency_header="Idempotency-Key")
    task = asyncio.create_task(bench.server().run(order))
    await eventually(lambda: bench.api.effects)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    trace = await bench.server().trace(patient(order))
    assert trace.traced is Traced.UNKNOWN
    assert len(bench.api.asked) == 1


async def test_detaching_leaves_it_to_its_sender(bench: Bench) -> None:
    server, order = bench.server(), bench.effect("POST /held")
    task = asyncio.create_task(server.run(order))
    await eventually(lambda: bench.api.effects)
    await server.detach(order.run_id)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bench.api.go.set()
    trace = await bench.server().trace(patient(order))
    assert trace.traced is Traced.FINISHED
    assert trace.outcome is not None
    assert trace.outcome.status == 200
    assert bench.api.effects == ["POST /v1/held"]


# where the launcher stops, and what is known then
WINDOWS = [
    ("before-token", Traced.NEVER_STARTED, 0),
    ("after-token", Traced.NEVER_STARTED, 0),
    ("after-fork", Traced.NEVER_STARTED, 0),
    ("after-marker", Traced.UNKNOWN, 0),
    ("after-spawn", Traced.UNKNOWN, 1),
]


@pytest.mark.parametrize(("place", "traced", "most"), WINDOWS)
async def test_the_launcher_is_killed(bench: Bench, place: str, traced: Traced, most: int) -> None:
    order, server = bench.effect(OPEN), bench.server(failpoints={place: "kill"})
    if traced is Traced.NEVER_STARTED:
        with pytest.raises(ExecutionError, match="not started"):
            await server.run(order)
    else:
        assert not (await server.run(order)).known
    assert (await bench.server().trace(order)).traced is traced
    with pytest.raises(TokenTaken):
        await bench.server().run(order)
    assert len(bench.api.effects) <= most


async def test_the_launcher_is_killed_before_it_writes_the_answer_down(bench: Bench) -> None:
    """What the sender had said is on disk already, so even then it is known."""
    order = bench.effect(OPEN)
    outcome = await bench.server(failpoints={"before-outcome": "kill"}).run(order)
    assert (outcome.known, outcome.status) == (True, 200)
    assert (await bench.server().trace(order)).traced is Traced.FINISHED
    assert bench.api.effects == ["POST /v1/orders/7/state"]


@pytest.mark.parametrize("place", [place for place, _, _ in WINDOWS[1:]])
async def test_a_frozen_launcher_that_thaws_adds_nothing(bench: Bench, place: str) -> None:
    order = bench.effect(OPEN)
    task = asyncio.create_task(bench.server(failpoints={place: "stop"}).run(order))
    await eventually(lambda: bench.holder(order) and state_of(bench.holder(order)) == "T")
    launcher = bench.holder(order)
    await bench.server().trace(order)
    assert state_of(launcher) in ("", "Z")
    with contextlib.suppress(ExecutionError):
        await task
    assert len(bench.api.effects) <= (place == "after-spawn")


WORKER = """
import asyncio, sys
from pathlib import Path
from http_bench import Bench, login
from opsagent.adapters.executors.local import Backend
from opsagent.domain.command import Command
from servers.api import Api
from dataclasses import replace
folder, port, backend, token, text = sys.argv[1:]
bench = Bench(Path(folder), Api(port=int(port)), Backend(backend))
order = replace(bench.effect(text, login=login()), run_id="run", token=token)
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(bench.server().run(order))
"""


def worker(bench: Bench, text: str) -> tuple[subprocess.Popen[str], Order]:
    """A worker in a process of its own that is about to run the order."""
    order = replace(bench.effect(text, login=login()), run_id="run", token=f"run.{os.getpid()}.1")
    argv = [sys.executable, "-c", WORKER, str(bench.folder), str(bench.api.port), bench.backend, order.token, text]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(argv, **pipes, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process, order


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


async def test_the_worker_is_killed_between_sending_and_answer(bench: Bench) -> None:
    process, order = worker(bench, "POST /held")
    with process:
        go(process)
        await eventually(lambda: bench.api.effects)
        process.kill()
        process.wait()
    bench.api.go.set()
    trace = await bench.server().trace(patient(order))
    assert trace.traced is Traced.FINISHED
    assert trace.outcome is not None
    assert (trace.outcome.status, trace.outcome.known) == (200, True)
    assert bench.api.effects == ["POST /v1/held"]
    assert len(bench.api.asked) == 1


async def test_a_worker_frozen_before_it_began_thaws_in_vain(bench: Bench) -> None:
    process, order = worker(bench, OPEN)
    with process:
        process.send_signal(signal.SIGSTOP)
        await eventually(lambda: state_of(process.pid) == "T")
        assert (await bench.server().trace(order)).traced is Traced.NEVER_STARTED
        again = bench.effect(OPEN)
        assert (await bench.server().run(again)).status == 200
        process.send_signal(signal.SIGCONT)
        go(process)
        assert "TokenTaken" in process.communicate(timeout=30)[1]
    assert bench.api.effects == ["POST /v1/orders/7/state"]


async def test_a_worker_frozen_while_it_waits_for_the_answer(bench: Bench) -> None:
    process, order = worker(bench, "POST /held")
    with process:
        go(process)
        await eventually(lambda: bench.api.effects)
        process.send_signal(signal.SIGSTOP)
        bench.api.go.set()
        trace = await bench.server().trace(patient(order))
        process.send_signal(signal.SIGCONT)
        process.wait(30)
    assert trace.traced is Traced.FINISHED
    assert bench.api.effects == ["POST /v1/held"]


async def test_the_credential_is_in_no_argument_no_environment_and_on_no_disk(bench: Bench) -> None:
    given = login(CredentialKind.PASSWORD, username="ada", password=TOKEN)
    secrets = [TOKEN.encode(), b"YWRhOnRvay01ZjJjOWEtc2VjcmV0"]
    order = bench.effect("POST /held", login=given)
    task = asyncio.create_task(bench.server().run(order))
    await eventually(lambda: bench.api.effects)
    seen = b""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            for name in ("cmdline", "environ"):
                with contextlib.suppress(OSError):
                    seen += (entry / name).read_bytes()
    seen += everything_below(bench.folder)
    bench.api.go.set()
    await task
    echoed = await bench.server().run(bench.effect("GET /echo", login=given))
    assert bench.api.asked[-1].headers["authorization"].encode() == b"Basic " + secrets[1]
    assert "[redacted]" in echoed.stdout
    seen += everything_below(bench.folder) + str(echoed).encode()
    assert not [secret for secret in secrets if secret in seen]


async def test_what_is_kept_of_an_answer_is_redacted_too(boxed: Bench) -> None:
    order = boxed.effect("GET /echo\nX-Note: of-others")
    outcome = await boxed.server(redactor=lambda text: text.replace("of-others", "[hidden]")).run(order)
    assert "[hidden]" in outcome.stdout
    assert b"of-others" not in everything_below(boxed.folder)
    assert (await boxed.server().trace(order)).outcome == outcome


async def test_a_weaker_backend_is_refused_where_the_strong_one_is_required(boxed: Bench) -> None:
    boxed.backend = Backend.BWRAP
    server = boxed.server()
    server._effects._ground = replace(
        await server._effects.probe(), no_host_view_because="a test", no_sandbox_because="a test"
    )
    with pytest.raises(SandboxUnavailable, match="a test"):
        await server.run(boxed.effect(OPEN))
    assert not boxed.api.asked


async def test_a_slow_api_holds_up_no_other(bench: Bench) -> None:
    server = bench.server()
    slow = asyncio.create_task(server.run(bench.effect("POST /held")))
    await eventually(lambda: bench.api.effects)
    assert (await server.run(bench.effect(OPEN))).status == 200
    assert not slow.done()
    bench.api.go.set()
    assert (await slow).status == 200


async def test_an_authority_of_ones_own_is_trusted_and_no_other(tmp_path: Path, bench: Bench) -> None:
    pem, tls = certificate(tmp_path, "localhost")
    with api(tls=tls) as secure:
        order = bench.effect(OPEN, address=secure.url, login=login())
        with pytest.raises(ExecutionError, match="not trusted"):
            await bench.server().run(order)
        assert not secure.asked
        again = bench.effect(OPEN, address=secure.url, login=login())
        outcome = await bench.server(ca_file=pem).run(again)
        assert (outcome.status, secure.effects) == (200, ["POST /v1/orders/7/state"])
        tested = await bench.server(ca_file=pem).test(again.connection, login())
        assert (tested.ok, tested.facts["tls"]) == (True, "verified")


async def test_it_is_not_sent_again_to_what_has_changed_since(boxed: Bench) -> None:
    boxed.api.drop = 2
    order = boxed.effect(OPEN, idempotency_header="Idempotency-Key")
    assert not (await boxed.server().run(order)).known
    boxed.api.drop = 0
    other = patient(replace(order, connection=replace(order.connection, version=2)))
    assert (await boxed.server().trace(other)).traced is Traced.UNKNOWN
    other = patient(replace(order, command=replace(order.command, credential_version=3)))
    assert (await boxed.server().trace(other)).traced is Traced.UNKNOWN
    assert len(boxed.api.asked) == 2
