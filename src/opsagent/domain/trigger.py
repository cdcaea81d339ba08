"""A request for work, from whichever door it came through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from opsagent.domain.priority import Priority
from opsagent.domain.run import Mode, Source

MAX_TASK_CHARS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Who wants what done, and where to answer.

    `text` and `parameters` are outside data. `requested_by` is the principal's id. `runbook_id` and `connection`
    name what people registered. `callback_url` is called with the result. `details` is the source's own metadata.
    """

    tenant: str
    source: Source
    text: str
    requested_by: str
    mode: Mode = Mode.AUTO
    priority: Priority = Priority.MEDIUM
    runbook_id: str = ""
    connection: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    callback_url: str = ""
    account_id: str = ""
    selected_skill: str = ""
    model: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
