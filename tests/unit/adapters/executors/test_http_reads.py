"""Reads of a real HTTP API: what comes back, what is not followed, what is not reached, and what is told of trouble."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from http_bench import Bench, login
from local_shell import eventually, open_folder
from opsagent.adapters.executors.http.parcels import pack
from opsagent.domain.credential import CredentialKind
from opsagent.domain.manifest import Proof
from opsagent.errors import ExecutionError, InputError
from opsagent.ports.executor import Traced
from servers.api import TOKEN, api
from servers.loopback import free_port


@pytest.fixture
def bench() -> Iterator[Bench]:
    with open_folder() as folder, api() as made:
        yield Bench(folder, made)


async def test_an_answer_tells_all(bench: Bench) -> None:
    outcome = await bench.server().run(bench.order("GET /orders/7?x=1\nAccept: application/json"))
    assert (outcome.exit_code, outcome.status) == (0, 200)
    assert json.loads(outcome.stdout)["state"] == "locked"
    assert outcome.changed is False
    assert outcome.known
    assert "200 OK" in outcome.note
    assert "application/json" in outcome.note
    assert outcome.backend == "http"
    (asked,) = bench.api.asked
    assert (asked.method, asked.path, asked.headers["accept"]) == ("GET", "/v1/orders/7?x=1", "application/json")
    assert asked.headers["host"] == f"127.0.0.1:{bench.api.port}"
    assert "authorization" not in asked.headers


async def test_a_head_has_no_body(bench: Bench) -> None:
    outcome = await bench.server().run(bench.order("HEAD /orders/7"))
    assert (outcome.exit_code, outcome.status, outcome.stdout) == (0, 200, "")


@pytest.mark.parametrize(
    ("given", "header", "value"),
    [
        ({"token": TOKEN}, "authorization", f"Bearer {TOKEN}"),
        ({"token": TOKEN, "header": "X-Api-Key"}, "x-api-key", TOKEN),
        ({"username": "ada", "password": TOKEN}, "authorization", "Basic YWRhOnRvay01ZjJjOWEtc2VjcmV0"),
    ],
)
async def test_the_credential_goes_to_the_registered_host_and_into_no_output(
    bench: Bench, given: dict[str, str], header: str, value: str
) -> None:
    kind = CredentialKind.PASSWORD if "password" in given else CredentialKind.TOKEN
    order = bench.order("GET /echo", login=login(kind, **given))
    outcome = await bench.server().run(order)
    assert bench.api.asked[0].headers[header] == value
    assert "[redacted]" in outcome.stdout
    assert TOKEN not in str(outcome)
    assert value.removeprefix("Basic ") not in str(outcome)


async def test_another_host_gets_no_credential_and_no_private_address(bench: Bench) -> None:
    with api() as other:
        order = bench.effect(f"GET {other.url}/orders/7", login=login())
        with pytest.raises(ExecutionError, match="private or loopback"):
            await bench.server().run(order)
        assert not other.asked


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://127.0.0.1:1/", "private or loopback"),
        ("http://[::1]:1/", "private or loopback"),
        ("http://10.1.2.3/", "private or loopback"),
        ("http://169.254.169.254/", "metadata"),
        ("http://[fe80::1]/", "metadata"),
        ("http://0.0.0.0/", "unspecified"),
    ],
)
async def test_addresses_that_are_not_allowed_are_not_reached(bench: Bench, address: str, why: str) -> None:
    order = replace(bench.order("GET /"), connection=replace(bench.connection(address), options={}, credential=""))
    with pytest.raises(ExecutionError, match=why) as caught:
        await bench.server().run(order)
    assert "allow_private=true" in caught.value.fix


async def test_metadata_needs_a_permission_of_its_own(bench: Bench) -> None:
    """Nothing is asked there: what is looked at is what the client is told."""
    order = bench.order("GET /", address="http://169.254.0.1:9/")
    with pytest.raises(ExecutionError, match="metadata"):
        await bench.server().run(order)
    config = bench.server()._config
    assert not pack(order, config, effect=False).parcel.allow_link_local
    order = bench.order("GET /", address="http://169.254.0.1:9/", allow_link_local="true")
    assert pack(order, config, effect=False).parcel.allow_link_local
    other = replace(order, command=replace(order.command, text="GET http://169.254.169.254/latest"))
    assert not pack(other, config, effect=False).parcel.allow_link_local


async def test_a_redirect_is_followed_within_the_api(bench: Bench) -> None:
    outcome = await bench.server().run(bench.order("GET /moved", login=login()))
    assert (outcome.exit_code, outcome.status) == (0, 200)
    assert [asked.path for asked in bench.api.asked] == ["/v1/moved", "/v1/orders/7"]
    assert bench.api.asked[1].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("path", ["/away", "/out", "/acts"])
async def test_a_redirect_is_not_followed_elsewhere(bench: Bench, path: str) -> None:
    outcome = await bench.server().run(bench.order(f"GET {path}", effects="/jobs/*"))
    assert (outcome.exit_code, outcome.status) == (1, 302)
    assert "was not followed" in outcome.stderr
    assert len(bench.api.asked) == 1


async def test_redirects_come_to_an_end(bench: Bench) -> None:
    outcome = await bench.server().run(bench.order("GET /loop"))
    assert (outcome.exit_code, outcome.status) == (1, 302)
    assert len(bench.api.asked) == 4


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [("/orders/8", 404, ""), ("/trouble", 503, "503"), ("/nonsense", None, "broke off"), ("/hangs-up", None, "broke")],
)
async def test_trouble_is_told_and_is_not_taken_for_a_no(bench: Bench, path: str, status: int, words: str) -> None:
    """A probe takes exit code 1 in silence for "it did not happen": only an API that says so is silent."""
    outcome = await bench.server().run(bench.order(f"GET {path}"))
    assert (outcome.exit_code, outcome.status) == (1, status)
    assert words in outcome.stderr
    assert bool(outcome.stderr.strip()) == bool(words)
    assert outcome.changed is False


async def test_nobody_listens(bench: Bench) -> None:
    outcome = await bench.server().run(bench.order("GET /", address=f"http://127.0.0.1:{free_port()}"))
    assert outcome.exit_code == 1
    assert "refused the connection" in outcome.stderr


async def test_an_answer_is_capped(bench: Bench) -> None:
    outcome = await bench.server(output_cap_bytes=1000).run(bench.order("GET /huge"))
    assert (outcome.exit_code, outcome.status, len(outcome.stdout), outcome.truncated) == (0, 200, 1000, True)


async def test_an_answer_that_breaks_off_is_told_as_far_as_it_came(bench: Bench) -> None:
    outcome = await bench.server().run(bench.order("GET /garbage"))
    assert (outcome.status, outcome.stdout, outcome.truncated) == (200, "hello", True)


async def test_what_is_no_text_is_shown_by_its_hash(bench: Bench) -> None:
    outcome = await bench.server().run(bench.order("GET /binary"))
    assert outcome.stdout.startswith("[4 bytes that are no text, SHA-256 ")


async def test_time_runs_out(bench: Bench) -> None:
    outcome = await bench.server().run(bench.order("GET /held", timeout_s=0.3))
    assert outcome.exit_code == 1
    assert "did not answer completely within 0.3 s" in outcome.stderr or "stopped answering" in outcome.stderr


async def test_a_cancelled_read_lets_go(bench: Bench) -> None:
    task = asyncio.create_task(bench.server().run(bench.order("GET /held")))
    await eventually(lambda: bench.api.asked)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_read_can_always_be_run_again(bench: Bench) -> None:
    server, order = bench.server(), bench.order("GET /orders/7")
    assert (await server.run(order)).status == (await server.run(order)).status == 200
    assert (await server.trace(order)).traced is Traced.UNKNOWN


@pytest.mark.parametrize("text", ["GET /a/../b", "GET /\nAuthorization: x", "nonsense"])
async def test_what_is_no_request_is_not_sent(bench: Bench, text: str) -> None:
    for proof in (Proof.READ, Proof.EFFECT):
        with pytest.raises(ExecutionError, match="not started"):
            await bench.server().run(bench.order(text, proof=proof))
    assert not bench.api.asked


async def test_a_header_of_the_credential_is_not_the_texts_to_give(bench: Bench) -> None:
    order = bench.order("GET /\nx-api-key: mine", login=login(token=TOKEN, header="X-Api-Key"))
    with pytest.raises(ExecutionError, match="X-Api-Key"):
        await bench.server().run(order)
    with pytest.raises(ExecutionError, match="ssh_key"):
        await bench.server().run(bench.order("GET /", login=login(CredentialKind.SSH_KEY, private_key="k")))
    with pytest.raises(ExecutionError, match="header"):
        await bench.server().run(bench.order("GET /", login=login(token="a\nHost: b")))
    assert not bench.api.asked


async def test_files_are_not_kept_here(bench: Bench) -> None:
    with pytest.raises(ExecutionError, match="is an API"):
        await bench.server().keep(bench.order("GET /"), "/etc/passwd")


@pytest.mark.parametrize(
    ("address", "options", "words"),
    [
        ("ftp://host/", {}, "URL"),
        ("https://user:pw@host/", {}, "password"),
        ("https://host/?a=b", {}, "query"),
        ("https://host/a/../b", {}, "address of an API"),
        ("https://host", {"allow_everything": "true"}, "Unknown option"),
        ("https://host", {"allow_private": "yes"}, "allow_private"),
        ("https://host", {"idempotency_header": "a b"}, "header"),
        ("https://host", {"effects": "jobs"}, "fits nothing"),
        ("https://host", {"test_path": "health"}, "method and an address|neither"),
        ("http://host", {}, "clear text"),
    ],
)
def test_a_registration_that_cannot_work_is_refused(
    bench: Bench, address: str, options: dict[str, str], words: str
) -> None:
    connection = replace(bench.connection(address), options=options)
    with pytest.raises(InputError, match=words) as caught:
        bench.server().check(connection)
    assert caught.value.fix
    bench.server().check(replace(bench.connection("http://host"), options={"allow_plain": "true"}))
    bench.server().check(replace(bench.connection("http://host"), options={}, credential=""))


async def test_a_connection_is_really_tried(bench: Bench) -> None:
    bench.api.wants = f"Bearer {TOKEN}"
    server = bench.server()
    good = await server.test(bench.connection(test_path="/orders/7"), login())
    assert (good.ok, good.text) == (True, "200 OK from 127.0.0.1, without TLS.")
    assert bench.api.asked[-1].path == "/v1/orders/7"
    assert (await server.test(bench.connection(), login())).ok
    bad = await server.test(bench.connection(), login(token="wrong"))
    assert (bad.ok, "credential" in bad.fix) == (False, True)
    for connection in (
        bench.connection(test_path="/trouble"),
        bench.connection(test_path="/orders/8"),
        bench.connection(f"http://127.0.0.1:{free_port()}"),
        replace(bench.connection(), options={"allow_plain": "true"}),
        bench.connection("nonsense"),
    ):
        tested = await server.test(connection, login())
        assert not tested.ok
        assert tested.text
        assert tested.fix
        assert TOKEN not in str(tested)
