"""Is there a runbook for each alert that can fire, and would it work here? What a readiness report says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from opsagent.domain.library import Uses


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """An alert that can fire, as its rule is written; labels and annotations may hold templates. `file` and `line`."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    file: str = ""
    line: int = 0

    @property
    def severity(self) -> str:
        """The label everybody uses for it, or empty."""
        return self.labels.get("severity", "")

    @property
    def link(self) -> str:
        """The address of a runbook in its annotations, by the names people use; empty when there is none."""
        named = ("runbook_url", "runbook", "runbookUrl", "runbook_link")
        return next((self.annotations[name] for name in named if self.annotations.get(name)), "")


class Cover(StrEnum):
    """How well an alert is covered."""

    READY = "ready"  # its runbook runs by itself up to the first question, and measures whether it helped
    PARTLY = "partly"  # there is one, and something about it does not work here
    NONE = "none"  # nothing here is for this alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """What is known of one alert: its runbook, what does not work, and what else to know. `target` was rehearsed on."""

    rule: AlertRule
    cover: Cover
    runbook_id: str = ""
    why: str = ""
    target: str = ""
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    uses: Uses | None = None
