"""What every outside keeper of credentials does, and how a tenant is held to its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from opsagent.domain.credential import FIELDS, Credential, CredentialKind
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import Forbidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The fields of one credential; `mark` is another text whenever the keeper has another value."""

    fields: Mapping[str, str] = field(repr=False)
    mark: str = field(repr=False)


class OutsideKeeper(Protocol):
    """Reads what somebody else keeps; one per `domain.credential.Keeper` but our own store."""

    def check(self, credential: Credential) -> None:
        """Raise InputError or Forbidden unless the reference is one of its kind and the tenant's own."""
        ...

    async def read(self, credential: Credential) -> Kept:
        """The present value; `check` comes first. ConfigurationError: a person must change something.

        UnavailableError: the keeper does not answer now, ask again.
        """
        ...


def own_name(credential: Credential, name: str) -> None:
    """Forbidden unless `name` (as the keeper knows it, without `..`) is the tenant's: it starts with `<tenant>/`.

    The server opens outside keepers with its own rights, so without this any tenant would read what another keeps
    there. The default tenant is the installation's own and names anything.
    """
    tenant = credential.tenant
    if tenant != DEFAULT_TENANT and ("/" in tenant or not name.startswith(f"{tenant}/")):
        raise Forbidden(
            f"{name!r} does not belong to the tenant {tenant}.",
            fix=f"Its name must begin with {tenant}/; only the tenant {DEFAULT_TENANT} may name others.",
        )


def split(reference: str) -> tuple[str, str]:
    """A reference `PLACE#PART` as (place, part); the part is empty where none is named."""
    place, _, part = reference.partition("#")
    return place, part


def fields_of(found: Mapping[str, str], kind: CredentialKind, part: str = "") -> dict[str, str]:
    """Those of the keeper's fields that a credential of this kind has; others (a host, a port) are not its own.

    With a `part` they are called `<part>_<field>`, and where the kind needs one field only, `<part>` itself is it.
    """
    needed, allowed = FIELDS[kind]
    start = f"{part}_" if part else ""
    values = {name: found[start + name] for name in (*needed, *allowed) if found.get(start + name)}
    if part and len(needed) == 1 and found.get(part):
        values.setdefault(needed[0], found[part])
    return values


def mark_of(fields: Mapping[str, str]) -> str:
    """A mark for keepers that have no versions: a digest of the values."""
    return hashlib.sha256(json.dumps(dict(fields), sort_keys=True).encode()).hexdigest()


def version_of(row_version: int, mark: str) -> int:
    """What an approval is bound to: another number for another value, and for another reference.

    48 bits, so that every reader of JSON keeps it whole; the same after a restart.
    """
    digest = hashlib.sha256(json.dumps([row_version, mark]).encode()).digest()
    return int.from_bytes(digest[:6], "big")
