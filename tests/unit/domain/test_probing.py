"""What a probe's answer says, and when it says nothing."""

from __future__ import annotations

import pytest

from opsagent.domain.outcome import Outcome
from opsagent.domain.probing import told_by
from opsagent.domain.runbook import Expect
from opsagent.domain.step import StepStatus

YES, NO = StepStatus.HAPPENED, StepStatus.NOT_HAPPENED
OPEN = Expect(json_path="state", equals="open")


@pytest.mark.parametrize(
    ("language", "outcome", "expect", "said"),
    [
        ("shell", Outcome(exit_code=0), None, YES),
        ("shell", Outcome(exit_code=1), None, NO),
        ("shell", Outcome(exit_code=1, stderr="no such unit"), None, None),
        ("shell", Outcome(exit_code=2), None, None),
        ("shell", Outcome(exit_code=None, signal=9), None, None),
        ("shell", Outcome(exit_code=0, timed_out=True), None, None),
        ("shell", Outcome(exit_code=0, cancelled=True), None, None),
        ("shell", Outcome(exit_code=0, known=False), None, None),
        ("shell", None, None, None),
        ("sql", Outcome(exit_code=0, stdout="7\n"), None, YES),
        ("sql", Outcome(exit_code=0, stdout="\n"), None, YES),  # one row that holds an empty text
        ("sql", Outcome(exit_code=0, stdout=""), None, NO),
        ("sql", Outcome(exit_code=1, stderr="permission denied"), None, None),
        ("sql", Outcome(exit_code=0, stdout="open\n"), Expect(matches="^open$"), YES),
        ("sql", Outcome(exit_code=0, stdout="locked\n"), Expect(matches="^open$"), NO),
        ("sql", Outcome(exit_code=1, stderr="gone"), Expect(matches="^open$"), None),
        ("http", Outcome(exit_code=0, stdout='{"state": "open"}', status=200), OPEN, YES),
        ("http", Outcome(exit_code=0, stdout='{"state": "locked"}', status=200), OPEN, NO),
        ("http", Outcome(exit_code=1, stderr="503", status=503), OPEN, None),
        ("http", Outcome(exit_code=1, stderr="404", status=404), Expect(statuses=(404,)), YES),
    ],
)
def test_what_it_says(language: str, outcome: Outcome | None, expect: Expect | None, said: StepStatus | None) -> None:
    assert told_by(language, outcome, expect) is said
