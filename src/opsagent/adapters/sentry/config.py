"""What the Sentry source needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SentryConfig:
    """`secret` is the client secret of the internal integration; empty: nothing is proven."""

    secret: str = field(default="", repr=False)
