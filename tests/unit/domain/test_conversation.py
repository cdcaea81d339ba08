"""What a model is reminded of is the newest whole lines, and never more than the budget."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.conversation import MEMORY_CHARS, MEMORY_LINES, Line, LineKind, memory


@given(st.lists(st.integers(min_value=0, max_value=4000), max_size=40))
def test_memory_is_a_bounded_tail(lengths: list[int]) -> None:
    lines = [
        Line(tenant="t", conversation_id="c", kind=LineKind.MESSAGE, text="x" * length, at=0.0, number=at)
        for at, length in enumerate(lengths)
    ]
    kept = memory(lines)
    assert list(kept) == lines[len(lines) - len(kept) :]
    assert len(kept) <= MEMORY_LINES
    assert sum(len(line.text) for line in kept) <= MEMORY_CHARS
    if len(kept) < min(len(lines), MEMORY_LINES):
        missed = lines[-len(kept) - 1]
        assert sum(len(line.text) for line in kept) + len(missed.text) > MEMORY_CHARS
