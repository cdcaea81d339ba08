"""Pull the plug at every kind of write of a Slack, a Jira and a Grafana story: nothing is lost, repeats are marked.

The three go on side by side. The server dies at a place in its store's writer, the next one goes on and dies at the
next place, while vendors hand in again what was not acknowledged and people click again what did nothing. To die before
the mark of a notice is committed is to die between send and mark: Slack or Jira has it, and nobody wrote that down.
"""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from served import ENDED, WITHIN_S, Caller, Shop, environment, shop_in
from served_victim import Point, Victim, start
from servers.grafana import SECRET as GRAFANA_SECRET
from servers.grafana import of_grafana, signed
from servers.jira import API_TOKEN, EMAIL, Issue, Jira, jira, words_of
from servers.slack import FakeSlack, fake_slack, words

JIRA_SECRET = "the secret of the rule"
COUNT = "echo x | tee -a {{connection.counter}} && touch {{connection.healthy}}"
BEGINNING = ("runs.create", "tickets.receive", "runs.claim")
MIDDLE = ("approvals.decide", "runs.claim_effect", "runs.release")
COMMIT = ("before_commit", "after_commit")


def at(*writes: str, nth: int = 1) -> list[Point]:
    return [(f"{write}.{place}", nth) for write in writes for place in COMMIT]


# Seven notices are sent: Slack's question, its answer and the end; Jira's plan, question, answer and end.
POINTS = {
    "intake": at(*BEGINNING) + at(*MIDDLE),
    "runs": [point for nth in (1, 4, 7, 2, 9) for point in at("runs.save", nth=nth)],
    "notices": at(*["notices.take", "notices.mark"] * 3) + at(*["notices.mark"] * 4),
}


@dataclass
class Story:
    """One piece of work: handed in until it is acknowledged, agreed to until it goes on, and followed to its end."""

    shop: Shop
    task: str
    hand_in: Callable[[str], str]  # posts to that address; the run id it was told
    agree: Callable[[Caller, dict[str, Any]], object]
    run_id: str = ""
    ended: bool = False

    def step(self, victim: Victim) -> None:
        if self.ended:
            return
        if not self.run_id:
            self.run_id = self.hand_in(victim.url)
            return
        with Caller(victim.url, victim.key) as admin:
            self.ended = admin.run(self.run_id)["status"] in ENDED
            pending = admin.get_json("/api/v1/agent/pending-approvals")["approvals"]
            for asked in [one for one in pending if one["runId"] == self.run_id]:
                self.agree(admin, asked)


@contextmanager
def running(tmp_path: Path, slack: FakeSlack, site: Jira) -> Iterator[Victim]:
    environ = environment(
        **slack.settings(),
        public_url="https://ops.example",
        jira_webhook_secret=JIRA_SECRET,
        jira_url=site.url,
        jira_email=EMAIL,
        jira_api_token=API_TOKEN,
        jira_transition_verified="Resolve",
        webhook_secret_grafana=GRAFANA_SECRET,
        sandbox_root=tmp_path / "sandbox",
        sandbox_backend="rlimits",
        effects_per_hour=1000,
        lease_seconds=1,
        sweep_seconds="0.05",
    )
    victim = Victim(tmp_path, environ, start(tmp_path, environ))
    try:
        victim.is_up()
        with Caller(victim.url, victim.key) as admin:
            admin.json_of("POST", "/api/v1/control/acting", {"on": True})
            admin.json_of("PUT", "/api/v1/slack/people/U0001", {"person": "ada", "role": "approver"})
        yield victim
        victim.process.terminate()
        victim.process.join(WITHIN_S)
        assert victim.process.exitcode == 0, (tmp_path / "log").read_text()
    finally:
        victim.process.kill()
        victim.process.join()
    assert "Traceback" not in (tmp_path / "log").read_text()


def stories(victim: Victim, slack: FakeSlack, site: Jira, number: int) -> dict[str, Story]:
    made = {name: shop_in(victim.folder / "shops", f"{name}{number}") for name in ("slack", "jira", "grafana")}
    with Caller(victim.url, victim.key) as admin:
        for name, shop in made.items():
            text = shop.text(COUNT)
            if name == "slack":
                text = text.replace(f"labels: {{service: {shop.name}}}", f"connection: {shop.name}")
            admin.json_of("PUT", f"/api/v1/connections/{shop.name}", shop.connection())
            admin.json_of("POST", "/api/v1/runbooks", {"text": text, "path": "shop.md"}, status=201)
    reply, key = slack.reply_url(), f"OPS-{number}"
    site.issues[key] = Issue()
    alert = of_grafana(made["grafana"].alerts())

    def slash(url: str) -> str:
        said = slack.slash(url, made["slack"].runbook, trigger_id=f"1.{number}", response_url=reply).json()
        return str(said["text"].rpartition(" ")[2].strip("`*_. "))

    def rule(url: str) -> str:
        body = {
            "taskDescription": f"Bring {made['jira'].name} back",
            "issueKey": key,
            "projectKey": "OPS",
            "reporter": "ada",
            "labels": f"service={made['jira'].name}, runbook={made['jira'].runbook}",
        }
        with Caller(url) as nobody:
            answer = nobody.json_of(
                "POST", "/api/v1/trigger/jira", body, status=202, X_Automation_Webhook_Token=JIRA_SECRET
            )
        return str(answer["runId"])

    def fires(url: str) -> str:
        return str(signed(url, alert).raise_for_status().json()["tickets"][0]["runId"])

    def by_button(_: Caller, asked: dict[str, Any]) -> object:
        shown = [one for one in slack.messages() if asked["runId"] in words(one) and "Approval needed" in words(one)]
        return slack.click(victim.url, shown[-1], "opsagent.approve") if shown else None

    def by_api(admin: Caller, asked: dict[str, Any]) -> object:
        return admin.approve(asked)

    return {
        "slack": Story(made["slack"], made["slack"].runbook, slash, by_button),
        "jira": Story(made["jira"], f"Bring {made['jira'].name} back", rule, by_api),
        "grafana": Story(made["grafana"], "", fires, by_api),
    }


