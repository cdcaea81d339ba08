"""What must be kept so that triage can learn: members of tickets, endings, words of people, deployments.

The rules of ports/stores.py hold here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opsagent.domain.deployment import Deployment
from opsagent.domain.ending import Day, Feedback, History, Quality
from opsagent.domain.event import AuditEntry
from opsagent.domain.scoring import Answers
from opsagent.domain.ticket import Member


class TriageStore(Protocol):
    """What triage remembers. Endings are put there by `RunStore.save`, with the end of the run they tell of."""

    async def members(self, tenant: str, ticket_id: str, *, limit: int = 200) -> Sequence[Member]:
        """The alerts of a ticket, the firing ones first, then by when they came. One key-range read."""
        ...

    async def history(self, tenant: str, fingerprint: str, *, limit: int = 10) -> History:
        """The latest endings of an alert and what people said of them. One index read.

        One that was wrong (as in `quality`) counts as REMAINED, whatever was measured then.
        """
        ...

    async def alongside(
        self, tenant: str, *, service: str, environment: str, other_than: str, since: float, limit: int = 20
    ) -> Sequence[Member]:
        """Other alerts (by fingerprint) of that service and environment that fire and were heard of since then."""
        ...

    async def say(self, word: Feedback, audit: Sequence[AuditEntry]) -> None:
        """Store a person's word on a ticket in place of an earlier one, for its latest ending. NotFound."""
        ...

    async def said(self, tenant: str, ticket_id: str) -> Feedback | None:
        """The latest word on a ticket, or None."""
        ...

    async def answers(self, tenant: str) -> Sequence[Answers]:
        """What people said, by the score the ticket had. A read of the tenant's feedback."""
        ...

    async def quality(self, tenant: str, *, since: float = 0.0) -> Quality:
        """How many tickets were closed automatically (or would have been) since then, and how many wrongly.

        It was wrong when it fired again within the time of `Damping.reopen_s` and no person said that it is noise, when
        a person reopened it, or when a person said that it is real.
        """
        ...

    async def days(self, tenant: str, *, since: int) -> Sequence[Day]:
        """The days from that number on on which a look ended, in order. Two index-range reads."""
        ...


class DeploymentStore(Protocol):
    """What was deployed."""

    async def put(self, deployment: Deployment) -> Deployment:
        """Store it and return what is stored: one whose id exists is left as it is."""
        ...

    async def list(
        self, tenant: str, *, service: str = "", environment: str = "", since: float = 0.0, limit: int = 50
    ) -> Sequence[Deployment]:
        """Newest first; an empty service or environment stands for all. An index read."""
        ...
