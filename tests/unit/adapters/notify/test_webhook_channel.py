from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.notify.answer import retry_after
from opsagent.adapters.notify.webhook import WebhookChannel, WebhookConfig, signature
from opsagent.adapters.outbound import OutboundClient, OutboundConfig
from opsagent.domain.notice import Notice

NOW = 1_800_000_000.0
SECRET = "a-signing-secret"
GUIDE = Path(__file__).parents[4] / "docs" / "webhooks.md"


class StillClock:
    def now(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0))


class Receiver:
    def __init__(self, status: str, *headers: str) -> None:
        self.status, self.headers = status, headers
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.url = ""
        self.done: set[asyncio.Task[None] | None] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.done.add(asyncio.current_task())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        fields = {name.lower(): value for name, value in fields.items()}
        self.calls.append((fields, await reader.readexactly(int(fields["content-length"]))))
        writer.write("\r\n".join([f"HTTP/1.1 {self.status}", "Content-Length: 0", *self.headers, "", ""]).encode())
        await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def receiving(status: str, *headers: str) -> AsyncIterator[Receiver]:
    receiver = Receiver(status, *headers)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
        await asyncio.gather(*(task for task in receiver.done if task))


def channel(secret: str = SECRET, **config: object) -> WebhookChannel:
    client = OutboundClient(OutboundConfig(**{"allow_private": True, **config}), StillClock())
    return WebhookChannel(WebhookConfig(secret=secret), client, StillClock())


def notice(address: str, **changes: object) -> Notice:
    made = {"id": "n-1", "tenant": "t", "channel": "webhook", "address": address, "body": '{"é": 1}', "created_at": NOW}
    return Notice(**{**made, **changes})


async def test_a_result_arrives_signed_and_named() -> None:
    async with receiving("204 No Content") as receiver:
        delivery = await channel().send(notice(receiver.url))
    assert delivery.delivered
    ((headers, body),) = receiver.calls
    assert body == '{"é": 1}'.encode()
    assert headers["content-type"] == "application/json"
    assert headers["idempotency-key"] == "n-1"
    assert headers["x-opsagent-signature"] == signature(SECRET, body, int(NOW))
    assert "x-opsagent-possible-repeat" not in headers


async def test_a_possible_repeat_says_so_and_no_secret_means_no_signature() -> None:
    async with receiving("200 OK") as receiver:
        await channel(secret="").send(notice(receiver.url, possible_repeat=True))
    ((headers, _),) = receiver.calls
    assert headers["x-opsagent-possible-repeat"] == "true"
    assert "x-opsagent-signature" not in headers


@pytest.mark.parametrize(
    ("status", "permanent", "uncertain"),
    [
        ("400 Bad Request", True, False),
        ("404 Not Found", True, False),
        ("410 Gone", True, False),
        ("302 Found", True, False),
        ("408 Request Timeout", False, True),
        ("425 Too Early", False, False),
        ("429 Too Many Requests", False, False),
        ("500 Internal Server Error", False, True),
        ("503 Service Unavailable", False, True),
    ],
)
async def test_which_answers_are_final_and_which_may_have_done_it(
    status: str, permanent: bool, uncertain: bool
) -> None:
    async with receiving(status, "Retry-After: 7") as receiver:
        delivery = await channel().send(notice(receiver.url))
    assert not delivery.delivered
    assert (delivery.permanent, delivery.uncertain) == (permanent, uncertain)
    assert delivery.retry_after_s == (None if permanent else 7.0)
    assert status[:3] in delivery.error


async def test_a_receiver_that_is_down_is_tried_again() -> None:
    async with receiving("200 OK") as receiver:
        url = receiver.url
    delivery = await channel().send(notice(url))
    assert (delivery.delivered, delivery.permanent, delivery.uncertain) == (False, False, False)
    assert delivery.error


async def test_a_receiver_that_hangs_up_may_have_got_it() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        delivery = await channel().send(notice(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))
    assert (delivery.delivered, delivery.permanent, delivery.uncertain) == (False, False, True)


async def test_an_endless_answer_is_still_a_yes() -> None:
    """It was delivered; to give it up because the answer is long would be to send it again."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(re.findall(rb"content-length: (\d+)", head.lower())[0]))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 4096)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        assert (await channel(max_response_bytes=1024).send(notice(url))).delivered


async def test_an_address_is_shown_without_its_secret_and_checked_without_a_call() -> None:
    open_channel, closed = channel(), channel(allow_private=False)
    assert open_channel.shown("https://hooks.example/T1/secret?key=x") == "https://hooks.example/…"
    assert open_channel.shown("no address") == "…"
    assert await open_channel.check("http://127.0.0.1:9/secret") == ""
    refused = await closed.check("http://127.0.0.1:9/secret")
    assert "may not be called" in refused
    assert "secret" not in refused


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/secret-part", "ftp://x/", "not a url", "http://[::ffff:10.0.0.1]/"]
)
async def test_an_address_that_may_not_be_called_is_final(address: str) -> None:
    delivery = await channel(allow_private=False).send(notice(address))
    assert (delivery.delivered, delivery.permanent) == (False, True)
    assert "secret-part" not in delivery.error


def test_the_secret_does_not_show() -> None:
    assert SECRET not in repr(WebhookConfig(secret=SECRET))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120.0), ("0", 0.0), ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float) -> None:
    assert retry_after({"retry-after": text}, NOW) == seconds


@given(st.text(max_size=40))
def test_nonsense_in_retry_after_is_no_wish(text: str) -> None:
    wish = retry_after({"retry-after": text}, NOW)
    assert wish is None or wish >= 0


@given(body=st.binary(max_size=50), other=st.binary(max_size=50), secret=st.text(min_size=1, max_size=20))
def test_the_check_of_the_guide_accepts_exactly_our_signature(body: bytes, other: bytes, secret: str) -> None:
    snippet = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[0]
    space: dict[str, object] = {}
    exec(snippet.replace("time.time()", str(NOW)), space)  # noqa: S102 - the guide's own words, run as readers would
    check = space["is_from_opsagent"]
    signed = signature(secret, body, int(NOW))
    assert check(secret, signed, body)
    assert check(secret, signed, other) is (other == body)
    assert not check(secret + "x", signed, body)
    assert not check(secret, signature(secret, body, int(NOW) - 301), body)
    for broken in ("", "t=,v1=", "v1=ab", "t=1\u00b2,v1=x", signed.replace("v1=", "v0=")):
        assert not check(secret, broken, body)
