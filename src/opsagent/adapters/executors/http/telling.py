"""Turns what came of a request into an Outcome."""

from __future__ import annotations

from http import HTTPStatus

from opsagent.adapters.executors.http.exchange import Answer
from opsagent.domain.outcome import Outcome

_GONE = frozenset({404, 410})  # RFC 9110 15.5.5, 15.5.11: it is not there, which is an answer and no trouble


def outcome_of(
    answer: Answer, *, started_at: float, ended_at: float, backend: str, changed: bool | None, note: str = ""
) -> Outcome:
    """Of an answer, or of a read without one.

    What is neither 2xx nor "not there" has words on stderr: an API in trouble must not pass for one that says no.
    """
    ok = answer.status is not None and 200 <= answer.status < 300
    return Outcome(
        exit_code=0 if ok else 1,
        status=answer.status,
        stdout=answer.body,
        stderr="" if ok or answer.status in _GONE else f"{_why(answer)}\n",
        started_at=started_at,
        ended_at=ended_at,
        truncated=answer.cut,
        backend=backend,
        changed=changed,
        note=" ".join(words for words in (_facts(answer), note) if words),
    )


def lost(answer: Answer | None, *, started_at: float, ended_at: float, backend: str) -> Outcome:
    """Of an effect that was sent, or may have been, and has no answer."""
    return Outcome(
        exit_code=None,
        stderr=f"{_why(answer)}\n" if answer else "",
        started_at=started_at,
        ended_at=ended_at,
        backend=backend,
        known=False,
        note="It was sent, or may have been, and no answer came: it may have been carried out.",
    )


def _why(answer: Answer) -> str:
    if answer.status is None:
        return " ".join(words for words in (answer.problem, answer.fix) if words)
    said = f"The API answered {phrase(answer.status)}."
    if 300 <= answer.status < 400 and "location" in answer.headers:
        said += f" It points to {answer.headers['location']}, which was not followed."
    return said


def phrase(status: int) -> str:
    """A status with its name."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _facts(answer: Answer) -> str:
    if answer.status is None:
        return ""
    facts = [phrase(answer.status), *(f"{name}: {value}" for name, value in answer.headers.items())]
    return "; ".join(facts) + (". Its body is cut." if answer.cut else ".")
