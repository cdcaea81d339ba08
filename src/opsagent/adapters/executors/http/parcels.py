"""Makes the parcel of an order: where it goes, under whose name, and what the connection allows there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from opsagent.adapters.executors.http.config import HttpConfig
from opsagent.adapters.executors.http.exchange import Parcel, basic
from opsagent.adapters.http_target import HttpTarget, http_target
from opsagent.domain.connection import Connection
from opsagent.domain.credential import CredentialKind
from opsagent.domain.request import HttpRequest, parse_request
from opsagent.errors import ExecutionError, InputError
from opsagent.ports.executor import Order
from opsagent.ports.secrets import Login

_SENDABLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")  # RFC 9110 5.5, without obs-text
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A parcel, and what else the executor must know of its target."""

    parcel: Parcel
    target: HttpTarget
    repeatable: bool  # the API promises to act once, however often it comes


def pack(order: Order, config: HttpConfig, *, effect: bool) -> Packed:
    """ExecutionError: it cannot be sent as it is, and nothing was."""
    try:
        target = http_target(order.connection)
        request = parse_request(order.command.text)
    except InputError as error:
        raise ExecutionError(f"It was not started: {error.message}", fix=error.fix) from error
    url = request.url(order.connection.address)
    own = target.owns(url)
    login = order.login if own else None  # a credential is for the registered address alone
    headers = dict(request.headers)
    _add(headers, login_headers(login))
    repeatable = effect and own and bool(target.idempotency_header)
    if repeatable:
        _add(headers, {target.idempotency_header: order.token})
    return Packed(
        parcel=Parcel(
            method=request.method,
            url=url.geturl(),
            headers=headers,
            body=_body(request, order),
            secrets=secrets_of(login),
            allow_private=own and target.allow_private,
            allow_link_local=own and target.allow_link_local,
            connect_timeout_s=config.connect_timeout_s,
            total_timeout_s=order.command.timeout_s,
            cap_bytes=config.output_cap_bytes,
            ca_file=str(config.ca_file.resolve()) if config.ca_file else "",
        ),
        target=target,
        repeatable=repeatable,
    )


def test_parcel(connection: Connection, login: Login | None, config: HttpConfig) -> Parcel:
    """A GET of the registered test path. InputError, ExecutionError."""
    target = http_target(connection)
    return Parcel(
        method="GET",
        url=target.base.geturl() + target.test_path,
        headers=login_headers(login),
        secrets=secrets_of(login),
        allow_private=target.allow_private,
        allow_link_local=target.allow_link_local,
        connect_timeout_s=config.connect_timeout_s,
        total_timeout_s=10.0,
        cap_bytes=4096,
        ca_file=str(config.ca_file.resolve()) if config.ca_file else "",
    )


def login_headers(login: Login | None) -> dict[str, str]:
    """The header that opens the API. ExecutionError when the credential cannot be one."""
    if login is None:
        return {}
    if login.kind is CredentialKind.PASSWORD:
        return {"Authorization": basic(login.values["username"], login.values["password"])}
    if login.kind is not CredentialKind.TOKEN:
        raise ExecutionError(
            f"It was not started: {login.name} is a {login.kind.value}, which opens no API.",
            fix="Name a credential of kind token or password.",
        )
    name, token = login.values.get("header", ""), login.values["token"]
    if not _SENDABLE.fullmatch(token) or (name and not _NAME.fullmatch(name)):
        raise ExecutionError(
            f"It was not started: {login.name} cannot stand in a header.",
            fix="Store the token again, in one line and without a line break at its end.",
        )
    return {name: token} if name else {"Authorization": f"Bearer {token}"}


def secrets_of(login: Login | None) -> tuple[str, ...]:
    """What must be in no output: the values, and the form in which they are sent."""
    if login is None:
        return ()
    sent = (value.removeprefix("Basic ") for value in login_headers(login).values())
    return (*login.secret_values, *sent)


def _body(request: HttpRequest, order: Order) -> str:
    if order.stdin is not None or order.command.stdin or order.command.stdin_artifact:
        raise ExecutionError(
            "It was not started: a request has no input besides its body.", fix="Write it below the empty line."
        )
    return request.body


def _add(headers: dict[str, str], more: dict[str, str]) -> None:
    for name, value in more.items():
        if any(name.lower() == one.lower() for one in headers):
            raise ExecutionError(
                f"It was not started: the header {name} comes from the connection, and the text gives it too.",
                fix="Leave it out of the text.",
            )
        headers[name] = value
