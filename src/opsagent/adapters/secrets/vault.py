"""Opens a credential kept by HashiCorp Vault (or OpenBao): its key/value engine, version 2."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from opsagent.adapters.secrets.kept import Kept, fields_of, own_name, split
from opsagent.adapters.secrets.vault_login import AccessRefused, VaultConfig, exchange, given_token, log_in
from opsagent.domain.credential import Credential
from opsagent.errors import ConfigurationError, InputError, UnavailableError
from opsagent.ports.clock import Clock

# As in Vault's HTTP API: without `data` nobody could tell where a mount with a slash in its name ends.
_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.@+=:,~-]+"
_PLACE = re.compile(rf"({_SEGMENT}(?:/{_SEGMENT})*?)/data/({_SEGMENT}(?:/{_SEGMENT})*)")
_PART = re.compile(r"[A-Za-z0-9_.-]*")
_USED_OF_LEASE = 0.8  # a token is replaced before it ends, as Vault's own agent does it


class VaultKeeper:
    """Fulfils `kept.OutsideKeeper`. The reference is `MOUNT/data/PATH` or `MOUNT/data/PATH#PART`."""

    def __init__(self, config: VaultConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._lock = asyncio.Lock()
        self._token, self._until = "", 0.0

    def check(self, credential: Credential) -> None:
        """See the port. InputError, Forbidden."""
        _, path, _ = _parsed(credential.reference)
        own_name(credential, path)

    async def read(self, credential: Credential) -> Kept:
        """See the port. The newest version is read; a deleted one is not looked behind."""
        mount, path, part = _parsed(credential.reference)

        def ask(client: Any) -> Any:
            return client.secrets.kv.v2.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)

        async def once() -> dict[str, Any]:
            token = await self._present_token()
            return await asyncio.to_thread(exchange, self._config, token, ask, f"{mount}/data/{path}")

        try:
            async with asyncio.timeout(self._config.timeout_s * 3):
                try:
                    answer = await once()
                except AccessRefused:
                    if not self._config.logs_in:
                        raise
                    self._until = 0.0  # it may have been revoked; a fresh one tells whether the policy is to blame
                    answer = await once()
        except TimeoutError as error:
            raise UnavailableError("Vault answers too slowly.", fix="Look at its load and the network.") from error
        found, mark = _contents(answer, credential.reference)
        return Kept(fields=fields_of(found, credential.kind, part), mark=mark)

    async def _present_token(self) -> str:
        if not self._config.logs_in:
            return await asyncio.to_thread(given_token, self._config)
        async with self._lock:
            if self._clock.monotonic() >= self._until:
                self._token, lease_s = await asyncio.to_thread(log_in, self._config)
                self._until = self._clock.monotonic() + lease_s * _USED_OF_LEASE
            return self._token


def _parsed(reference: str) -> tuple[str, str, str]:
    place, part = split(reference)
    found = _PLACE.fullmatch(place)
    if found is None or not _PART.fullmatch(part):
        raise InputError(
            f"{reference!r} is no reference to Vault.",
            fix="Write MOUNT/data/PATH, or MOUNT/data/PATH#PART, as in kv/data/shop#prod.",
        )
    return found[1], found[2], part


def _contents(answer: Mapping[str, Any], reference: str) -> tuple[dict[str, str], str]:
    """The fields, and what is another text for every version: a secret that was made anew starts at 1 again."""
    try:
        data, about = answer["data"]["data"], answer["data"]["metadata"]
        mark = f"{int(about['version'])} {about['created_time']}"
        return {name: str(value) for name, value in data.items() if isinstance(value, str | int)}, mark
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"{reference!r} is not kept in a key/value engine of version 2.",
            fix="Name one that is (`vault secrets list -detailed` shows the version).",
        ) from error
