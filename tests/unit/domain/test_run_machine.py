"""A run moves only as DESIGN 6 allows, whatever is tried in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.run import LEGAL_MOVES, RETENTION_S, TERMINAL, Node, Run, RunResult, RunStatus, Source
from opsagent.errors import IllegalMove


def fresh() -> Run:
    return Run(
        id="5f0f5c2e-0000-4000-8000-000000000000",
        tenant="acme",
        source=Source.API,
        task="look",
        created_at=100.0,
        updated_at=100.0,
        requested_by="ada",
    )


RESULT = RunResult(summary="done")
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["begin", "park", "go", "completed", "failed", "cancelled"]),
        st.floats(min_value=0, max_value=100),
    ),
    max_size=30,
)


def apply(run: Run, move: str, now: float) -> Run:
    if move == "begin":
        return run.begin(now)
    if move == "park":
        return run.park(now, until=None)
    if move == "go":
        return run.go(Node.GENERATE, now)
    return run.end(RunStatus(move), now, result=RESULT)


@given(MOVES)
def test_no_sequence_of_moves_leaves_the_machine(moves: list[tuple[str, float]]) -> None:
    run, now = fresh(), 100.0
    for move, later in moves:
        now += later
        before = run
        try:
            run = apply(run, move, now)
        except IllegalMove:
            assert run is before
            continue
        assert run.status is before.status or run.status in LEGAL_MOVES[before.status]
        assert not before.ended
        assert (run.status in TERMINAL) == (run.completed_at is not None) == (run.ttl is not None) == run.ended
        assert run.active_for(now) <= now - 100.0 + 1e-6
    if run.ended:
        assert run.due_at is None
        assert run.duration_ms is not None
        assert run.duration_ms >= 0


def test_an_ended_run_says_to_retry() -> None:
    ended = fresh().end(RunStatus.FAILED, 101.0, result=RESULT, error="no")
    with pytest.raises(IllegalMove) as refused:
        ended.begin(102.0)
    assert "Retry" in refused.value.fix
    assert ended.ttl == 101 + RETENTION_S


def test_a_run_does_not_end_in_an_open_status() -> None:
    with pytest.raises(IllegalMove):
        fresh().end(RunStatus.QUEUED, 101.0, result=RESULT)


def test_waiting_for_people_is_not_time_at_work() -> None:
    run = fresh().begin(100.0).park(110.0, until=None).begin(500.0)
    assert run.active_for(505.0) == 15.0
    assert run.started_at == 100.0


def test_the_thread_id_is_the_seeds() -> None:
    assert fresh().thread_id == "agent-ops-5f0f5c2e-0000-4000-8000-000000000000"
