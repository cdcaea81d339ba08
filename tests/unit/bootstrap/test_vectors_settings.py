"""Which index the settings make, and what is said where vectors cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsagent.bootstrap import build
from opsagent.bootstrap.vectors import no_vectors
from opsagent.errors import ConfigurationError
from opsagent.settings import Settings
from servers.embeddings import KEY, embeddings


def settings(tmp_path: Path, **given: object) -> Settings:
    return Settings.load({"data_dir": tmp_path / "data", **given}, environ={})


async def found(given: Settings) -> tuple[bool, str]:
    async with build(given, serving=False) as app:
        return await app.vectors_found()


async def test_no_embedder_is_no_trouble(tmp_path: Path) -> None:
    async with build(settings(tmp_path), serving=False) as app:
        assert app.vectors is None
        assert "vectors" not in (await app.readiness()).degraded
        assert await app.vectors_found() == (True, "none; runbooks are found by their names and words")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"embedder": "onnx"}, "embedder_folder is not set"),
        ({"embedder": "openai"}, "OPSAGENT_EMBEDDER_API_KEY"),
    ],
)
async def test_what_is_missing_is_said_and_keywords_go_on(tmp_path: Path, given: dict[str, object], words: str) -> None:
    with_it = settings(tmp_path, **given)
    assert words in no_vectors(with_it)
    async with build(with_it, serving=False) as app:
        assert app.vectors is None
        assert words in (await app.readiness()).degraded["vectors"]
        works, said = await app.vectors_found()
    assert not works
    assert words in said


async def test_a_folder_without_a_model_is_found_out(tmp_path: Path) -> None:
    works, said = await found(settings(tmp_path, embedder="onnx", embedder_folder=tmp_path))
    assert not works
    assert f"{tmp_path} holds no embedder" in said


async def test_openais_key_goes_to_openai_alone(tmp_path: Path) -> None:
    with embeddings() as server:
        elsewhere = {"embedder": "openai", "embedder_url": server.url, "embedder_model": server.model}
        works, said = await found(settings(tmp_path, openai_api_key=KEY, **elsewhere))
        assert not works
        assert "401" in said
        assert "authorization" not in server.asked[0][0]
        works, said = await found(settings(tmp_path, embedder_api_key=KEY, **elsewhere))
    assert (works, said.endswith(", 128 numbers a vector")) == (True, True)
    assert not no_vectors(settings(tmp_path, embedder="openai", openai_api_key=KEY))


@pytest.mark.parametrize("address", ["http://embedder.example/v1", "https://me:secret@example.com/v1", "ftp://x", ""])
def test_runbooks_and_the_key_go_nowhere_unprotected(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigurationError):
        settings(tmp_path, embedder="openai", embedder_url=address)


async def test_a_chroma_server_that_is_away_is_found_out(tmp_path: Path) -> None:
    with embeddings() as server:
        given = {"embedder": "openai", "embedder_url": server.url, "embedder_model": server.model}
        chroma = "http://127.0.0.1:9"
        works, said = await found(settings(tmp_path, embedder_api_key=KEY, chroma_url=chroma, **given))
    assert not works
    assert "127.0.0.1:9" in said
