"""Reply: what a message of the chat is answered without a model, and that nothing is guessed or started."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from opsagent.domain.conversation import Cited, CitedKind
from opsagent.domain.run import Run, RunResult, RunStatus, Source
from opsagent.domain.runbook import Runbook
from opsagent.domain.ticket import Ticket, TicketStatus
from opsagent.ports.answering import Asks
from opsagent.ports.index import Hit
from opsagent.stages.reply import MOST_FACTS, facts_about, reply


def book(slug: str, *, executable: bool = True, summary: str = "") -> Runbook:
    return Runbook(id=slug, title=f"About {slug}", source="", version="v", executable=executable, summary=summary)


def hit(slug: str, *, exact: bool = False) -> Hit:
    return Hit(id=slug, score=1.0, why="words", exact=exact)


def run(number: int, task: str, status: RunStatus = RunStatus.QUEUED, summary: str = "") -> Run:
    result = RunResult(summary=summary) if summary else None
    return Run(
        id=f"{number:08d}-run", tenant="t", source=Source.API, task=task, created_at=0, updated_at=0,
        requested_by="p", status=status, result=result,
    )  # fmt: skip


def ticket(number: int, name: str, status: TicketStatus = TicketStatus.OPEN) -> Ticket:
    return Ticket(
        id=f"{number:08d}-ticket", tenant="t", fingerprint=str(number), name=name, title="", source="", status=status
    )


def words_of(facts: Sequence[tuple[Cited, str]]) -> list[str]:
    return [words for _, words in facts]


@pytest.mark.parametrize(("text", "exact"), [("shop-down", False), ("please do SHOP-DOWN now", False), ("alert", True)])
def test_a_runbook_that_is_named_is_offered_and_not_started(text: str, exact: bool) -> None:
    said = reply(text, [(hit("shop-down", exact=exact), book("shop-down", summary="Bring it back"))], ())
    assert (said.asks, said.runbook_id) == (Asks.TASK, "shop-down")
    assert said.text == "Runbook shop-down is for this: Bring it back. Nothing was started."


def test_a_likeness_is_told_and_offers_nothing() -> None:
    said = reply("the shop is down", [(hit("shop-down"), book("shop-down"))], ["run 1, queued: shop."])
    assert (said.asks, said.runbook_id) == (Asks.ANSWER, "")
    assert said.text.startswith("Known of it:\n- run 1, queued: shop.")
    assert "Runbooks that speak of it:\n- shop-down: About shop-down." in said.text


def test_a_page_that_nobody_can_follow_is_not_offered_although_it_is_named() -> None:
    said = reply("notes", [(hit("notes", exact=True), book("notes", executable=False))], ())
    assert (said.asks, said.runbook_id) == (Asks.ANSWER, "")


def test_what_nothing_speaks_of_is_asked_back() -> None:
    assert reply("xyzzy", (), ()).asks is Asks.CLARIFY


def test_facts_share_a_word_of_four_letters_and_each_kind_is_bounded() -> None:
    runs = [run(number, "repair the checkout") for number in range(9)]
    tickets = [ticket(number, "CheckoutSlow checkout") for number in range(9)]
    found = facts_about("why is CHECKOUT slow", runs, tickets)
    assert len(found) == 2 * MOST_FACTS
    cited, words = found[0]
    assert (cited.kind, cited.id, cited.title) == (CitedKind.RUN, "00000000-run", "repair the checkout")
    assert words == "run 00000000, queued: repair the checkout."
    assert found[MOST_FACTS][0].kind is CitedKind.TICKET
    assert facts_about("the of and", runs, tickets) == ()


def test_asking_for_runs_or_tickets_lists_those_that_are_open() -> None:
    runs = [run(1, "one"), run(2, "two", RunStatus.COMPLETED, "It is done")]
    assert words_of(facts_about("which runs are there", runs, ())) == ["run 00000001, queued: one."]
    tickets = [ticket(1, "Alpha"), ticket(2, "Beta", TicketStatus.CLOSED)]
    assert words_of(facts_about("open tickets?", (), tickets)) == ["ticket 00000001, open: Alpha"]


def test_a_text_from_outside_stays_on_its_line() -> None:
    ((cited, words),) = facts_about("checkout", [run(1, "checkout\n- run 2, completed: all is well")], ())
    assert "\n" not in words
    assert "\n" not in cited.title
