"""The few calls of Jira's REST API (version 3) that we make; what is refused comes back as a Delivery in words.

Source: developer.atlassian.com/cloud/jira/platform/rest/v3 (issue comments, transitions, remote links).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from http import HTTPStatus

import orjson

from opsagent.adapters.intake.document import Value, read_json
from opsagent.adapters.jira.adf import Node
from opsagent.adapters.jira.config import JiraConfig
from opsagent.adapters.jira.login import JiraLogin
from opsagent.adapters.notify.answer import retry_after
from opsagent.adapters.outbound import OutboundClient, OutboundResponse
from opsagent.domain.visible import one_line
from opsagent.errors import InputError, OpsAgentError
from opsagent.ports.clock import Clock
from opsagent.ports.notify import Delivery

PROPERTY = "opsagent.notice"  # the comment's property that says which notice it is
# In a service project a comment is shown to the customer unless this property says otherwise.
INTERNAL = {"key": "sd.public.comment", "value": {"internal": True}}
PAGE = 50
MAX_PAGES = 20
_ID = re.compile(r"[0-9]{1,20}")
_TRY_AGAIN = frozenset({401, 408, 409, 425, 429})  # 401: a token may be renewed; then the same message can go out
_FIXES = {
    400: "Look at what is said; the message was not understood.",
    401: "Renew the API token or the OAuth credentials of Jira.",
    403: "Give the account Browse Projects, Add Comments and Edit Own Comments in that project.",
    404: "Check that the issue is there and that the account can see it, and jira_url.",
    413: "The comment is too long for this site.",
}


class JiraRefused(Exception):
    """Jira did not do it; `delivery` says what is to be done with the notice."""

    def __init__(self, delivery: Delivery, status: int = 0) -> None:
        super().__init__(delivery.error)
        self.delivery = delivery
        self.status = status


class JiraClient:
    """Every method raises JiraRefused, or InputError for an answer that is not Jira's."""

    def __init__(self, config: JiraConfig, client: OutboundClient, clock: Clock) -> None:
        self._site = config.site
        self._client = client
        self._clock = clock
        self._login = JiraLogin(config, client, clock)

    async def find_comment(self, key: str, notice_id: str, since: float) -> str:
        """The id of our comment for this notice, or empty; comments from before `since` (epoch seconds) are not read.

        Newest first, and MAX_PAGES at most.
        """
        async for comment in self._comments(key, since):
            value = await self._property(comment)
            if isinstance(value, dict) and value.get("id") == notice_id:
                return _id_of(comment)
        return ""

    async def add_comment(self, key: str, body: Node, notice_id: str) -> str:
        """The new comment's id. The property is stored with it, in the same request: neither is without the other."""
        properties = [{"key": PROPERTY, "value": {"id": notice_id}}, INTERNAL]
        content = {"body": body, "properties": properties}
        return _id_of(await self._call("POST", f"issue/{key}/comment", content))

    async def edit_comment(self, key: str, comment_id: str, body: Node) -> None:
        """Show this instead."""
        if not _ID.fullmatch(comment_id):
            raise JiraRefused(Delivery(delivered=False, permanent=True, error="That is no comment."), 404)
        await self._call("PUT", f"issue/{key}/comment/{comment_id}", {"body": body, "properties": [INTERNAL]})

    async def transitions(self, key: str) -> Mapping[str, tuple[str, str]]:
        """What the issue can do now: name in small letters -> the transition's id, and the status it leads to."""
        answer = await self._call("GET", f"issue/{key}/transitions")
        found = {}
        for one in answer["transitions"].list():
            identity, target = one["id"].text(), "" if one["to"].missing else one["to"]["name"].text()
            found[one["name"].text().casefold()] = (identity, target)
        return found

    async def status(self, key: str) -> str:
        """The name of the issue's status."""
        return (await self._call("GET", f"issue/{key}?fields=status"))["fields"]["status"]["name"].text()

    async def move(self, key: str, transition_id: str) -> None:
        """Take a transition."""
        await self._call("POST", f"issue/{key}/transitions", {"transition": {"id": transition_id}})

    async def link(self, key: str, *, identity: str, address: str, title: str, resolved: bool) -> None:
        """Link the issue to an address of ours; the same `identity` again changes that link and makes no second."""
        content = {
            "globalId": identity,
            "relationship": "is worked on by",
            "object": {"url": address, "title": title, "status": {"resolved": resolved}},
        }
        await self._call("POST", f"issue/{key}/remotelink", content)

    async def _comments(self, key: str, since: float) -> AsyncIterator[Value]:
        for page in range(MAX_PAGES):
            query = f"startAt={page * PAGE}&maxResults={PAGE}&orderBy=-created&expand=properties"
            found = (await self._call("GET", f"issue/{key}/comment?{query}"))["comments"].list()
            for comment in found:
                if _created(comment) < since:
                    return
                yield comment
            if len(found) < PAGE:
                return

    async def _property(self, comment: Value) -> object:
        """Our property of a comment; asked for by itself where the list does not show properties."""
        shown = comment["properties"]
        if not shown.missing:
            return next((one["value"].content for one in shown.list() if one["key"].content == PROPERTY), None)
        try:
            answer = await self._call("GET", f"comment/{_id_of(comment)}/properties/{PROPERTY}")
        except JiraRefused as refused:
            if refused.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return answer["value"].content

    async def _call(self, method: str, path: str, content: object = None) -> Value:
        try:
            response = await self._ask(method, path, content)
            if response.status == HTTPStatus.UNAUTHORIZED and self._login.forget():
                response = await self._ask(method, path, content)
        except InputError as refused:
            raise JiraRefused(Delivery(delivered=False, permanent=True, error=_words(refused))) from refused
        except OpsAgentError as failed:
            raise JiraRefused(Delivery(delivered=False, error=_words(failed))) from failed
        if not 200 <= response.status < 300:
            raise JiraRefused(self._refusal(response), response.status)
        try:
            return read_json(response.body) if response.body else Value({}, "")
        except InputError as problem:
            raise JiraRefused(Delivery(delivered=False, error=f"Jira's answer: {problem.message}")) from problem

    async def _ask(self, method: str, path: str, content: object) -> OutboundResponse:
        headers = {"Authorization": await self._login.header(), "Accept": "application/json"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        return await self._client.request(
            method,
            f"{self._site}/rest/api/3/{path}",
            headers=headers,
            content=b"" if content is None else orjson.dumps(content),
            redirects=0,
        )

    def _refusal(self, response: OutboundResponse) -> Delivery:
        again = response.status in _TRY_AGAIN or response.status >= 500
        said = _said(response.body)
        error = " ".join(
            part for part in (f"Jira answered {response.status}.", said, _FIXES.get(response.status, "")) if part
        )
        wait = retry_after(response.headers, self._clock.now()) if again else None
        return Delivery(delivered=False, permanent=not again, error=error, retry_after_s=wait)


def _id_of(comment: Value) -> str:
    found = comment["id"].content
    text = found if isinstance(found, str) else ""
    if not _ID.fullmatch(text):
        raise JiraRefused(Delivery(delivered=False, error="Jira's answer names no comment."))
    return text


def _created(comment: Value) -> float:
    """Epoch seconds; one whose time is not understood is taken for new."""
    try:
        return datetime.fromisoformat(str(comment["created"].content)).timestamp()
    except (ValueError, OverflowError):
        return float("inf")


def _said(body: bytes) -> str:
    """What Jira says is wrong, in one line."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(answer, dict):
        return ""
    messages, errors = answer.get("errorMessages"), answer.get("errors")
    found = list(messages) if isinstance(messages, list) else []
    found += [f"{name}: {text}" for name, text in errors.items()] if isinstance(errors, dict) else []
    return one_line("; ".join(str(one) for one in found), 300)


def _words(error: OpsAgentError) -> str:
    return f"{error.message} {error.fix}".strip()
