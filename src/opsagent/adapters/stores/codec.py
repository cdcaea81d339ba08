"""Turns the frozen nouns into the JSON of a row's `body` and back."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from opsagent.errors import ConflictError, InputError

N = TypeVar("N")


@lru_cache(maxsize=64)
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    """Building one costs milliseconds, so each is built at its first use and kept."""
    return TypeAdapter(cast("type[Any]", kind))


def encode(noun: object) -> str:
    """JSON of a noun. InputError when a text in it is not Unicode (a lone surrogate), which no store can keep."""
    try:
        return _adapter(cast("Hashable", type(noun))).dump_json(noun).decode()
    except PydanticSerializationError as error:
        raise InputError(
            f"A text of this {type(noun).__name__} is not valid Unicode and cannot be kept.",
            fix="Send text as UTF-8, without unpaired surrogates such as \\ud800.",
        ) from error


def decode(kind: type[N], body: str, *, name: str = "") -> N:
    """The noun that `encode` wrote. ConflictError when the row holds something else; `name` is what it is called."""
    try:
        noun: N = _adapter(cast("Hashable", kind)).validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConflictError(
            f"The stored {kind.__name__.lower()}{f' {name}' if name else ''} cannot be read: "
            f"{f'{place}: ' if place else ''}{first['msg']}. It was left as it is.",
            fix="Start the OpsAgent version that wrote it, or restore the data folder from a copy.",
        ) from error
    return noun
