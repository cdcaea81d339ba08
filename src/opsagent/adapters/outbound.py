"""The one HTTP client for everything that leaves: resolves once, connects to that address only, and has limits."""

from __future__ import annotations

import asyncio
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import certifi
import httpx

from opsagent.adapters.addresses import refused
from opsagent.adapters.target_url import name_of, parse_url, port_of, redirected
from opsagent.errors import ConfigurationError, InputError, OpsAgentError, TooLarge, UnavailableError
from opsagent.ports.clock import Clock

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAME_METHOD = frozenset({307, 308})  # RFC 9110 15.4: only these keep the method and the body


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundConfig:
    """Times are seconds. `allowed_hosts` (name, or name:port) may have private addresses even without `allow_private`.

    `allow_link_local` is for link-local and metadata addresses. `ca_file` holds certificates trusted in addition to the
    system's. `agent` is sent as User-Agent. `allow_fix` says how a refused address is allowed.
    """

    allow_private: bool = False
    allow_link_local: bool = False
    allowed_hosts: tuple[str, ...] = ()
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 10.0
    total_timeout_s: float = 30.0
    max_response_bytes: int = 1024 * 1024
    ca_file: Path | None = None
    agent: str = "OpsAgent"
    allow_fix: str = "let the administrator add the host to private_callback_hosts"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundResponse:
    """An answer, whatever its status. Header names are lower case; `elapsed_s` runs from the call to the last byte.

    `cut` says that the body went on, or broke off.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    address: str
    elapsed_s: float
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sending:
    """One request on its way; see `OutboundClient.request`."""

    method: str
    headers: Mapping[str, str]
    content: bytes
    start: float
    cut: bool
    begins: Callable[[], None] | None

    async def trace(self, event: str, _: object) -> None:
        """Hear what httpcore does (its Trace Extension)."""
        if self.begins is not None and event.endswith(".send_request_headers.started"):
            self.begins()


class OutboundClient:
    """Never uses a proxy of the environment, never keeps a connection, never follows a redirect to another host."""

    def __init__(self, config: OutboundConfig, clock: Clock, *, resolve: Resolver | None = None) -> None:
        """Raises ConfigurationError when `ca_file` cannot be read."""
        self._config = config
        self._clock = clock
        self._resolve = resolve or resolve_by_system
        self._trusted = trust(config.ca_file) if config.ca_file else None
        self._allowed = frozenset(host.lower().rstrip(".") for host in config.allowed_hosts)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        redirects: int = MAX_REDIRECTS,
        total_timeout_s: float | None = None,
        cut: bool = False,
        begins: Callable[[], None] | None = None,
    ) -> OutboundResponse:
        """Send one request and read the whole answer. With `redirects=0` a redirect is an answer like any other.

        With `cut` a body that is over its limit or breaks off is taken as far as it goes. `begins` is called before the
        first byte of the request leaves: what fails without it was not sent.

        InputError: the address may not be called, or redirects to another host: trying again will not help. TooLarge:
        the answer is over its limit. UnavailableError: no answer; it may be tried again. Messages name the host, never
        the path or query, which may hold secrets.
        """
        start = self._clock.monotonic()
        target = parse_url(url)
        total = total_timeout_s or self._config.total_timeout_s
        sending = _Sending(
            method=method.upper(), headers=headers or {}, content=content, start=start, cut=cut, begins=begins
        )
        try:
            async with asyncio.timeout(total):
                for _ in range(redirects + 1):
                    response = await self._send(target, sending)
                    if redirects == 0 or response.status not in _REDIRECTS or "location" not in response.headers:
                        return response
                    if response.status not in _SAME_METHOD and method.upper() not in {"GET", "HEAD"}:
                        return response
                    target = redirected(target, response.headers["location"])
        except TimeoutError:
            raise UnavailableError(
                f"{name_of(target)} did not answer completely within {total:g} s.",
                fix="Check that it is up and not overloaded.",
            ) from None
        raise InputError(f"{name_of(target)} redirects over and over.", fix="Register the address it ends at.")

    async def reachable(self, url: str) -> None:
        """Refuse as `request` would, as far as can be told without sending. InputError, UnavailableError."""
        await self._addresses(parse_url(url))

    async def _send(self, target: httpx.URL, sending: _Sending) -> OutboundResponse:
        problem: OpsAgentError | None = None
        for address in await self._addresses(target):
            try:
                return await self._send_to(address, target, sending)
            except _NotConnected as failed:
                problem = failed.error  # nothing was sent: another address of the same name may be tried
        raise problem or UnavailableError(f"{name_of(target)} has no address.", fix="Check the name.")

    async def _addresses(self, target: httpx.URL) -> Sequence[str]:
        host, port = target.host.rstrip("."), port_of(target)
        try:
            async with asyncio.timeout(self._config.connect_timeout_s):
                found = list(dict.fromkeys(await self._resolve(host, port)))
        except (OSError, UnicodeError) as failed:  # TimeoutError is an OSError
            raise UnavailableError(
                f"The name {host} could not be resolved.", fix="Check the spelling and this machine's DNS."
            ) from failed
        allowed = self._config.allow_private or bool({host.lower(), f"{host.lower()}:{port}"} & self._allowed)
        for address in found:
            why = refused(address, allow_private=allowed, allow_link_local=self._config.allow_link_local)
            if why:
                raise InputError(
                    f"{name_of(target)} may not be called: its address {address} {why}.",
                    fix=f"Use a public address, or {self._config.allow_fix}.",
                )
        return found

    async def _send_to(self, address: str, target: httpx.URL, sending: _Sending) -> OutboundResponse:
        request = self._request(address, target, sending)
        tls = await self._tls(target)
        # One transport per request: a kept connection is filed under the address, and would be used for another name.
        async with httpx.AsyncHTTPTransport(verify=tls, trust_env=False) as transport:
            try:
                response = await transport.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as failed:
                raise _NotConnected(_connect_problem(target, failed)) from failed
            except httpx.LocalProtocolError as failed:
                raise InputError(
                    f"The request to {name_of(target)} has a malformed header.", fix="Correct it."
                ) from failed
            except httpx.TransportError as failed:
                raise _no_answer(target, failed) from failed
            try:
                body, cut = await self._read(target, response, sending)
            except httpx.TransportError as failed:
                raise _no_answer(target, failed) from failed
            finally:
                await response.aclose()
        return OutboundResponse(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=body,
            address=address,
            elapsed_s=self._clock.monotonic() - sending.start,
            cut=cut,
        )

    async def _tls(self, target: httpx.URL) -> ssl.SSLContext:
        """Who is trusted; read at the first https request, because it takes some 60 ms and many starts need none."""
        if target.scheme != "https":
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and is not used
        if self._trusted is None:
            self._trusted = await asyncio.to_thread(trust, self._config.ca_file)
        return self._trusted

    def _request(self, address: str, target: httpx.URL, sending: _Sending) -> httpx.Request:
        config = self._config
        mine = {
            name: value for name, value in sending.headers.items() if name.lower() not in {"host", "accept-encoding"}
        }
        timeouts = {
            "connect": config.connect_timeout_s,
            "read": config.read_timeout_s,
            "write": config.read_timeout_s,
            "pool": config.connect_timeout_s,
        }
        try:
            return httpx.Request(
                sending.method,
                target.copy_with(host=address),
                headers={
                    "user-agent": config.agent,
                    **mine,
                    "host": target.netloc.decode("ascii"),
                    "accept-encoding": "identity",
                    "connection": "close",
                },
                content=sending.content or None,
                extensions={
                    "trace": sending.trace,
                    "timeout": timeouts,
                    "sni_hostname": target.raw_host.decode("ascii").strip("[]").rstrip("."),
                },
            )
        except (httpx.InvalidURL, UnicodeError, ValueError, TypeError) as failed:
            raise InputError(
                f"The request to {name_of(target)} has a header that is not ASCII.", fix="Correct the header."
            ) from failed

    async def _read(self, target: httpx.URL, response: httpx.Response, sending: _Sending) -> tuple[bytes, bool]:
        """The body, and whether something is missing from it."""
        limit, body = self._config.max_response_bytes, bytearray()
        packed = response.headers.get("content-encoding", "").strip().lower() in {"gzip", "deflate"}
        cut = False
        try:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > limit:
                    if not sending.cut:
                        raise _too_large(target, limit)
                    cut = True
                    break
        except httpx.TransportError:
            if not sending.cut:
                raise
            cut = True
        if packed:  # asked for plain, got it packed all the same: unpack within the limit
            try:
                body = bytearray(zlib.decompressobj(wbits=47).decompress(body, limit + 1))
            except zlib.error as failed:
                if sending.cut:
                    return b"", True
                raise UnavailableError(f"{name_of(target)} sent a broken answer.", fix="Look at its log.") from failed
            if len(body) > limit and not sending.cut:
                raise _too_large(target, limit)
        return bytes(body[:limit]), cut or len(body) > limit


class _NotConnected(Exception):
    """This address did not take the connection; nothing was sent."""

    def __init__(self, error: OpsAgentError) -> None:
        super().__init__(error.message)
        self.error = error


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, in the system's order of preference; OSError when there is none."""
    loop = asyncio.get_running_loop()
    rows = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(row[4][0]) for row in rows]


