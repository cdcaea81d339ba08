"""Reads a credential that is mounted as files: a folder with a file per field, as Kubernetes and Docker do it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from opsagent.errors import ConfigurationError, UnavailableError

_MOST_BYTES = 64 * 1024


def read_fields(root: Path | None, reference: str) -> dict[str, str]:
    """The fields below `root / reference`. Blocking. ConfigurationError, UnavailableError.

    Kubernetes lays links inside the mount, so links are followed, and where they lead must lie below the root.
    """
    if root is None:
        raise ConfigurationError(
            "No folder for mounted secrets is set.", fix="Set secret_files_root to where they are mounted."
        )
    inside, place = root.resolve(), (root / reference).resolve()
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


def version_of(fields: dict[str, str]) -> int:
    """A number that is another one for other values: what an approval is bound to."""
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).digest()
    return int.from_bytes(digest[:6], "big")
