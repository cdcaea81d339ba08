"""From a slash command to its result in Slack, over loopback: the button, the people, the plug pulled on the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from served import Caller, Served, Shop, serve, shop_in, until
from servers.slack import WORKSPACE, FakeSlack, buttons, fake_slack, parsed, words

TASK = "shop-down"
ADA, STRANGER, VIEWER = "U0001", "U0666", "U0003"


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as running:
        yield running


@pytest.fixture
def start(slack: FakeSlack, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts a server that talks to this Slack, always on the same folder."""
    return lambda **more: serve(tmp_path / "data", **(slack.settings() | {"public_url": "https://ops.example"} | more))


def ready(served: Served, tmp_path: Path) -> Shop:
    """An acting server with a broken shop, and ada known in Slack."""
    admin = served.admin()
    admin.json_of("POST", "/api/v1/control/acting", {"on": True})
    shop = shop_in(tmp_path, "shop")
    admin.json_of("PUT", "/api/v1/connections/shop", shop.connection())
    text = shop.text().replace("labels: {service: shop}", "connection: shop")
    admin.json_of("POST", "/api/v1/runbooks", {"text": text, "path": "shop.md"}, status=201)
    served.cli("slack", "link", ADA, "ada", "--role", "approver")
    served.cli("slack", "link", VIEWER, "vera", "--role", "viewer")
    return shop


def run_of(admin: Caller) -> str:
    (run,) = admin.every("/api/agent-ops", "runs")
    return str(run["runId"])


def message_with(slack: FakeSlack, text: str) -> dict[str, Any]:
    def there() -> dict[str, Any] | None:
        return next((one for one in slack.messages() if text in words(one)), None)

    found: dict[str, Any] = until(there, f"a message with {text!r}; there are {slack.messages()}")
    return found


def test_a_slash_command_is_approved_by_a_button_and_answered(
    start: Callable[..., Any], slack: FakeSlack, tmp_path: Path
) -> None:
    with start() as served:
        shop = ready(served, tmp_path)
        admin = served.admin()
        said = slack.slash(served.url, TASK).json()
        run_id = run_of(admin)
        assert run_id in said["text"] and said["response_type"] == "ephemeral"
        asked = message_with(slack, "Approval needed")
        assert "touch" in words(asked)

        # whoever is nobody here, or may only look, decides nothing, and is told so alone
        for user, why in ((STRANGER, "not linked"), (VIEWER, "may not decide")):
            before = len(slack.ephemeral)
            assert slack.click(served.url, asked, "opsagent.approve", user=user).status_code == 200
            until(lambda before=before: len(slack.ephemeral) > before, "a refusal")
            assert why in slack.ephemeral[-1]["text"]
            assert slack.ephemeral[-1]["replace_original"] is False
        assert admin.run(run_id)["status"] == "awaiting_approval"

        slack.click(served.url, asked, "opsagent.show", user=VIEWER)
        until(lambda: slack.views, "the window")
        assert "touch" in words(slack.views[0])

        assert slack.click(served.url, asked, "opsagent.approve").status_code == 200
        run = admin.run_once(run_id)
        assert run["status"] == "completed"
        assert shop.healthy.exists()
        until(lambda: "Approved" in words(slack.messages()[0]), "the question is changed for everybody")
        changed = slack.messages()[0]
        assert changed["ts"] == asked["ts"] and "person:ada" in words(changed)
        assert [one["action_id"] for one in buttons(changed)] == ["opsagent.open"]
        ended = message_with(slack, run["result"]["summary"])
        assert ended["text"].startswith("✅")
        assert slack.calls.count("/commands/T0001/1") == 1
        for message in slack.messages():
            assert not [text for text in parsed(message) if "<" in text]

        # the button is spent: a second click by a colleague says so, and changes nothing
        before = len(slack.ephemeral)
        slack.click(served.url, asked, "opsagent.refuse")
        until(lambda: len(slack.ephemeral) > before, "an answer to the late click")
        assert "granted before" in slack.ephemeral[-1]["text"]
        (replaced,) = [one for one in slack.ephemeral if one["replace_original"]]
        assert "Approved" in words(replaced), "who clicked sees it at once"


def test_a_refusal_and_a_failure_are_told_too(start: Callable[..., Any], slack: FakeSlack, tmp_path: Path) -> None:
    with start() as served:
        shop = ready(served, tmp_path)
        slack.slash(served.url, TASK)
        asked = message_with(slack, "Approval needed")
        slack.click(served.url, asked, "opsagent.refuse")
        run = served.admin().run_once(run_of(served.admin()))
        until(lambda: len(slack.messages()) == 2, "the end")
        assert "Refused" in words(slack.messages()[0])
        assert run["runId"] in words(slack.messages()[1])
        assert not shop.healthy.exists()


