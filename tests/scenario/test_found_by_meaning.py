"""Runbooks found by meaning in the whole app: an embedder over HTTP, vectors in Chroma, and life without them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import pytest

from house import PERSON, TENANT, House
from servers.embeddings import KEY, Embeddings, embeddings

MakeHouse = Callable[..., Awaitable[House]]
PAGE = """---
id: disk-full
title: The disk is full
aliases: [disk trouble]
parameters:
  path: {pattern: "^/[a-z/]+$", default: /var}
---
# The disk is full

## Diagnosis

```shell name=look
df {{path}}
```
"""
ASKED = "hdd crammed"  # no word of it is in the runbook; the embedder takes it for `disk full`


@pytest.fixture
def server() -> Iterator[Embeddings]:
    with embeddings() as made:
        yield made


async def house_with(make_house: MakeHouse, server: Embeddings) -> House:
    house = await make_house(
        embedder="openai", embedder_url=server.url, embedder_model=server.model, embedder_api_key=KEY
    )
    await house.app.agent.library.put(PERSON, PAGE, "disk-full.md")
    await ids(house)
    assert house.app.vectors is not None
    await house.app.vectors.settled()
    return house


async def ids(house: House, query: str = ASKED) -> list[str]:
    return [hit.id for hit, _ in (await house.app.agent.library.search(TENANT, query)).joined]


async def test_a_question_in_other_words_finds_the_runbook(make_house: MakeHouse, server: Embeddings) -> None:
    house = await house_with(make_house, server)
    assert (await ids(house))[0] == "disk-full"
    assert await house.app.vectors_found() == (
        True,
        f"openai:{server.model}@{server.url.split('/')[2]}, 128 numbers a vector",
    )
    assert "vectors" not in (await house.app.readiness()).degraded


async def test_a_disabled_runbook_is_not_found_and_an_exact_name_needs_no_embedder(
    make_house: MakeHouse, server: Embeddings
) -> None:
    house = await house_with(make_house, server)
    assert "disk-full" in await ids(house)
    server.asked.clear()
    assert (await ids(house, "disk trouble"))[0] == "disk-full"
    assert ["disk trouble"] not in [body["input"] for _, body in server.asked]
    await house.app.agent.library.enable(PERSON, "disk-full", on=False)
    assert "disk-full" not in await ids(house)


async def test_without_the_embedder_keywords_go_on_and_readiness_says_so(
    make_house: MakeHouse, server: Embeddings
) -> None:
    server.status = 503
    house = await house_with(make_house, server)
    assert (await ids(house, "the disk is full"))[0] == "disk-full"
    assert await ids(house) == []
    ready = await house.app.readiness()
    assert ready.ready
    assert "answered 503" in ready.degraded["vectors"]
    assert "Keywords alone" in ready.degraded["vectors"]


async def test_no_key_stands_in_what_is_said(make_house: MakeHouse, server: Embeddings) -> None:
    server.raw, server.status = KEY.encode(), 401
    house = await house_with(make_house, server)
    await ids(house)
    assert KEY not in (await house.app.readiness()).degraded["vectors"]
