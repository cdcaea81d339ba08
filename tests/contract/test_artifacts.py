"""Bytes kept by hash, over every backend."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsagent.adapters.artifacts.files import ArtifactConfig, FileArtifacts
from opsagent.errors import ConfigurationError, NotFound, StoreUnavailable
from opsagent.ports.artifacts import ArtifactStore

KEY = bytes(range(32))


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return FileArtifacts(ArtifactConfig(folder=tmp_path, key=KEY))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(), encrypt=st.booleans())
async def test_what_is_put_is_got(artifacts: ArtifactStore, content: bytes, encrypt: bool) -> None:
    artifact = await artifacts.put("acme", content, encrypt=encrypt)
    assert artifact == hashlib.sha256(content).hexdigest()
    assert await artifacts.get("acme", artifact) == content


@pytest.mark.parametrize("encrypt", [False, True])
async def test_another_tenant_does_not_get_it(artifacts: ArtifactStore, encrypt: bool) -> None:
    artifact = await artifacts.put("acme", b"secret", encrypt=encrypt)
    with pytest.raises(NotFound):
        await artifacts.get("other", artifact)


@pytest.mark.parametrize("artifact", ["", "a" * 64, "../../../etc/passwd", "A" * 64, "a" * 63 + "\n", "a/" * 32])
async def test_what_is_not_there_is_not_found(artifacts: ArtifactStore, artifact: str) -> None:
    with pytest.raises(NotFound):
        await artifacts.get("acme", artifact)


async def test_the_same_content_at_once_is_one_file(artifacts: ArtifactStore, tmp_path: Path) -> None:
    names = await asyncio.gather(*[artifacts.put("../acme", b"x" * 100_000) for _ in range(20)])
    assert len(set(names)) == 1
    (file,) = files(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "artifacts").rglob("*") if path.is_dir()} == {0o700}
    assert file.relative_to(tmp_path / "artifacts").parts[1:] == (names[0][:2], names[0])


async def test_sealed_content_does_not_lie_there_in_clear(artifacts: ArtifactStore, tmp_path: Path) -> None:
    artifact = await artifacts.put("acme", b"password=hunter2", encrypt=True)
    (file,) = files(tmp_path)
    assert b"hunter2" not in file.read_bytes()
    with pytest.raises(ConfigurationError, match="present encryption key"):
        await FileArtifacts(ArtifactConfig(folder=tmp_path, key=bytes(32))).get("acme", artifact)
    keyless = FileArtifacts(ArtifactConfig(folder=tmp_path))
    with pytest.raises(ConfigurationError, match="no encryption key"):
        await keyless.get("acme", artifact)
    with pytest.raises(ConfigurationError, match="no encryption key"):
        await keyless.put("acme", b"password=hunter3", encrypt=True)
    assert len(files(tmp_path)) == 1


async def test_a_sealed_file_opens_under_its_own_name_and_tenant_only(artifacts: ArtifactStore, tmp_path: Path) -> None:
    first = await artifacts.put("acme", b"first", encrypt=True)
    second = await artifacts.put("acme", b"second", encrypt=True)
    one, two = (path for wanted in (first, second) for path in files(tmp_path) if path.name.startswith(wanted))
    two.write_bytes(one.read_bytes())
    with pytest.raises(ConfigurationError):
        await artifacts.get("acme", second)
    one.write_bytes(b"short")
    with pytest.raises(ConfigurationError):
        await artifacts.get("acme", first)


async def test_damage_is_noticed(artifacts: ArtifactStore, tmp_path: Path) -> None:
    artifact = await artifacts.put("acme", b"what was there before")
    (file,) = files(tmp_path)
    file.write_bytes(b"something else")
    with pytest.raises(NotFound, match="damaged"):
        await artifacts.get("acme", artifact)


async def test_a_disk_that_refuses_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("a file where the folder should be")
    with pytest.raises(StoreUnavailable, match="artifacts"):
        await FileArtifacts(ArtifactConfig(folder=tmp_path)).put("acme", b"x")


async def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    artifacts = FileArtifacts(ArtifactConfig(folder=tmp_path))
    await artifacts.put("acme", b"warm")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StoreUnavailable, match="No space left"):
        await artifacts.put("acme", b"warm, and more")
    monkeypatch.undo()
    assert len(files(tmp_path)) == 1


def test_a_key_of_no_known_length_is_refused_without_being_shown(tmp_path: Path) -> None:
    config = ArtifactConfig(folder=tmp_path, key=b"short-and-secret")
    assert "short-and-secret" not in repr(config)
    with pytest.raises(ConfigurationError, match="5 bytes"):
        FileArtifacts(ArtifactConfig(folder=tmp_path, key=b"short"))


def age(file: Path, seconds: float) -> None:
    """As if it had been kept that long before."""
    then = file.stat().st_mtime - seconds
    os.utime(file, (then, then))


@pytest.mark.parametrize("encrypt", [False, True])
async def test_what_nobody_put_for_long_goes_and_the_rest_stays(tmp_path: Path, encrypt: bool) -> None:
    artifacts = FileArtifacts(ArtifactConfig(folder=tmp_path, key=KEY))
    old = await artifacts.put("acme", b"old", encrypt=encrypt)
    (file,) = files(tmp_path)
    young = await artifacts.put("other", b"young", encrypt=encrypt)
    limit = file.stat().st_mtime - 1
    assert await artifacts.expire(limit) == 0
    age(file, 2)
    half = file.with_name(".half-written")
    half.write_bytes(b"left by a process that was killed")
    age(half, 2)
    (tmp_path / "elsewhere").write_text("not an artifact")
    age(tmp_path / "elsewhere", 2)
    assert await artifacts.expire(limit) == 2
    with pytest.raises(NotFound):
        await artifacts.get("acme", old)
    assert await artifacts.get("other", young) == b"young"
    assert (tmp_path / "elsewhere").exists()
    assert await artifacts.put("acme", b"old", encrypt=encrypt) == old
    assert await artifacts.get("acme", old) == b"old"


@pytest.mark.parametrize("encrypt", [False, True])
async def test_what_is_put_again_is_young_again(tmp_path: Path, encrypt: bool) -> None:
    artifacts = FileArtifacts(ArtifactConfig(folder=tmp_path, key=KEY))
    artifact = await artifacts.put("acme", b"the same again", encrypt=encrypt)
    (file,) = files(tmp_path)
    limit = file.stat().st_mtime - 1
    age(file, 2)
    assert await artifacts.put("acme", b"the same again", encrypt=encrypt) == artifact
    assert await artifacts.expire(limit) == 0
    assert await artifacts.get("acme", artifact) == b"the same again"


async def test_a_file_put_again_while_it_goes_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts = FileArtifacts(ArtifactConfig(folder=tmp_path))
    artifact = await artifacts.put("acme", b"wanted")
    (file,) = files(tmp_path)
    limit = file.stat().st_mtime - 1
    age(file, 2)
    rename = Path.rename

    def put_just_before(path: Path, target: Path) -> Path:
        if path == file:
            os.utime(file)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", put_just_before)
    assert await artifacts.expire(limit) == 0
    assert await artifacts.get("acme", artifact) == b"wanted"


async def test_nothing_was_ever_put(tmp_path: Path) -> None:
    assert await FileArtifacts(ArtifactConfig(folder=tmp_path)).expire(1e12) == 0


async def test_a_folder_that_cannot_be_cleaned_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts = FileArtifacts(ArtifactConfig(folder=tmp_path))
    await artifacts.put("acme", b"x")

    def refuse(_path: Path, _target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StoreUnavailable, match="Permission denied"):
        await artifacts.expire(1e12)
