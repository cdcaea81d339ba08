"""Finds which registered cloud account a text means: by its id or its name, exactly; a text selects, it never forms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from opsagent.domain.connection import Connection

EXECUTOR = "aws"
NAME_OPTION = "account_name"
# An AWS account id has 12 digits; people also write it in three groups, as AWS's console does.
_ID = re.compile(r"(?<![\w-])(?:[0-9]{12}|[0-9]{4}-[0-9]{4}-[0-9]{4})(?![\w-])")


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """The connection a text names; None where it names none, or not exactly one, and then `reason` says why.

    A text that speaks of no account at all has neither.
    """

    connection: Connection | None = None
    reason: str = ""


def find_account(text: str, connections: Sequence[Connection]) -> FoundAccount:
    """Look for account ids, and for names as whole words: the connection's name, and its option `account_name`.

    One account registered for several regions is told apart by the region, where the text names exactly one of them.
    """
    accounts = [one for one in connections if one.executor == EXECUTOR and account_id(one)]
    ids = {found.group().replace("-", "") for found in _ID.finditer(text)}
    unknown = ids - {account_id(one) for one in accounts}
    if accounts and unknown:
        return FoundAccount(reason=f"The account {', '.join(sorted(unknown))} is not registered, or not in this scope.")
    named = [one for one in accounts if account_id(one) in ids or any(_says(text, name) for name in _names(one))]
    if len(named) > 1:
        exact = [one for one in named if _says(text, one.name)]
        near = [one for one in named if _says(text, _region(one))]
        one_account = len({account_id(one) for one in named}) == 1
        named = exact if one_account and len(exact) == 1 else near if one_account and len(near) == 1 else named
    if len(named) > 1:
        names = ", ".join(sorted(one.name for one in named))
        return FoundAccount(reason=f"Several accounts are meant: {names}. Name one connection.")
    return FoundAccount(connection=named[0]) if named else FoundAccount()


def account_id(connection: Connection) -> str:
    """The id in the address `aws://ID/REGION`; empty where there is none."""
    where = urlsplit(connection.address)
    return where.netloc if where.scheme == "aws" and re.fullmatch(r"[0-9]{12}", where.netloc) else ""


def _names(connection: Connection) -> tuple[str, ...]:
    names = (connection.name, connection.options.get(NAME_OPTION, ""))
    return tuple(name.strip() for name in names if name.strip())


def _region(connection: Connection) -> str:
    return urlsplit(connection.address).path.strip("/")


def _says(text: str, name: str) -> bool:
    """Whether the text has the name as words of its own, whatever its capitals; `prod` is not in `prod-eu`."""
    if not name:
        return False
    words = r"\s+".join(re.escape(word) for word in name.split())
    return re.search(rf"(?<![\w-]){words}(?![\w-])", text, re.IGNORECASE) is not None
