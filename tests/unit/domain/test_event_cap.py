"""Content is cut to its bytes: head and tail, the cut said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.event import CONTENT_CAP_BYTES, cap


@given(st.text(max_size=300), st.integers(min_value=100, max_value=300))
def test_it_never_exceeds_the_limit_and_keeps_both_ends(text: str, limit: int) -> None:
    cut = cap(text, limit)
    assert len(cut.encode("utf-8", "replace")) <= limit
    if len(text.encode("utf-8", "replace")) <= limit:
        assert cut == text
    else:
        assert "cut" in cut


def test_a_long_text_keeps_its_head_and_tail() -> None:
    cut = cap("HEAD" + "x" * 100_000 + "TAIL")
    assert cut.startswith("HEAD")
    assert cut.endswith("TAIL")
    assert len(cut.encode()) <= CONTENT_CAP_BYTES
