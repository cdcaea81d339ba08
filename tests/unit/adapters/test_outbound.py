from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from opsagent.adapters.clock import SystemClock
from opsagent.adapters.outbound import OutboundClient, OutboundConfig, OutboundResponse
from opsagent.errors import ConfigurationError, InputError, OpsAgentError, TooLarge, UnavailableError
from servers.certificates import certificate

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Loopback:
    """A real server: gives each request to `answer`, keeps what came in."""

    answer: Answer
    requests: list[bytes] = field(default_factory=list)
    port: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            fields = [line.split(b":", 1) for line in head.lower().split(b"\r\n") if b":" in line]
            length = int(dict(fields).get(b"content-length", b"0"))
            self.requests.append(head + await reader.readexactly(length))
            await self.answer(head, writer)
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(
    answer: Answer, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Loopback]:
    loopback = Loopback(answer)
    server = await asyncio.start_server(loopback.serve, host, 0, ssl=tls)
    loopback.port = server.sockets[0].getsockname()[1]
    try:
        yield loopback
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*loopback.tasks, return_exceptions=True), 10)


def says(body: bytes = b"ok", status: str = "200 OK", *extra: str) -> Answer:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *extra, "", ""]
        writer.write("\r\n".join(lines).encode() + body)

    return answer


def resolving(*rounds: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """Each look-up takes the next round; the last one stays."""
    left = list(rounds)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


def client(resolve=None, **config: object) -> OutboundClient:
    return OutboundClient(OutboundConfig(**{"allow_private": True, **config}), SystemClock(), resolve=resolve)


async def refusal(awaitable: Awaitable[OutboundResponse], kind: type[OpsAgentError]) -> OpsAgentError:
    with pytest.raises(kind) as caught:
        await awaitable
    assert caught.value.fix
    return caught.value


async def test_a_request_arrives_as_written() -> None:
    async with serving(says(b"done", "201 Created", "X-Id: 7")) as server:
        response = await client(resolving(["127.0.0.1"])).request(
            "post", f"http://shop.example:{server.port}/a?b=c", headers={"X-One": "1", "Host": "other"}, content=b"{}"
        )
    assert (response.status, response.body, response.headers["x-id"]) == (201, b"done", "7")
    assert response.address == "127.0.0.1"
    assert response.elapsed_s >= 0
    (request,) = server.requests
    assert request.startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert f"host: shop.example:{server.port}\r\n".encode() in request.lower()
    assert b"x-one: 1" in request.lower()
    assert b"other" not in request
    assert request.endswith(b"\r\n\r\n{}")


async def test_a_private_address_is_refused_before_anything_is_sent() -> None:
    async with serving(says()) as server:
        url = f"http://localhost:{server.port}/secret-path"
        problem = await refusal(client(allow_private=False).request("GET", url), InputError)
        assert "private" in problem.message
        assert "secret-path" not in problem.message
        for host in ("127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]", "[::1]"):
            await refusal(client(allow_private=False).request("GET", f"http://{host}:{server.port}/"), InputError)
    assert not server.requests


async def test_one_private_address_among_public_ones_is_refused() -> None:
    problem = await refusal(
        client(resolving(["93.184.216.34", "10.0.0.1"]), allow_private=False).request("GET", "http://two.example/"),
        InputError,
    )
    assert "10.0.0.1" in problem.message


async def test_an_allowed_host_may_be_private_and_no_other() -> None:
    async with serving(says()) as server:
        resolve = resolving(["127.0.0.1"])
        allowed = client(resolve, allow_private=False, allowed_hosts=(f"Hooks.lan:{server.port}",))
        assert (await allowed.request("GET", f"http://hooks.lan:{server.port}/")).status == 200
        await refusal(allowed.request("GET", f"http://other.lan:{server.port}/"), InputError)
        await refusal(allowed.request("GET", "http://hooks.lan:1/"), InputError)


async def test_metadata_stays_refused_even_when_private_is_allowed() -> None:
    problem = await refusal(client().request("GET", "http://169.254.169.254/latest/meta-data/"), InputError)
    assert "metadata" in problem.message


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async with serving(says()) as server:
        resolve = resolving(["127.0.0.77", "127.0.0.1"])
        response = await client(resolve).request("GET", f"http://two.example:{server.port}/")
    assert response.address == "127.0.0.1"


async def test_the_name_is_looked_up_once_for_each_request() -> None:
    async with serving(says()) as server:
        rebinding = client(resolving(["127.0.0.1"], ["169.254.169.254"]))
        assert (await rebinding.request("GET", f"http://rebind.example:{server.port}/")).status == 200
        await refusal(rebinding.request("GET", f"http://rebind.example:{server.port}/"), InputError)
    assert len(server.requests) == 1


async def test_a_redirect_is_looked_up_and_judged_again() -> None:
    async with serving(says(b"", "302 Found", "Location: /next")) as server:
        rebinding = client(resolving(["127.0.0.1"], ["169.254.169.254"]))
        problem = await refusal(rebinding.request("GET", f"http://rebind.example:{server.port}/"), InputError)
    assert "169.254.169.254" in problem.message
    assert len(server.requests) == 1


async def test_a_redirect_to_another_host_or_port_is_not_followed() -> None:
    for location in (
        "http://evil.example/",
        "http://localhost:1/",
        "//evil.example/x",
        "ftp://localhost/",
        "http://[/",
    ):
        async with serving(says(b"", "307 Temporary Redirect", f"Location: {location}")) as server:
            await refusal(client().request("GET", f"http://localhost:{server.port}/"), InputError)
        assert len(server.requests) == 1


async def test_a_redirect_within_the_host_is_followed_with_the_same_body() -> None:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        moved = says(b"", "308 Permanent Redirect", "Location: /new")
        await (says(b"there") if head.startswith(b"POST /new") else moved)(head, writer)

    async with serving(answer) as server:
        response = await client().request("POST", f"http://127.0.0.1:{server.port}/old", content=b"body")
    assert response.body == b"there"
    assert server.requests[1].endswith(b"body")


async def test_a_post_is_not_turned_into_a_get() -> None:
    async with serving(says(b"", "302 Found", "Location: /login")) as server:
        response = await client().request("POST", f"http://127.0.0.1:{server.port}/", content=b"x")
    assert response.status == 302
    assert len(server.requests) == 1


async def test_redirects_may_be_left_to_the_caller_and_end_some_time() -> None:
    async with serving(says(b"", "302 Found", "Location: /again")) as server:
        url = f"http://127.0.0.1:{server.port}/"
        assert (await client().request("GET", url, redirects=0)).status == 302
        await refusal(client().request("GET", url), InputError)
    assert len(server.requests) == 1 + 4


async def test_a_huge_body_is_cut_off() -> None:
    async def endless(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 65536)
            await writer.drain()

    async with serving(endless) as server:
        await refusal(client(max_response_bytes=100_000).request("GET", f"http://127.0.0.1:{server.port}/"), TooLarge)


async def test_a_packed_body_is_unpacked_within_the_limit() -> None:
    async with serving(says(gzip.compress(b"hello"), "200 OK", "Content-Encoding: gzip")) as server:
        response = await client().request("GET", f"http://127.0.0.1:{server.port}/")
        assert response.body == b"hello"
    async with serving(says(gzip.compress(b"\0" * 10_000_000), "200 OK", "Content-Encoding: gzip")) as server:
        await refusal(client().request("GET", f"http://127.0.0.1:{server.port}/"), TooLarge)
    async with serving(says(b"not gzip", "200 OK", "Content-Encoding: gzip")) as server:
        await refusal(client().request("GET", f"http://127.0.0.1:{server.port}/"), UnavailableError)


async def test_a_body_that_drips_ends_with_the_total_time() -> None:
    async def drip(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving(drip) as server:
        url = f"http://127.0.0.1:{server.port}/"
        problem = await refusal(client(read_timeout_s=5, total_timeout_s=0.2).request("GET", url), UnavailableError)
    assert problem.retryable
    assert "0.2 s" in problem.message


async def test_silence_ends_with_the_read_time() -> None:
    silent = asyncio.Event()

    async def never(head: bytes, writer: asyncio.StreamWriter) -> None:
        await silent.wait()

    async with serving(never) as server:
        url = f"http://127.0.0.1:{server.port}/"
        await refusal(client(read_timeout_s=0.1).request("GET", url), UnavailableError)
        silent.set()


async def test_a_name_that_is_slow_to_resolve_ends_with_the_connect_time() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    await refusal(client(never, connect_timeout_s=0.05).request("GET", "http://slow.example/"), UnavailableError)


async def test_a_name_that_does_not_exist_may_be_tried_again() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    problem = await refusal(client(unknown).request("GET", "http://nowhere.example/x?token=abc"), UnavailableError)
    assert "nowhere.example" in problem.message
    assert "token" not in problem.message
    await refusal(client(resolving([])).request("GET", "http://empty.example/"), UnavailableError)
    await refusal(client().request("GET", f"http://{'a' * 64}.example/"), UnavailableError)


async def test_nobody_listens_and_broken_answers_are_unavailable() -> None:
    async def garbage(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")

    async with serving(garbage) as server:
        url = f"http://127.0.0.1:{server.port}/"
        await refusal(client().request("GET", url), UnavailableError)
    await refusal(client(connect_timeout_s=1).request("GET", url), UnavailableError)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "shop",
            "ftp://h/",
            "file:///etc/passwd",
            "http://",
            "http:///x",
            "http://user:pass@h/",
            "http://h:99999/",
        ),
        *("http://h\x00/", "gopher://h/", "http://[::1", "//h/x", "javascript:alert(1)", "http://h/" + "a" * 100_000),
    ],
)
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    problem = await refusal(client(resolving(["127.0.0.1"])).request("GET", url), InputError)
    assert "pass" not in problem.message.replace("password", "")


