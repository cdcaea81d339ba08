"""What every vector store must do: Chroma embedded in the process, and a Chroma server."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
from collections.abc import AsyncIterator, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from manual_clock import ManualClock
from opsagent.adapters.outbound import OutboundClient, OutboundConfig
from opsagent.adapters.vectors.chroma import ChromaVectors
from opsagent.adapters.vectors.chroma_server import ChromaServerConfig, ChromaServerVectors
from opsagent.errors import UnavailableError
from opsagent.ports.vectors import Shelf, VectorStore
from servers.chroma import chroma_server
from servers.embeddings import LENGTH, hashed
from servers.loopback import free_port
from servers.sink import sink

_NAMES = (f"tenant {number}" for number in itertools.count())


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chroma_server(tmp_path_factory.mktemp("chroma")) as address:
        yield address


def at(url: str, token: str = "") -> ChromaServerVectors:
    client = OutboundClient(OutboundConfig(allow_private=True), ManualClock())
    return ChromaServerVectors(ChromaServerConfig(url=url, token=token), client)


@pytest.fixture(params=["embedded", "server"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VectorStore]:
    embedded = request.param == "embedded"
    made: VectorStore = ChromaVectors(tmp_path / "vectors") if embedded else at(request.getfixturevalue("url"))
    yield made
    await made.close()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(tenant=next(_NAMES), embedder="hashing", length=LENGTH)


async def test_the_most_alike_come_first(store: VectorStore, shelf: Shelf) -> None:
    await store.put(shelf, {text: hashed(text) for text in ("disk full", "disk", "clock skew")})
    found = await store.nearest(shelf, hashed("disk full"), limit=2)
    assert [near.key for near in found] == ["disk full", "disk"]
    assert found[0].cosine == pytest.approx(1, abs=1e-5)
    assert found[1].cosine < 0.95


async def test_no_shelf_is_an_empty_one(store: VectorStore, shelf: Shelf) -> None:
    assert await store.held(shelf) == frozenset()
    assert await store.nearest(shelf, hashed("disk"), limit=3) == ()
    await store.forget(shelf, ["disk"])
    await store.put(shelf, {})
    assert await store.held(shelf) == frozenset()


async def test_what_is_put_again_takes_its_place(store: VectorStore, shelf: Shelf) -> None:
    await store.put(shelf, {"one": hashed("disk")})
    await store.put(shelf, {"one": hashed("clock")})
    (only,) = await store.nearest(shelf, hashed("clock"), limit=5)
    assert (only.key, round(only.cosine, 4)) == ("one", 1)


async def test_what_is_forgotten_is_gone(store: VectorStore, shelf: Shelf) -> None:
    await store.put(shelf, {"one": hashed("disk"), "two": hashed("clock")})
    await store.forget(shelf, ["one", "never there"])
    assert await store.held(shelf) == {"two"}
    assert [near.key for near in await store.nearest(shelf, hashed("disk"), limit=5)] == ["two"]


async def test_tenants_embedders_and_lengths_stand_apart(store: VectorStore, shelf: Shelf) -> None:
    others = (
        Shelf(tenant=f"{shelf.tenant} beside", embedder=shelf.embedder, length=shelf.length),
        Shelf(tenant=shelf.tenant, embedder="another", length=shelf.length),
        Shelf(tenant=shelf.tenant, embedder=shelf.embedder, length=8),
    )
    await store.put(shelf, {"mine": hashed("disk")})
    for other in others:
        assert await store.held(other) == frozenset()
        await store.put(other, {"theirs": hashed("disk", other.length)})
        assert [near.key for near in await store.nearest(other, hashed("disk", other.length), limit=5)] == ["theirs"]
    assert await store.held(shelf) == {"mine"}


async def test_many_are_put_listed_and_dropped(store: VectorStore, shelf: Shelf) -> None:
    many = {f"key {number}": hashed(f"text {number}") for number in range(1001)}
    await store.put(shelf, many)
    assert await store.held(shelf) == many.keys()
    await store.forget(shelf, [key for key in many if key != "key 7"])
    assert await store.held(shelf) == {"key 7"}


@pytest.mark.parametrize("tenant", ["", "x" * 5000, "\ud800", "../../etc", "a\0b"])
async def test_any_tenant_has_its_shelf(store: VectorStore, tenant: str) -> None:
    shelf = Shelf(tenant=tenant, embedder="hashing", length=LENGTH)
    await store.put(shelf, {"one": hashed("disk")})
    assert await store.held(shelf) == {"one"}


async def test_embedded_vectors_outlive_the_process(tmp_path: Path, shelf: Shelf) -> None:
    first = ChromaVectors(tmp_path / "vectors")
    await first.put(shelf, {"one": hashed("disk")})
    await first.close()
    second = ChromaVectors(tmp_path / "vectors")
    assert [near.key for near in await second.nearest(shelf, hashed("disk"), limit=5)] == ["one"]
    await second.close()


async def test_a_broken_folder_is_said_and_how_to_mend_it(tmp_path: Path, shelf: Shelf) -> None:
    folder = tmp_path / "vectors"
    folder.mkdir()
    (folder / "chroma.sqlite3").write_bytes(b"no database at all" * 500)
    store = ChromaVectors(folder)
    with pytest.raises(UnavailableError) as told:
        await store.held(shelf)
    assert str(folder) in told.value.fix
    await store.close()


async def test_a_server_that_went_away_is_used_again_when_it_is_back(tmp_path: Path, shelf: Shelf) -> None:
    port = free_port()
    store = at(f"http://127.0.0.1:{port}")
    with pytest.raises(UnavailableError):
        await store.held(shelf)
    with chroma_server(tmp_path / "chroma", port):
        await store.put(shelf, {"one": hashed("disk")})
        assert await store.held(shelf) == {"one"}
    with pytest.raises(UnavailableError):
        await store.nearest(shelf, hashed("disk"), limit=1)


@pytest.mark.parametrize("page", ["", "<html>", "[]", '{"ids": 3}', '{"id": "x", "ids": [["a"]], "distances": [[]]}'])
async def test_a_server_that_is_no_chroma_is_named_and_not_believed(page: str, shelf: Shelf) -> None:
    with sink(page=lambda: page) as other:
        store = at(other.url, token="the-token-of-chroma")
        with pytest.raises(UnavailableError):
            await store.nearest(shelf, hashed("disk"), limit=1)
        assert other.got[0].headers["authorization"] == "Bearer the-token-of-chroma"


@pytest.mark.parametrize("status", [401, 403, 500, 503])
async def test_a_server_that_refuses_is_named(status: int, shelf: Shelf) -> None:
    with sink() as other:
        other.statuses.append(status)
        with pytest.raises(UnavailableError) as told:
            await at(other.url).held(shelf)
        assert str(status) in told.value.message


def _write_without_end(folder: str, shelf: Shelf, told: Connection) -> None:
    """The child's main: puts vectors until it is killed, and tells of each that was kept."""

    async def write() -> None:
        store = ChromaVectors(Path(folder))
        for number in itertools.count():
            await store.put(shelf, {f"{number}-{part}": hashed(f"{number} {part}") for part in range(50)})
            told.send(number)

    asyncio.run(write())


async def test_what_was_kept_before_a_kill_is_there_and_the_rest_can_be_put_again(tmp_path: Path, shelf: Shelf) -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe(duplex=False)
    writer = multiprocessing.get_context("spawn").Process(
        target=_write_without_end, args=(str(tmp_path / "vectors"), shelf, theirs)
    )
    writer.start()
    while (last := await asyncio.to_thread(ours.recv)) < 2:
        pass
    writer.kill()
    writer.join()
    store = ChromaVectors(tmp_path / "vectors")
    kept = await store.held(shelf)
    assert {f"{number}-{part}" for number in range(last + 1) for part in range(50)} <= kept
    await store.put(shelf, {"after": hashed("disk")})
    assert [near.key for near in await store.nearest(shelf, hashed("disk"), limit=1)] == ["after"]
    await store.close()
