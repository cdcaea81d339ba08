"""Tickets at the command line: the list, one of them, a person's word, opening again, and how closing does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from opsagent.bootstrap import build
from opsagent.domain.ticket import Signal, SignalStatus
from opsagent.settings import Settings

RULES = "rules: [{name: shop, same: [service]}]\nstorm: {alerts: 20, within: 1m}\n"


@pytest.fixture
def ticket(opsagent: Any, tmp_path: Any) -> str:
    """A ticket of two alerts, one of which has resolved; its id."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)

    def signal(fingerprint: str, name: str, status: SignalStatus, now: float) -> Signal:
        return Signal(
            id=f"{fingerprint}-{status}",
            tenant="default",
            source="alertmanager",
            fingerprint=fingerprint,
            name=name,
            status=status,
            delivery=f"{fingerprint}-{status}",
            title=f"{name} \x1b[31mred",
            labels={"service": "shop"},
            received_at=now,
        )

    async def make() -> str:
        settings = Settings.load({"correlation_file": rules}, environ=opsagent.environ)
        async with build(settings, serving=False) as app:
            now = app.clock.now()
            first, *_ = await app.agent.receive(
                "default",
                [
                    signal("f1", "ShopDown", SignalStatus.FIRING, now),
                    signal("f2", "ShopSlow", SignalStatus.FIRING, now),
                    signal("f2", "ShopSlow", SignalStatus.RESOLVED, now),
                ],
            )
            return first.ticket.id

    return asyncio.run(make())


def test_the_list_says_how_many_alerts_fire(opsagent: Any, ticket: str) -> None:
    said = opsagent("tickets")
    assert said.code == 0
    assert "1 of 2 fire" in said.out
    assert opsagent("tickets", "--status", "closed").out == "No tickets.\n"
    (one,) = opsagent("tickets", "--json").json["tickets"]
    assert (one["ticketId"], one["members"], one["membersFiring"]) == (ticket, 2, 1)


def test_one_ticket_shows_its_alerts(opsagent: Any, ticket: str) -> None:
    said = opsagent("tickets", "show", ticket[:8])
    assert said.code == 0
    assert "One problem by the rule shop: same service shop." in said.out
    lines = [line for line in said.out.splitlines() if line.startswith("Shop")]
    assert [line.split()[:2] for line in lines] == [["ShopDown", "firing"], ["ShopSlow", "resolved"]]
    assert "\x1b[31m" not in said.out
    assert opsagent("tickets", "show", "nothing").code == 2


def test_a_persons_word_is_noted_and_shown(opsagent: Any, ticket: str) -> None:
    assert opsagent("tickets", "feedback", ticket[:8], "noise", "--note", "a drill").out == "Noted: noise.\n"
    assert "said: noise (a drill)" in opsagent("tickets", "show", ticket).out
    assert opsagent("tickets", "feedback", ticket, "maybe").code == 2
    assert opsagent("tickets", "feedback", ticket, "real", "--json").json["verdict"] == "real"


def test_a_closed_ticket_is_opened_again(opsagent: Any, ticket: str) -> None:
    said = opsagent("tickets", "reopen", ticket, "--reason", "it is down")
    assert said.out == "It is open again.\n"
    assert opsagent("tickets", "show", ticket, "--json").json["reason"] == "it is down"


def test_how_closing_does(opsagent: Any) -> None:
    said = opsagent("triage", "quality", "--days", "7")
    assert "Auto-close is off; it closes from a confidence of 0.90 on." in said.out
    assert "Closed in the last 7 days: nothing." in said.out
    assert opsagent("triage", "quality", "--json").json["closed"]["total"] == 0
