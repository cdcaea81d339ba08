"""What of a split task may begin: nothing before its time, looks together, changes alone, and always an end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.plan import Subtask, out_of_reach, ready, subtask_run_id

PARENT = "6fa1f7f2-3c06-4c3e-9a57-1b2f6f0a9b11"


@st.composite
def tasks(draw: st.DrawFn) -> tuple[Subtask, ...]:
    count = draw(st.integers(2, 6))
    made = []
    for place in range(count):
        after = draw(st.sets(st.integers(0, place - 1))) if place else set()
        made.append(Subtask(task=str(place), after=tuple(sorted(after)), changes=draw(st.booleans())))
    return tuple(made)


@given(tasks(), st.data())
def test_every_order_of_ends_comes_to_an_end_and_keeps_the_rules(subtasks: tuple[Subtask, ...], data) -> None:
    begun = [False] * len(subtasks)
    ended: list[bool | None] = [None] * len(subtasks)
    while True:
        for place in ready(subtasks, ended, begun):
            assert not begun[place]
            assert all(ended[before] is True for before in subtasks[place].after)
            begun[place] = True
        open_ones = [place for place, one in enumerate(begun) if one and ended[place] is None]
        if not open_ones:
            break
        assert len(open_ones) == 1 or not any(subtasks[place].changes for place in open_ones)
        ended[data.draw(st.sampled_from(open_ones))] = data.draw(st.booleans())
    lost = out_of_reach(subtasks, ended)
    assert [place for place, one in enumerate(begun) if not one] == sorted(lost)


def test_looks_begin_side_by_side_and_the_change_waits_for_them() -> None:
    look, other = Subtask(task="a"), Subtask(task="b")
    mend, after = Subtask(task="c", changes=True), Subtask(task="d", after=(2,))
    whole = (look, other, mend, after)
    assert ready(whole, [None] * 4, [False] * 4) == (0, 1)
    assert ready(whole, [True, None, None, None], [True, True, False, False]) == ()
    assert ready(whole, [True, False, None, None], [True, True, False, False]) == (2,)
    assert ready(whole, [True, False, True, None], [True, True, True, False]) == (3,)


def test_its_run_has_one_id_whoever_makes_it() -> None:
    assert subtask_run_id(PARENT, 0) == subtask_run_id(PARENT, 0) != subtask_run_id(PARENT, 1)
