"""`opsagent intake`: a payload tried out offline, a mapping of one's own, and the quarantine without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[2] / "fixtures"
MAPPING = """
source: nightwatch
name: check
status: {from: state, map: {bad: firing, good: resolved}}
fingerprint: check
labels: {host: host}
"""


def test_a_payload_is_shown_as_signals(opsagent):
    said = opsagent("intake", "test", "grafana", str(FIXTURES / "grafana" / "firing.json"))
    assert said.code == 0
    assert "CheckoutErrors" in said.out
    assert "critical" in said.out
    as_json = opsagent("intake", "test", "zabbix", str(FIXTURES / "zabbix" / "problem.json"), "--json").json
    assert as_json["signals"][0]["priority"] == "high"


def test_the_field_that_is_wrong_is_named(opsagent, tmp_path):
    file = tmp_path / "odd.json"
    file.write_text('{"alerts": [{"labels": {"alertname": 5}}]}')
    said = opsagent("intake", "test", "grafana", str(file))
    assert said.code == 2
    assert "/alerts/0/labels/alertname" in said.err


@pytest.mark.parametrize("given", [("nobody", "x.json"), ("grafana", "/no/such/file")])
def test_a_source_or_file_that_is_not_there_is_said(opsagent, given):
    said = opsagent("intake", "test", *given)
    assert said.code != 0
    assert said.err
    assert "Traceback" not in said.err


def test_a_mapping_of_ones_own(opsagent, tmp_path):
    folder = tmp_path / "mappings"
    folder.mkdir()
    (folder / "nightwatch.yaml").write_text(MAPPING)
    env = {"OPSAGENT_INTAKE_MAPPINGS_FOLDER": str(folder)}
    assert "nightwatch" in opsagent("intake", "sources", env=env).out
    payload = tmp_path / "payload.json"
    payload.write_text('{"check": "disk", "state": "bad", "host": "db-1"}')
    (signal,) = opsagent("intake", "test", "nightwatch", str(payload), "--json", env=env).json["signals"]
    assert (signal["name"], signal["status"], signal["labels"]) == ("disk", "firing", {"host": "db-1"})
    (folder / "nightwatch.yaml").write_text(MAPPING.replace("name: check", "name: 'check['"))
    said = opsagent("intake", "sources", env=env)
    assert said.code != 0
    assert "nightwatch.yaml" in said.err
    assert "name" in said.err


def test_an_empty_quarantine_is_said(opsagent):
    assert "could be read" in opsagent("intake", "quarantine", "list").out
    assert opsagent("intake", "quarantine", "show", "abc").code != 0