def _connect_problem(target: httpx.URL, failed: Exception) -> OpsAgentError:
    cause: BaseException | None = failed
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UnavailableError(
                f"The certificate of {name_of(target)} is not trusted: {cause.verify_message}.",
                fix="Renew it, or name your authority's certificates in ca_file.",
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(failed, httpx.ConnectTimeout):
        return UnavailableError(
            f"{name_of(target)} did not take the connection in time.", fix="Check its firewall and load."
        )
    return UnavailableError(f"{name_of(target)} refused the connection.", fix="Check that it is up and listens there.")


def _no_answer(target: httpx.URL, failed: Exception) -> OpsAgentError:
    if isinstance(failed, httpx.TimeoutException):
        return UnavailableError(f"{name_of(target)} stopped answering.", fix="Check that it is not overloaded.")
    return UnavailableError(f"{name_of(target)} broke off the exchange.", fix="Look at its log.")


def _too_large(target: httpx.URL, limit: int) -> TooLarge:
    return TooLarge(
        f"The answer of {name_of(target)} is over {limit} bytes.", fix="Name an address that answers briefly."
    )


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """The system's authorities, certifi's, and those of `ca_file`. ConfigurationError when it cannot be read."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as failed:
            raise ConfigurationError(
                f"The certificates in {ca_file} cannot be read.", fix="Name a PEM file in ca_file, or leave it empty."
            ) from failed
    return context
