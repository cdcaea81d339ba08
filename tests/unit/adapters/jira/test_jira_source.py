"""What a rule, its issue data or a webhook becomes."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.jira.config import JiraIntakeConfig
from opsagent.adapters.jira.source import STALE_S, JiraSource
from opsagent.domain.notice import ReplyTo
from opsagent.domain.priority import Priority
from opsagent.domain.run import Mode, Source
from opsagent.domain.trigger import MAX_TASK_CHARS, Trigger
from opsagent.errors import InputError
from opsagent.ports.intake import Asked

SITE = "https://acme.atlassian.net"
RULE = {
    "taskDescription": "Bring the shop back",
    "issueKey": "OPS-42",
    "projectKey": "OPS",
    "reporter": "5b10a2844c20165700ede21g",
}
ISSUE: dict[str, Any] = {
    "id": "10002",
    "self": f"{SITE}/rest/api/2/issue/10002",
    "key": "OPS-42",
    "fields": {
        "summary": "The shop is down",
        "description": "It answers\n500.",
        "project": {"key": "OPS", "name": "Operations"},
        "reporter": {"accountId": "5b10a2844c20165700ede21g", "displayName": "Ada"},
        "issuetype": {"name": "Incident"},
        "priority": {"name": "Highest"},
        "labels": ["service=shop", "tier:web", "urgent"],
        "components": [{"name": "Shop Front"}],
        "customfield_10010": {"anything": [1, None]},
    },
}
HOOK = {"timestamp": 1, "webhookEvent": "jira:issue_created", "issue": ISSUE, "user": {"accountId": "u"}}
NAMES = st.sampled_from(
    ["taskDescription", "issueKey", "reporter", "labels", "components", "priority", "mode", "parameters", "issue",
     "fields", "key", "summary", "description", "webhookEvent", "name", "accountId", "type", "content", "self"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12) | st.just("jira:issue_created"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


def parse(body: object, site: str = SITE, **headers: str) -> Asked:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JiraSource(JiraIntakeConfig(secret="s", site=site)).parse("acme", named, orjson.dumps(body), 0.0)


def trigger(body: object, **more: str) -> Trigger:
    made = parse(body, **more).trigger
    assert made is not None
    return made


def test_a_rule_asks_in_few_words() -> None:
    made = trigger(RULE)
    assert (made.tenant, made.source, made.text) == ("acme", Source.JIRA, "Bring the shop back")
    assert made.requested_by == "jira:5b10a2844c20165700ede21g"
    assert made.reply_to == (ReplyTo("jira", f"{SITE}/browse/OPS-42", plans=True),)
    assert made.details == {"issueKey": "OPS-42", "projectKey": "OPS", "reporter": "5b10a2844c20165700ede21g"}
    assert made.labels == {"project": "OPS"}


def test_a_rule_may_say_all_of_it() -> None:
    body = RULE | {
        "summary": "s",
        "issue_type": "Incident",
        "priority": "Low",
        "labels": "service=shop, tier:web, runbook=shop-down",
        "components": "Shop Front",
        "connection": "shop",
        "mode": "fast",
        "parameters": {"service": "shop"},
        "event": "2026-11-21T03:00:00.000+0000",
    }
    made = trigger(body)
    assert made.labels == {
        "service": "shop", "tier": "web", "runbook": "shop-down", "project": "OPS", "issuetype": "Incident",
        "component": "Shop Front",
    }  # fmt: skip
    assert (made.runbook_id, made.connection, made.mode) == ("shop-down", "shop", Mode.FAST)
    assert (made.priority, made.parameters) == (Priority.LOW, {"service": "shop"})
    assert trigger(body | {"runbookId": "other"}).runbook_id == "other"


@pytest.mark.parametrize("body", [ISSUE, HOOK, {"timestamp": 1, "issue": ISSUE}])
def test_an_issue_is_read_in_each_form_jira_sends(body: object) -> None:
    made = trigger(body)
    assert made.text == "The shop is down\n\nIt answers\n500."
    assert made.requested_by == "jira:5b10a2844c20165700ede21g"
    assert made.priority is Priority.CRITICAL
    assert made.labels == {
        "service": "shop", "tier": "web", "project": "OPS", "issuetype": "Incident", "component": "Shop Front"
    }  # fmt: skip
    assert made.reply_to == (ReplyTo("jira", f"{SITE}/browse/OPS-42", plans=True),)
    assert (made.runbook_id, made.connection) == ("", "")


def test_a_description_may_be_a_document() -> None:
    words = {"type": "paragraph", "content": [{"type": "text", "text": "It answers 500."}]}
    document = {"type": "doc", "version": 1, "content": [words]}
    made = trigger(HOOK | {"issue": ISSUE | {"fields": {"summary": "Down", "description": document}}})
    assert made.text == "Down\n\nIt answers 500."
    assert trigger(RULE | {"taskDescription": document}).text == "It answers 500."


@pytest.mark.parametrize("event", ["jira:issue_updated", "comment_created", "jira:issue_deleted", "worklog_created"])
def test_any_other_event_starts_nothing(event: str) -> None:
    said = parse(HOOK | {"webhookEvent": event})
    assert said.trigger is None
    assert "jira:issue_created" in said.ignored


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({}, "/taskDescription"),
        ({"issueKey": "OPS-1", "taskDescription": "  \n"}, "/taskDescription"),
        (RULE | {"taskDescription": 5}, "/taskDescription"),
        (RULE | {"taskDescripton": "x"}, "/taskDescripton"),
        (RULE | {"issueKey": "ops-42"}, "/issueKey"),
        (RULE | {"issueKey": "OPS-42/../../admin"}, "/issueKey"),
        (RULE | {"issueKey": 42}, "/issueKey"),
        (RULE | {"projectKey": "O P S"}, "/projectKey"),
        (RULE | {"reporter": ["x"]}, "/reporter"),
        (RULE | {"reporter": {"accountId": 5}}, "/reporter/accountId"),
        (RULE | {"summary": "x" * 256}, "/summary"),
        (RULE | {"labels": [5]}, "/labels/0"),
        (RULE | {"labels": {"a": "b"}}, "/labels"),
        (RULE | {"labels": [f"l{number}" for number in range(101)]}, "/labels"),
        (RULE | {"components": [{"name": 1}]}, "/components/0/name"),
        (RULE | {"mode": "end"}, "/mode"),
        (RULE | {"parameters": {"a": 1}}, "/parameters/a"),
        (RULE | {"parameters": []}, "/parameters"),
        ({"webhookEvent": 1}, "/webhookEvent"),
        ({"webhookEvent": "jira:issue_created"}, "/issue"),
        ({"issue": {"key": "OPS-1"}}, "/issue/fields"),
        ({"issue": {"fields": []}}, "/issue/fields"),
        ({"issue": {"fields": {"summary": 1}}}, "/issue/fields/summary"),
        ({"issue": {"fields": {"description": {"type": "doc", "content": 1}}}}, "/issue/fields/description/content"),
        ({"issue": {"fields": {"project": 5}}}, "/issue/fields/project"),
        ({"issue": {"self": 5, "fields": {"summary": "x"}}}, "/issue/self"),
    ],
)
def test_a_wrong_field_is_named(body: object, pointer: str) -> None:
    with pytest.raises(InputError) as refused:
        parse(body)
    assert refused.value.extra["pointer"] == pointer
    assert refused.value.fix


@given(body=JSON)
def test_no_body_breaks_it(body: object) -> None:
    try:
        said = parse(body)
    except InputError as refused:
        problem = refused
    else:
        assert (said.trigger is None) is bool(said.ignored)
        return
    assert "pointer" in problem.extra


@given(raw=st.binary(max_size=100))
def test_no_bytes_break_it(raw: bytes) -> None:
    with contextlib.suppress(InputError):
        JiraSource(JiraIntakeConfig()).parse("acme", {}, raw, 0.0)


@given(text=st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1))
def test_a_task_is_kept_as_it_came(text: str) -> None:
    if text.strip():
        assert trigger(RULE | {"taskDescription": text}).text == text.strip()


def test_a_long_description_is_cut_and_says_so() -> None:
    made = trigger({"summary": "Down", "description": "x" * 20_000})
    assert len(made.text) == MAX_TASK_CHARS
    assert made.text.endswith("(cut: the issue has the rest)")
    assert len(trigger({"taskDescription": "x" * 20_000}).text) == 20_000  # refused where tasks are, with words


def test_no_header_makes_another_delivery_of_one_body() -> None:
    first = parse(HOOK, X_Atlassian_Webhook_Identifier="d-1").key
    assert first == parse(HOOK, X_Atlassian_Webhook_Identifier="forged").key == parse(HOOK).key
    assert first != parse(HOOK | {"timestamp": 2}, X_Atlassian_Webhook_Identifier="d-1").key
    assert first is not None
    assert " " in first.key, "no caller's own Idempotency-Key has a blank"


def test_a_webhook_of_long_ago_is_refused() -> None:
    source, made = JiraSource(JiraIntakeConfig(secret="s", site=SITE)), 1_795_217_000
    raw = orjson.dumps(HOOK | {"timestamp": made * 1000})
    assert source.parse("acme", {}, raw, made + STALE_S).trigger is not None
    with pytest.raises(InputError, match="/timestamp is more than a day ago"):
        source.parse("acme", {}, raw, made + STALE_S + 1)


def test_the_issue_and_the_words_are_the_key() -> None:
    first = parse(RULE).key
    assert first == parse(dict(RULE)).key
    assert first != parse(RULE | {"event": "another"}).key
    assert first != parse(RULE | {"issueKey": "OPS-43"}).key


def test_nothing_is_written_to_a_site_that_is_not_ours() -> None:
    elsewhere = HOOK | {"issue": ISSUE | {"self": "https://evil.example/rest/api/2/issue/1"}}
    assert trigger(elsewhere).reply_to == ()
    assert trigger(HOOK, site="").reply_to == ()
    assert trigger({"taskDescription": "x"}).reply_to == ()
    gateway = "https://api.atlassian.com/ex/jira/11111111-2222-3333-4444-555555555555"
    assert trigger(HOOK, site=gateway).reply_to == (ReplyTo("jira", f"{gateway}/browse/OPS-42", plans=True),)
