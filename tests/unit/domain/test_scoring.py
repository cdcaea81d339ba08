"""Scores and their calibration: bounded, monotone, and the same whatever the order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.ending import Rate
from opsagent.domain.scoring import BUCKETS, MOST, Answers, bucket_of, calibrated, score
from opsagent.domain.ticket import Evidence

pieces = st.builds(
    Evidence,
    kind=st.sampled_from([*MOST, "something else"]),
    text=st.just(""),
    weight=st.floats(allow_nan=True, allow_infinity=True),
)
answers = st.lists(
    st.builds(
        Answers,
        bucket=st.integers(min_value=-2, max_value=BUCKETS + 2),
        real=st.integers(min_value=0, max_value=10_000),
        noise=st.integers(min_value=0, max_value=10_000),
    ),
    max_size=20,
)
probability = st.floats(min_value=0.0, max_value=1.0)


@given(st.lists(pieces), st.randoms())
def test_the_order_does_not_matter(evidence: list[Evidence], random: object) -> None:
    shuffled = list(evidence)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert score(shuffled) == score(evidence)


@given(st.lists(pieces), pieces)
def test_more_evidence_moves_it_its_own_way_only(evidence: list[Evidence], more: Evidence) -> None:
    before, after = score(evidence), score([*evidence, more])
    assert 0.0 < after < 1.0
    assert after >= before or not more.weight > 0
    assert after <= before or not more.weight < 0


def test_no_heap_of_weak_signs_outweighs_a_measurement_of_one_kind() -> None:
    sick = Evidence(kind="measurement", text="", weight=3.0)
    opinions = [Evidence(kind="opinion", text="", weight=-5.0)] * 100
    assert score([sick, *opinions]) > 0.9


@given(probability, answers)
def test_a_calibrated_score_is_a_probability(value: float, said: list[Answers]) -> None:
    assert 0.0 <= calibrated(value, said) <= 1.0


@given(probability, probability, answers)
def test_calibrating_keeps_the_order(one: float, other: float, said: list[Answers]) -> None:
    low, high = sorted((one, other))
    assert calibrated(low, said) <= calibrated(high, said) + 1e-12


@given(probability)
def test_without_answers_it_stays(value: float) -> None:
    assert calibrated(value, []) == value
    assert abs(calibrated(value, [Answers(bucket=3)]) - value) < 1e-9


def test_answers_pull_towards_what_people_said() -> None:
    noise = [Answers(bucket=bucket_of(0.85), noise=50)]
    assert calibrated(0.85, noise) < 0.3
    few = [Answers(bucket=bucket_of(0.85), noise=1)]
    assert calibrated(0.85, noise) < calibrated(0.85, few) < 0.85


def test_the_interval_is_wilsons() -> None:
    # Worked by hand from the formula with z = 1.96: 1 of 10 is 1.8 % to 40.4 %; none of 20 is 0 % to 16.1 %.
    low, high = Rate(total=10, wrong=1).interval
    assert (round(low, 3), round(high, 3)) == (0.018, 0.404)
    low, high = Rate(total=20, wrong=0).interval
    assert (round(low, 3), round(high, 3)) == (0.0, 0.161)
    assert Rate(total=0, wrong=0).interval == (0.0, 1.0)
    assert Rate(total=0, wrong=0).rate is None


@given(st.integers(min_value=1, max_value=10_000), st.data())
def test_the_interval_holds_the_rate(total: int, data: st.DataObject) -> None:
    rate = Rate(total=total, wrong=data.draw(st.integers(min_value=0, max_value=total)))
    low, high = rate.interval
    assert rate.rate is not None
    assert 0.0 <= low <= rate.rate + 1e-12
    assert rate.rate - 1e-12 <= high <= 1.0
