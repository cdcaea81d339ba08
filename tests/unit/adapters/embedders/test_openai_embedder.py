"""Embeddings over HTTP: what is sent, what is believed, and what each refusal means."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from manual_clock import ManualClock
from opsagent.adapters.embedders.openai import OpenAiEmbedder, OpenAiEmbedderConfig
from opsagent.adapters.outbound import OutboundClient, OutboundConfig
from opsagent.errors import ConfigurationError, UnavailableError
from servers.embeddings import KEY, Embeddings, embeddings, hashed


@pytest.fixture
def server() -> Iterator[Embeddings]:
    with embeddings() as made:
        yield made


def at(server: Embeddings, *, key: str = KEY, model: str = "", url: str = "") -> OpenAiEmbedder:
    config = OpenAiEmbedderConfig(url=url or server.url, model=model or server.model, key=key)
    return OpenAiEmbedder(config, OutboundClient(OutboundConfig(allow_private=True), ManualClock()))


async def test_vectors_come_in_the_order_of_the_texts_and_of_length_one(server: Embeddings) -> None:
    server.backwards = True
    texts = ["disk full", "clock skew"]
    found = await at(server).embed(texts)
    for vector, text in zip(found, texts, strict=True):
        assert list(vector) == pytest.approx(hashed(text))


async def test_what_is_sent(server: Embeddings) -> None:
    await at(server, url=f"{server.url}/").embed(["disk full"])
    ((headers, body),) = server.asked
    assert headers["authorization"] == f"Bearer {KEY}"
    assert body == {"model": server.model, "input": ["disk full"], "encoding_format": "float"}


async def test_many_texts_go_in_several_requests(server: Embeddings) -> None:
    texts = [f"text {number}" for number in range(150)]
    assert len(await at(server).embed(texts)) == 150
    assert [len(body["input"]) for _, body in server.asked] == [64, 64, 22]
    assert server.texts == texts


async def test_empty_endless_and_broken_texts_can_be_sent(server: Embeddings) -> None:
    assert len(await at(server).embed(["", "x" * 100_000, "\ud800"])) == 3
    assert [len(text) for text in server.texts] == [1, 6000, 1]


async def test_the_identity_names_model_and_server(server: Embeddings) -> None:
    identity = await at(server).identity()
    assert identity == f"openai:hashed-pieces@{server.url.split('/')[2]}"


@pytest.mark.parametrize(("key", "model", "status"), [("sk-wrong", "", 401), (KEY, "unknown", 404)])
async def test_what_is_refused_is_a_setting_to_correct(server: Embeddings, key: str, model: str, status: int) -> None:
    with pytest.raises(ConfigurationError) as told:
        await at(server, key=key, model=model).embed(["disk"])
    assert str(status) in told.value.message
    assert key not in f"{told.value.message} {told.value.fix}"


@pytest.mark.parametrize("status", [429, 500, 503, 302])
async def test_a_busy_server_may_be_asked_again(server: Embeddings, status: int) -> None:
    server.status = status
    with pytest.raises(UnavailableError) as told:
        await at(server).embed(["disk"])
    assert not isinstance(told.value, ConfigurationError)


async def test_a_server_that_is_gone_is_named() -> None:
    with embeddings() as server:
        gone = at(server)
    with pytest.raises(UnavailableError):
        await gone.embed(["disk"])


def row(index: object, vector: object) -> dict[str, object]:
    return {"index": index, "embedding": vector}


@pytest.mark.parametrize(
    "answer",
    [
        "<html>",
        "[]",
        "null",
        {},
        {"data": []},
        {"data": [row(0, [1.0])]},
        {"data": [row(0, [1.0]), row(0, [1.0])]},
        {"data": [row(0, [1.0]), row(1, [1.0, 2.0])]},
        {"data": [row(0, [1.0]), row(1, [0.0])]},
        {"data": [row(0, [1.0]), row(1, [])]},
        {"data": [row(0, [1.0]), row(1, ["x"])]},
        {"data": [row(0, [1.0]), row(1, [1e308, 1e308])]},
        {"data": [row(0, [1.0]), row("1", [1.0])]},
        {"data": [row(0, [1.0]), row(1, "1.0")]},
    ],
)
async def test_an_answer_that_is_no_list_of_vectors_is_not_believed(server: Embeddings, answer: object) -> None:
    server.raw = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
    with pytest.raises(UnavailableError):
        await at(server).embed(["disk", "clock"])
