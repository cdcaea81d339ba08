"""Drafts of runbooks, over every backend: one for each run, apart by tenant, decided once."""

from __future__ import annotations

import asyncio

import pytest

from manual_clock import ManualClock
from opsagent.domain.draft import Draft, DraftStatus
from opsagent.domain.run import Verified
from opsagent.errors import IllegalMove, NotFound
from opsagent.ports.stores import Stores


def draft(run_id: str, at: float, *, tenant: str = "acme", text: str = "# Mend it\n") -> Draft:
    return Draft(
        tenant=tenant,
        run_id=run_id,
        runbook_id="mend-it",
        title="Mend it",
        text=text,
        verified=Verified.YES,
        created_at=at,
        notes=("Step 2 has no undo.",),
        given={"disk": "/srv"},
    )


async def test_the_first_draft_of_a_run_stays(stores: Stores, clock: ManualClock) -> None:
    first = draft("r1", clock.now())
    assert await stores.drafts.put(first) == first
    assert await stores.drafts.put(draft("r1", clock.now() + 1, text="# Other\n")) == first
    assert await stores.drafts.get("acme", "r1") == first
    for tenant, run_id in (("acme", "r2"), ("other", "r1")):
        with pytest.raises(NotFound):
            await stores.drafts.get(tenant, run_id)
        with pytest.raises(NotFound):
            await stores.drafts.decide(tenant, run_id, DraftStatus.MERGED, "person:ada")


async def test_the_newest_first_by_status_and_by_tenant(stores: Stores, clock: ManualClock) -> None:
    now = clock.now()
    for number in (1, 3, 2):
        await stores.drafts.put(draft(f"r{number}", now + number))
    await stores.drafts.put(draft("r9", now, tenant="other"))
    await stores.drafts.decide("acme", "r3", DraftStatus.DISMISSED, "person:ada")
    assert [one.run_id for one in await stores.drafts.list("acme")] == ["r3", "r2", "r1"]
    assert [one.run_id for one in await stores.drafts.list("acme", status=DraftStatus.OPEN)] == ["r2", "r1"]
    assert [one.run_id for one in await stores.drafts.list("acme", limit=1)] == ["r3"]
    assert [one.run_id for one in await stores.drafts.list("other")] == ["r9"]


async def test_two_who_decide_at_once_decide_once(stores: Stores, clock: ManualClock) -> None:
    await stores.drafts.put(draft("r1", clock.now()))
    answers = await asyncio.gather(
        stores.drafts.decide("acme", "r1", DraftStatus.MERGED, "person:ada", runbook_id="mended"),
        stores.drafts.decide("acme", "r1", DraftStatus.DISMISSED, "person:bob"),
        return_exceptions=True,
    )
    (decided,) = [one for one in answers if isinstance(one, Draft)]
    (refused,) = [one for one in answers if not isinstance(one, Draft)]
    assert isinstance(refused, IllegalMove)
    assert await stores.drafts.get("acme", "r1") == decided
    (entry,) = await stores.audit.list("acme")
    assert (entry.action, entry.actor, entry.run_id) == (f"draft.{decided.status}", decided.decided_by, "r1")
    assert entry.detail == {"runbook": decided.runbook_id}
