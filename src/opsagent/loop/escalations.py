"""The door to escalations: look at them, and say that somebody is looking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from opsagent.domain.escalation import Escalation
from opsagent.domain.identity import Permission, Principal, PrincipalKind
from opsagent.domain.message import Message
from opsagent.errors import Forbidden
from opsagent.ports.clock import Clock
from opsagent.ports.stores import Stores
from opsagent.stages.remind import Remind


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalations:
    """Callers have checked the permission of their route; acknowledging is checked here again."""

    stores: Stores
    remind: Remind
    clock: Clock
    changed: Callable[[str, str], None]

    async def acknowledge(self, principal: Principal, escalation_id: str) -> Escalation:
        """Nobody is told any more: this person looks. It decides nothing. Forbidden, NotFound, IllegalMove."""
        if not principal.may(Permission.OPERATE):
            raise Forbidden(
                f"{principal.id} may only look at runs, so others go on being told.",
                fix="A person with the role operator, approver or admin says that they are looking.",
            )
        if principal.kind is not PrincipalKind.PERSON:
            raise Forbidden(
                f"{principal.id} is a service and looks at nothing, so others go on being told.",
                fix="A person says so: with their own key, in Slack, or by opsagent escalations acknowledge.",
            )
        done = await self.stores.escalations.acknowledge(
            principal.tenant, escalation_id, principal.id, following=self.remind.in_their_place
        )
        if done.run_id:
            self.changed(principal.tenant, done.run_id)
        return done

    async def message(self, tenant: str, escalation_id: str) -> Message:
        """What it says now, for where it was shown. NotFound."""
        escalation, case = await self.stores.escalations.get(tenant, escalation_id)
        return self.remind.message(escalation, case, self.clock.now())
