"""What went wrong with a model, in our words: any provider's error becomes ModelUnavailable or ModelRefused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from opsagent.errors import ModelError, ModelRefused, ModelUnavailable

_LATER = frozenset({408, 409, 425, 429})  # RFC 9110 and 6585: these may be asked again as they are; so may any 5xx
_QUOTED_CHARS = 300
_LONGEST_WAIT_S = 3600.0


def model_error(error: BaseException, *, key: str = "") -> ModelError:
    """The same in our words; the words of a server are quoted without the key."""
    chain = list(_chain(error))
    status = next((found for one in chain if (found := _status(one)) is not None), None)
    if status is None:
        said = _quoted(error, key)
        return ModelUnavailable(f"The model gave no answer that can be read: {said}", fix=_REACH)
    if status == 429 and any(getattr(one, "code", None) == "insufficient_quota" for one in chain):  # OpenAI's word
        return ModelRefused("The quota of the model's account is used up.", fix="Raise it with the provider.")
    if status in _LATER or status >= 500:
        wait = next((wait for one in chain if (wait := _retry_after(one)) is not None), None)
        why = "has too many requests" if status == 429 else "has trouble"
        return ModelUnavailable(
            f"The model's server {why} (status {status}).", fix="It is tried again later.", retry_after_s=wait
        )
    if status in {401, 403}:  # its words are not quoted: some repeat a part of the key
        return ModelRefused(f"The model's server refused our key (status {status}).", fix="Check the key in settings.")
    if status == 404:
        return ModelRefused(
            "The model's server knows no such model (status 404).", fix="Check the model's name and the base URL."
        )
    return ModelRefused(
        f"The model's server did not take the question (status {status}): {_quoted(error, key)}",
        fix="Check that the model takes questions this long, and the base URL.",
    )


_REACH = "Check that its address can be reached from here."


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _status(error: BaseException) -> int | None:
    """OpenAI, Anthropic and Ollama say `status_code`, httpx `response.status_code`, botocore a mapping."""
    response = getattr(error, "response", None)
    found: Any = getattr(error, "status_code", None)
    if found is None and isinstance(response, Mapping):
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    elif found is None:
        found = getattr(response, "status_code", None)
    return found if isinstance(found, int) and found >= 400 else None


def _retry_after(error: BaseException) -> float | None:
    """Seconds, from a number or from a date beside the answer's own date (RFC 9110, 10.2.3)."""
    response = getattr(error, "response", None)
    headers: Any = getattr(response, "headers", None)
    if isinstance(response, Mapping):
        headers = response.get("ResponseMetadata", {}).get("HTTPHeaders")
    if headers is None or not (said := headers.get("retry-after")):
        return None
    try:
        wait = float(said)
    except ValueError:
        until, now = _instant(said), _instant(headers.get("date", ""))
        wait = (until - now).total_seconds() if until and now else -1.0
    return min(wait, _LONGEST_WAIT_S) if wait >= 0 else None  # not so for NaN


def _instant(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def _quoted(error: BaseException, key: str) -> str:
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return (words.replace(key, "[redacted]") if key else words)[:_QUOTED_CHARS]
