"""Who sits at the terminal, as the operating system knows it."""

from __future__ import annotations

import os
import pwd

from opsagent.domain.identity import Principal, PrincipalKind, Role


def login_name() -> str:
    """The name of the user this process runs as; its number where it has no name. Nothing a variable could fake."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def person(tenant: str) -> Principal:
    """The person at the command line. Whoever can open the store may do everything in it anyway: role admin."""
    return Principal(id=f"cli:{login_name()}", tenant=tenant, role=Role.ADMIN, kind=PrincipalKind.PERSON)
