"""Finds the `{{holes}}` of an HTTP request and fills each with a value encoded for its place, which it never leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from opsagent.domain.json_values import ValuePlace, filled, json_places, number_places, put_in
from opsagent.domain.placeholders import Hole
from opsagent.domain.render import Rendered, Values
from opsagent.domain.request import is_json, media_type, parse_request
from opsagent.domain.runbook import PLACEHOLDER
from opsagent.errors import InputError

FORM = "application/x-www-form-urlencoded"
_NOT_IN_A_PATH = re.compile(r"[/\\%]")  # encoded, they are a slash again to a server that decodes twice or early
_NOT_IN_A_HEADER = re.compile(r"[^!-~]|[,;\"\\]")  # what parts a header into values and parameters (RFC 9110 5.6)
_URL_START = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?[^/?]*")
_FIX = "Let it stand in the path, as the value of a query or a header, or in a JSON body as text or a number."


def request_holes(text: str) -> tuple[Hole, ...]:
    """Every placeholder, in order, with what is wrong about its place."""
    return tuple(
        Hole(one.group(1), one.start(), one.end(), place.problem)
        for one, place in zip(PLACEHOLDER.finditer(text), _places(text), strict=True)
    )


def request_problem(text: str) -> str:
    """What is wrong with a template as a whole, in words, whatever its values; empty when nothing is."""
    try:
        parse_request(filled(text, _numbers(text)))
    except InputError as error:
        return error.message.rstrip(".")
    return ""


def render_request(text: str, values: Values) -> Rendered:
    """The request with every value in its place, encoded. InputError, also for a text that is no request."""
    rendered = put_in(text, _places(text), values, fix=_FIX)
    parse_request(rendered.text)
    return rendered


def _places(text: str) -> Iterator[ValuePlace]:
    """The place of each placeholder; judged on a text of the same length in which each is a plain word."""
    found = list(PLACEHOLDER.finditer(text))
    if not found:
        return
    head_end = _head_end(text)
    first_end = text.find("\n")
    first_end = len(text) if first_end < 0 else first_end
    inside = json_places(text, head_end + 2)
    plain = filled(text, _numbers(text))
    try:
        media = media_type(parse_request(plain))
    except InputError as error:
        yield from (ValuePlace(problem=f"the request cannot be read: {error.message.rstrip('.')}") for _ in found)
        return
    for one in found:
        if one.start() < first_end:
            yield _in_address(plain, one.start())
        elif one.start() < head_end:
            yield _in_header(plain, one.start())
        elif is_json(media):
            yield inside[one.start()]
        elif media == FORM:
            yield _in_pair(plain[head_end + 2 : one.start()])
        else:
            yield ValuePlace(problem=f"it stands in a body of type {media}")


def _head_end(text: str) -> int:
    end = text.find("\n\n")
    return len(text) if end < 0 else end


def _numbers(text: str) -> set[int]:
    return number_places(json_places(text, _head_end(text) + 2))


def _in_address(plain: str, at: int) -> ValuePlace:
    target = plain.index(" ") + 1
    if at < target:
        return ValuePlace(problem="it stands in the method")
    start = _URL_START.match(plain, target)
    if not plain.startswith("/", target) and (start is None or at < start.end()):
        return ValuePlace(problem="it stands in the name of the host")
    before = plain[target:at]
    if "?" not in before:
        return ValuePlace(_segment)
    return _in_pair(before.partition("?")[2])


def _in_pair(before: str) -> ValuePlace:
    """In a query or a form, behind `before`."""
    name, equals, _ = before.rpartition("&")[2].partition("=")
    return (
        ValuePlace(_encoded)
        if equals and name
        else ValuePlace(problem="it stands in the name of a query or form field")
    )


def _in_header(plain: str, at: int) -> ValuePlace:
    name, colon, _ = plain[plain.rindex("\n", 0, at) + 1 : at].partition(":")
    if not colon:
        return ValuePlace(problem="it stands in the name of a header")
    if name.lower() in {"content-type", "content-encoding"}:
        return ValuePlace(problem=f"it stands in {name}, which says how the body is read")
    return ValuePlace(_header)


def _segment(value: str) -> str:
    if _NOT_IN_A_PATH.search(value):
        raise ValueError("a part of a path has no slash, backslash or percent sign")
    return quote(value, safe="")


def _encoded(value: str) -> str:
    return quote(value, safe="")


def _header(value: str) -> str:
    if _NOT_IN_A_HEADER.search(value):
        raise ValueError("a value in a header is ASCII without spaces, commas, semicolons, quotes and backslashes")
    return value
