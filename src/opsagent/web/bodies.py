"""Reading request bodies: strict JSON in camelCase or snake_case, or Markdown; what is not known is refused."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from opsagent.ports.stores import IdempotencyKey
from opsagent.web.problems import Malformed, WrongMediaType, wrong_fields

MAX_URL_CHARS = 2048
MAX_NUMBER = 2**53 - 1  # what every JSON reader keeps exactly (RFC 8259, section 6)


class Body(BaseModel):
    """A JSON request body: exact types, no unknown fields, camelCase or snake_case names."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )


M = TypeVar("M", bound=Body)


def _storable(text: str) -> str:
    """NUL is refused and not dropped: PostgreSQL cannot keep it, and text is kept unchanged or not at all."""
    if "\x00" in text:
        raise ValueError("holds a NUL character, which cannot be kept")
    return text


def _number_as_text(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER:
        return str(value)
    return value


def _callback(url: str) -> str:
    """Shape only; where it may lead is decided by the client that calls it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("must be an http or https address with a host")
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or password")
    if not url.isprintable() or " " in url:
        raise ValueError("must not hold spaces or control characters")
    return url


Text = Annotated[str, AfterValidator(_storable)]
ShortText = Annotated[str, Field(max_length=200), AfterValidator(_storable)]
LongText = Annotated[str, Field(max_length=20_000), AfterValidator(_storable)]
TextOrNumber = Annotated[
    str,
    BeforeValidator(_number_as_text),
    Field(max_length=4096),
    AfterValidator(_storable),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": 4096}, {"type": "integer"}]}),
]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
Parameters = Annotated[dict[FieldName, TextOrNumber], Field(max_length=50)]
CallbackUrl = Annotated[str, Field(max_length=MAX_URL_CHARS), AfterValidator(_callback)]
IDEMPOTENCY_HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


async def read_json(request: Request, model: type[M], *, optional: bool = False) -> M:
    """The body as `model`. WrongMediaType, Malformed (not JSON), InputError naming each wrong field, TooLarge.

    With `optional`, an empty body is an empty object.
    """
    raw = await request.body()
    if optional and not raw:
        raw = b"{}"
    elif not _is_json(request.headers.get("content-type", "")):
        raise WrongMediaType("This route takes JSON.", fix="Send the header Content-Type: application/json.")
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        if found[0]["type"] == "json_invalid":
            raise Malformed(
                f"The body cannot be read as JSON: {found[0].get('ctx', {}).get('error', 'it cannot be read')}.",
                fix="Send one JSON object in UTF-8.",
            ) from None
        known = [field.alias or name for name, field in model.model_fields.items()]
        raise wrong_fields(found, known=known) from None


async def read_text(request: Request) -> str:
    """The body as UTF-8 text. Malformed when it is not, or holds NUL."""
    try:
        return _storable((await request.body()).decode("utf-8", "strict"))
    except ValueError:
        raise Malformed("The body is not UTF-8 text.", fix="Save the file as UTF-8 without NUL characters.") from None


def is_json_request(request: Request) -> bool:
    """Whether the request says it carries JSON."""
    return _is_json(request.headers.get("content-type", ""))


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def idempotency_key(request: Request) -> str | None:
    """The caller's Idempotency-Key, if one came. InputError for what cannot be one."""
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is not None and not _KEY.fullmatch(key):
        found = {
            "type": "value_error",
            "loc": ("header", IDEMPOTENCY_HEADER),
            "msg": "must be 1 to 200 visible ASCII characters",
        }
        raise wrong_fields([found])
    return key


def idempotency(request: Request, body: Body | None = None) -> IdempotencyKey | None:
    """The caller's key bound to the request: SHA-256 over the route and the canonical body, if any. InputError."""
    key = idempotency_key(request)
    if key is None:
        return None
    canonical = orjson.dumps(
        [request.method, request.url.path, body.model_dump(mode="json") if body else None], option=orjson.OPT_SORT_KEYS
    )
    return IdempotencyKey(key=key, request_sha256=hashlib.sha256(canonical).hexdigest())


def takes(
    model: type[Body], *, markdown: bool = False, required: bool = True, idempotent: bool = False
) -> dict[str, Any]:
    """The OpenAPI words for what the route reads itself: its body, and an Idempotency-Key."""
    schema = model.model_json_schema(by_alias=True)
    content: dict[str, Any] = {"application/json": {"schema": _inlined(schema, schema.get("$defs", {}))}}
    if markdown:
        content["text/markdown"] = {"schema": {"type": "string"}}
    described: dict[str, Any] = {"requestBody": {"required": required, "content": content}}
    return described | takes_key() if idempotent else described


def takes_key() -> dict[str, Any]:
    """The OpenAPI words for a route that takes an Idempotency-Key."""
    words = "Makes a repeat harmless: the same key with the same request answers with what the first one made."
    header = {"name": IDEMPOTENCY_HEADER, "in": "header", "required": False, "description": words}
    return {"parameters": [{**header, "schema": {"type": "string", "maxLength": 200}}]}


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema with its references replaced: our bodies are small and never recursive."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    return {name: _inlined(part, definitions) for name, part in schema.items() if name != "$defs"}


def as_json(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response; the content is a view, made of plain types."""
    return Response(orjson.dumps(content), status_code=status, headers=headers, media_type="application/json")
