"""What the CloudWatch source needs to know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudWatchConfig:
    """`topics` are the ARNs deliveries are taken from; empty: none is proven, for anybody may own a topic of SNS."""

    topics: tuple[str, ...] = ()
