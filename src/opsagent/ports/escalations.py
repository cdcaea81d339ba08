"""What is kept about escalations. The rules of ports/stores.py hold here too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from opsagent.domain.escalation import Case, Escalation
from opsagent.domain.escalation_policy import Occasion
from opsagent.domain.event import RunEvent
from opsagent.domain.notice import Notice
from opsagent.domain.page import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A case nobody is told of yet; `number` is the one its climb would have."""

    case: Case
    number: int


Following = Callable[[Escalation, Case, Sequence[Notice]], Sequence[Notice]]


def no_notices(escalation: Escalation, case: Case, told: Sequence[Notice]) -> Sequence[Notice]:  # noqa: ARG001
    """What was told stays as it is."""
    return ()


class EscalationStore(Protocol):
    """Escalations, and the facts they are about. `waiting` and `open` are of every tenant: the watch uses them."""

    async def waiting(self, occasion: Occasion, limit: int, *, after: tuple[str, str] = ("", "")) -> Sequence[Waiting]:
        """Cases of that kind with no escalation, by (tenant, subject) above `after`.

        One that had one is there again when that ended in a way that says nothing about today, or its ticket has come
        back since. What was older than a day when it was first seen is left out. An index read.
        """
        ...

    async def begin(self, escalations: Sequence[Escalation]) -> None:
        """Store new ones; one whose id is there is left as it is. Conditional puts."""
        ...

    async def open(
        self, limit: int, *, after: tuple[str, str] = ("", ""), due_by: float | None = None
    ) -> Sequence[tuple[Escalation, Case]]:
        """Those that have not ended, each with its case as it is now, by (tenant, id) above `after`. An index read.

        With `due_by` (epoch seconds) only those whose next telling is due by then.
        """
        ...

    async def move(
        self, before: Escalation, after: Escalation, notices: Sequence[Notice] = (), events: Sequence[RunEvent] = ()
    ) -> bool:
        """Store `after` with its notices in one transaction, if `before` is what is stored; events are best effort.

        False, and nothing stored, else; also where there are notices and the case is over: nobody is told of what has
        been answered meanwhile.
        """
        ...

    async def acknowledge(
        self, tenant: str, escalation_id: str, by: str, *, following: Following = no_notices
    ) -> Escalation:
        """A person is looking (`Escalation.acknowledge`), with an audit entry and a line of the run's timeline.

        `following` makes, in the same transaction, what is shown from then on in place of the notices it is given: all
        those of this escalation. NotFound, IllegalMove.
        """
        ...

    async def get(self, tenant: str, escalation_id: str) -> tuple[Escalation, Case]:
        """One, with its case as it is now. NotFound. A get by key."""
        ...

    async def list(self, tenant: str, *, limit: int = 50, cursor: str = "") -> Page[Escalation]:
        """Newest first. A key-range read; InputError for a bad cursor."""
        ...
