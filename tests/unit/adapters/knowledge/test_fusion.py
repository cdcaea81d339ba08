"""Joining two lists: names first, everything once, a calibrated model says whether there is an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.knowledge.fusion import Calibration, Evidence, calibrated, evidence, fuse
from opsagent.adapters.knowledge.passages import passages, runbook_of
from opsagent.adapters.knowledge.words import compound_names
from opsagent.domain.runbook import Runbook
from opsagent.ports.index import Found, Hit

HALF = Calibration(weight=0.5, constant=-1.0, share=1.0, cosine=1.0, gap=1.0)
_IDS = st.sampled_from([f"runbook-{number}" for number in range(8)])
_SHARE = st.floats(0, 1)


def words(*hits: tuple[str, float], fits: bool = True) -> Found:
    return Found(
        query="q",
        fits=fits,
        hits=tuple(Hit(id=one, score=score, why=f"by {one}", explained=min(score, 1.0)) for one, score in hits),
    )


@st.composite
def founds(draw: st.DrawFn) -> Found:
    scores = draw(st.dictionaries(_IDS, st.one_of(_SHARE, st.sampled_from([2.0, 3.0]))))
    ordered = sorted(scores.items(), key=lambda pair: -pair[1])
    return words(*ordered, fits=draw(st.booleans()))


@given(
    found=founds(),
    near=st.dictionaries(_IDS, st.floats(-1, 1)),
    calibration=st.sampled_from([None, HALF, Calibration(weight=1.0, constant=0.0, share=0.0, cosine=1.0, gap=0.0)]),
    limit=st.integers(0, 10),
)
def test_names_stay_first_and_nothing_is_lost_or_listed_twice(
    found: Found, near: dict[str, float], calibration: Calibration | None, limit: int
) -> None:
    fused = fuse(found, near, calibration, limit=limit)
    ids = [hit.id for hit in fused.hits]
    named = [hit.id for hit in found.hits if hit.score >= 2]
    everything = {hit.id for hit in found.hits} | near.keys()
    assert ids[: len(named)] == named[:limit]
    assert len(ids) == len(set(ids)) == min(limit, len(everything))
    scores = [hit.score for hit in fused.hits]
    assert scores == sorted(scores, reverse=True)
    if named or calibration is None:
        assert fused.fits == found.fits


def test_meaning_lifts_what_words_list_low() -> None:
    fused = fuse(words(("worded", 0.5), ("meant", 0.4)), {"meant": 0.9, "worded": 0.2}, HALF, limit=5)
    assert [hit.id for hit in fused.hits] == ["meant", "worded"]
    assert fused.hits[0].why == "by meant; alike in meaning: 0.90"


def test_what_only_meaning_found_is_listed() -> None:
    fused = fuse(words(("worded", 0.3)), {"meant": 0.9, "far": 0.1}, HALF, limit=2)
    assert (fused.hits[1].id, fused.hits[1].why) == ("worded", "by worded")
    assert fused.hits[0].why == "alike in meaning: 0.90"


def crowd(count: int, cosine: float) -> dict[str, float]:
    """So many other runbooks, all as alike."""
    return {f"other-{number}": cosine for number in range(count)}


@pytest.mark.parametrize(
    ("cosine", "others", "fits"),
    [(0.7, 0.1, True), (0.7, 0.6, True), (0.5, 0.1, True), (0.5, 0.45, False), (0.2, 0.1, False)],
)
def test_an_answer_is_alike_and_stands_out(cosine: float, others: float, fits: bool) -> None:
    near = {"one": cosine, **crowd(8, others)}
    assert fuse(words(("one", 0.4), fits=not fits), near, HALF, limit=5).fits is fits


def test_among_few_runbooks_words_say_whether_there_is_an_answer() -> None:
    assert not fuse(words(("one", 0.4), fits=False), {"one": 0.99, **crowd(3, 0.1)}, HALF, limit=5).fits


def test_what_speaks_for_a_hit() -> None:
    ranked = {"one": Hit(id="one", score=0.9, why="", explained=0.5)}
    told = evidence("one", ranked, {"one": 0.8, **crowd(10, 0.3), "far": -1.0})
    assert (told.share, told.cosine, round(told.gap, 6)) == (0.5, 0.8, 0.5), "only the ten next to it count"
    assert evidence("other-1", ranked, {"one": 0.8, **crowd(3, 0.3)}).share == 0.0


def test_without_calibration_words_say_it() -> None:
    assert not fuse(words(("one", 0.1), fits=False), {"one": 0.99}, None, limit=5).fits


def test_the_calibration_of_the_package_can_be_used() -> None:
    known = calibrated("onnx:all-MiniLM-L6-v2@0123456789ab")
    assert known is not None
    assert 0 < known.weight < 1
    assert known.answers(Evidence(share=1.0, cosine=0.8, gap=0.2))
    assert not known.answers(Evidence(share=0.1, cosine=0.3, gap=0.02))
    assert calibrated("openai:nobody-measured-this@example.com") is None


def test_a_passage_keeps_its_key_while_its_text_stays() -> None:
    fields = {"title": "Disk full", "alerts": ("HostOutOfDiskSpace",), "version": "1"}
    old = passages(Runbook(id="disk-full", source="---\nid: disk-full\n---\n# Disk full\nlook", **fields))  # type: ignore[arg-type]
    new = passages(Runbook(id="disk-full", source="---\nid: disk-full\n---\n# Disk full\nlook twice", **fields))  # type: ignore[arg-type]
    assert {runbook_of(key) for key in old} == {"disk-full"}
    assert len(old.keys() & new.keys()) == 1
    head, text = old.values()
    assert "Host Out Of Disk Space" in head
    assert "id: disk-full" not in text


def test_a_long_text_is_cut() -> None:
    assert all(
        len(text) <= 2000 for text in passages(Runbook(id="a", title="t", source="x" * 9999, version="1")).values()
    )


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("look at HostOutOfMemory now", ["hostoutofmemory"]),
        ("please run disk-full on web-1", ["disk-full", "web-1"]),
        ("check_ntp_time: CRITICAL", ["check_ntp_time"]),
        ("HostOutOfMemory:web-1", ["hostoutofmemory:web-1", "hostoutofmemory"]),
        ("plain words only", []),
    ],
)
def test_names_within_a_sentence(query: str, names: list[str]) -> None:
    assert compound_names(query) == names
