"""Writes docs/api.md from the OpenAPI document, so that the page and the routes cannot disagree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi.routing import iter_route_contexts

from opsagent.web.app import bare_app
from opsagent.web.openapi import document, permissions

_INTRODUCTION = """# HTTP API

Written by `opsagent.web.reference.api_reference()` from the routes themselves; a test fails when this page is stale.

- **Keys.** `Authorization: Bearer opsa_...` or `X-API-Key: opsa_...`. Each route needs exactly one permission:
  `post_signal` (roles intake, operator, approver, admin), `read` (viewer and up), `look` and `operate` (operator and
  up), `approve` (approver and admin, persons only), `administer` (admin). Only the routes marked `none` need no key:
  the probes, those that sign somebody in, and the two of Slack, which take Slack's signature.
- **Sessions.** A browser signs in with `POST /api/v1/session` and is recognised by its cookie. In a session whatever
  changes something needs `X-CSRF-Token` and comes from a page of this server (docs/people.md).
- **JSON** goes out in camelCase and comes in in camelCase or snake_case. Unknown fields and unknown query parameters
  are refused. Times are ISO 8601 UTC.
- **Lists** take `limit` and `cursor`; `nextCursor` (also as `lastKey`) leads to the next page and is null on the last.
- **Idempotency-Key** makes a repeat harmless where it is named below: the same key with the same request answers with
  what the first one made, with another request it is refused.
- **Errors** are problem details (RFC 9457, `application/problem+json`): `type`, `title`, `status`, `detail`, `fix`,
  `code`, `retryable`. Wrong fields are listed in `errors`, each by JSON `pointer` or query `parameter`. 401 no key that
  works, 403 not allowed, 404 not there (or another tenant's), 409 the world has moved on, 413 too large, 415 not JSON,
  422 wrong input, 429 too many (see `Retry-After`), 503 not now.
- **Live.** A run's events are a stream with `Accept: text/event-stream`; the `id` of each is its sequence, and a client
  that comes back with `Last-Event-ID` misses nothing. The last event is called `end`.
"""
_SOCKET = """### `WS /ws/approvals/{session_id}`

Watch one session. Permission: `%s`.

The key comes in a header, as the second subprotocol (`opsagent, opsa_...`), or within ten seconds as the first message
`{"key": "opsa_..."}`. A browser's socket must come from a page of the same host. Then, as JSON texts: one
`{"type": "snapshot", "session": ...}`, a `change` (the same shape) whenever the session has changed, an
`{"type": "event", "event": ...}` for each new line of the timeline, `{"type": "thinking", "thinking": ...}` while a
model writes (its words so far, as in the event stream), and `{"type": "end", "status": ...}` before the server closes
with 1000. It closes with 1001 when the server goes down, and with 4000 + the HTTP status when it refuses.
"""


def api_reference() -> str:
    """The whole page."""
    app = bare_app("")
    described = document(app)
    sockets = [route for route in iter_route_contexts(app.routes) if route.path and not route.methods]
    live = [_SOCKET % permissions(route)[0] for route in sockets]
    return "\n".join((_INTRODUCTION, *_areas(described), *live, "## Shapes\n", *_shapes(described))).rstrip()


def _areas(described: Mapping[str, Any]) -> Iterator[str]:
    areas: dict[str, list[str]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            text = "\n".join(_operation(f"{method.upper()} {path}", operation))
            areas.setdefault(operation["tags"][0], []).append(text)
    for area, texts in areas.items():
        yield f"## {area}\n"
        yield from texts


def _operation(address: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{address}`\n"
    yield f"{operation['summary']}. Permission: `{operation['x-permission']}`.\n"
    yield operation["description"] + "\n"
    rows = [
        _row(one["name"], one["in"], required=one["required"], schema=one["schema"] | _words(one))
        for one in operation.get("parameters", ())
        if one["in"] != "path"
    ]
    content = operation.get("requestBody", {}).get("content", {})
    for kind, taken in content.items():
        schema = taken["schema"]
        required = schema.get("required", ())
        fields = schema.get("properties", {}).items()
        rows += [_row(name, "body", required=name in required, schema=field) for name, field in fields]
        if kind != "application/json":
            yield f"Also takes the text itself as `{kind}`.\n"
    if rows:
        yield from ("| name | in | what |", "|---|---|---|", *rows, "")
    for status, answer in operation["responses"].items():
        shape = _shape_of(answer.get("content", {}).get("application/json", {}).get("schema", {}))
        if status.startswith("2") and shape:
            yield f"Answers {status} with `{shape}`.\n"


def _words(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": parameter["description"]} if "description" in parameter else {}


def _row(name: str, place: str, *, required: bool, schema: Mapping[str, Any]) -> str:
    described = "" if "enum" in schema else schema.get("description", "")
    words = [_kind(schema), "required" if required else "", described]
    return f"| `{name}` | {place} | {'; '.join(word for word in words if word)} |"


def _kind(schema: Mapping[str, Any]) -> str:
    """A field's type in words."""
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "$ref" in schema:
        return f"`{_shape_of(schema)}`"
    kind = schema.get("type", "")
    if kind == "array":
        return f"list of {_kind(schema['items'])}"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    return words.get(kind) or {"null": "null", "object": "object of text"}.get(kind, "anything")


def _shape_of(schema: Mapping[str, Any]) -> str:
    """The name of the shape a schema refers to, as this page calls it."""
    return str(schema.get("$ref", "")).rsplit("/", 1)[-1].removesuffix("Json")


def _shapes(described: Mapping[str, Any]) -> Iterator[str]:
    """Every shape that goes out."""
    for name, schema in sorted(described["components"]["schemas"].items()):
        if "enum" in schema:
            yield f"### `{name}`\n\nOne of {', '.join(f'`{value}`' for value in schema['enum'])}.\n"
        else:
            yield f"### `{name.removesuffix('Json')}`\n\n{schema.get('description', '')}\n"
            yield from (f"- `{field}`: {_kind(value)}" for field, value in schema["properties"].items())
            yield ""