@pytest.mark.parametrize("headers", [{"X-A": "b\r\nX-C: d"}, {"X A": "b"}, {"X-A": "\u20ac"}])
async def test_a_malformed_header_is_refused(headers: dict[str, str]) -> None:
    async with serving(says()) as server:
        await refusal(client().request("GET", f"http://127.0.0.1:{server.port}/", headers=headers), InputError)
    assert not server.requests


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(says(b"proxy")) as proxy, serving(says(b"direct")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        response = await client().request("GET", f"http://127.0.0.1:{server.port}/")
    assert response.body == b"direct"


async def test_ipv6_is_spoken() -> None:
    async with serving(says(b"six"), host="::1") as server:
        response = await client(resolving(["::1"])).request("GET", f"http://six.example:{server.port}/")
        assert response.body == b"six"
        assert (await client().request("GET", f"http://[::1]:{server.port}/")).body == b"six"


async def test_the_certificate_must_be_of_the_name_not_of_the_address(tmp_path: Path) -> None:
    pem, tls = certificate(tmp_path, "shop.example")
    seen: list[str | None] = []
    tls.sni_callback = lambda _, name, __: seen.append(name)
    async with serving(says(b"tls"), tls=tls) as server:
        trusting = client(resolving(["127.0.0.1"]), ca_file=pem)
        assert (await trusting.request("GET", f"https://shop.example:{server.port}/")).body == b"tls"
        problem = await refusal(trusting.request("GET", f"https://other.example:{server.port}/"), UnavailableError)
        assert "certificate" in problem.message
        unknowing = client(resolving(["127.0.0.1"]))
        problem = await refusal(unknowing.request("GET", f"https://shop.example:{server.port}/"), UnavailableError)
        assert "ca_file" in problem.fix
    assert seen[0] == "shop.example"


def test_certificates_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("nothing")
    for file in (tmp_path / "no.pem", tmp_path / "missing.pem"):
        with pytest.raises(ConfigurationError):
            client(ca_file=file)


async def test_a_cut_body_is_taken_as_far_as_it_goes() -> None:
    async with serving(says(b"x" * 500)) as server:
        response = await client(max_response_bytes=100).request("GET", f"http://127.0.0.1:{server.port}/", cut=True)
    assert (response.status, response.body, response.cut) == (200, b"x" * 100, True)
    async with serving(says(b"x" * 50, "200 OK")) as server:
        response = await client(max_response_bytes=50).request("GET", f"http://127.0.0.1:{server.port}/", cut=True)
    assert (len(response.body), response.cut) == (50, False)


async def test_it_is_told_before_the_first_byte_leaves() -> None:
    began: list[int] = []
    async with serving(says()) as server:
        url = f"http://127.0.0.1:{server.port}/"
        await client().request("POST", url, content=b"x", begins=lambda: began.append(len(server.requests)))
    assert began == [0]
    with pytest.raises(UnavailableError):
        await client().request("POST", url, content=b"x", begins=lambda: began.append(-1))
    assert began == [0]


async def test_a_certificate_nobody_trusts_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    began: list[int] = []
    async with serving(says(), tls=certificate(tmp_path, "other.example")[1]) as server:
        with pytest.raises(UnavailableError):
            await client().request("GET", f"https://127.0.0.1:{server.port}/", begins=lambda: began.append(1))
    assert not began
