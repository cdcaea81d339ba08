"""Slack's Web API and reply addresses, one request at a time, each answer sorted into what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

import orjson

from opsagent.adapters.notify.answer import retry_after
from opsagent.adapters.outbound import OutboundClient, OutboundResponse
from opsagent.adapters.slack.config import SlackConfig
from opsagent.errors import InputError, OpsAgentError
from opsagent.ports.clock import Clock

# Slack's own words for "not now" (docs of chat.postMessage and the general errors); all others are final.
_LATER = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
    | {"team_added_to_org", "accesslimited"}
)
_MAYBE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
_RATE_LIMITED, _TIMED_OUT = 429, 408


class Result(StrEnum):
    """What became of a request."""

    DONE = "done"
    LATER = "later"  # it was not done, and may be tried again
    MAYBE = "maybe"  # it may have been done: no answer came, or one that says nothing
    NEVER = "never"  # it was not done and will not be


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`error` is Slack's own word, or ours where Slack said nothing. `wait_s` is how long Slack asks to wait."""

    result: Result
    error: str = ""
    wait_s: float | None = None
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether it worked."""
        return self.result is Result.DONE


class SlackApi:
    """Sends by the one client that leaves the house; never raises for a failed request."""

    def __init__(self, config: SlackConfig, client: OutboundClient, clock: Clock) -> None:
        self._config = config
        self._client = client
        self._clock = clock

    async def call(self, method: str, arguments: Mapping[str, object]) -> Answer:
        """A method that writes; its arguments go as JSON."""
        content = orjson.dumps(dict(arguments))
        return await self._send(method, content, "application/json; charset=utf-8")

    async def read(self, method: str, arguments: Mapping[str, str]) -> Answer:
        """A method that reads; those take forms only."""
        return await self._send(method, urlencode(arguments).encode(), "application/x-www-form-urlencoded")

    async def reply(self, url: str, payload: Mapping[str, object]) -> Answer:
        """Post to a response_url or an incoming webhook."""
        response = await self._request(url, orjson.dumps(dict(payload)), {"Content-Type": "application/json"})
        return response if isinstance(response, Answer) else self._sorted(response)

    async def _send(self, method: str, content: bytes, kind: str) -> Answer:
        headers = {"Content-Type": kind, "Authorization": f"Bearer {self._config.bot_token}"}
        response = await self._request(f"{self._config.api_url}/{method}", content, headers)
        if isinstance(response, Answer):
            return response
        answer = self._sorted(response)
        if answer.done and answer.body.get("ok") is not True:
            return Answer(result=Result.MAYBE, error="what came back is not Slack's answer")
        return answer

    async def _request(self, url: str, content: bytes, headers: Mapping[str, str]) -> OutboundResponse | Answer:
        begun: list[bool] = []
        try:
            return await self._client.request(
                "POST", url, headers=headers, content=content, redirects=0, begins=lambda: begun.append(True)
            )
        except InputError as refused:
            return Answer(result=Result.NEVER, error=f"{refused.message} {refused.fix}".strip())
        except OpsAgentError as failed:
            result = Result.MAYBE if begun else Result.LATER
            return Answer(result=result, error=f"{failed.message} {failed.fix}".strip())

    def _sorted(self, response: OutboundResponse) -> Answer:
        body = _object(response.body)
        error = str(body.get("error", "")) if body.get("ok") is False else ""
        wait_s = retry_after(response.headers, self._clock.now())
        if response.status == _RATE_LIMITED:
            return Answer(result=Result.LATER, error="Slack asks for a pause (ratelimited)", wait_s=wait_s)
        if response.status >= 500 or response.status == _TIMED_OUT:
            return Answer(result=Result.MAYBE, error=f"Slack answered {response.status}", wait_s=wait_s)
        if not 200 <= response.status < 300:
            text = error or response.body[:80].decode("utf-8", "replace")
            return Answer(result=Result.NEVER, error=text or f"Slack answered {response.status}")
        if error:
            result = Result.MAYBE if error in _MAYBE else Result.LATER if error in _LATER else Result.NEVER
            return Answer(result=result, error=error, wait_s=wait_s)
        return Answer(result=Result.DONE, body=body)


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
