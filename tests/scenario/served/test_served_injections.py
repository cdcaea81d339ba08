"""Injections in every field of every intake, over the wire: nothing runs, and no place that shows them renders them."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from injections import INJECTIONS, is_harmless
from opsagent.adapters.jira.issue import RULE_FIELDS
from opsagent.adapters.slack.form import SlashCommand
from served import OPSAGENT, WITHIN_S, Caller, Served, serve, until
from servers.jira import API_TOKEN, EMAIL, jira
from servers.slack import fake_slack, parsed

FIXTURES = Path(__file__).parents[2] / "fixtures"
SOURCES = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())
TURN = itertools.cycle(INJECTIONS)  # each field gets another one; over all fields each is used many times


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every text in a document."""
    if isinstance(value, str):
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def replaced(document: Any, path: tuple[Any, ...], new: str) -> Any:
    changed = at = copy.deepcopy(document)
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return changed


def deliveries(source: str) -> Iterator[Any]:
    """Each kind of payload of the source, with one text after the other replaced; a place is tried once."""
    tried = set()
    for file in sorted((FIXTURES / source).glob("*.json")):
        document = json.loads(file.read_text())
        for path in places(document):
            shape = tuple(key for key in path if isinstance(key, str))
            if shape not in tried:
                tried.add(shape)
                yield replaced(document, path, next(TURN))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with every intake; it is filled with evil words, so it is nobody else's."""
    folder = tmp_path_factory.mktemp("evil")
    with fake_slack() as slack, jira("OPS-1") as site:
        settings = slack.settings() | {
            "jira_webhook_secret": "the secret of the rule",
            "jira_url": site.url,
            "jira_email": EMAIL,
            "jira_api_token": API_TOKEN,
        }
        with serve(folder / "data", **settings) as running:
            admin = running.admin()
            admin.json_of("POST", "/api/v1/control/acting", {"on": True})
            sender = running.new_caller("intake")
            for source in SOURCES:
                for body in deliveries(source):
                    answer = sender.post(f"/api/v1/tickets/webhook/{source}", json=body)
                    assert answer.status_code in {200, 202, 401, 422}, (source, answer.text, body)
            _work_handed_in(running, sender, slack)
            until(lambda: _all_ended(admin), "every run has ended", within_s=4 * WITHIN_S)
            yield running
            assert not Path("/tmp/owned").exists()


def _work_handed_in(served: Served, sender: Caller, slack: Any) -> None:
    """In each field of a request over the API, of a Jira rule and of a Slack command, whatever fields those have."""
    document = served.admin().get_json("/api/v1/openapi.json")
    schema = document["paths"]["/api/v1/trigger/api"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    for name in schema["properties"]:
        for text in INJECTIONS:
            answer = sender.post("/api/v1/trigger/api", json={"taskDescription": "x"} | {name: text})
            assert answer.status_code in {202, 404, 422}, answer.text
    for name in RULE_FIELDS:
        for text in INJECTIONS:
            body = {"task_description": f"{name} {text}", "issue_key": "OPS-1"} | {name: text}
            headers = {"X-Automation-Webhook-Token": "the secret of the rule"}
            answer = sender.post("/api/v1/trigger/jira", json=body, headers=headers)
            assert answer.status_code in {200, 202, 404, 422}, answer.text
    for field in dataclasses.fields(SlashCommand):
        for text in INJECTIONS:
            answer = slack.slash(served.url, f"{field.name} task", **{field.name: text})
            assert answer.status_code == 200
            assert not [one for one in parsed(answer.json()) if "<" in one or ">" in one]


def _all_ended(admin: Caller) -> bool:
    return not any(
        admin.get_json("/api/agent-ops", status=status, limit=1)["runs"] for status in ("queued", "in_progress")
    )


def shown(served: Served, *command: str) -> str:
    """What a person reads on a terminal."""
    done = subprocess.run(
        [OPSAGENT, *command, "--data-dir", served.folder],
        env=served.environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=WITHIN_S * 2, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return (done.stdout + done.stderr).decode()


def test_no_terminal_renders_them(served: Served) -> None:
    admin = served.admin()
    tickets, runs = admin.every("/api/v1/tickets", "tickets"), admin.every("/api/agent-ops", "runs")
    lists = [("tickets",), ("runs",), ("intake", "quarantine", "list")]
    one_each = [("tickets", "show", one["ticketId"]) for one in tickets[::40]]
    one_each += [("show", one["runId"]) for one in runs[::60]]
    for command in [*lists, *one_each]:
        said = shown(served, *command)
        assert is_harmless(said), (command, [one for one in said if not is_harmless(one)])


def test_no_answer_of_the_api_is_a_page(served: Served) -> None:
    admin = served.admin()
    for run in admin.every("/api/agent-ops", "runs")[::10]:
        for path in (f"/api/agent-ops/{run['runId']}", f"/api/agent-ops/{run['runId']}/events"):
            answer = admin.get(path)
            assert answer.headers["content-type"].startswith("application/json")
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_none_chose_a_command_a_target_or_a_runbook(served: Served) -> None:
    admin = served.admin()
    assert admin.get_json("/api/v1/agent/pending-approvals")["approvals"] == []
    for run in admin.every("/api/agent-ops", "runs"):
        assert (run["hadEffect"], run.get("runbookId") or "") == (False, ""), run
