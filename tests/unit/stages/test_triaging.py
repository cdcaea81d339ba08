"""Triage: a measurement classifies, what is remembered moves the confidence, and all of it is said in words."""

from __future__ import annotations

import pytest

from opsagent.domain.deployment import Deployment
from opsagent.domain.ending import History, How
from opsagent.domain.reading import Reading
from opsagent.domain.scoring import Answers
from opsagent.domain.ticket import Assessment, Classification, Evidence, Member, Ticket
from opsagent.stages.triage import Context, triage

HEALTHY = Reading(healthy=True, text="healthy", samples=9, window_s=5.0)
SICK = Reading(healthy=False, text="sick")
DARK = Reading(healthy=None, text="nothing measures it")
NOISE = History(endings=(How.BY_ITSELF,) * 9, noise=5)


def assess(reading: Reading, context: Context | None = None, **changes: object) -> Assessment:
    about: dict[str, object] = {"created_at": 10_000.0} | changes
    ticket = Ticket(id="k", tenant="t", fingerprint="f", name="Down", title="", source="", **about)  # type: ignore[arg-type]
    return triage(ticket, reading, context or Context(), now=10_010.0)


def words(assessment: Assessment) -> str:
    return "\n".join(one.text for one in assessment.evidence)


def test_a_measurement_classifies_whatever_is_remembered() -> None:
    noise = Context(history=NOISE)
    assert assess(SICK, noise).classification is Classification.TRUE_POSITIVE
    assert assess(HEALTHY, Context(history=History(real=9))).classification is Classification.FALSE_POSITIVE
    unknown = assess(DARK, noise)
    assert unknown.classification is Classification.UNCERTAIN
    assert not unknown.measured
    assert unknown.confidence > 0.9


def test_a_model_is_one_more_piece_of_evidence() -> None:
    shouting = Context(opinions=[Evidence(kind="opinion", text="surely noise", weight=-99.0)] * 50)
    plain, swayed = assess(SICK), assess(SICK, shouting)
    assert swayed.classification is Classification.TRUE_POSITIVE
    assert 0.9 < swayed.confidence < plain.confidence


def test_one_sample_says_less_than_a_window() -> None:
    once = assess(Reading(healthy=True, text="healthy", samples=1))
    assert once.window_s == 0
    assert once.confidence < 0.9 < assess(HEALTHY).confidence


def test_the_past_is_told_in_words_and_moves_the_confidence() -> None:
    history = History(endings=(How.BY_ITSELF, How.UNMEASURED, How.BY_ITSELF, How.REPAIRED, How.BY_ITSELF))
    assessment = assess(HEALTHY, Context(history=history))
    assert "3 of the last 4 times this went away by itself. It was repaired 1 time." in words(assessment)
    assert assessment.confidence > assess(HEALTHY).confidence
    repaired = assess(HEALTHY, Context(history=History(endings=(How.REPAIRED,) * 3)))
    assert repaired.confidence < 0.9


def test_what_happens_beside_it_speaks_for_a_real_problem() -> None:
    beside = [Member(fingerprint=str(n), name=f"A{n}", firing=True) for n in range(7)]
    plain, corroborated = assess(HEALTHY), assess(HEALTHY, Context(alongside=beside))
    assert corroborated.score > plain.score
    assert "7 other alerts of the same service fire: A0, A1, A2, A3, A4, and others." in words(corroborated)


@pytest.mark.parametrize(("minutes", "counts"), [(5, True), (119, True), (121, False), (-1, False)])
def test_a_fresh_deployment_speaks_for_a_real_problem(minutes: int, counts: bool) -> None:
    deployed = Deployment(id="d", tenant="t", service="shop", environment="", version="7", at=10_000.0 - minutes * 60)
    found = assess(HEALTHY, Context(deployments=[deployed]))
    assert (found.score > assess(HEALTHY).score) is counts
    assert ("Version 7 of shop was deployed" in words(found)) is counts


def test_what_came_back_is_not_trusted_again_so_soon() -> None:
    assert assess(HEALTHY, recurrences=1).confidence < 0.9 < assess(HEALTHY).confidence
    assert "It came back once after it was closed." in words(assess(HEALTHY, recurrences=1))


def test_feedback_on_earlier_scores_corrects_them() -> None:
    wrong_so_far = [Answers(bucket=0, real=20, noise=2)]
    assessment = assess(HEALTHY, Context(answers=wrong_so_far))
    assert assessment.score == assess(HEALTHY).score
    assert assessment.confidence < 0.9
    assert "By what people said 22 times" in words(assessment)
