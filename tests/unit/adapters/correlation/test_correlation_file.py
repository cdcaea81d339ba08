"""The rules about which alerts are one problem: what is shipped, what is read, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsagent.adapters.correlation.file import load_correlation
from opsagent.domain.correlation import Correlation
from opsagent.domain.ticket import Signal, SignalStatus
from opsagent.errors import ConfigurationError

RULES = """
rules:
  - name: shop
    match: ['service=~"shop|checkout"', 'severity!="info"']
    same: [service, environment, region]
    within: 90s
    lead: [ShopDown, ShopSlow]
  - {name: any-database, match: 'kind="database"', same: [host]}
storm: {alerts: 5, within: 2m}
reopen_within: 2h
flapping: {changes: 6, within: 1h, calm: 20m}
"""


def signal(name: str = "ShopSlow", environment: str = "prod", **labels: str) -> Signal:
    return Signal(
        id="s",
        tenant="t",
        source="alertmanager",
        fingerprint="f",
        name=name,
        status=SignalStatus.FIRING,
        delivery="d",
        environment=environment,
        labels=labels,
    )


def read(tmp_path: Path, text: str) -> Correlation:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    return load_correlation(file)


def test_what_is_shipped_groups_nothing_but_a_storm() -> None:
    shipped = load_correlation()
    assert shipped.rules == ()
    assert shipped.grouping(signal(service="shop")) is None
    assert shipped.storm is not None
    assert (shipped.storm.alerts, shipped.storm.within_s) == (20, 60.0)
    assert (shipped.damping.reopen_s, shipped.damping.flaps) == (3600.0, 4)


def test_rules_are_read_and_say_what_is_one_problem(tmp_path: Path) -> None:
    rules = read(tmp_path, RULES)
    one = rules.grouping(signal(service="shop", region="eu"))
    assert one is not None
    assert (one.within_s, one.words) == (90.0, "shop: same service shop, environment prod, region eu")
    same = rules.grouping(signal("ShopDown", app="shop", service="shop", region="eu", severity="critical"))
    assert same is not None
    assert same.key == one.key
    for other in (
        signal(service="checkout", region="eu"),
        signal(service="shop", region="us"),
        signal(environment="test", service="shop", region="eu"),
    ):
        found = rules.grouping(other)
        assert found is not None
        assert found.key != one.key
    assert rules.grouping(signal(service="shop")) is None  # no region: nobody named what they would have in common
    assert rules.grouping(signal(service="shop", region="eu", severity="info")) is None
    second = rules.grouping(signal(kind="database", host="db-1"))
    assert second is not None
    assert second.within_s == 300.0
    assert (rules.damping.reopen_s, rules.damping.flaps, rules.damping.calm_s) == (7200.0, 6, 1200.0)


def test_values_do_not_run_into_each_other(tmp_path: Path) -> None:
    rules = read(tmp_path, "rules: [{name: a, same: [x, y]}]")
    keys = {rules.grouping(signal(x=x, y=y)).key for x, y in (("a", "bc"), ("ab", "c"), ('a","y', "c"))}  # type: ignore[union-attr]
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("rulez: []", 1, "not known"),
        ("rules:\n  - {name: Shop, same: [service]}", 2, "no name for a rule"),
        ("rules:\n  - {name: storm, same: [service]}", 2, "no name for a rule"),
        ("rules:\n  - {name: shop}", 2, "needs `same`"),
        ("rules:\n  - name: shop\n    same: [service]\n    within: soon", 4, "no length of time"),
        ("rules:\n  - name: shop\n    same: [service]\n    within: 0s", 4, "longer than nothing"),
        ("rules:\n  - name: shop\n    same: [service]\n    match: ['a=~\"(a+)+\"']", 4, "for ever"),
        ("rules:\n  - {name: a, same: [x]}\n  - {name: a, same: [y]}", 1, "used twice"),
        ("storm: {alerts: 0}", 1, "from 1 on"),
        ("storm:\n  alerts: 20\n  within: 0s", 3, "longer than nothing"),
        ("flapping:\n  changes: 4\n  within: 0s", 3, "longer than nothing"),
        ("reopen_within: 10s", 1, "at least 1m"),
        ("flapping: {changes: often}", 1, "whole number"),
        ("- a", 1, "correlation file is a mapping"),
        ("rules: [", 2, "not readable as YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        read(tmp_path, text)
    assert f"rules.yaml:{line}:" in caught.value.message
    assert "correlation_file" in caught.value.fix


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="correlation file cannot be read"):
        load_correlation(tmp_path / "nothing.yaml")


def test_without_a_storm_there_is_none(tmp_path: Path) -> None:
    assert read(tmp_path, "rules: []").storm is None
