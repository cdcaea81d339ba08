"""A person's switches, as they are kept. The rules of ports/stores.py hold here too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from opsagent.domain.freeze import Freeze
from opsagent.domain.run import Run
from opsagent.domain.step import Step


class ControlStore(Protocol):
    """A person's switches: cancel, pause, acting, freezes. Every change is an audit entry in the same transaction."""

    async def request_cancel(self, tenant: str, run_id: str, by: str) -> Run:
        """Mark the run to be cancelled and make it due at once. NotFound; IllegalMove once it has ended."""
        ...

    async def cancel_requested(self, tenant: str, run_id: str) -> bool:
        """Whether somebody asked to cancel it."""
        ...

    async def set_switch(self, tenant: str, name: str, value: bool, by: str) -> None:
        """Set `paused` or `acting`; tenant `*` is the whole installation."""
        ...

    async def switches(self, tenant: str) -> Mapping[str, bool]:
        """`paused`: the tenant's or the installation's; `acting`: the tenant's own, else the installation's."""
        ...

    async def resolve_step(self, tenant: str, run_id: str, step_id: str, *, answer: str, by: str) -> Step:
        """A person says of an unknown step: happened, not_happened or aborted; audit entry; the run becomes due.

        NotFound; IllegalMove when the step is not unknown.
        """
        ...

    async def freeze(self, freeze: Freeze) -> None:
        """Store a maintenance freeze, with an audit entry. One with the same id is replaced."""
        ...

    async def freezes(self, tenant: str) -> Sequence[Freeze]:
        """Those of the tenant that have not ended, by their start. One key-range read."""
        ...

    async def lift(self, tenant: str, freeze_id: str, by: str) -> None:
        """End a freeze now, with an audit entry. NotFound."""
        ...
