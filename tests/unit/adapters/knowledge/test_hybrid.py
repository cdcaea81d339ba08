"""Vectors beside keywords: made once, never in the way, and gone when the runbook is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from manual_clock import ManualClock
from opsagent.adapters.knowledge.fts5 import Fts5Index
from opsagent.adapters.knowledge.hybrid import HybridConfig, HybridIndex
from opsagent.adapters.vectors.chroma import ChromaVectors
from opsagent.domain.runbook import Runbook
from opsagent.errors import UnavailableError
from servers.embeddings import HashingEmbedder

AWAY = UnavailableError("The embedder is away.", fix="Start it.")
DISK = Runbook(id="disk-full", title="The disk is full", source="make room", version="1")
CLOCK = Runbook(id="clock-skew", title="The clock drifts", source="ask the time server", version="1")
QUERY = "hdd brimming"  # words of no runbook; the embedder takes them for `disk full`


class Place:
    """An index over a store on disk, and what holds it."""

    def __init__(self, folder: Path, redact: object = str) -> None:
        self.clock = ManualClock()
        self.embedder = HashingEmbedder()
        self.folder = folder
        self.index = HybridIndex(
            Fts5Index(None),
            self.embedder,
            ChromaVectors(folder),
            redact=redact,  # type: ignore[arg-type] - a function of one text
            clock=self.clock,
            config=HybridConfig(patience_s=60.0, pause_s=30.0),
        )

    async def hold(self, revision: int, *runbooks: Runbook) -> None:
        await self.index.refresh("acme", revision, runbooks)
        await self.index.settled()

    async def ids(self, query: str = QUERY) -> list[str]:
        return [hit.id for hit in (await self.index.search("acme", query)).hits]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path / "vectors")
    await made.hold(1, DISK, CLOCK)
    yield made
    await made.index.close()


async def test_other_words_find_what_means_the_same(place: Place) -> None:
    found = await place.index.search("acme", QUERY)
    assert found.hits[0].id == "disk-full"
    assert found.hits[0].why.startswith("alike in meaning")
    assert not found.hits[0].exact


async def test_an_exact_name_is_not_even_asked_about(place: Place) -> None:
    place.embedder.asked.clear()
    assert (await place.ids("clock-skew"))[0] == "clock-skew"
    assert not place.embedder.asked


async def test_a_query_is_embedded_once(place: Place) -> None:
    place.embedder.asked.clear()
    assert await place.ids() == await place.ids()
    assert place.embedder.asked == [QUERY]


async def test_only_what_changed_is_embedded_again(place: Place) -> None:
    place.embedder.asked.clear()
    await place.hold(2, DISK, Runbook(id="clock-skew", title="The clock drifts", source="ask another", version="2"))
    assert [text for text in place.embedder.asked if "ask another" in text]
    assert not [text for text in place.embedder.asked if "disk is full" in text]


async def test_a_start_embeds_nothing_that_is_there(place: Place) -> None:
    await place.index.close()
    again = Place(place.folder)
    await again.hold(1, DISK, CLOCK)
    assert again.embedder.asked == ["disk full"], "only how long its vectors are was asked"
    assert (await again.ids())[0] == "disk-full"
    await again.index.close()


async def test_what_the_store_lost_is_not_found(place: Place) -> None:
    await place.hold(2, CLOCK)
    assert await place.ids() == ["clock-skew"]


async def test_without_its_embedder_keywords_go_on_and_it_says_so(place: Place) -> None:
    place.embedder.wrong = AWAY
    assert (await place.ids("the disk is full"))[0] == "disk-full"
    assert place.index.trouble() == ("The embedder is away. Keywords alone find runbooks meanwhile. To mend: Start it.")


async def test_a_failed_embedder_is_left_alone_for_a_while_and_then_asked_again(place: Place) -> None:
    place.embedder.wrong = AWAY
    await place.ids()
    place.embedder.wrong = None
    place.embedder.asked.clear()
    assert await place.ids() == []
    assert not place.embedder.asked
    place.clock.move(31)
    assert (await place.ids())[0] == "disk-full"
    assert not place.index.trouble()


async def test_vectors_that_could_not_be_made_are_made_later(tmp_path: Path) -> None:
    place = Place(tmp_path / "vectors")
    place.embedder.wrong = AWAY
    await place.hold(1, DISK, CLOCK)
    assert await place.ids() == []
    assert "away" in place.index.trouble()
    place.embedder.wrong = None
    place.clock.move(31)
    await place.hold(1, DISK, CLOCK)
    assert (await place.ids())[0] == "disk-full"
    assert not place.index.trouble()
    await place.index.close()


async def test_another_model_is_never_compared_and_its_own_vectors_are_made(place: Place) -> None:
    place.embedder.length = 64
    assert await place.ids() == [], "its vectors are of another length: the old ones do not count"
    await place.hold(1, DISK, CLOCK)
    place.embedder.name = "another"
    assert await place.ids("drive brimming") == []
    await place.hold(1, DISK, CLOCK)
    assert (await place.ids("drive crammed"))[0] == "disk-full"


async def test_an_embedder_that_hangs_keeps_nobody_waiting(tmp_path: Path) -> None:
    class Hanging(HashingEmbedder):
        async def identity(self) -> str:
            await asyncio.Event().wait()
            return ""

    words, vectors = Fts5Index(None), ChromaVectors(tmp_path)
    config = HybridConfig(patience_s=0.01)
    index = HybridIndex(words, Hanging(), vectors, redact=str, clock=ManualClock(), config=config)
    await index.refresh("acme", 1, [DISK])
    assert [hit.id for hit in (await index.search("acme", "disk is full")).hits] == ["disk-full"]
    await index.close()


async def test_an_embedder_that_becomes_slow_is_said(tmp_path: Path) -> None:
    class Slow(HashingEmbedder):
        slow = False

        async def identity(self) -> str:
            if self.slow:
                await asyncio.Event().wait()
            return self.name

    embedder, config = Slow(), HybridConfig(patience_s=0.5)
    index = HybridIndex(
        Fts5Index(None), embedder, ChromaVectors(tmp_path), redact=str, clock=ManualClock(), config=config
    )
    await index.refresh("acme", 1, [DISK])
    await index.settled()
    embedder.slow = True
    assert [hit.id for hit in (await index.search("acme", "disk is full")).hits] == ["disk-full"]
    assert "took over 0.5 s" in index.trouble()
    await index.close()


async def test_no_secret_reaches_the_embedder(tmp_path: Path) -> None:
    place = Place(tmp_path / "vectors", redact=lambda text: text.replace("hunter2", "***"))
    await place.hold(1, Runbook(id="login", title="Log in", source="with hunter2", version="1"))
    await place.ids("hunter2 does not work")
    assert place.embedder.asked
    assert not [text for text in place.embedder.asked if "hunter2" in text]
    await place.index.close()


async def test_a_check_really_embeds(place: Place) -> None:
    assert await place.index.check() == "hashing, 128 numbers a vector"
    place.embedder.wrong = AWAY
    with pytest.raises(UnavailableError):
        await place.index.check()


async def test_a_change_while_vectors_are_made_wins(tmp_path: Path) -> None:
    place = Place(tmp_path / "vectors")
    await asyncio.gather(*(place.index.refresh("acme", revision, [DISK]) for revision in range(1, 4)))
    await place.hold(4, CLOCK)
    assert await place.ids("clock drifts") == ["clock-skew"]
    await place.index.close()
