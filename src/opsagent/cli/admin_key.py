"""The key of the data folder: made once, kept in a file only its owner reads, known to the store by its hash."""

from __future__ import annotations

import os
from pathlib import Path

from opsagent.cli.person import login_name
from opsagent.domain.identity import DEFAULT_TENANT, PrincipalKind, Role
from opsagent.errors import StoreUnavailable, Unauthenticated
from opsagent.ports.catalogue import KeyStore
from opsagent.ports.clock import Clock, Ids

FILE_NAME = "admin.key"


async def ensure_admin_key(folder: Path, keys: KeyStore, clock: Clock, ids: Ids) -> Path:
    """The file of the admin key, made where there is none; after it the store knows the key. StoreUnavailable."""
    from opsagent.cli.mint import new_secret, row_of

    path = folder / FILE_NAME
    if not path.exists():
        _write(path, new_secret(ids))
    key = row_of(
        read_admin_key(folder),
        key_id=ids.uuid(),
        now=clock.now(),
        tenant=DEFAULT_TENANT,
        role=Role.ADMIN,
        kind=PrincipalKind.PERSON,
        name=login_name(),  # the only one who can read the file, so the one the record names
    )
    # Looked up each time: a store that was replaced, or a crash between file and row, mends itself.
    if await keys.find(key.secret_sha256) is None:
        await keys.put(key, f"cli:{login_name()}")
    return path


def read_admin_key(folder: Path) -> str:
    """The key's text. Unauthenticated when this user may not read it, or there is none."""
    path = folder / FILE_NAME
    try:
        secret = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise Unauthenticated(
            f"There is no admin key in {folder}.", fix="Start the server once on this folder: it makes one."
        ) from None
    except PermissionError:
        raise Unauthenticated(
            f"{path} is not yours to read.", fix="Run this as the user the server runs as (sudo -u ...)."
        ) from None
    except (OSError, UnicodeDecodeError):
        secret = ""
    if not secret or not secret.isprintable():
        raise Unauthenticated(f"{path} holds no key.", fix="Remove the file and start the server again: it makes one.")
    return secret


def _write(path: Path, secret: str) -> None:
    """With rights 0600 from the first moment on, whole or not at all."""
    half = path.with_suffix(".new")
    try:
        half.unlink(missing_ok=True)
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        raise StoreUnavailable(
            f"The admin key cannot be written to {path}: {error.strerror}.",
            fix="Make room, or mend the folder's rights.",
        ) from None
