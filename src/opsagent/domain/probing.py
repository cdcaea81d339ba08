"""What the answer of a probe says about an effect nobody knows the end of."""

from __future__ import annotations

from opsagent.domain.expectation import meets
from opsagent.domain.outcome import Outcome
from opsagent.domain.runbook import Expect
from opsagent.domain.step import StepStatus

_SILENT_NO = 1  # the exit code of test, grep and systemctl is-active where the answer is no


def told_by(language: str, outcome: Outcome | None, expect: Expect | None) -> StepStatus | None:
    """HAPPENED, NOT_HAPPENED, or None where it is no answer.

    Without an expectation: exit code 0 says that it happened, 1 in silence that it did not, and a query says so by
    having rows, or none. With one, an answer that meets it says that it happened, and any other proper answer that it
    did not.
    """
    if outcome is None or not outcome.known or outcome.cancelled or outcome.timed_out:
        return None
    answered = outcome.exit_code == 0 or (outcome.exit_code == _SILENT_NO and not outcome.stderr.strip())
    if expect is not None and (answered or outcome.status is not None):
        if meets(expect, outcome)[0]:
            return StepStatus.HAPPENED
        return StepStatus.NOT_HAPPENED if answered else None
    if not answered:
        return None
    happened = outcome.stdout != "" if language == "sql" else outcome.exit_code == 0
    return StepStatus.HAPPENED if happened else StepStatus.NOT_HAPPENED
