"""Reads a credential that is mounted as files: a folder with a file per field, as Kubernetes and Docker do it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from opsagent.adapters.secrets.kept import Kept, fields_of, mark_of, own_name
from opsagent.domain.credential import Credential
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import ConfigurationError, InputError, UnavailableError

_MOST_BYTES = 64 * 1024


class FileKeeper:
    """Fulfils `kept.OutsideKeeper`. `root` is the folder below which secrets are mounted; None: there are none."""

    def __init__(self, root: Path | None) -> None:
        self._root = root

    def check(self, credential: Credential) -> None:
        """See the port: the reference is a path below the root. InputError, Forbidden."""
        if Path(credential.reference).is_absolute():
            raise InputError("The reference of a mounted secret is a path below secret_files_root.", fix="Drop the /.")
        own_name(credential, credential.reference)

    async def read(self, credential: Credential) -> Kept:
        """See the port."""
        if self._root is None:
            raise ConfigurationError(
                "No folder for mounted secrets is set.", fix="Set secret_files_root to where they are mounted."
            )
        mine = self._root if credential.tenant == DEFAULT_TENANT else self._root / credential.tenant
        place = self._root / credential.reference
        fields = fields_of(await asyncio.to_thread(_read, mine, place, credential.reference), credential.kind)
        return Kept(fields=fields, mark=mark_of(fields))


def _read(root: Path, folder: Path, reference: str) -> dict[str, str]:
    """Kubernetes lays links inside the mount, so links are followed, and where they lead must lie below the root."""
    inside, place = root.resolve(), folder.resolve()
    if inside not in place.parents:
        raise ConfigurationError(f"{reference!r} lies outside the folder for mounted secrets.", fix="Name one in it.")
    try:
        files = [one for one in sorted(place.iterdir()) if not one.name.startswith("..") and one.is_file()]
        if any(inside not in one.resolve().parents for one in files):
            raise ConfigurationError(f"A file of {reference!r} leads outside the folder for mounted secrets.")
        return {one.name: one.read_bytes()[:_MOST_BYTES].decode().removesuffix("\n") for one in files}
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UnavailableError(f"The secret {reference!r} cannot be read: {why}.", fix="Look at its mount.") from error
