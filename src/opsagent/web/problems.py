"""Errors on the wire: RFC 9457 problem details with a fix, never a traceback, never the caller's own values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from opsagent.errors import InputError, OpsAgentError

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:problem-type:opsagent:"
_MAX_LISTED = 20
_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "model_type": "must be an object",
}


class Malformed(InputError):
    """The body is not what its content type says."""

    status = 400
    code = "malformed"


class WrongMediaType(InputError):
    """The body is of a kind this route does not take."""

    status = 415
    code = "unsupported-media-type"


class Incident(OpsAgentError):
    """Something here is broken; the log has the details under the incident's id."""

    code = "internal-error"


def problem(error: OpsAgentError) -> Response:
    """The response for one of our errors; `extra` becomes further members."""
    body: dict[str, object] = {
        "type": _TYPE_PREFIX + error.code,
        "title": error.code.replace("-", " ").capitalize(),
        "status": error.status,
        "detail": error.message,
        "fix": error.fix,
        "code": error.code,
        "retryable": error.retryable,
    }
    headers: dict[str, str] = {}
    for name, value in error.extra.items():
        body.setdefault(name, value)
    retry_after = error.extra.get("retryAfter")
    if isinstance(retry_after, (int, float)):
        headers["Retry-After"] = str(max(1, round(retry_after)))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="opsagent"'
    content = orjson.dumps(body, default=str)
    return Response(content, status_code=error.status, headers=headers, media_type=MEDIA_TYPE)


def wrong_fields(errors: Sequence[Mapping[str, Any]], *, known: Sequence[str] = ()) -> InputError:
    """What pydantic found, in words; each finding names its place by JSON pointer (or the query parameter)."""
    listed: list[dict[str, str]] = []
    for error in errors[:_MAX_LISTED]:
        where, words = _place(error), _words(error)
        if not any(one.items() >= where.items() for one in listed):
            listed.append({**where, "detail": words})
    sentences = "; ".join(f"{_spoken(one)} {one['detail']}" for one in listed)
    more = len(errors) - _MAX_LISTED
    unknown = any(error["type"] == "extra_forbidden" for error in errors)
    fix = "Correct what is named and send it again."
    if unknown and known:
        fix = f"Known here: {', '.join(known)}."
    return InputError(f"{sentences}{f'; and {more} more' if more > 0 else ''}.", fix=fix, extra={"errors": listed})


def _place(error: Mapping[str, Any]) -> dict[str, str]:
    location = [str(part)[:100] for part in error["loc"]]
    if location and location[0] in {"query", "header", "path", "cookie"}:
        return {"parameter": location[-1]}
    pointer = "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in location)
    return {"pointer": pointer if location else "#"}


def _words(error: Mapping[str, Any]) -> str:
    kind = error["type"]
    if kind in _WORDS:
        return _WORDS[kind]
    if kind in {"enum", "literal_error"}:
        return f"must be one of {error.get('ctx', {}).get('expected', 'the known words')}"
    if kind == "value_error":
        return str(error.get("ctx", {}).get("error", error["msg"]))
    message = str(error["msg"])
    return message[:1].lower() + message[1:]


def _spoken(listed: Mapping[str, str]) -> str:
    if "parameter" in listed:
        return listed["parameter"]
    return listed["pointer"].removeprefix("#/") if listed["pointer"] != "#" else "The body"


async def _on_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, OpsAgentError):
        raise error
    return problem(error)


async def _on_wrong_request(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return problem(wrong_fields(error.errors()))


async def _on_http(request: Request, error: Exception) -> Response:
    """What the router itself says: no such route, or not with this method."""
    if not isinstance(error, HTTPException):
        raise error
    shaped: OpsAgentError
    if error.status_code == HTTPStatus.NOT_FOUND:
        shaped = NoRoute("Nothing lives at this address.", fix="The addresses are listed in docs/api.md.")
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = dict(error.headers or {}).get("Allow", "another method")
        shaped = _WrongMethod(f"{request.method} is not taken here.", fix=f"Use {allowed}.")
    else:
        shaped = Malformed("The request could not be read.", fix="Check its form and send it again.")
    response = problem(shaped)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


class NoRoute(InputError):
    """Nothing lives at this address."""

    status = 404
    code = "no-route"


class _WrongMethod(InputError):
    status = 405
    code = "wrong-method"


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem."""
    app.add_exception_handler(OpsAgentError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_wrong_request)
    app.add_exception_handler(HTTPException, _on_http)
