from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.reasoners.failures import model_error
from opsagent.errors import ModelRefused, ModelUnavailable

KEY = "sk-0123456789-abcdef"


class Told(Exception):
    """As OpenAI's and Anthropic's libraries say it."""

    def __init__(self, status: int, words: str = "no", code: str = "", **headers: str) -> None:
        super().__init__(words)
        self.status_code = status
        self.code = code
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.response = httpx.Response(status, headers=named)


class ClientError(Exception):
    """As botocore says it."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        super().__init__("throttled")
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers}}


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_what_may_be_tried_again(status: int) -> None:
    assert isinstance(model_error(Told(status)), ModelUnavailable)


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "did not take the question"), (401, "our key"), (403, "our key"), (404, "no such model"), (422, "422")],
)
def test_what_may_not(status: int, words: str) -> None:
    error = model_error(Told(status))
    assert isinstance(error, ModelRefused)
    assert words in error.message
    assert error.fix


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), TimeoutError(), ValueError("no JSON"), OSError()])
def test_a_broken_connection_or_answer_may_be_tried_again(error: Exception) -> None:
    assert isinstance(model_error(error), ModelUnavailable)


def test_a_used_up_quota_is_not_tried_again() -> None:
    assert isinstance(model_error(Told(429, code="insufficient_quota")), ModelRefused)


def test_the_status_is_found_below_a_wrapping_error() -> None:
    wrapped = RuntimeError("the framework failed")
    wrapped.__cause__ = Told(429, retry_after="3")
    error = model_error(wrapped)
    assert isinstance(error, ModelUnavailable)
    assert error.retry_after_s == 3.0


def test_botocore_says_it_in_a_mapping() -> None:
    error = model_error(ClientError(429, {"retry-after": "9"}))
    assert isinstance(error, ModelUnavailable)
    assert error.retry_after_s == 9.0
    assert isinstance(model_error(ClientError(403, {})), ModelRefused)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("12", 12.0),
        ("0.5", 0.5),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:30 GMT", None),
        ("999999999", 3600.0),
        ("nan", None),
        ("-1", None),
        ("soon", None),
        ("", None),
    ],
)
def test_when_to_come_back(said: str, seconds: float | None) -> None:
    error = model_error(Told(429, retry_after=said, date="Wed, 21 Oct 2026 07:28:00 GMT"))
    assert error.retry_after_s == seconds


def test_a_date_without_the_servers_own_says_nothing() -> None:
    assert model_error(Told(503, retry_after="Wed, 21 Oct 2026 07:28:30 GMT")).retry_after_s is None


@given(st.text(max_size=40), st.text(max_size=400), st.sampled_from([None, 400, 401, 403, 404, 422, 429, 500]))
def test_the_key_is_never_repeated(before: str, after: str, status: int | None) -> None:
    words = f"{before}{KEY}{after}"
    error = model_error(ValueError(words) if status is None else Told(status, words), key=KEY)
    assert KEY not in f"{error.message} {error.fix}"
    assert len(error.message) < 500


def test_an_error_that_is_its_own_cause_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert isinstance(model_error(first), ModelUnavailable)
