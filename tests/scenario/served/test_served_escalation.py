"""Nobody answers: a chain is climbed over a webhook and Slack, the plug is pulled, and a person says that they look."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from served import Caller, Served, Shop, serve, shop_in, until
from servers.sink import Sink, sink
from servers.slack import FakeSlack, buttons, fake_slack, words

OLGA, STRANGER, VIEWER = "U0002", "U0666", "U0003"
FILE = """
people:
  pager: {channel: webhook, address: "%(pager)s"}
  room: {channel: slack, address: C0001}
  night: {channel: slack, address: C0002}
policies:
  - name: answers
    on: approval_unanswered
    environment: [prod]
    match: [service=shop]
    steps:
      - {after: 1s, tell: [pager]}
      - {after: 2s, tell: [room, night]}
      - {after: 1h, tell: [pager], repeat: {times: 2, every: 5m}}
  - name: failures
    on: run_failed
    steps: [{after: 0s, tell: [room]}]
"""


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as running:
        yield running


@pytest.fixture
def pager() -> Iterator[Sink]:
    with sink() as running:
        yield running


@pytest.fixture
def start(slack: FakeSlack, pager: Sink, tmp_path: Path) -> Callable[[], Any]:
    """Starts a server with the chain above, always on the same folder."""
    file = tmp_path / "escalation.yaml"
    file.write_text(FILE % {"pager": pager.url})
    more = {"public_url": "https://ops.example", "escalation_file": file}
    return lambda: serve(tmp_path / "data", **(slack.settings() | more))


def ready(served: Served, tmp_path: Path) -> tuple[Shop, Caller]:
    """An acting server with a broken shop, and three people known in Slack, one of whom may act."""
    admin = served.admin()
    admin.json_of("POST", "/api/v1/control/acting", {"on": True})
    shop = shop_in(tmp_path, "shop")
    shop.register(admin)
    served.cli("slack", "link", OLGA, "olga", "--role", "operator")
    served.cli("slack", "link", VIEWER, "vera", "--role", "viewer")
    return shop, admin


def notices(tmp_path: Path) -> list[str]:
    """The reminders in the outbox, by id."""
    with closing(sqlite3.connect(tmp_path / "data" / "opsagent.db")) as store:
        return [
            row[0]
            for row in store.execute(
                "SELECT id FROM notices WHERE id LIKE 'escalation %' AND id NOT LIKE '% changed' ORDER BY id"
            )
        ]


def audited(tmp_path: Path) -> list[tuple[str, str]]:
    """Who has said that they look, at which run."""
    with closing(sqlite3.connect(tmp_path / "data" / "opsagent.db")) as store:
        return store.execute("SELECT actor, run_id FROM audit WHERE action = 'escalation.acknowledged'").fetchall()


def only(admin: Caller) -> dict[str, Any]:
    (found,) = admin.every("/api/v1/escalations", "escalations")
    return found


def test_an_unanswered_question_climbs_two_steps_until_somebody_looks(
    start: Callable[[], Any], slack: FakeSlack, pager: Sink, tmp_path: Path
) -> None:
    with start() as served:
        _, admin = ready(served, tmp_path)
        (joined,) = admin.json_of("POST", "/api/v1/tickets/webhook/alertmanager", ALERT, status=202)["tickets"]
        run_id = joined["runId"]
        admin.question(run_id)
        until(lambda: pager.got, "the first step")
        served.kill()
    told = json.loads(pager.got[0].body)
    assert (told["kind"], told["run_id"], told["link"]) == ("reminded", run_id, f"https://ops.example/runs/{run_id}")
    assert told["text"].endswith("Step 1 of 3.")
    assert told["question"]["status"] == "pending"

    with start() as served:
        admin = served.admin()
        until(lambda: slack.messages() and slack.messages("C0002"), "the second step, after the crash")
        (message,) = slack.messages()
        assert "Nobody has reacted" in words(message)
        wishes = [one["action_id"] for one in buttons(message)]
        assert wishes == ["opsagent.approve", "opsagent.refuse", "opsagent.show", "opsagent.looking", "opsagent.open"]

        for user, why in ((STRANGER, "not linked"), (VIEWER, "may only look at runs")):
            before = len(slack.ephemeral)
            slack.click(served.url, message, "opsagent.looking", user=user)
            until(lambda before=before: len(slack.ephemeral) > before, "a refusal")
            assert why in slack.ephemeral[-1]["text"]
        assert only(admin)["ended"] is None

        slack.click(served.url, message, "opsagent.looking", user=OLGA)
        until(lambda: slack.ephemeral[-1]["replace_original"], "the message is changed")
        changed = slack.ephemeral[-1]
        assert "Somebody is looking" in words(changed) and "person:olga" in words(changed)
        assert "opsagent.looking" not in [one["action_id"] for one in buttons(changed)]
        until(lambda: "person:olga" in words(slack.messages("C0002")[0]), "the other room hears who looks")
        (beside,) = slack.messages("C0002")
        assert "opsagent.looking" not in [one["action_id"] for one in buttons(beside)]
        ended = only(admin)
        assert (ended["ended"], ended["acknowledgedBy"], ended["nextAt"]) == ("acknowledged", "person:olga", None)
        assert ended["step"] == 3 and ended["acknowledgedAfterSeconds"] > 3
        assert admin.run(run_id)["status"] == "awaiting_approval", "it approves nothing"

        again = admin.json_of("POST", f"/api/v1/escalations/{ended['escalationId']}/acknowledge")
        assert again == ended, "who was first is looking"
        told_on_timeline = [
            one["content"]
            for one in admin.get_json(f"/api/agent-ops/{run_id}/events")["events"]
            if one["eventType"] == "notification" and not one["content"].startswith("Told by ")  # a delivery
        ]
        assert told_on_timeline == [
            "answers, step 1: told pager (webhook).",
            "answers, step 2: told room (slack), night (slack).",
            "person:olga is looking: nobody else is told (answers). It approves nothing.",
        ]
        assert ("person:olga", run_id) in audited(tmp_path)
        numbers = admin.get("/metrics").text
        assert (
            'opsagent_escalation_acknowledged_seconds_count{on="approval_unanswered",priority="critical"} 1' in numbers
        )
        assert len(notices(tmp_path)) == 3
    assert len({one.headers["idempotency-key"] for one in pager.got}) == 1, "the crash has doubled nothing"


def test_an_answer_ends_it_and_a_failure_is_told(
    start: Callable[[], Any], slack: FakeSlack, pager: Sink, tmp_path: Path
) -> None:
    with start() as served:
        shop, admin = ready(served, tmp_path)
        no_use = {"text": shop.text("touch {{connection.counter}}"), "path": "shop.md"}
        admin.json_of("POST", "/api/v1/runbooks", no_use, status=201)
        (joined,) = admin.json_of("POST", "/api/v1/tickets/webhook/alertmanager", ALERT, status=202)["tickets"]
        asked = admin.question(joined["runId"])
        until(lambda: pager.got, "the first step")
        assert admin.approve(asked).status_code == 200
        assert admin.run_once(joined["runId"])["status"] == "failed", "it was not healthy afterwards"
        (message,) = until(slack.messages, "the failure")
        assert "It failed 0 min ago" in words(message)
        assert [one["action_id"] for one in buttons(message)] == ["opsagent.looking", "opsagent.open"]
        ends = {one["on"]: one["ended"] for one in admin.every("/api/v1/escalations", "escalations")}
        assert ends == {"approval_unanswered": "answered", "run_failed": "exhausted"}
        (failure,) = [one for one in admin.every("/api/v1/escalations", "escalations") if one["on"] == "run_failed"]
        said = served.cli("escalations", "acknowledge", failure["escalationId"])
        assert said["ended"] == "acknowledged", "whoever was told last may still say that they look"
        assert served.cli("escalations", "show", failure["escalationId"]) == said
        assert [one["ended"] for one in served.cli("escalations", "list")["escalations"]] == [
            "acknowledged",
            "answered",
        ]
        viewer = served.new_caller("viewer")
        viewer.json_of("POST", f"/api/v1/escalations/{failure['escalationId']}/acknowledge", status=403)
        assert len(notices(tmp_path)) == 2


ALERT = {
    "version": "4",
    "status": "firing",
    "receiver": "opsagent",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "ShopDown", "service": "shop", "severity": "critical", "environment": "prod"},
            "annotations": {"summary": "shop does not answer"},
            "startsAt": "2026-11-20T23:38:18.875Z",
            "endsAt": "0001-01-01T00:00:00Z",
        }
    ],
}
