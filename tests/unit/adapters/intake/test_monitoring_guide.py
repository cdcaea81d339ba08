"""What docs/monitoring.md tells people to paste does what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.bootstrap.sources import BRANDS, sources
from opsagent.settings import Settings

GUIDE = (Path(__file__).parents[4] / "docs" / "monitoring.md").read_text()
FIXTURES = Path(__file__).parents[3] / "fixtures"
NOW = 1_795_217_000.0
SOURCES = sources(Settings(), SystemClock(), SystemIds())
CURLS = re.findall(r"(?:BODY='|curl -d ')(\{.*?\})'(?s:.*?)webhook/([a-z-]+)$", GUIDE, re.MULTILINE)


def test_every_source_has_a_call_to_try() -> None:
    assert {name for _, name in CURLS} == SOURCES.keys() - {"alertmanager", "prometheus"}
    assert set(BRANDS) < SOURCES.keys()


@pytest.mark.parametrize(("body", "name"), CURLS, ids=[name for _, name in CURLS])
def test_the_call_makes_a_signal(body: str, name: str) -> None:
    (signal,) = SOURCES[name].parse("acme", {}, body.encode(), NOW).signals
    assert signal.status.value == "firing"


def test_the_payload_for_datadog_has_what_is_read() -> None:
    (text,) = re.findall(r"```json\n(\{\n.*?\n\})\n```", GUIDE, re.DOTALL)
    assert json.loads(text).keys() == json.loads((FIXTURES / "datadog" / "triggered.json").read_text()).keys()


def test_the_parameters_for_zabbix_are_what_the_mapping_reads() -> None:
    table = GUIDE.split("Parameters (name, value):")[1].split("Script:")[0]
    named = set(re.findall(r"\| `([a-z_]+)` \|", table)) - {"url", "token"}
    assert named == json.loads((FIXTURES / "zabbix" / "problem.json").read_text()).keys()


def test_the_mapping_of_the_guide_works(tmp_path: Path) -> None:
    text = GUIDE.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "nightwatch.yaml").write_text(text)
    mine = Settings.model_validate({"intake": {"intake_mappings_folder": tmp_path}})
    checks = [
        {"check": {"name": "disk"}, "host": "db-1", "state": "CRIT", "id": 7, "since": 1795217000, "summary": "full"},
        {"check": {"name": "load"}, "host": "db-1", "state": "MAINT", "id": 8},
    ]
    source = sources(mine, SystemClock(), SystemIds())["nightwatch"]
    (signal,) = source.parse("acme", {}, json.dumps({"checks": checks}).encode(), NOW).signals
    assert (signal.name, signal.environment, signal.priority.value) == ("disk", "prod", "critical")
    assert signal.fingerprint == "nightwatch:disk, db-1"
