"""What the registration of an AWS account says, and whether it makes sense."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from opsagent.domain.command import Reach
from opsagent.domain.connection import Connection
from opsagent.errors import InputError

_ADDRESS = re.compile(r"aws://([0-9]{12})/([a-z]{2}[a-z0-9-]{3,30})")
_ROLE = re.compile(r"arn:aws[a-z-]{0,10}:iam::([0-9]{12}):role/[\w+=,.@/-]{1,512}")  # IAM API reference, RoleName
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}")  # STS API reference, AssumeRole
OPTIONS = frozenset({"role_arn", "read_role_arn", "external_id", "endpoint", "account_name", "session"})
DIRECT = "direct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A registered account: its id, the region, the role for effects and the one for reads (empty: `direct`)."""

    id: str
    region: str
    role: str
    read_role: str
    external_id: str
    endpoint: str


def account_of(connection: Connection) -> Account:
    """The account of a connection. InputError, with the fix."""
    match = _ADDRESS.fullmatch(connection.address)
    if match is None:
        raise InputError(
            f"{connection.address!r} is not the address of an AWS account.",
            fix="Write aws://ACCOUNT-ID/REGION, such as aws://123456789012/eu-central-1.",
        )
    options = connection.options
    unknown = set(options) - OPTIONS
    if unknown:
        raise InputError(f"Unknown option {', '.join(sorted(unknown))}.", fix=f"Known: {', '.join(sorted(OPTIONS))}.")
    _check_roles(connection, match.group(1))
    external_id = options.get("external_id", "")
    if external_id and not _EXTERNAL_ID.fullmatch(external_id):
        raise InputError("external_id is not one STS takes.", fix="Use letters, digits and +=,.@:/-_ only.")
    return Account(
        id=match.group(1),
        region=match.group(2),
        role=options.get("role_arn", ""),
        read_role=options.get("read_role_arn", "") or options.get("role_arn", ""),
        external_id=external_id,
        endpoint=_endpoint(options.get("endpoint", "")),
    )


def check_account(connection: Connection) -> None:
    """Refuse a registration that cannot work. InputError."""
    account_of(connection)
    if not connection.credential and not connection.read_credential:
        raise InputError("No credential is named.", fix="Name --credential, one of kind aws that may assume the role.")
    if connection.reach is not Reach.SANDBOX:
        raise InputError("The AWS command line runs in the sandbox.", fix="Leave --reach out.")


def _check_roles(connection: Connection, account: str) -> None:
    options = connection.options
    if options.get("session", DIRECT) != DIRECT:
        raise InputError("session can only be `direct`.", fix="Leave it out, and give role_arn.")
    for name in ("role_arn", "read_role_arn"):
        role = options.get(name, "")
        match = _ROLE.fullmatch(role)
        if role and match is None:
            raise InputError(f"{name} is not the ARN of a role.", fix="Write arn:aws:iam::ACCOUNT-ID:role/NAME.")
        if match and match.group(1) != account:
            raise InputError(
                f"{name} is a role of the account {match.group(1)}, and the address names {account}.",
                fix="Register each account as a connection of its own.",
            )
    if bool(options.get("role_arn")) == ("session" in options):
        raise InputError(
            "It needs either role_arn or session=direct.",
            fix="Give role_arn: each step then has a session limited to what was judged. session=direct has no such "
            "limit: the credential itself is used.",
        )


def _endpoint(text: str) -> str:
    if not text:
        return ""
    where = urlsplit(text)
    plain = where.path in ("", "/") and not where.query and not where.username and not where.password
    if not where.hostname or not plain or where.scheme not in ("http", "https"):
        raise InputError("endpoint is no address.", fix="Write https://HOST[:PORT].")
    if where.scheme == "http" and not _is_loopback(where.hostname):
        raise InputError("endpoint is not encrypted.", fix="Use https; http is for this machine only.")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
