"""What people decide, switch, register: approvals, control, runbooks, connections, keys, over every backend."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from manual_clock import ManualClock
from opsagent.domain.approval import Approval, ApprovalStatus
from opsagent.domain.connection import Connection
from opsagent.domain.run import Run, RunResult, RunStatus
from opsagent.domain.step import StepStatus
from opsagent.errors import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalMismatch,
    ConflictError,
    IllegalMove,
    InputError,
    NotFound,
)
from opsagent.ports.stores import Change, Stores
from store_nouns import Nouns


async def asked(stores: Stores, nouns: Nouns, **changes: object) -> tuple[Run, Approval]:
    """A run parked behind one question."""
    run = await stores.runs.create(nouns.run())
    claimed = await stores.runs.claim("acme", run.id, "w1", 30)
    assert claimed is not None
    lease, taken = claimed
    now = nouns.clock.now()
    question = nouns.approval(nouns.step(run), **changes)
    parked = taken.begin(now).park(now, until=question.expires_at)
    await stores.runs.save(lease, Change(run=parked, steps=[nouns.step(run)], approvals=[question]))
    await stores.runs.release(lease)
    return run, question


async def test_a_decision_wakes_the_run_and_is_on_record(stores: Stores, nouns: Nouns) -> None:
    run, question = await asked(stores, nouns)
    assert await stores.approvals.pending("acme") == [question]
    assert await stores.runs.due(10) == []
    decided = await stores.approvals.decide("acme", question.id, grant=True, by="person:ada", notes="go")
    assert (decided.status, decided.decided_by, decided.notes) == (ApprovalStatus.GRANTED, "person:ada", "go")
    assert await stores.approvals.get("acme", question.id) == decided
    assert await stores.approvals.pending("acme") == []
    assert [one.run_id for one in await stores.runs.due(10)] == [run.id]
    (entry,) = await stores.audit.list("acme")
    assert (entry.action, entry.actor, entry.digest) == ("approval.granted", "person:ada", question.digest)


async def test_the_same_answer_twice_is_the_first(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    _, question = await asked(stores, nouns)
    first = await stores.approvals.decide("acme", question.id, grant=False, by="person:ada", notes="")
    clock.move(5)
    assert await stores.approvals.decide("acme", question.id, grant=False, by="person:bob", notes="me too") == first
    with pytest.raises(ApprovalDecided, match="person:ada"):
        await stores.approvals.decide("acme", question.id, grant=True, by="person:bob", notes="")
    assert len(await stores.audit.list("acme")) == 1


async def test_of_many_answers_one_holds(stores: Stores, nouns: Nouns) -> None:
    _, question = await asked(stores, nouns)
    answers = await asyncio.gather(
        *[
            stores.approvals.decide("acme", question.id, grant=bool(n % 2), by=f"person:{n}", notes="")
            for n in range(20)
        ],
        return_exceptions=True,
    )
    assert sum(isinstance(answer, ApprovalDecided) for answer in answers) == 10
    assert len({answer.decided_by for answer in answers if isinstance(answer, Approval)}) == 1


async def test_an_answer_to_another_command_is_refused(stores: Stores, nouns: Nouns) -> None:
    _, question = await asked(stores, nouns)
    with pytest.raises(ApprovalMismatch):
        await stores.approvals.decide("acme", question.id, grant=True, by="person:ada", notes="", digest="old")
    await stores.approvals.decide("acme", question.id, grant=True, by="person:ada", notes="", digest=question.digest)


async def test_a_question_that_has_ended_is_expired(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    run, question = await asked(stores, nouns)
    clock.move(3600)
    assert await stores.approvals.pending("acme") == []
    assert (await stores.approvals.get("acme", question.id)).status is ApprovalStatus.EXPIRED
    assert (await stores.approvals.of_run("acme", run.id))[0].status is ApprovalStatus.EXPIRED
    with pytest.raises(ApprovalExpired):
        await stores.approvals.decide("acme", question.id, grant=True, by="person:ada", notes="")
    with pytest.raises(NotFound):
        await stores.approvals.decide("acme", "nothing", grant=True, by="person:ada", notes="")


async def test_cancel_wakes_the_run_once(stores: Stores, nouns: Nouns) -> None:
    run, _ = await asked(stores, nouns)
    assert not await stores.control.cancel_requested("acme", run.id)
    cancelled = await stores.control.request_cancel("acme", run.id, "person:ada")
    assert cancelled.due_at == nouns.clock.now()
    assert await stores.control.cancel_requested("acme", run.id)
    await stores.control.request_cancel("acme", run.id, "person:bob")
    assert [entry.actor for entry in await stores.audit.list("acme")] == ["person:ada"]
    for call in (stores.control.request_cancel("acme", "no", "p"), stores.control.cancel_requested("acme", "no")):
        with pytest.raises(NotFound):
            await call


async def test_an_ended_run_is_not_cancelled(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    run, _ = await asked(stores, nouns)
    claimed = await stores.runs.claim("acme", run.id, "w1", 30)
    assert claimed is not None
    ended = claimed[1].end(RunStatus.COMPLETED, clock.now(), result=RunResult(summary=""))
    await stores.runs.save(claimed[0], Change(run=ended))
    with pytest.raises(IllegalMove, match="completed"):
        await stores.control.request_cancel("acme", run.id, "person:ada")


async def test_switches_of_tenant_and_installation(stores: Stores) -> None:
    control = stores.control
    assert await control.switches("acme") == {"paused": False, "acting": False}
    await control.set_switch("*", "acting", value=True, by="person:ada")
    assert (await control.switches("acme"))["acting"]
    await control.set_switch("acme", "acting", value=False, by="person:ada")
    assert not (await control.switches("acme"))["acting"]
    assert (await control.switches("other"))["acting"]
    await control.set_switch("*", "paused", value=True, by="person:ada")
    await control.set_switch("acme", "paused", value=False, by="person:ada")
    assert (await control.switches("acme"))["paused"]
    assert [entry.action for entry in await stores.audit.list("*")] == ["switch.acting.on", "switch.paused.on"]
    with pytest.raises(InputError, match="turbo"):
        await control.set_switch("acme", "turbo", value=True, by="person:ada")


async def test_what_waits_is_counted_however_much_of_it_is_shown(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    made = []
    for _ in range(3):
        clock.move(1)
        made.append(await asked(stores, nouns))
    (_, first), (run, second), (_, third) = made
    assert await stores.approvals.pending("acme", limit=2) == [first, second]
    assert await stores.approvals.pending("acme", run_id=third.run_id) == [third]
    assert await stores.approvals.count_pending("acme") == 3
    assert await stores.approvals.count_pending("other") == 0
    clock.move(first.expires_at - clock.now())
    assert await stores.approvals.count_pending("acme") == 2
    (found,) = await stores.journal.steps_by_id("acme", [second.step_id, "nothing"])
    assert found.run_id == run.id


async def test_steps_nobody_knows_the_end_of_are_found_while_their_run_waits(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    made = []
    for _ in range(3):
        run, _ = await asked(stores, nouns)
        claimed = await stores.runs.claim("acme", run.id, "w1", 30)
        assert claimed is not None
        step = nouns.step(run, status=StepStatus.UNKNOWN)
        await stores.runs.save(claimed[0], Change(run=claimed[1], steps=[step]))
        await stores.runs.release(claimed[0])
        made.append((run.id, step))
        clock.move(1)
    assert [(run.id, step) for run, step in await stores.journal.unknown("acme", limit=2)] == made[:2]
    assert [(run.id, step) for run, step in await stores.journal.unknown("acme", run_id=made[2][0])] == made[2:]
    assert (await stores.journal.count_unknown("acme"), await stores.journal.count_unknown("other")) == (3, 0)
    await stores.control.resolve_step("acme", made[0][0], made[0][1].id, answer="happened", by="person:ada")
    assert await stores.journal.count_unknown("acme") == 2


async def test_a_person_resolves_an_unknown_step(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    run, _ = await asked(stores, nouns)
    step = nouns.step(run, status=StepStatus.UNKNOWN)
    control = stores.control
    with pytest.raises(IllegalMove, match="not unknown"):
        await control.resolve_step("acme", run.id, step.id, answer="happened", by="person:ada")
    claimed = await stores.runs.claim("acme", run.id, "w1", 30)
    assert claimed is not None
    await stores.runs.save(claimed[0], Change(run=claimed[1], steps=[step]))
    await stores.runs.release(claimed[0])
    with pytest.raises(InputError, match="maybe"):
        await control.resolve_step("acme", run.id, step.id, answer="maybe", by="person:ada")
    clock.move(1)
    resolved = await control.resolve_step("acme", run.id, step.id, answer="not_happened", by="person:ada")
    assert (resolved.status, resolved.updated_at) == (StepStatus.NOT_HAPPENED, clock.now())
    assert await stores.journal.steps("acme", run.id) == [resolved]
    assert [one.run_id for one in await stores.runs.due(10)] == [run.id]
    assert (await stores.audit.list("acme"))[-1].detail == {"answer": "not_happened"}
    with pytest.raises(NotFound):
        await control.resolve_step("acme", run.id, "nothing", answer="happened", by="person:ada")


async def test_runbooks_have_versions_and_lasting_numbers(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    books = stores.runbooks
    first = await books.put(nouns.runbook("a-first"), "person:ada")
    second = await books.put(nouns.runbook("b-second"), "person:ada")
    assert (first.revision, first.position, second.position) == (1, 1, 2)
    seen = await books.revision("acme")
    assert await books.put(nouns.runbook("a-first"), "person:bob") == first
    assert await books.revision("acme") == seen
    clock.move(1)
    newer = await books.put(nouns.runbook("a-first", "# Better"), "person:ada")
    assert (newer.revision, newer.position, newer.created_at, newer.updated_at) == (
        2,
        1,
        first.created_at,
        clock.now(),
    )
    assert await books.revision("acme") != seen
    assert await books.get("acme", "1") == await books.get("acme", "a-first") == newer
    assert await books.get("acme", "a-first", version=first.version) == first
    assert await books.list("acme") == [newer, second]
    await books.delete("acme", "1", "person:ada")
    assert await books.list("acme") == [second]
    assert (await books.get("acme", "2")).id == "b-second"
    assert await books.get("acme", "a-first", version=newer.version) == newer
    for wanted in ("a-first", "1", "3", "9" * 40, "\u0661"):
        with pytest.raises(NotFound):
            await books.get("acme", wanted)
    with pytest.raises(NotFound):
        await books.get("acme", "b-second", version="0" * 64)
    assert (await books.put(nouns.runbook("a-first", "# Better"), "person:ada")).revision == 3
    assert [entry.action for entry in await stores.audit.list("acme")].count("runbook.put") == 4


async def test_connections_keep_id_and_count_versions(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    connections = stores.connections
    made = await connections.put(
        Connection(id="", tenant="acme", name="web-1", labels={"instance": "web-1"}, hosts=("web-1:80",)), "person:ada"
    )
    assert made.id
    assert made.version == 1
    clock.move(1)
    changed = await connections.put(replace(made, id="other", environment="test"), "person:ada")
    assert (changed.id, changed.version, changed.created_at) == (made.id, 2, made.created_at)
    assert await connections.get("acme", "web-1") == await connections.get("acme", made.id) == changed
    assert [one.name for one in await connections.list("acme")] == ["sandbox", "web-1"]
    with pytest.raises(ConflictError):
        await connections.put(replace(made, name="web-2"), "person:ada")
    await connections.delete("acme", "web-1", "person:ada")
    assert [one.name for one in await connections.list("acme")] == ["sandbox"]
    for call in (connections.get("acme", "web-1"), connections.delete("acme", made.id, "person:ada")):
        with pytest.raises(NotFound):
            await call
    again = await connections.put(Connection(id="", tenant="acme", name="web-1"), "person:ada")
    assert (again.id, again.version) == (made.id, 3)  # an approval given for version 1 fits no later one


async def test_the_sandbox_is_always_there_and_the_same(stores: Stores) -> None:
    sandbox = await stores.connections.get("acme", "sandbox")
    assert (sandbox.name, sandbox.reach, sandbox.tenant) == ("sandbox", "sandbox", "acme")
    with pytest.raises(InputError):
        await stores.connections.put(replace(sandbox, reach="host"), "person:ada")  # type: ignore[arg-type] # refused before
    with pytest.raises(InputError):
        await stores.connections.put(replace(sandbox, name="x"), "person:ada")
    with pytest.raises(InputError):
        await stores.connections.delete("acme", "sandbox", "person:ada")


async def test_keys_are_found_by_hash_until_revoked(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    key = nouns.key()
    await stores.keys.put(key, "person:ada")
    assert await stores.keys.find(key.secret_sha256) == key
    assert await stores.keys.find("0" * 64) is None
    with pytest.raises(ConflictError):
        await stores.keys.put(replace(key, id="another"), "person:ada")
    clock.move(1)
    await stores.keys.revoke("acme", key.id, "person:ada")
    await stores.keys.revoke("acme", key.id, "person:ada")
    assert await stores.keys.find(key.secret_sha256) is None
    assert await stores.keys.list("acme") == [replace(key, revoked_at=clock.now())]
    with pytest.raises(NotFound):
        await stores.keys.revoke("acme", "nothing", "person:ada")
    assert [entry.action for entry in await stores.audit.list("acme")] == ["key.put", "key.revoke"]
    assert key.secret_sha256 not in str(await stores.audit.list("acme"))