@pytest.mark.parametrize("readable", [True, False])
def test_the_plug_pulled_between_send_and_mark(
    start: Callable[..., Any], slack: FakeSlack, tmp_path: Path, readable: bool
) -> None:
    """Slack has the question, and the server died before it could note that: it is found, or marked as a repeat."""
    if not readable:
        slack.unread.add("C0001")
    with start() as served:
        ready(served, tmp_path)
        slack.on_stored = served.kill
        slack.slash(served.url, TASK)
        until(lambda: served.process.poll() is not None, "it is dead")
    slack.on_stored = None
    assert len(slack.messages()) == 1
    with closing(sqlite3.connect(tmp_path / "data" / "opsagent.db")) as store:  # the lock has run out
        (sending,) = store.execute("SELECT id FROM notices WHERE status = 'sending'").fetchall()
        store.execute("UPDATE notices SET due_at = 0 WHERE id = ?", sending)
        store.commit()
    with start() as served:
        admin = served.admin()
        if not readable:
            until(lambda: len(slack.messages()) == 2, "the repeat")
        asked = slack.messages()[-1]
        assert ("may be a repeat" in words(asked)) is not readable
        slack.click(served.url, asked, "opsagent.approve")
        run = admin.run_once(run_of(admin))
        assert run["status"] == "completed"
        until(lambda: any("✅ Complete" in one["text"] for one in slack.messages()), "the end")
        if readable:
            assert len(slack.messages()) == 2
            until(lambda: "Approved" in words(slack.messages()[0]), "the question found again was changed")
        else:
            assert len(slack.messages()) == 3


def test_the_plug_pulled_before_the_end_is_noted(start: Callable[..., Any], slack: FakeSlack, tmp_path: Path) -> None:
    with start() as served:
        shop = ready(served, tmp_path)
        slack.slash(served.url, TASK)
        asked = message_with(slack, "Approval needed")
        slack.on_stored = served.kill
        slack.click(served.url, asked, "opsagent.approve")
        until(lambda: served.process.poll() is not None, "it is dead")
    slack.on_stored = None
    with closing(sqlite3.connect(tmp_path / "data" / "opsagent.db")) as store:
        store.execute("UPDATE notices SET due_at = 0 WHERE status = 'sending'")
        store.execute("UPDATE runs SET lease_until = 0 WHERE lease_until IS NOT NULL")
        store.commit()
    with start() as served:
        admin = served.admin()
        run = admin.run_once(run_of(admin))
        assert run["status"] == "completed"
        until(lambda: any(one["text"].startswith("✅ Complete") for one in slack.messages()), "the end")
        until(lambda: _all_told(tmp_path), "every notice is delivered")
        ends = [one for one in slack.messages() if one["text"].startswith("✅ Complete")]
        assert len([one for one in ends if "may be a repeat" not in str(one)]) == 1
        assert shop.healthy.exists()


def _all_told(tmp_path: Path) -> bool:
    with closing(sqlite3.connect(tmp_path / "data" / "opsagent.db")) as store:
        found = {row[0] for row in store.execute("SELECT status FROM notices")}
    assert "dead" not in found
    return found == {"delivered"}


def test_a_reply_that_fails_leaves_the_run_completed(
    start: Callable[..., Any], slack: FakeSlack, tmp_path: Path
) -> None:
    with start(slack_bot_token="") as served:
        ready(served, tmp_path)
        slack.slash(served.url, TASK, response_url=f"{slack.url}/commands/T0001/gone")
        admin = served.admin()
        question = admin.question(run_of(admin))
        admin.approve(question)
        assert admin.run_once(run_of(admin))["status"] == "completed"

        def given_up() -> bool:
            with closing(sqlite3.connect(tmp_path / "data" / "opsagent.db")) as store:
                return {row[0] for row in store.execute("SELECT status FROM notices")} == {"dead"}

        until(given_up, "the notices are given up")
        assert "expired_url" in served.said() and "/commands/T0001/gone" not in served.said()


def test_a_hundred_callers_at_once_are_all_stored(start: Callable[..., Any], slack: FakeSlack, tmp_path: Path) -> None:
    with start() as served:
        served.cli("slack", "workspace", WORKSPACE)
        with ThreadPoolExecutor(100) as people:
            texts = [f"task {number}" for number in range(100)]
            answers = list(people.map(lambda text: slack.slash(served.url, text, trigger_id=text), texts))
        assert {answer.status_code for answer in answers} == {200}
        runs = served.admin().every("/api/agent-ops", "runs")
        assert sorted(run["taskDescription"] for run in runs) == sorted(texts)
        assert all(any(run["runId"] in answer.text for answer in answers) for run in runs)
