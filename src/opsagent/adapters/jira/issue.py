"""Reads an issue out of what Jira sends: the body of an Automation rule, or an issue as Jira writes one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from opsagent.adapters.intake.document import Value
from opsagent.adapters.jira.adf import to_text
from opsagent.domain.priority import Priority
from opsagent.domain.run import Mode

KEY = re.compile(r"[A-Z][A-Z0-9_]{0,99}-[1-9][0-9]{0,14}")
PROJECT = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
# Jira's five default priorities, and the words people rename them to.
PRIORITIES: Mapping[str, Priority] = {
    "highest": Priority.CRITICAL,
    "blocker": Priority.CRITICAL,
    "critical": Priority.CRITICAL,
    "high": Priority.HIGH,
    "major": Priority.HIGH,
    "medium": Priority.MEDIUM,
    "low": Priority.LOW,
    "minor": Priority.LOW,
    "lowest": Priority.LOW,
    "trivial": Priority.LOW,
}
MAX_NAMED = 100  # labels or components of one issue, and parameters
MAX_NAME_CHARS = 255  # Jira's own limit for a summary and a label
MAX_VALUE_CHARS = 4096
_NAMED_VALUE = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)[=:](.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraIssue:
    """What an issue says. All of it is outside text; `host` is the site it says it is from."""

    task: str = ""
    summary: str = ""
    description: str = ""
    key: str = ""
    project: str = ""
    reporter: str = ""
    kind: str = ""
    priority: Priority = Priority.MEDIUM
    labels: Sequence[str] = ()
    components: Sequence[str] = ()
    host: str = ""
    runbook: str = ""
    connection: str = ""
    mode: Mode = Mode.AUTO
    parameters: Mapping[str, str] = field(default_factory=dict)

    def selecting(self) -> dict[str, str]:
        """As labels: the project, its one component, its type, and each label of the form name=value or name:value."""
        found: dict[str, str] = {}
        for label in self.labels:
            named = _NAMED_VALUE.fullmatch(label)
            if named:
                found[named[1]] = named[2]
        own = {"project": self.project, "issuetype": self.kind}
        if len(self.components) == 1:
            own["component"] = self.components[0]
        return found | {name: value for name, value in own.items() if value}


def of_rule(body: Value) -> JiraIssue:
    """The body people write into an Automation rule (docs/jira.md); camelCase or snake_case. InputError."""
    known = {_snake(name): name for name in body.object()}
    unknown = sorted(set(known) - set(RULE_FIELDS))
    if unknown:
        listed = ", ".join(_camel(name) for name in RULE_FIELDS)
        raise body[known[unknown[0]]].refused("is not known here", f"Known here: {listed}.")

    def at(name: str) -> Value:
        return body[known.get(name, _camel(name))]

    key = _shaped(at("issue_key"), KEY, "an issue key such as OPS-42")
    return JiraIssue(
        task=_prose(at("task_description")),
        summary=_short(at("summary")),
        description=_prose(at("description")),
        key=key,
        project=_shaped(at("project_key"), PROJECT, "a project key such as OPS") or key.rpartition("-")[0],
        reporter=_account(at("reporter")),
        kind=_named(at("issue_type")),
        priority=_priority(at("priority")),
        labels=_names(at("labels"), _short),
        components=_names(at("components"), _named),
        runbook=_short(at("runbook_id")),
        connection=_short(at("connection")),
        mode=_mode(at("mode")),
        parameters=at("parameters").texts(names=MAX_NAMED, characters=MAX_VALUE_CHARS),
    )


RULE_FIELDS = (
    "task_description", "issue_key", "project_key", "reporter", "summary", "description", "issue_type", "priority",
    "labels", "components", "runbook_id", "connection", "mode", "parameters", "event",
)  # fmt: skip


def of_issue(issue: Value) -> JiraIssue:
    """An issue as the REST API, the webhooks and "Issue data" of a rule show it. InputError."""
    fields = issue["fields"]
    if fields.missing:
        raise fields.wrong("an object")
    key = _shaped(issue["key"], KEY, "an issue key such as OPS-42")
    project = "" if fields["project"].missing else _shaped(fields["project"]["key"], PROJECT, "a project key")
    return JiraIssue(
        summary=_short(fields["summary"]),
        description=_prose(fields["description"]),
        key=key,
        project=project or key.rpartition("-")[0],
        reporter=_account(fields["reporter"]),
        kind=_named(fields["issuetype"]),
        priority=_priority(fields["priority"]),
        labels=_names(fields["labels"], _short),
        components=_names(fields["components"], _named),
        host=_host(issue["self"]),
    )


def _prose(value: Value) -> str:
    """Text, or a document of Jira's."""
    return to_text(value).strip() if isinstance(value.content, dict) else value.text().strip()


def _short(value: Value) -> str:
    text = " ".join(value.text().split())
    if len(text) > MAX_NAME_CHARS:
        raise value.refused(f"is longer than {MAX_NAME_CHARS} characters", "Shorten it.")
    return text


def _named(value: Value) -> str:
    """A name, or an object that has one."""
    return _short(value["name"]) if isinstance(value.content, dict) else _short(value)


def _account(value: Value) -> str:
    """Who it is: the account's id (Cloud), else its name (Data Center), else what it is called."""
    if not isinstance(value.content, dict):
        return _short(value)
    names = (_short(value[name]) for name in ("accountId", "name", "key", "displayName"))
    return next((one for one in names if one), "")


def _names(value: Value, read: Callable[[Value], str]) -> tuple[str, ...]:
    """A list; or one text parted by commas, as a rule's smart values write a list."""
    if value.missing:
        return ()
    if isinstance(value.content, str):
        found = [part.strip() for part in value.text().split(",")]
    else:
        found = [read(one) for one in value.list()]
    if len(found) > MAX_NAMED:
        raise value.refused(f"has {len(found)} entries; {MAX_NAMED} are taken", "Send fewer.")
    return tuple(dict.fromkeys(one for one in found if one))


def _shaped(value: Value, pattern: re.Pattern[str], wanted: str) -> str:
    text = value.text().strip()
    if text and not pattern.fullmatch(text):
        raise value.refused(f"is not {wanted}", f"Send {wanted}, or leave it out.")
    return text


def _priority(value: Value) -> Priority:
    """A priority of a name nobody here knows is a medium one: sites name them as they like."""
    return PRIORITIES.get(_named(value).lower(), Priority.MEDIUM)


def _mode(value: Value) -> Mode:
    text = value.text("auto").strip() or "auto"
    if text not in ("auto", "plan", "fast"):
        raise value.refused("is none of auto, plan, fast", "Send one of them, or leave it out.")
    return Mode(text)


def _host(value: Value) -> str:
    try:
        return (urlsplit(value.text()).hostname or "").lower()
    except ValueError:
        return ""


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: "_" + found[1].lower(), name)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)
