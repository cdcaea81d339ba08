"""A step moves only as DESIGN 6 allows; what may have had an effect is never forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.command import Command
from opsagent.domain.manifest import Decision, Manifest, Proof, Verdict
from opsagent.domain.runbook import Phase
from opsagent.domain.step import LEGAL_MOVES, MAY_HAVE_HAPPENED, Step, StepStatus
from opsagent.errors import IllegalMove


def fresh(proof: Proof = Proof.EFFECT) -> Step:
    verdict = Verdict(decision=Decision.ASK, rule="effect", reason="it writes", manifest=Manifest(proof=proof))
    command = Command(executor="shell", text="touch x", connection_id="c")
    return Step(
        id="r.1",
        run_id="r",
        tenant="acme",
        number=1,
        name="s",
        phase=Phase.MITIGATION,
        command=command,
        verdict=verdict,
    )


@given(st.lists(st.sampled_from(list(StepStatus)), max_size=12))
def test_no_sequence_of_moves_leaves_the_machine(wanted: list[StepStatus]) -> None:
    step = fresh()
    was_claimed = False
    for status in wanted:
        before = step.status
        try:
            step = step.move(status, 1.0)
        except IllegalMove:
            assert status not in LEGAL_MOVES[before]
            continue
        assert status in LEGAL_MOVES[before]
        was_claimed = was_claimed or status is StepStatus.CLAIMED
        if status in (StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.UNKNOWN, StepStatus.HAPPENED):
            assert was_claimed, "an outcome without a claim"
            assert step.may_have_had_effect
    if was_claimed and not step.may_have_had_effect:
        assert step.status in (StepStatus.NOT_HAPPENED, StepStatus.UNDONE)


def test_every_status_has_its_moves() -> None:
    assert set(LEGAL_MOVES) == set(StepStatus)


def test_a_proven_read_never_counts_as_an_effect() -> None:
    step = fresh(Proof.READ).move(StepStatus.CLAIMED, 1.0)
    assert step.status in MAY_HAVE_HAPPENED
    assert not step.may_have_had_effect


def test_a_token_names_one_attempt() -> None:
    assert fresh().token == "r.1.1"
