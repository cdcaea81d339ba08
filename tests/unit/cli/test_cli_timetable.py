"""`opsagent schedules`, `silences` and `maintenance` on a folder no server runs on."""

from __future__ import annotations

import pytest


def test_a_schedule_from_its_making_to_its_end(opsagent) -> None:
    made = opsagent("schedules", "add", "disks", "look", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin")
    assert (made.code, made.out.startswith("Schedule disks: next at 2")) == (0, True)
    told = opsagent("schedules", "next", "disks", "--count", "2").out.split()
    assert [one[11:16] for one in told] == ["02:30", "02:30"]
    assert "disks" in opsagent("schedules", "list").out
    started = opsagent("schedules", "run", "disks", "--json").json
    assert opsagent("runs", "--json").json["runs"][0]["runId"] == started["runId"]
    assert "Paused" in opsagent("schedules", "pause", "disks").out
    assert "It is paused" in opsagent("schedules", "next", "disks").out
    assert opsagent("schedules", "show", "disks", "--json").json["enabled"] is False
    assert "Next at" in opsagent("schedules", "resume", "disks").out
    assert opsagent("schedules", "add", "probe", "look", "--every", "30m").code == 0
    assert [one["name"] for one in opsagent("schedules", "list", "--json").json["schedules"]] == ["disks", "probe"]
    assert opsagent("schedules", "remove", "disks").code == 0
    assert opsagent("schedules", "show", "disks").code == 3


def test_a_silence_and_a_window(opsagent) -> None:
    made = opsagent("silences", "add", "service=shop", 'alertname=~"Disk.*"', "--for", "2h", "--comment", "x", "--json")
    assert made.json["matchers"] == ['service="shop"', 'alertname=~"Disk.*"']
    assert made.json["silenceId"] in opsagent("silences", "list", "--json").out
    assert opsagent("silences", "expire", made.json["silenceId"]).code == 0
    assert opsagent("silences", "list").out == "Nothing is silenced.\n"
    window = ("maintenance", "add", "patch", "--cron", "0 3 * * SUN", "--for", "2h", "--match", "service=shop")
    assert "opens at" in opsagent(*window, "--freeze", "--label", "tier=db").out
    (one,) = opsagent("maintenance", "list", "--json").json["windows"]
    assert (one["freeze"], one["labels"], one["durationSeconds"]) == (True, {"tier": "db"}, 7200)
    assert opsagent("maintenance", "remove", "patch").code == 0
    assert opsagent("maintenance", "list").out == "No maintenance windows.\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("schedules", "add", "x", "look"), 2),
        (("schedules", "add", "x", "look", "--cron", "99 * * * *"), 2),
        (("schedules", "add", "x", "look", "--every", "10s"), 2),
        (("schedules", "add", "x", "look", "--cron", "0 3 * * *", "--timezone", "Mars/X"), 2),
        (("schedules", "add", "x/y", "look", "--cron", "0 3 * * *"), 2),
        (("schedules", "add", "x", "look", "--cron", "0 3 * * *", "--runbook", "nowhere"), 3),
        (("schedules", "next", "nowhere"), 3),
        (("schedules", "run", "nowhere"), 3),
        (("silences", "add", "service", "--for", "1h", "--comment", "x"), 2),
        (("silences", "add", "service!=shop", "--for", "1h", "--comment", "x"), 2),
        (("silences", "expire", "nowhere"), 3),
        (("maintenance", "add", "x", "--cron", "0 3 * * *", "--for", "2h"), 2),
        (("maintenance", "remove", "nowhere"), 3),
    ],
)
def test_each_failure_has_its_exit_code_and_a_fix(opsagent, words: tuple[str, ...], code: int) -> None:
    said = opsagent(*words)
    assert said.code == code, said.err
    assert "fix:" in said.err or "hint" in said.err.lower() or "opsagent" in said.err
