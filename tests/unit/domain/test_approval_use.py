"""An approval for one effect cannot carry another: each way of trying is refused with its own error."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.approval import Approval, ApprovalStatus
from opsagent.domain.command import Command, OutsideSpan, Reach, digest
from opsagent.domain.manifest import Manifest, Proof
from opsagent.errors import ApprovalDecided, ApprovalExpired, ApprovalMismatch, ApprovalUsed

COMMAND = Command(executor="shell", text="systemctl restart nginx", connection_id="web-1", reach=Reach.HOST)
OTHERS = {
    "one changed byte": replace(COMMAND, text="systemctl restart nginy"),
    "another target": replace(COMMAND, connection_id="web-2"),
    "a repointed connection": replace(COMMAND, connection_version=2),
    "another executor": replace(COMMAND, executor="sql"),
    "standard input": replace(COMMAND, stdin="x"),
    "another folder": replace(COMMAND, cwd="/"),
    "another user": replace(COMMAND, uid=0),
    "the network": replace(COMMAND, network=True),
    "the reach": replace(COMMAND, reach=Reach.SANDBOX),
    "the time limit": replace(COMMAND, timeout_s=31.0),
    "an environment name": replace(COMMAND, environment=(("LD_PRELOAD", "x"),)),
    "a credential": replace(COMMAND, credential="root"),
    "a rewritten file": replace(COMMAND, files=(("/opt/fix.sh", "0" * 64),)),
    "a writable path": replace(COMMAND, writable=("/etc",)),
    "the undo": replace(COMMAND, undo="rm -rf /"),
}


def sign(command: Command, *, tenant: str = "t", run: str = "r", step: str = "r.1", attempt: int = 1) -> str:
    return digest(command, tenant=tenant, run_id=run, step_id=step, attempt=attempt)


def granted() -> Approval:
    return Approval(
        id="a",
        tenant="t",
        run_id="r",
        step_id="r.1",
        step_number=1,
        attempt=1,
        digest=sign(COMMAND),
        target="web-1",
        command=COMMAND.text,
        manifest=Manifest(proof=Proof.EFFECT),
        requested_at=0.0,
        expires_at=100.0,
    ).decide(grant=True, by="ada", notes="", now=1.0)


def use(
    approval: Approval, command: Command = COMMAND, *, now: float = 2.0, run: str = "r", attempt: int = 1
) -> Approval:
    return approval.use(
        run_id=run, step_id="r.1", attempt=attempt, digest=sign(command, run=run, attempt=attempt), now=now
    )


def test_it_works_once() -> None:
    used = use(granted())
    assert used.used_at == 2.0
    with pytest.raises(ApprovalUsed):
        use(used)


@pytest.mark.parametrize("what", list(OTHERS))
def test_it_carries_nothing_else(what: str) -> None:
    with pytest.raises(ApprovalMismatch):
        use(granted(), OTHERS[what])


def test_it_carries_no_other_run_attempt_or_time() -> None:
    with pytest.raises(ApprovalMismatch):
        use(granted(), run="other")
    with pytest.raises(ApprovalMismatch):
        use(granted(), attempt=2)
    with pytest.raises(ApprovalExpired):
        use(granted(), now=100.0)


def test_a_question_that_nobody_granted_carries_nothing() -> None:
    with pytest.raises(ApprovalDecided):
        use(replace(granted(), status=ApprovalStatus.PENDING))
    with pytest.raises(ApprovalDecided):
        use(replace(granted(), status=ApprovalStatus.REFUSED))


def test_the_same_answer_twice_is_one_answer_and_another_is_refused() -> None:
    once = granted()
    assert once.decide(grant=True, by="bob", notes="too", now=5.0) is once
    with pytest.raises(ApprovalDecided):
        once.decide(grant=False, by="bob", notes="", now=5.0)
    late = replace(once, status=ApprovalStatus.PENDING)
    with pytest.raises(ApprovalExpired):
        late.decide(grant=True, by="bob", notes="", now=100.0)


@given(st.lists(st.sampled_from(["grant", "refuse", "use", "wait"]), max_size=20))
def test_no_sequence_uses_it_twice_or_after_a_refusal(moves: list[str]) -> None:
    approval, now, uses = replace(granted(), status=ApprovalStatus.PENDING, decided_by="", decided_at=None), 1.0, 0
    for move in moves:
        try:
            if move == "wait":
                now += 20.0
            elif move == "use":
                approval = use(approval, now=now)
                uses += 1
            else:
                approval = approval.decide(grant=move == "grant", by="ada", notes="", now=now)
        except (ApprovalDecided, ApprovalExpired, ApprovalUsed):
            continue
    assert uses <= 1
    if uses:
        assert approval.status is ApprovalStatus.GRANTED
        assert approval.used_at is not None
        assert approval.used_at < approval.expires_at


def test_a_secret_in_the_environment_is_not_in_the_digest_and_its_name_is() -> None:
    one, other = (replace(COMMAND, environment=(("TOKEN", value),)) for value in ("a", "b"))
    assert sign(one) == sign(other) != sign(COMMAND)


@given(st.text(), st.text())
def test_no_two_texts_share_a_digest(one: str, other: str) -> None:
    signed = [
        sign(replace(COMMAND, text=text.encode("utf-8", "surrogatepass").decode("utf-8", "ignore")))
        for text in (one, other)
    ]
    assert (signed[0] == signed[1]) == (one == other)


def test_where_a_value_came_from_changes_what_is_shown_not_what_is_done() -> None:
    assert sign(replace(COMMAND, outside=(OutsideSpan(0, 3, "parameter x"),))) == sign(COMMAND)
