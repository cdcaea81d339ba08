"""Jira as a source of work: a rule's request or a webhook in, a trigger out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import urlsplit

from opsagent.adapters.intake.document import Value, read_json
from opsagent.adapters.intake.instants import instant
from opsagent.adapters.jira.config import JiraIntakeConfig
from opsagent.adapters.jira.issue import JiraIssue, of_issue, of_rule
from opsagent.adapters.jira.verification import is_from_jira
from opsagent.domain.notice import ReplyTo
from opsagent.domain.run import Source
from opsagent.domain.trigger import MAX_TASK_CHARS, Trigger
from opsagent.domain.visible import one_line
from opsagent.ports.intake import Asked
from opsagent.ports.stores import IdempotencyKey

CHANNEL = "jira"
# Jira tries a delivery again for about an hour: developer.atlassian.com/cloud/jira/platform/webhooks, "Retry policies".
# What is much older is somebody's copy; what was asked is forgotten with its run (DA-5), so age must tell.
STALE_S = 24 * 3600.0
# Any other event may be an echo of our own comment or transition: a run for it would answer itself for ever.
CREATED = "jira:issue_created"
GATEWAY = "api.atlassian.com"  # where OAuth reaches every site; a site of its own name stands behind it
_CUT = "\n\n… (cut: the issue has the rest)"
_MAX_ACCOUNT_CHARS = 128


class JiraSource:
    """Fulfils `ports.intake.TriggerSource`."""

    def __init__(self, config: JiraIntakeConfig) -> None:
        self._config = config

    @property
    def name(self) -> str:
        """`jira`."""
        return "jira"

    def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:  # noqa: ARG002 - the port's
        """Whether it was made with our secret: `is_from_jira`."""
        return is_from_jira(headers, raw, self._config.secret)

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Asked:  # noqa: ARG002 - the port's
        """The trigger of a rule's own body, of "Issue data", or of a webhook. InputError naming the field.

        What tells two deliveries apart is read from the body alone: no proof covers the other headers.
        """
        body = read_json(raw)
        event = _event(body)
        if event and event != CREATED:
            return Asked(ignored=f"Only {CREATED} starts a run; for anything else let an Automation rule ask.")
        if event:
            _is_fresh(body["timestamp"], now)
        issue = _issue(body)
        return Asked(trigger=self._trigger(tenant, issue, body, event), key=_key(issue, raw))

    def _trigger(self, tenant: str, issue: JiraIssue, body: Value, event: str) -> Trigger:
        selecting = issue.selecting()
        account = one_line(issue.reporter, _MAX_ACCOUNT_CHARS)
        details = {
            "issueKey": issue.key,
            "projectKey": issue.project,
            "reporter": issue.reporter,
            "summary": issue.summary,
            "event": event,
        }
        return Trigger(
            tenant=tenant,
            source=Source.JIRA,
            text=_task(issue, body),
            requested_by=f"jira:{account or 'unknown'}",
            mode=issue.mode,
            priority=issue.priority,
            runbook_id=issue.runbook or selecting.get("runbook", ""),
            connection=issue.connection,
            parameters=issue.parameters,
            labels=selecting,
            reply_to=self._reply_to(issue),
            details={name: value for name, value in details.items() if value},
        )

    def _reply_to(self, issue: JiraIssue) -> tuple[ReplyTo, ...]:
        """The issue on OUR site: the body never says where we write to, only that we need not."""
        site = self._config.site
        if not site or not issue.key:
            return ()
        ours = (urlsplit(site).hostname or "").lower()
        if issue.host not in ("", GATEWAY, ours) and ours != GATEWAY:
            return ()
        return (ReplyTo(CHANNEL, address_of(site, issue.key), plans=True),)


def address_of(site: str, key: str) -> str:
    """Where an issue is seen, which is also how the channel calls it."""
    return f"{site}/browse/{key}"


def _event(body: Value) -> str:
    """What a webhook is about; empty for everything a rule sends."""
    return body["webhookEvent"].text()


def _issue(body: Value) -> JiraIssue:
    members = body.object()
    if "issue" in members or "webhookEvent" in members:
        return of_issue(body["issue"])
    return of_issue(body) if "fields" in members else of_rule(body)


def _task(issue: JiraIssue, body: Value) -> str:
    """What was asked, else the summary and the description; a description is cut, a task that was written is not."""
    if issue.task:
        return issue.task
    text = "\n\n".join(part for part in (issue.summary, issue.description) if part)
    if not text:
        raise body["taskDescription"].refused(
            "is empty, and so are summary and description", "Say what should be done in taskDescription."
        )
    return text if len(text) <= MAX_TASK_CHARS else text[: MAX_TASK_CHARS - len(_CUT)] + _CUT


def _is_fresh(timestamp: Value, now: float) -> None:
    """A webhook says when it was made, in milliseconds; one that does not is known by its words alone. InputError."""
    at = instant(timestamp)
    if at is not None and now - at > STALE_S:
        raise timestamp.refused("is more than a day ago", "Send the webhook when it happens, not later.")


def _key(issue: JiraIssue, raw: bytes) -> IdempotencyKey:
    """By the issue and what was said of it. Blanks keep it apart from callers' own keys."""
    digest = hashlib.sha256(issue.key.encode() + b"\n" + raw).hexdigest()
    return IdempotencyKey(key=f"jira content {digest}", request_sha256=digest)
