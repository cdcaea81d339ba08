"""Says what an HTTP request would do: a read is a plain GET or HEAD of the registered API, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import SplitResult, urlunsplit

from opsagent.adapters.http_target import HttpTarget, http_target
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Invocation, Manifest, Proof
from opsagent.domain.request import HttpRequest, media_type, origin, parse_request, query_names
from opsagent.domain.request_values import FORM
from opsagent.errors import InputError

_READS = ("GET", "HEAD")  # RFC 9110 9.2.1: safe; OPTIONS and TRACE are too, and tell what a server is
_CHANGES = ("POST", "PUT", "PATCH", "DELETE")
# Headers that choose among answers or name the request, and nothing else (RFC 9110, 9111; W3C Trace Context).
_PLAIN_HEADER_WORDS = (
    "accept accept-charset accept-language cache-control if-match if-modified-since if-none-match if-range "
    "if-unmodified-since pragma range traceparent tracestate user-agent x-request-id x-correlation-id"
)
_PLAIN_HEADERS = frozenset(_PLAIN_HEADER_WORDS.split())
# What Rails, Laravel, Symfony, Spring, Express, .NET and Google take for the method in place of the real one.
_METHOD_NAMES = frozenset(
    {"_method", "_httpmethod", "x-http-method", "x-http-method-override", "x-method-override", "$httpmethod"}
)


class HttpAnalyser:
    """Fulfils `ports.analyser.Analyser` for requests to HTTP APIs."""

    async def analyse(self, command: Command, connection: Connection) -> Manifest:
        """The manifest of one request."""
        return manifest_of(command.text, connection)

    async def analyse_all(self, texts: Sequence[str], connection: Connection) -> Sequence[Manifest]:
        """The manifests of many requests, in order."""
        return [manifest_of(text, connection) for text in texts]


def manifest_of(text: str, connection: Connection) -> Manifest:
    """What one request would do on that connection."""
    try:
        target = http_target(connection)
        request = parse_request(text)
    except InputError as error:
        return Manifest(proof=Proof.UNKNOWN, reasons=(f"it cannot be read: {error.message.rstrip('.')}",))
    url = request.url(connection.address)
    named = f"{request.method} {_name(url)}"
    unproven = _unproven(request, url, target)
    says = []
    if request.method in _CHANGES:
        says = [f"sends {named}"]
    elif target.acts(url):
        says = [f"changes something: a GET of {url.path} is registered as one that acts"]
    proof = Proof.UNKNOWN if unproven else Proof.EFFECT if says else Proof.READ
    return Manifest(
        proof=proof,
        invocations=(Invocation(request.method, (_name(url),)),),
        reads=(named,) if request.method not in _CHANGES else (),
        writes=(named,) if request.method in _CHANGES and request.method != "DELETE" else (),
        deletes=(named,) if request.method == "DELETE" else (),
        contacts=(_contact(url),),
        sensitive=(_name(url),) if target.reveals(url) else (),
        reasons=(*says, *unproven),
    )


def _unproven(request: HttpRequest, url: SplitResult, target: HttpTarget) -> list[str]:
    """What keeps the method and the address from telling what it does."""
    reasons = [why] if (why := target.stranger(url)) else []
    names = {*query_names(url.query), *(name for name, _ in request.headers)}
    if media_type(request) == FORM:
        names.update(query_names(request.body))
    if found := sorted(name for name in names if name.lower() in _METHOD_NAMES):
        reasons.append(f"{', '.join(found)} may make it another method")
    if request.method in _CHANGES:
        return reasons
    if request.method not in _READS:
        reasons.append(f"{request.method} is not known to be a read everywhere")
    if request.body:
        reasons.append(f"a {request.method} with a body is not known to be a read")
    known = _PLAIN_HEADERS | target.read_headers
    strange = [name for name, _ in request.headers if name.lower() not in known]
    return [*reasons, *(f"nothing is known of the header {name}" for name in strange)]


def _name(url: SplitResult) -> str:
    """The address without its query, which may hold what is nobody's business."""
    return urlunsplit((url.scheme, url.netloc, url.path or "/", "", ""))


def _contact(url: SplitResult) -> str:
    _, host, port = origin(url)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
