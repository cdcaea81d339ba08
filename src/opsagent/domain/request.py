"""A request to an HTTP API as text: its method and address, header lines, a blank line, a body.

What servers and what stands before them read differently is refused, not mended: a path with dot segments, encoded
slashes or empty parts, a header given twice, a JSON body with a name given twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from opsagent.domain.json_text import parse_json
from opsagent.domain.text_safety import hidden_character
from opsagent.errors import InputError

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_LINE = re.compile(rf"({'|'.join(METHODS)}) (\S+)")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2: token
_VALUE = re.compile(r"[!-~](?:[\t -~]*[!-~])?")  # RFC 9110 5.5, without obs-text
_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")  # RFC 3986 3.3
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")  # RFC 3986 3.4
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
# Decoded twice or too early it is another path: an encoded slash, backslash, percent sign or control character.
_TWO_WAYS = re.compile(r"%(?:2[fF]|5[cC]|25|[01][0-9A-Fa-f]|7[fF])")
_SENT_BY_US_WORDS = (
    "host content-length transfer-encoding connection authorization proxy-authorization proxy-connection te trailer "
    "upgrade expect keep-alive accept-encoding"
)
_SENT_BY_US = frozenset(_SENT_BY_US_WORDS.split())
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request. `target` is a path with perhaps a query, below the connection's address, or a whole URL.

    Header names are as written, each once.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str = field(default="", repr=False)

    def header(self, name: str) -> str:
        """The value of a header, empty where there is none; names are compared without case."""
        return next((value for one, value in self.headers if one.lower() == name), "")

    def url(self, address: str) -> SplitResult:
        """Where it goes, on a connection with that address."""
        if not self.target.startswith("/"):
            return urlsplit(self.target)
        return urlsplit(address.rstrip("/") + self.target)


def parse_request(text: str) -> HttpRequest:
    """Read a request. InputError, with the fix, for whatever two readers could take for two things."""
    if hidden := hidden_character(text, allow="\n\t"):
        raise InputError(f"The request has a character that cannot be seen ({hidden[1]}).", fix="Leave it out.")
    head, _, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    line = _LINE.fullmatch(first)
    if line is None:
        raise InputError(
            "The request does not begin with a method and an address.",
            fix=f"Write METHOD /path?query, with one space; the method is one of {', '.join(METHODS)}.",
        )
    _check_target(line.group(2))
    request = HttpRequest(method=line.group(1), target=line.group(2), headers=_headers(lines), body=body)
    _check_body(request)
    return request


def origin(url: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port: who is asked."""
    return url.scheme, (url.hostname or "").rstrip("."), url.port or _PORTS.get(url.scheme, 0)


def is_below(path: str, base: str) -> bool:
    """Whether a path is the base path or lies below it."""
    base = base.rstrip("/")
    return path == base or path.startswith(f"{base}/")


def media_type(request: HttpRequest) -> str:
    """The type of the body in lower case, without its parameters."""
    return request.header("content-type").partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    """Whether a body of that type is JSON (RFC 6839: also `+json`)."""
    return media == "application/json" or media.endswith("+json")


def query_names(query: str) -> list[str]:
    """The names in a query or a form, decoded."""
    return [name for name, _ in parse_qsl(query, keep_blank_values=True)]


def _check_target(target: str) -> None:
    if "#" in target:
        raise InputError("The address has a fragment, which is never sent.", fix="Leave out the # and what follows.")
    path, mark, query = target.partition("?")
    if not target.startswith("/"):
        scheme, colon, rest = path.partition("://")
        authority, slash, below = rest.partition("/")
        if scheme not in _PORTS or not colon or not _is_authority(authority):
            raise InputError(
                "The address is neither a path nor a URL.",
                fix="Write /path, or https://host/path without a user, in small letters and ASCII.",
            )
        path = slash + below or "/"
    if not _PATH.fullmatch(path) or (mark and not _QUERY.fullmatch(query)):
        raise InputError(
            "The address has a character that may not stand there.", fix="Write it as %XX (a space is %20)."
        )
    _check_path(path)


def _is_authority(text: str) -> bool:
    """Whether it is a host and perhaps a port, without a user."""
    try:
        return bool(_AUTHORITY.fullmatch(text)) and urlsplit(f"//{text}").port != 0
    except ValueError:
        return False


def _check_path(path: str) -> None:
    segments = path.split("/")[1:]
    if "" in segments[:-1]:
        raise InputError("The path has an empty part (//).", fix="Leave out the second slash.")
    if _TWO_WAYS.search(path):
        raise InputError(
            "The path has an encoded slash, backslash, percent sign or control character: servers read it differently.",
            fix="Name the thing by an id without such a character, or put it into the query or the body.",
        )
    # `..;x` is `..` to servers that know parameters of a segment (RFC 3986 3.3)
    if any(unquote(segment).partition(";")[0] in {".", ".."} for segment in segments):
        raise InputError("The path has a `.` or `..` part.", fix="Write the path it leads to.")


def _headers(lines: list[str]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        value = value.strip(" ")
        if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise InputError(
                "A line between the address and the body is no header.",
                fix="Write `Name: value` in ASCII, and an empty line before the body.",
            )
        if name.lower() in _SENT_BY_US:
            raise InputError(
                f"The header {name} is not the text's to give.",
                fix="Leave it out: it follows from the address, the body and the credential.",
            )
        if any(name.lower() == other.lower() for other, _ in found):
            raise InputError(f"The header {name} is given twice.", fix="Keep one, with its values parted by commas.")
        found.append((name, value))
    return tuple(found)


def _check_body(request: HttpRequest) -> None:
    if not request.body:
        return
    media = media_type(request)
    if not media:
        raise InputError("The body has no type.", fix="Add a header such as Content-Type: application/json.")
    if not is_json(media):
        return
    try:
        parse_json(request.body)
    except ValueError as error:
        raise InputError(f"The body is called JSON and is not: {error}.", fix="Correct the body.") from None
