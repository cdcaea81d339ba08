"""Opens credentials, whoever keeps them, and checks who may use them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from opsagent.adapters.secrets.kept import OutsideKeeper, version_of
from opsagent.adapters.secrets.sealing import Sealing
from opsagent.domain.connection import Connection
from opsagent.domain.credential import FIELDS, Credential, Keeper
from opsagent.errors import ConfigurationError, Forbidden, InputError, NotFound, OpsAgentError
from opsagent.ports.catalogue import CredentialStore
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.secrets import Login

log = logging.getLogger(__name__)
_HOW = {
    Keeper.FILE: "Set secret_files_root.",
    Keeper.VAULT: "Set vault_address and one way to log in.",
    Keeper.AWS: "Set aws_secrets_region.",
    Keeper.ENV: "Start the server with its variables.",
}


class Broker:
    """Fulfils `ports.secrets.Secrets`, and stores values for the API and the command line.

    `keepers` are those outside our own store that are set up. `learn` is told every value that was opened, so that no
    output shows it.
    """

    def __init__(
        self,
        store: CredentialStore,
        sealing: Sealing,
        keepers: Mapping[Keeper, OutsideKeeper],
        clock: Clock,
        ids: Ids,
        learn: Callable[[Sequence[str]], None],
    ) -> None:
        self._store, self._sealing, self._keepers = store, sealing, keepers
        self._clock, self._ids, self._learn = clock, ids, learn

    async def version(self, tenant: str, name: str, connection: Connection) -> int:
        """What an approval is bound to. NotFound, Forbidden, UnavailableError, ConfigurationError."""
        credential = await self._store.get(tenant, name)
        _may_use(credential, connection)
        if credential.keeper is Keeper.STORE:
            return _stored_version(credential)
        _, version = await self._read(credential, None)
        return version

    async def open(self, tenant: str, name: str, connection: Connection) -> Login:
        """The value, noted as used. NotFound, Forbidden, UnavailableError, ConfigurationError."""
        credential, sealed = await self._store.sealed(tenant, name)
        _may_use(credential, connection)
        values, version = await self._read(credential, sealed)
        login = Login(name=name, kind=credential.kind, version=version, values=values)
        self._learn(login.secret_values)
        try:
            await self._store.used(credential, self._clock.now(), connection.name)
        except OpsAgentError as error:
            log.warning("the use of credential %s was not noted: %s", name, error.message)
        return login

    async def keep(self, credential: Credential, values: Mapping[str, str], by: str) -> Credential:
        """Store a new credential or a new value of an old one. InputError, ConfigurationError, ConflictError.

        What an outside keeper has is not read: it may come later, or not answer now.
        """
        if credential.keeper is not Keeper.STORE:
            self._outside(credential, values)
        now = self._clock.now()
        try:
            old: Credential | None = await self._store.get(credential.tenant, credential.name)
        except NotFound:
            old = None
        made = replace(
            credential,
            id=old.id if old else self._ids.uuid(),
            version=old.version + 1 if old else 1,
            created_at=old.created_at if old else now,
            updated_at=now,
        )
        if made.keeper is not Keeper.STORE:
            return await self._store.put(made, None, by)
        _check_fields(made, values)
        self._learn([value for name, value in values.items() if name not in ("username", "header")])
        return await self._store.put(made, self._sealing.seal(made, values), by)

    async def rotate_key(self, tenant: str) -> int:
        """Seal every value anew with the first key, while everything goes on; how many were. ConfigurationError."""
        count = 0
        for credential in await self._store.list(tenant):
            known, sealed = await self._store.sealed(tenant, credential.name)
            if sealed is not None and not self._sealing.is_current(sealed):
                values = self._sealing.unseal(known, sealed)
                count += await self._store.reseal(known, self._sealing.seal(known, values))
        return count

    async def _read(self, credential: Credential, sealed: bytes | None) -> tuple[dict[str, str], int]:
        if credential.keeper is Keeper.STORE:
            if sealed is None:
                raise ConfigurationError(f"The credential {credential.name} has no value.", fix="Store one.")
            values, version = self._sealing.unseal(credential, sealed), _stored_version(credential)
        else:
            try:
                keeper = self._outside(credential, {})
            except InputError as error:  # stored before its keeper had that rule
                raise ConfigurationError(error.message, fix=error.fix) from error
            kept = await keeper.read(credential)
            values, version = dict(kept.fields), version_of(credential.version, kept.mark)
        missing = [name for name in FIELDS[credential.kind][0] if not values.get(name)]
        if missing:
            raise ConfigurationError(f"The credential {credential.name} has no {', '.join(missing)}.", fix="Add it.")
        return values, version

    def _outside(self, credential: Credential, values: Mapping[str, str]) -> OutsideKeeper:
        if values or not credential.reference:
            raise InputError("Somebody else keeps its value.", fix="Give its reference, and no value.")
        keeper = self._keepers.get(credential.keeper)
        if keeper is None:
            raise InputError(f"{credential.keeper.value} is not set up here.", fix=_HOW[credential.keeper])
        keeper.check(credential)
        return keeper


def _stored_version(credential: Credential) -> int:
    """Its version and its id: one that was deleted and made anew under the same name is another credential."""
    return version_of(credential.version, credential.id)


def _may_use(credential: Credential, connection: Connection) -> None:
    if credential.connections and connection.name not in credential.connections:
        raise Forbidden(
            f"{connection.name} may not use the credential {credential.name}.",
            fix="Add the connection to those the credential is for, or name another one.",
        )


def _check_fields(credential: Credential, values: Mapping[str, str]) -> None:
    needed, allowed = FIELDS[credential.kind]
    missing = [name for name in needed if not values.get(name)]
    unknown = [name for name in values if name not in (*needed, *allowed)]
    if missing or unknown:
        said = f"needs {', '.join(missing)}" if missing else f"has no field {', '.join(unknown)}"
        raise InputError(
            f"A credential of kind {credential.kind.value} {said}.",
            fix=f"Its fields: {', '.join((*needed, *allowed))}.",
        )
