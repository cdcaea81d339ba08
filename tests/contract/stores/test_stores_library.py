"""Runbooks over time, over every backend: versions, what may be overwritten, disabling, and how often each helped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manual_clock import ManualClock
from opsagent.domain.library import RunbookVersion, Uses
from opsagent.domain.run import Run, RunStatus, Verified
from opsagent.errors import NotFound, VersionMismatch
from opsagent.ports.stores import Change, Stores
from store_nouns import Nouns


async def test_every_version_is_kept_with_who_when_and_why(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    books = stores.runbooks
    first = await books.put(nouns.runbook("disk", "# One"), "person:ada")
    clock.move(60)
    second = await books.put(nouns.runbook("disk", "# Two"), "person:bob", note="imported from git")
    assert await books.versions("acme", "disk") == [
        RunbookVersion(
            revision=2, version=second.version, title="disk", at=clock.now(), by="person:bob", note="imported from git"
        ),
        RunbookVersion(revision=1, version=first.version, title="disk", at=clock.now() - 60, by="person:ada"),
    ]
    assert await books.versions("acme", "1") == await books.versions("acme", "disk")
    await books.delete("acme", "disk", "person:ada")
    assert len(await books.versions("acme", "disk")) == 2, "what was deleted can be looked at"
    for tenant, name in (("acme", "other"), ("other", "disk")):
        with pytest.raises(NotFound):
            await books.versions(tenant, name)


async def test_nothing_is_overwritten_that_the_caller_has_not_seen(stores: Stores, nouns: Nouns) -> None:
    books = stores.runbooks
    first = await books.put(nouns.runbook("disk", "# One"), "person:ada", expected="")
    with pytest.raises(VersionMismatch, match="already"):
        await books.put(nouns.runbook("disk", "# Mine"), "person:bob", expected="")
    second = await books.put(nouns.runbook("disk", "# Two"), "person:bob", expected=first.version)
    with pytest.raises(VersionMismatch, match="changed meanwhile") as stale:
        await books.put(nouns.runbook("disk", "# Mine"), "person:ada", expected=first.version)
    assert stale.value.extra == {"version": second.version}
    with pytest.raises(VersionMismatch):
        await books.delete("acme", "disk", "person:ada", expected=first.version)
    assert await books.list("acme") == [second]
    await books.delete("acme", "disk", "person:ada", expected=second.version)
    with pytest.raises(VersionMismatch, match="any more"):
        await books.put(nouns.runbook("disk", "# Mine"), "person:ada", expected=second.version)
    assert (await books.put(nouns.runbook("disk", "# Again"), "person:ada", expected="")).revision == 3


async def test_a_disabled_one_stays_disabled_until_somebody_enables_it(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    books = stores.runbooks
    await books.put(nouns.runbook("disk", "# One"), "person:ada")
    seen = await books.revision("acme")
    off = await books.enable("acme", "1", "person:bob", on=False)
    assert not off.enabled
    assert await books.revision("acme") > seen, "an index must notice"
    seen = await books.revision("acme")
    assert await books.enable("acme", "disk", "person:bob", on=False) == off
    assert await books.revision("acme") == seen
    clock.move(1)
    newer = await books.put(nouns.runbook("disk", "# Two"), "person:ada")
    assert (newer.enabled, newer.revision) == (False, 2)
    assert await books.enable("acme", "disk", "person:ada", on=True) == replace(newer, enabled=True)
    assert [one.enabled for one in await books.list("acme")] == [True]
    actions = [(entry.action, entry.actor) for entry in await stores.audit.list("acme")]
    assert actions[1:] == [
        ("runbook.disabled", "person:bob"), ("runbook.put", "person:ada"), ("runbook.enabled", "person:ada"),
    ]  # fmt: skip
    await books.enable("acme", "disk", "person:ada", on=False)
    await books.delete("acme", "disk", "person:ada")
    with pytest.raises(NotFound):
        await books.enable("acme", "disk", "person:ada", on=True)
    assert (await books.put(nouns.runbook("disk", "# Back"), "person:ada")).enabled, "stored anew, it is meant to work"


async def ended(stores: Stores, run: Run, **how: object) -> Run:
    await stores.runs.create(run)
    claimed = await stores.runs.claim(run.tenant, run.id, "w1", 30)
    assert claimed is not None
    lease, taken = claimed
    fields = {"status": RunStatus.COMPLETED, "completed_at": run.created_at, **how}
    return await stores.runs.save(lease, Change(run=replace(taken, **fields)))


async def test_uses_are_counted_once_when_a_run_ends(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    followed = {"runbook_id": "disk", "generate_starts": 2}
    await ended(stores, nouns.run(), runbook_id="disk", verified=Verified.YES)
    assert await stores.runbooks.uses("acme") == [], "it was healthy at once: no step was looked at"
    for verified in (Verified.YES, Verified.YES, Verified.NO, Verified.NOT_MEASURABLE, None):
        await ended(stores, nouns.run(), **followed, had_effect=True, verified=verified)
    clock.move(5)
    last = await ended(stores, nouns.run(), **followed, verified=Verified.YES)
    assert await stores.runbooks.uses("acme") == [
        Uses(
            runbook_id="disk", used=6, yes=2, no=1, not_measurable=2, last_at=clock.now(), last_run=last.id,
            last_result="looked",
        )
    ]  # fmt: skip
    assert await stores.runbooks.uses("other") == []


async def test_an_open_run_is_no_use_yet(stores: Stores, nouns: Nouns) -> None:
    run = nouns.run()
    await stores.runs.create(run)
    claimed = await stores.runs.claim("acme", run.id, "w1", 30)
    assert claimed is not None
    lease, taken = claimed
    await stores.runs.save(lease, Change(run=replace(taken, runbook_id="disk", generate_starts=1)))
    assert await stores.runbooks.uses("acme") == []
