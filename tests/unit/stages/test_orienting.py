"""Aiming, filling and triage: outside text selects among what people registered, and never more."""

from __future__ import annotations

from opsagent.domain.connection import Connection
from opsagent.domain.run import Run, Source
from opsagent.domain.runbook import Parameter, Phase, Runbook, RunbookStep
from opsagent.domain.ticket import Ticket
from opsagent.stages.aim import Missing, Target, aim


def run(**changes: object) -> Run:
    values: dict[str, object] = {
        "id": "r",
        "tenant": "t",
        "source": Source.TICKET,
        "task": "x",
        "created_at": 0.0,
        "updated_at": 0.0,
        "requested_by": "ada",
        "scope": ("web-1", "web-2", "sandbox"),
    }
    return Run(**(values | changes))  # type: ignore[arg-type]


def ticket(**labels: str) -> Ticket:
    return Ticket(id="k", tenant="t", fingerprint="f", name="Down", title="Down", source="alertmanager", labels=labels)


def connection(name: str, **labels: str) -> Connection:
    return Connection(id=name, tenant="t", name=name, labels=labels)


WEB = [connection("web-1", host="a"), connection("web-2", host="b"), connection("sandbox")]


def test_labels_pick_the_one_connection_they_name() -> None:
    target = aim(run(), None, ticket(host="b", job="nginx"), WEB)
    assert isinstance(target, Target)
    assert target.connection.name == "web-2"


def test_no_match_and_several_matches_are_said_and_nothing_is_guessed() -> None:
    assert isinstance(aim(run(), None, ticket(host="c"), WEB), Missing)
    several = aim(run(), None, ticket(host="a"), [*WEB, connection("web-2", host="a")])
    assert isinstance(several, Missing)
    assert "web-1, web-2" in several.reason


def test_a_connection_without_labels_matches_no_alert() -> None:
    assert isinstance(aim(run(), None, ticket(host="x"), [connection("web-1"), connection("sandbox")]), Missing)


def test_a_target_outside_the_scope_is_not_taken() -> None:
    assert isinstance(aim(run(scope=("web-1",), connection="web-2"), None, None, WEB), Missing)


def test_a_value_that_does_not_fit_is_refused() -> None:
    runbook = Runbook(
        id="b",
        title="b",
        source="",
        version="v",
        connection="web-1",
        parameters=(Parameter(name="unit", source="unit"),),
    )
    fits = aim(run(), runbook, ticket(unit="nginx.service", host="a"), WEB)
    assert isinstance(fits, Target)
    assert fits.parameters == {"unit": "nginx.service"}
    for hostile in ("-rf", "a b", "$(id)", "a;b", "a\n", "", "../x", "x" * 200):
        assert isinstance(aim(run(), runbook, ticket(unit=hostile, host="a"), WEB), Missing), hostile


def test_a_named_target_whose_labels_contradict_the_ticket_is_not_taken() -> None:
    runbook = Runbook(id="b", title="b", source="", version="v", connection="web-1")
    refused = aim(run(), runbook, ticket(host="staging"), WEB)
    assert isinstance(refused, Missing)
    assert "labels" in refused.reason


def test_a_target_registered_later_is_not_in_the_scope() -> None:
    later = Connection(id="n", tenant="t", name="new", labels={"host": "n"}, created_at=2.0)
    assert isinstance(aim(run(scope=(), created_at=1.0), None, ticket(host="n"), [later]), Missing)
    assert isinstance(aim(run(scope=(), created_at=3.0), None, ticket(host="n"), [later]), Target)


def cloud(name: str, number: str, **labels: str) -> Connection:
    return Connection(
        id=name, tenant="t", name=name, executor="aws", address=f"aws://{number}/eu-central-1", labels=labels
    )


CLOUDS = [*WEB, cloud("prod", "111111111111", team="shop"), cloud("lab", "222222222222", team="shop")]
EVERYWHERE = ("prod", "lab", "web-1", "web-2", "sandbox")


def for_accounts(**changes: object) -> Runbook:
    step = RunbookStep(name="look", phase=Phase.DIAGNOSIS, text="aws s3 ls", line=1, executor="aws")
    values: dict[str, object] = {"id": "b", "tenant": "t", "title": "b", "version": "v", "source": "", "steps": (step,)}
    return Runbook(**(values | changes))  # type: ignore[arg-type]


def test_an_account_a_request_names_is_aimed_at() -> None:
    for task, account_id in (("stopped in 222222222222", ""), ("lab is slow", ""), ("look", "222222222222")):
        wanted = run(task=task, account_id=account_id, scope=EVERYWHERE)
        target = aim(wanted, for_accounts(), None, CLOUDS)
        assert isinstance(target, Target)
        assert (target.connection.name, target.why) == ("lab", "its account is named")


def test_an_account_a_ticket_names_tells_its_labels_apart() -> None:
    wanted = run(scope=EVERYWHERE)
    target = aim(wanted, for_accounts(), ticket(team="shop", account="111111111111"), CLOUDS)
    assert isinstance(target, Target)
    assert target.connection.name == "prod"
    assert isinstance(aim(wanted, for_accounts(), ticket(team="shop"), CLOUDS), Missing)


def test_an_account_outside_the_scope_or_unknown_is_not_taken() -> None:
    unknown = aim(run(task="in 333333333333", scope=EVERYWHERE), for_accounts(), None, CLOUDS)
    assert isinstance(unknown, Missing)
    assert "333333333333" in unknown.reason
    outside = aim(run(task="in 222222222222", scope=("prod",)), for_accounts(), None, CLOUDS)
    assert isinstance(outside, Missing)


def test_what_is_named_by_people_stands_above_what_a_text_says() -> None:
    target = aim(run(task="lab", connection="prod", scope=EVERYWHERE), for_accounts(), None, CLOUDS)
    assert isinstance(target, Target)
    assert target.connection.name == "prod"


def test_a_runbook_for_a_host_is_not_led_to_an_account() -> None:
    target = aim(run(task="lab is slow", scope=EVERYWHERE), None, None, CLOUDS)
    assert isinstance(target, Target)
    assert target.connection.name == "sandbox"
