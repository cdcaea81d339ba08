"""From when until when, as a request says it: until a moment, or for so many seconds."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field, model_validator

from opsagent.web.bodies import Body
from opsagent.web.schedules import seconds

LONGEST_S = 366 * 86400


class Span(Body):
    """From `startsAt` (now, where it is left out) until `endsAt`, or for `durationSeconds`; one of the two."""

    ends_at: AwareDatetime | None = None
    duration_seconds: Annotated[int, Field(ge=1, le=LONGEST_S)] | None = None
    starts_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Span:
        if (self.ends_at is None) is (self.duration_seconds is None):
            raise ValueError("takes endsAt or durationSeconds")
        return self

    def span(self, now: float) -> tuple[float, float]:
        """Start and end in epoch seconds. InputError."""
        starts = seconds(self.starts_at)
        begins = now if starts is None else starts
        ends = seconds(self.ends_at)
        return begins, begins + (self.duration_seconds or 0) if ends is None else ends
