"""Artifacts as files named by their hash: `<folder>/artifacts/<tenant's hash>/ab/abcd...`, sealed ones encrypted."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from opsagent.errors import ConfigurationError, NotFound, StoreUnavailable

_ID = re.compile(r"[0-9a-f]{64}")
_SEALED = ".sealed"
_NONCE_BYTES = 12  # NIST SP 800-38D, 8.2: 96 bits; random ones are safe for 2^32 artifacts under one key


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactConfig:
    """`folder` is the data folder; `key` (16, 24 or 32 bytes) encrypts what must not lie there in clear."""

    folder: Path
    key: bytes | None = field(default=None, repr=False)


class FileArtifacts:
    """ArtifactStore on a local disk. ConfigurationError when the key is of no length AES knows."""

    def __init__(self, config: ArtifactConfig) -> None:
        if config.key is not None and len(config.key) not in {16, 24, 32}:
            raise ConfigurationError(
                f"The encryption key has {len(config.key)} bytes.", fix="Use a key of 32 random bytes."
            )
        self._root = config.folder / "artifacts"
        self._cipher = AESGCM(config.key) if config.key is not None else None

    async def put(self, tenant: str, content: bytes, *, encrypt: bool = False) -> str:
        """Keep it, safe on disk when this returns; the id is its SHA-256. ConfigurationError, StoreUnavailable."""
        return await asyncio.to_thread(self._put, tenant, content, encrypt)

    async def get(self, tenant: str, artifact_id: str) -> bytes:
        """The content, checked against its hash. NotFound (a damaged one too), ConfigurationError, StoreUnavailable."""
        return await asyncio.to_thread(self._get, tenant, artifact_id)

    async def expire(self, older_than: float) -> int:
        """Delete what was last put before `older_than` (epoch seconds, by the disk's time); returns how many files.

        Putting the same content again makes it young again, so what a run of the last days keeps is never deleted.
        StoreUnavailable.
        """
        return await asyncio.to_thread(self._expire, older_than)

    def _expire(self, older_than: float) -> int:
        try:
            return sum(_delete_old(path, older_than) for path in list(self._root.glob("*/*/*")))
        except OSError as error:
            raise StoreUnavailable(
                f"Old artifacts in {self._root} cannot be deleted: {error.strerror}.",
                fix="Make the data folder writable for the user that runs OpsAgent.",
            ) from error

    def _put(self, tenant: str, content: bytes, encrypt: bool) -> str:
        artifact_id = hashlib.sha256(content).hexdigest()
        path = self._path(tenant, artifact_id)
        stored = content
        if encrypt:
            path = path.with_name(artifact_id + _SEALED)
            stored = self._seal(tenant, artifact_id, content)
        try:
            if not _made_young(path):
                _make_private(path.parent, self._root)
                _write(path, stored)
        except OSError as error:
            raise StoreUnavailable(
                f"The artifact cannot be kept in {self._root}: {error.strerror}.",
                fix="Free some space, and make the data folder writable for the user that runs OpsAgent.",
            ) from error
        return artifact_id

    def _get(self, tenant: str, artifact_id: str) -> bytes:
        absent = NotFound(f"There is no artifact {artifact_id[:64]}.", fix="Look at the run for its artifacts.")
        if not _ID.fullmatch(artifact_id):
            raise absent
        path = self._path(tenant, artifact_id)
        sealed = path.with_name(artifact_id + _SEALED)
        try:
            if path.exists():
                content = path.read_bytes()
            elif sealed.exists():
                content = self._open(tenant, artifact_id, sealed.read_bytes())
            else:
                raise absent
        except OSError as error:
            raise StoreUnavailable(
                f"The artifact {artifact_id} cannot be read: {error.strerror}.",
                fix="Make the data folder readable for the user that runs OpsAgent; look at `dmesg`.",
            ) from error
        if hashlib.sha256(content).hexdigest() != artifact_id:
            raise NotFound(
                f"The artifact {artifact_id} is damaged: its content is not what was kept.",
                fix="Restore the file from a copy of the data folder.",
            )
        return content

    def _seal(self, tenant: str, artifact_id: str, content: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._need_cipher().encrypt(nonce, content, _bound_to(tenant, artifact_id))

    def _open(self, tenant: str, artifact_id: str, stored: bytes) -> bytes:
        nonce, sealed = stored[:_NONCE_BYTES], stored[_NONCE_BYTES:]
        try:
            return self._need_cipher().decrypt(nonce, sealed, _bound_to(tenant, artifact_id))
        except (InvalidTag, ValueError) as error:
            raise ConfigurationError(
                f"The artifact {artifact_id} does not open with the present encryption key, or it was changed.",
                fix="Set the key it was sealed with.",
            ) from error

    def _need_cipher(self) -> AESGCM:
        if self._cipher is None:
            raise ConfigurationError(
                "This must be kept encrypted, and no encryption key is set.", fix="Set CREDENTIAL_ENCRYPTION_KEY."
            )
        return self._cipher

    def _path(self, tenant: str, artifact_id: str) -> Path:
        of_tenant = hashlib.sha256(tenant.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return self._root / of_tenant / artifact_id[:2] / artifact_id


def _bound_to(tenant: str, artifact_id: str) -> bytes:
    """What a sealed file belongs to: copied to another tenant's folder or another name it does not open."""
    return f"{artifact_id}\0{tenant}".encode("utf-8", "surrogatepass")


def _make_private(folder: Path, root: Path) -> None:
    """Make the folders up to `root` for their owner alone, safe on disk."""
    made = []
    while not folder.exists() and folder != root.parent:
        made.append(folder)
        folder = folder.parent
    for path in reversed(made):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _settle(path.parent)


def _made_young(path: Path) -> bool:
    """Give it the present time; False when there is no such file."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _delete_old(path: Path, older_than: float) -> bool:
    """Delete a file unless it was put since; it is moved aside first, for it may be put again while it is looked at."""
    aside = path.with_name(f".{path.name}.old")
    try:
        if path.stat().st_mtime >= older_than:
            return False
        path.rename(aside)
        if aside.stat().st_mtime >= older_than:
            aside.rename(path)
            return False
        aside.unlink()
    except FileNotFoundError:  # another process cleans up too
        return False
    return True


def _write(path: Path, stored: bytes) -> None:
    """All or nothing: a file is under its name only once its bytes are on disk. mkstemp makes it 0600."""
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(stored)
            file.flush()
            os.fsync(file.fileno())
        Path(fresh).rename(path)
    finally:
        Path(fresh).unlink(missing_ok=True)
    _settle(path.parent)


def _settle(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
