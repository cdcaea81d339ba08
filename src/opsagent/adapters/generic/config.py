"""What a source made of a mapping needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field

from opsagent.adapters.generic.mapping import SourceMapping
from opsagent.adapters.intake.document import MAX_ALERTS


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericConfig:
    """`secret` is what signs, where the mapping names a signature, else the bearer secret; empty: nothing is proven."""

    mapping: SourceMapping
    secret: str = field(default="", repr=False)
    max_alerts: int = MAX_ALERTS
