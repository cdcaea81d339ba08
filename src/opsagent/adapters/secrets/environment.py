"""Opens a credential kept in variables of the server's environment: only those set aside for it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from opsagent.adapters.secrets.kept import Kept, fields_of, mark_of
from opsagent.domain.credential import FIELDS, Credential
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import ConfigurationError, Forbidden, InputError

PREFIX = "OPSAGENT_LOGIN_"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,100}")


class EnvironmentKeeper:
    """Fulfils `kept.OutsideKeeper`. `variables` are those called OPSAGENT_LOGIN_<NAME>, by <name> in lower case.

    It is given these and no others, so that no reference reaches another variable of the server. The environment is
    the installation's, so other tenants than the default one have none.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = dict(variables)

    def check(self, credential: Credential) -> None:
        """See the port: the reference is what follows OPSAGENT_LOGIN_. InputError, Forbidden."""
        if credential.tenant != DEFAULT_TENANT:
            raise Forbidden(
                f"The environment belongs to the tenant {DEFAULT_TENANT}.", fix="Store the value, or mount it as files."
            )
        if not _NAME.fullmatch(credential.reference):
            raise InputError(
                f"The reference of a credential in the environment is what follows {PREFIX}.",
                fix=f"Write SHOPDB for {PREFIX}SHOPDB_USERNAME and {PREFIX}SHOPDB_PASSWORD.",
            )

    async def read(self, credential: Credential) -> Kept:
        """See the port."""
        fields = fields_of(self._variables, credential.kind, credential.reference.lower())
        if not fields:
            start = PREFIX + credential.reference.upper()
            names = ", ".join(f"{start}_{field.upper()}" for field in FIELDS[credential.kind][0])
            raise ConfigurationError(f"The server was started without {names}.", fix="Set them, and start it again.")
        return Kept(fields=fields, mark=mark_of(fields))
