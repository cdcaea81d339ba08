"""A delivery that came in with its proof and could not be read, kept until a person looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

BODY_CAP_BYTES = 16 * 1024**2  # as large as a delivery may be
MAX_KEPT = 200  # in each tenant ...
MAX_KEPT_BYTES = 64 * 1024**2  # ... and together; the oldest go first, the newest always stays


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """`body` holds the first `BODY_CAP_BYTES` of `size` bytes. Headers that may be secret are left out.

    `why` and `fix` are words for people, `pointer` is the field that is wrong. The same body from the same source is
    kept once: `times` counts, `received_at` (epoch seconds) is the latest.
    """

    id: str
    tenant: str
    source: str
    received_at: float
    body: bytes = field(repr=False)
    size: int
    why: str
    fix: str = ""
    pointer: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1

    @property
    def whole(self) -> bool:
        """Whether all of it was kept, so that it can be read again."""
        return len(self.body) == self.size
