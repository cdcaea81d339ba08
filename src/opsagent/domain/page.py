"""A page of a list: the items and an opaque cursor to the next page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`cursor` is empty on the last page."""

    items: tuple[T, ...]
    cursor: str = ""
