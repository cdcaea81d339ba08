"""What every runbook index must do: keywords in memory and on disk, and vectors beside them in Chroma."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manual_clock import ManualClock
from opsagent.adapters.knowledge.fts5 import Fts5Index
from opsagent.adapters.knowledge.hybrid import HybridConfig, HybridIndex
from opsagent.adapters.knowledge.pack import shipped
from opsagent.adapters.outbound import OutboundClient, OutboundConfig
from opsagent.adapters.vectors.chroma import ChromaVectors
from opsagent.adapters.vectors.chroma_server import ChromaServerConfig, ChromaServerVectors
from opsagent.domain.runbook import Runbook
from opsagent.ports.vectors import VectorStore
from servers.chroma import chroma_server
from servers.embeddings import HashingEmbedder

RUNBOOKS = shipped()
Index = Fts5Index | HybridIndex
_NAMES = (f"hashing {number}" for number in itertools.count())


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chroma_server(tmp_path_factory.mktemp("chroma")) as url:
        yield url


def hybrid(vectors: VectorStore) -> HybridIndex:
    """Each with an embedder of its own name, so that one Chroma server serves all tests."""
    clock, config = ManualClock(), HybridConfig(patience_s=60.0)
    return HybridIndex(Fts5Index(None), HashingEmbedder(next(_NAMES)), vectors, redact=str, clock=clock, config=config)


@pytest.fixture(params=["memory", "file", "chroma embedded", "chroma server"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Index]:
    made: Index
    if request.param == "chroma embedded":
        made = hybrid(ChromaVectors(tmp_path / "vectors"))
    elif request.param == "chroma server":
        client = OutboundClient(OutboundConfig(allow_private=True), ManualClock())
        made = hybrid(ChromaServerVectors(ChromaServerConfig(url=request.getfixturevalue("chroma")), client))
    else:
        made = Fts5Index(None if request.param == "memory" else tmp_path / "index")
    await made.refresh("acme", 1, RUNBOOKS)
    if isinstance(made, HybridIndex):
        await made.settled()
        assert not made.trouble()
    yield made
    await made.close()


def runbook(identity: str, **fields: object) -> Runbook:
    given_fields = {"title": identity, "source": "", "version": "v", **fields}
    return Runbook(id=identity, **given_fields)  # type: ignore[arg-type] - free keywords of a test


@pytest.mark.parametrize("name", ["disk-full", "DISK-FULL", " HostOutOfDiskSpace ", "hostoutofdiskspace", "Disk  Full"])
async def test_an_exact_name_comes_first_and_fits(index: Index, name: str) -> None:
    found = await index.search("acme", name)
    assert found.fits
    assert (found.hits[0].id, found.hits[0].exact) == ("disk-full", True)
    assert not any(hit.exact for hit in found.hits[1:])


async def test_every_id_alias_and_alert_is_exact(index: Index) -> None:
    for one in RUNBOOKS:
        for name in (one.id, *one.aliases, *one.alerts):
            found = await index.search("acme", name)
            assert one.id in {hit.id for hit in found.hits if hit.exact}, name


async def test_a_name_within_a_sentence_is_first_and_not_exact(index: Index) -> None:
    found = await index.search("acme", "please look at HostOutOfInodes on web-1")
    assert found.fits
    assert (found.hits[0].id, found.hits[0].exact) == ("inode-exhaustion", False)


async def test_words_find_and_say_why(index: Index) -> None:
    found = await index.search("acme", "the SSL cert of the shop has expired")
    assert found.fits
    assert found.hits[0].id == "tls-certificate-expiry"
    assert "certificate" in found.hits[0].why
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)


@pytest.mark.parametrize("query", ["", "   ", "the", "kafka consumer lag is growing", "translate this into French"])
async def test_it_is_silent_when_nothing_answers(index: Index, query: str) -> None:
    assert not (await index.search("acme", query)).fits


async def test_it_holds_exactly_what_it_was_given(index: Index) -> None:
    await index.refresh("acme", 1, [])
    assert (await index.search("acme", "disk-full")).fits, "the revision is held already"
    await index.refresh("acme", 2, [runbook("other", aliases=("Only One",))])
    assert {hit.id for hit in (await index.search("acme", "disk-full")).hits} <= {"other"}
    assert (await index.search("acme", "only one")).hits[0].exact


async def test_a_tenant_finds_its_own_only(index: Index) -> None:
    assert (await index.search("beta", "disk-full")).hits == ()
    await index.refresh("beta", 1, [runbook("mine")])
    assert [hit.id for hit in (await index.search("beta", "mine disk full")).hits] == ["mine"]
    assert "mine" not in {hit.id for hit in (await index.search("acme", "mine")).hits}


async def test_the_limit_holds(index: Index) -> None:
    assert len((await index.search("acme", "postgres disk memory nginx clock dns", limit=3)).hits) == 3
    assert (await index.search("acme", "disk-full", limit=0)).hits == ()


@pytest.mark.parametrize("number", [1, 3, 16, 40])
async def test_one_of_many_of_a_kind_is_found_by_its_number(index: Index, number: int) -> None:
    shops = [
        runbook(f"shop{n}-down", title=f"The shop{n} is down", labels={"service": f"shop{n}"}, alerts=(f"Shop{n}Down",))
        for n in range(1, 41)
    ]
    await index.refresh("acme", 3, [*RUNBOOKS, *shops])
    for asked in (
        f"what do we know about shop{number}",
        f"shop{number} does not answer",
        f"tell me about shop{number}",
    ):
        found = await index.search("acme", asked)
        assert found.fits, asked
        assert found.hits[0].id == f"shop{number}-down", asked
    assert (await index.search("acme", "disk full on node77")).fits, "a number of nothing known takes nothing away"


async def test_two_runbooks_may_serve_one_alert(index: Index) -> None:
    await index.refresh("acme", 3, [runbook("one", alerts=("Same",)), runbook("two", alerts=("Same",))])
    assert [(hit.id, hit.exact) for hit in (await index.search("acme", "same")).hits] == [("one", True), ("two", True)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.text(max_size=60)
    | st.sampled_from(['"', "a OR", "NEAR(", "title:x", "x*", "^a", "-", "\0", "\ud800", "{a} : b", "'; DROP"])
)
async def test_a_hostile_query_is_only_words(index: Index, query: str) -> None:
    found = await index.search("acme", query)
    assert len(found.hits) <= 5


async def test_an_endless_query_is_cut(index: Index) -> None:
    found = await index.search("acme", "disk full " * 10_000)
    assert len(found.query) <= 4000
    assert found.hits


async def test_searches_and_refreshes_at_once(index: Index) -> None:
    searches = [index.search("acme", "disk full") for _ in range(20)]
    refreshes = [index.refresh("acme", number, RUNBOOKS) for number in range(2, 6)]
    results = await asyncio.gather(*searches, *refreshes)
    assert all(found.hits[0].id == "disk-full" for found in results[:20] if found)


async def test_a_broken_file_is_built_again(tmp_path: Path) -> None:
    first = Fts5Index(tmp_path)
    await first.refresh("acme", 1, RUNBOOKS)
    await first.close()
    (file,) = (path for path in tmp_path.iterdir() if path.suffix == ".sqlite")
    file.write_bytes(b"no database at all" * 500)
    second = Fts5Index(tmp_path)
    assert (await second.search("acme", "disk-full")).hits == ()
    await second.refresh("acme", 1, RUNBOOKS)
    assert (await second.search("acme", "disk-full")).fits
    await second.close()


async def test_two_servers_share_a_folder(tmp_path: Path) -> None:
    first, second = Fts5Index(tmp_path), Fts5Index(tmp_path)
    await asyncio.gather(first.refresh("acme", 1, RUNBOOKS), second.refresh("acme", 1, RUNBOOKS))
    await first.refresh("acme", 2, RUNBOOKS[:1])
    assert [hit.id for hit in (await second.search("acme", RUNBOOKS[0].id)).hits] == [RUNBOOKS[0].id]
    await first.close()
    await second.close()