def played(victim: Victim, slack: FakeSlack, site: Jira, number: int, points: deque[Point]) -> Counter[str]:
    """Let the stories come to their end, dying at each of the points in turn; the repeats that people see, by where."""
    told = stories(victim, slack, site, number)
    if points:
        victim.order(points[0])
    end = time.monotonic() + WITHIN_S
    while not (all(one.ended for one in told.values()) and _all_told(victim)):
        assert time.monotonic() < end, f"{points}: {[(name, one.run_id, one.ended) for name, one in told.items()]}"
        if victim.keep():
            points.popleft()
            if points:
                victim.order(points[0])
            end = time.monotonic() + WITHIN_S
        for one in told.values():
            try:
                one.step(victim)
            except (httpx.TransportError, httpx.HTTPStatusError):
                break  # it has died: the next turn starts it again
        time.sleep(0.03)
    if points and not victim.withdraw():
        victim.keep()
        points.popleft()
    ((runs,),) = victim.ask("SELECT count(*) FROM runs")
    assert runs == number * len(told), "what was handed in again made a second run"
    return _as_it_should_be(victim, told, slack, site.issues[f"OPS-{number}"])


def _all_told(victim: Victim) -> bool:
    found = {status for (status,) in victim.ask("SELECT DISTINCT status FROM notices")}
    assert "dead" not in found, victim.ask("SELECT channel, last_error FROM notices WHERE status = 'dead'")
    return found <= {"delivered"}


def _as_it_should_be(victim: Victim, told: dict[str, Story], slack: FakeSlack, issue: Issue) -> Counter[str]:
    with Caller(victim.url, victim.key) as admin:
        for name, one in told.items():
            run = admin.run(one.run_id)
            assert run["status"] == "completed", (name, run)
            assert one.shop.folder.joinpath("counter").read_text() == "x\n", f"{name}: done twice"
        run = admin.run(told["grafana"].run_id)
        assert run["verified"] == "yes"
        assert admin.get_json(f"/api/v1/tickets/{run['ticketId']}")["status"] == "resolved"
    mine = [one for one in slack.messages() if told["slack"].run_id in words(one)]
    in_slack = [(one["blocks"][0]["block_id"], words(one)) for one in mine]
    in_jira = [(json.dumps(one["properties"]), words_of(one["body"])) for one in issue.comments]
    _all_said(in_slack, ["Complete", *["Approved"] * _granted(victim, told["slack"])])
    granted = ["A person said yes."] * _granted(victim, told["jira"])
    _all_said(in_jira, ["OpsAgent has a plan.", "OpsAgent has ended: completed", *granted])
    assert issue.moves == ["Resolve"]
    assert len(issue.links) == 1
    return Counter(slack=_repeats(in_slack), jira=_repeats(in_jira))


def _granted(victim: Victim, story: Story) -> int:
    """How many questions were agreed to: one more for each attempt that was claimed and never started."""
    ((count,),) = victim.ask("SELECT count(*) FROM approvals WHERE run_id = ? AND status = 'granted'", story.run_id)
    return int(count)


def _all_said(said: list[tuple[str, str]], wanted: list[str]) -> None:
    for begins, times in Counter(wanted).items():
        facts = {fact for fact, text in said if begins in text}
        assert len(facts) == times, f"{begins}: told {len(facts)} of {times}, in {said}"


def _repeats(said: list[tuple[str, str]]) -> int:
    """How many there are beyond the first of each fact; each of them says that it may be one."""
    plain = Counter(fact for fact, text in said if "may be a repeat" not in text)
    assert all(times == 1 for times in plain.values()), f"a repeat that is not marked: {said}"
    return len(said) - len({fact for fact, _ in said})


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as there:
        yield there


@pytest.mark.parametrize("part", POINTS)
def test_killed_wherever_it_may_be_nothing_is_lost(tmp_path: Path, slack: FakeSlack, part: str) -> None:
    points, number, repeats = deque(POINTS[part]), 0, Counter[str]()
    with jira() as site, running(tmp_path, slack, site) as victim:
        while points:
            left, number = len(points), number + 1
            repeats += played(victim, slack, site, number, points)
            assert len(points) < left, f"{points[0]} is never reached"
    print(f"{len(POINTS[part])} kills in {number} rounds of three stories; repeats, all marked: {dict(repeats)}")
