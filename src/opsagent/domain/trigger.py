"""A request for work, from whichever door it came through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from opsagent.domain.notice import ReplyTo
from opsagent.domain.priority import Priority
from opsagent.domain.run import Mode, Source

MAX_TASK_CHARS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Who wants what done, and where to answer.

    `text`, `labels` and `parameters` are outside data. `requested_by` is the principal's id. `runbook_id` and
    `connection` name what people registered. `callback_url` is called with the result; `reply_to` is told what people
    are told. `only_looks`: the run has no effect and asks for none.
    `labels` select among the registered targets. `details` is the source's own metadata.
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
    labels: Mapping[str, str] = field(default_factory=dict)
    callback_url: str = ""
    reply_to: tuple[ReplyTo, ...] = ()
    account_id: str = ""
    selected_skill: str = ""
    model: str = ""
    only_looks: bool = False
    details: Mapping[str, str] = field(default_factory=dict)
