"""What every runbook index must do; today one backend, in memory and on disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsagent.adapters.knowledge.fts5 import Fts5Index
from opsagent.adapters.knowledge.pack import shipped
from opsagent.domain.runbook import Runbook

RUNBOOKS = shipped()


@pytest.fixture(params=["memory", "file"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fts5Index]:
    made = Fts5Index(None if request.param == "memory" else tmp_path / "index")
    await made.refresh("acme", 1, RUNBOOKS)
    yield made
    await made.close()


def runbook(identity: str, **fields: object) -> Runbook:
    given_fields = {"title": identity, "source": "", "version": "v", **fields}
    return Runbook(id=identity, **given_fields)  # type: ignore[arg-type] - free keywords of a test


@pytest.mark.parametrize("name", ["disk-full", "DISK-FULL", " HostOutOfDiskSpace ", "hostoutofdiskspace", "Disk  Full"])
async def test_an_exact_name_comes_first_and_fits(index: Fts5Index, name: str) -> None:
    found = await index.search("acme", name)
    assert found.fits
    assert (found.hits[0].id, found.hits[0].exact) == ("disk-full", True)
    assert not any(hit.exact for hit in found.hits[1:])


async def test_every_id_alias_and_alert_is_exact(index: Fts5Index) -> None:
    for one in RUNBOOKS:
        for name in (one.id, *one.aliases, *one.alerts):
            found = await index.search("acme", name)
            assert one.id in {hit.id for hit in found.hits if hit.exact}, name


async def test_a_name_within_a_sentence_is_first_and_not_exact(index: Fts5Index) -> None:
    found = await index.search("acme", "please look at HostOutOfInodes on web-1")
    assert found.fits
    assert (found.hits[0].id, found.hits[0].exact) == ("inode-exhaustion", False)


async def test_words_find_and_say_why(index: Fts5Index) -> None:
    found = await index.search("acme", "the SSL cert of the shop has expired")
    assert found.fits
    assert found.hits[0].id == "tls-certificate-expiry"
    assert "certificate" in found.hits[0].why
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)


@pytest.mark.parametrize("query", ["", "   ", "the", "kafka consumer lag is growing", "translate this into French"])
async def test_it_is_silent_when_nothing_answers(index: Fts5Index, query: str) -> None:
    assert not (await index.search("acme", query)).fits


async def test_it_holds_exactly_what_it_was_given(index: Fts5Index) -> None:
    await index.refresh("acme", 1, [])
    assert (await index.search("acme", "disk-full")).fits, "the revision is held already"
    await index.refresh("acme", 2, [runbook("other", aliases=("Only One",))])
    assert not (await index.search("acme", "disk-full")).hits
    assert (await index.search("acme", "only one")).hits[0].exact


async def test_a_tenant_finds_its_own_only(index: Fts5Index) -> None:
    assert (await index.search("beta", "disk-full")).hits == ()
    await index.refresh("beta", 1, [runbook("mine")])
    assert [hit.id for hit in (await index.search("beta", "mine disk full")).hits] == ["mine"]
    assert (await index.search("acme", "mine")).hits == ()


async def test_the_limit_holds(index: Fts5Index) -> None:
    assert len((await index.search("acme", "postgres disk memory nginx clock dns", limit=3)).hits) == 3
    assert (await index.search("acme", "disk-full", limit=0)).hits == ()


async def test_two_runbooks_may_serve_one_alert(index: Fts5Index) -> None:
    await index.refresh("acme", 3, [runbook("one", alerts=("Same",)), runbook("two", alerts=("Same",))])
    assert [(hit.id, hit.exact) for hit in (await index.search("acme", "same")).hits] == [("one", True), ("two", True)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.text(max_size=60)
    | st.sampled_from(['"', "a OR", "NEAR(", "title:x", "x*", "^a", "-", "\0", "\ud800", "{a} : b", "'; DROP"])
)
async def test_a_hostile_query_is_only_words(index: Fts5Index, query: str) -> None:
    found = await index.search("acme", query)
    assert len(found.hits) <= 5


async def test_an_endless_query_is_cut(index: Fts5Index) -> None:
    found = await index.search("acme", "disk full " * 10_000)
    assert len(found.query) <= 4000
    assert found.hits


async def test_searches_and_refreshes_at_once(index: Fts5Index) -> None:
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
