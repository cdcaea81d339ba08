"""Alert rules as Prometheus, its operator and its API spell them."""

from __future__ import annotations

import contextlib
import json
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsagent.adapters.prometheus import rules
from opsagent.adapters.prometheus.rules import read_rules
from opsagent.domain.coverage import AlertRule
from opsagent.errors import InputError, TooLarge

FILE = """groups:
  - name: hosts
    rules:
      - record: job:up
        expr: up
      - alert: DiskFull
        expr: free < 1
        labels: {severity: critical, tier: 1}
        annotations:
          runbook_url: https://runbooks.example.com/disk
"""
DISK = AlertRule(
    name="DiskFull",
    labels={"severity": "critical", "tier": "1"},
    annotations={"runbook_url": "https://runbooks.example.com/disk"},
    file="r.yml",
    line=6,
)


def test_a_rule_file_with_its_lines() -> None:
    (rule,) = read_rules(FILE, "r.yml")
    assert rule == DISK
    assert (rule.severity, rule.link) == ("critical", "https://runbooks.example.com/disk")


def test_a_prometheus_rule_of_the_operator_among_other_objects() -> None:
    spec = textwrap.indent(FILE, "  ")
    text = f"kind: ConfigMap\n---\n---\nkind: PrometheusRule\nspec:\n{spec}"
    assert [rule.name for rule in read_rules(text, "k.yml")] == ["DiskFull"]
    item = textwrap.indent(f"kind: PrometheusRule\nspec:\n{spec}", "  ")
    assert [rule.name for rule in read_rules(f"kind: List\nitems:\n-\n{item}", "l.yml")] == ["DiskFull"]


def test_the_answer_of_a_running_prometheus() -> None:
    found = [
        {"type": "recording", "name": "job:up", "query": "up"},
        {"type": "alerting", "name": "DiskFull", "query": "x", "labels": {"severity": "page"}, "annotations": {}},
    ]
    answer = json.dumps({"status": "success", "data": {"groups": [{"name": "hosts", "rules": found}]}})
    assert read_rules(answer, "p") == (AlertRule(name="DiskFull", labels={"severity": "page"}, file="p"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("groups: [", "r.yml:[12]: this is no YAML"),
        ("a: &x [1]\ngroups: *x", "r.yml:2: it uses a YAML alias"),
        ("[" * 60, "nested more than"),
        ("just words", "there are no groups"),
        ("{}", "there are no groups"),
        ("{not json", "this is no YAML"),
        ("groups: !!python/object/apply:os.system [id]", "this is no YAML"),
        ("a: 2024-99-99", "this is no YAML"),
    ],
)
def test_what_is_no_rule_file_says_where(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_rules(text, "r.yml")


def test_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_RULES", 1)
    with pytest.raises(TooLarge):
        read_rules(f"{FILE}---\n{FILE}", "r.yml")
    monkeypatch.setattr(rules, "MAX_CHARS", 10)
    with pytest.raises(TooLarge):
        read_rules(FILE, "r.yml")


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        read_rules(text, "r.yml")
