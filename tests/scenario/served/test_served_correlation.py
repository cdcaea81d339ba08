"""Correlation rules on a real server: alerts over HTTP become one ticket as the file says; a bad file stops it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from served import Caller, fix_of, serve, tried, until

HOOK = "/api/v1/tickets/webhook/alertmanager"
RULES = """
rules:
  - name: shop
    match: ['service=~"shop|checkout"', 'severity!="info"']
    same: [service, environment]
    within: 5m
    lead: [ShopDown]
reopen_within: 1h
"""


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    folder = tmp_path_factory.mktemp("correlation")
    (folder / "rules.yaml").write_text(RULES)
    with serve(folder / "data", correlation_file=folder / "rules.yaml") as running:
        yield running.admin()


def alert(name: str, service: str, *, status: str = "firing", severity: str = "critical") -> dict[str, Any]:
    labels = {"alertname": name, "service": service, "env": "prod", "severity": severity}
    return {"status": status, "labels": labels, "startsAt": "2026-11-20T23:38:18.875Z"}


def posted(admin: Caller, *alerts: dict[str, Any]) -> list[dict[str, Any]]:
    tickets: list[dict[str, Any]] = admin.json_of("POST", HOOK, {"alerts": list(alerts)}, status=202)["tickets"]
    return tickets


def test_alerts_of_a_rule_are_one_ticket_and_others_are_not(admin: Caller) -> None:
    slow, other, info = posted(
        admin, alert("ShopSlow", "shop"), alert("CartSlow", "checkout"), alert("ShopHint", "shop", severity="info")
    )
    assert len({one["ticketId"] for one in (slow, other, info)}) == 3, "another service; not what the rule is about"
    (down,) = posted(admin, alert("ShopDown", "shop"))
    assert (down["ticketId"], down["created"]) == (slow["ticketId"], False)
    ticket = admin.get_json(f"/api/v1/tickets/{slow['ticketId']}")
    assert (ticket["members"], ticket["membersFiring"]) == (2, 2)
    assert sorted(one["name"] for one in ticket["alerts"]) == ["ShopDown", "ShopSlow"]
    posted(admin, alert("ShopDown", "shop", status="resolved"))
    ticket = until(
        lambda: (found := admin.get_json(f"/api/v1/tickets/{slow['ticketId']}"))["membersFiring"] == 1 and found,
        "one of the two still fires",
    )
    assert ticket["status"] != "closed", "a resolved signal closes nothing"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rules:\n  - name: shop\n    match: [service=shop]\n    same: [service]\n    within: soon\n", ["within", "5"]),
        ("rules:\n  - name: shop\n    mach: [service=shop]\n", ["mach", "3"]),
        ("rules: [\n", ["2"]),
        (
            "rules:\n  - name: shop\n    match: ['service=~\"(a+)+$\"']\n    same: [service]\n",
            ["service", "for ever", ":3:"],
        ),
    ],
    ids=["a length of time", "a key", "no YAML", "a pattern without end"],
)
def test_a_file_that_is_not_understood_stops_the_start_with_its_line(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(text)
    done = tried(tmp_path / "data", "--port", "0", correlation_file=rules)
    assert done.returncode in (1, 2), done.stderr
    assert "rules.yaml" in done.stderr
    assert "correlation_file" in fix_of(done)
    for word in words:
        assert word in done.stderr
