"""One request and what came of it: sent or not, answered or not; the same in the server and in the sender's process."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from opsagent.adapters.outbound import OutboundClient, OutboundConfig, OutboundResponse
from opsagent.errors import OpsAgentError
from opsagent.ports.clock import Clock

HIDDEN = "[redacted]"
ALLOW_FIX = "set the connection's option allow_private=true (allow_link_local=true for a link-local one)"
_CHARACTER_BYTES = 4  # RFC 3629: no character of UTF-8 has more
_TOLD = ("content-type", "location", "retry-after", "x-request-id", "etag")  # what a person asks for when it fails


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """All that one sending needs; the only form in which a credential reaches it. Durations in seconds."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    allow_private: bool = False
    allow_link_local: bool = False
    connect_timeout_s: float = 5.0
    total_timeout_s: float = 30.0
    cap_bytes: int = 256 * 1024
    ca_file: str = ""

    def to_json(self) -> bytes:
        """For the sender's input."""
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of it. `sent`: at least a part of the request left this machine. `status` is None without an answer.

    `address` is the IP address that was asked; `problem` and `fix` say why there is no answer.
    """

    sent: bool
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    cut: bool = False
    address: str = ""
    problem: str = ""
    fix: str = ""

    def to_json(self) -> str:
        """One line."""
        return f"{json.dumps(asdict(self))}\n"

    def redacted(self, redact: Callable[[str], str]) -> Answer:
        """The answer without what `redact` takes out."""
        return Answer(
            **{
                **asdict(self),
                "headers": {name: redact(value) for name, value in self.headers.items()},
                "body": redact(self.body),
                "problem": redact(self.problem),
            }
        )


def from_json(text: str) -> Parcel:
    """What `Parcel.to_json` made."""
    found: dict[str, Any] = json.loads(text)
    return Parcel(**{**found, "secrets": tuple(found["secrets"])})


def answer_from(line: str) -> Answer | None:
    """An answer written as JSON; None for anything else."""
    try:
        found = json.loads(line)
        return Answer(**found) if isinstance(found, dict) else None
    except (ValueError, TypeError):
        return None


async def exchange(parcel: Parcel, clock: Clock, *, begins: Callable[[], None] = lambda: None) -> Answer:
    """Send it once and follow nothing. `begins` is called before the first byte leaves. It raises nothing of HTTP's."""
    sent = False

    def begin() -> None:
        nonlocal sent
        begins()
        sent = True

    config = OutboundConfig(
        allow_private=parcel.allow_private,
        allow_link_local=parcel.allow_link_local,
        connect_timeout_s=parcel.connect_timeout_s,
        read_timeout_s=parcel.total_timeout_s,
        total_timeout_s=parcel.total_timeout_s,
        max_response_bytes=parcel.cap_bytes,
        ca_file=Path(parcel.ca_file) if parcel.ca_file else None,
        allow_fix=ALLOW_FIX,
    )
    clean = cleaner(parcel.secrets)
    try:
        response = await OutboundClient(config, clock).request(
            parcel.method,
            parcel.url,
            headers=parcel.headers,
            content=parcel.body.encode(),
            redirects=0,
            cut=True,
            begins=begin,
        )
    except OpsAgentError as error:
        return Answer(sent=sent, problem=error.message, fix=error.fix).redacted(clean)
    return _answer(response).redacted(clean)


def basic(username: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def _answer(response: OutboundResponse) -> Answer:
    return Answer(
        sent=True,
        status=response.status,
        headers={name: response.headers[name] for name in _TOLD if name in response.headers},
        body=_text(response.body, cut=response.cut),
        cut=response.cut,
        address=response.address,
    )


def _text(body: bytes, *, cut: bool) -> str:
    """The body as text; what is none is shown by its length and its hash."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        half = cut and len(body) - error.start < _CHARACTER_BYTES  # the cut went through a character
        text = body[: error.start].decode() if half else "\0"
    if "\0" in text:
        return f"[{len(body)} bytes that are no text, SHA-256 {hashlib.sha256(body).hexdigest()}]\n"
    return text


def cleaner(secrets: tuple[str, ...]) -> Callable[[str], str]:
    """Takes these values out of a text."""
    known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in known:
            text = text.replace(secret, HIDDEN)
        return text

    return clean
