"""The shapes of deliveries that could not be read."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic documents typing.TypedDict only from Python 3.12 on


class QuarantinedJson(TypedDict):
    """A delivery that could not be read: why, which field (JSON pointer), what to do, how often it came."""

    deliveryId: str
    source: str
    receivedAt: str
    times: int
    sizeBytes: int
    why: str
    fix: str
    pointer: str


class QuarantineList(TypedDict):
    """The latest first."""

    deliveries: list[QuarantinedJson]


class QuarantinedDetail(QuarantinedJson):
    """With its headers (those that may be secret left out) and its body as text; `cut` when not all of it was kept."""

    headers: dict[str, str]
    body: str
    cut: bool
