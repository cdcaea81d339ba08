"""Each brand: a real payload becomes a signal, its end meets its beginning, and only its own proof opens the door."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.clock import SystemIds
from opsagent.adapters.datadog.config import DatadogConfig
from opsagent.adapters.datadog.source import DatadogSource
from opsagent.adapters.generic.config import GenericConfig
from opsagent.adapters.generic.folders import load_mappings
from opsagent.adapters.generic.source import GenericSource
from opsagent.adapters.grafana.config import GrafanaConfig
from opsagent.adapters.grafana.source import GrafanaSource
from opsagent.adapters.pagerduty.config import PagerDutyConfig
from opsagent.adapters.pagerduty.source import PagerDutySource
from opsagent.adapters.sentry.config import SentryConfig
from opsagent.adapters.sentry.source import SentrySource
from opsagent.domain.priority import Priority
from opsagent.domain.ticket import Signal, SignalStatus
from opsagent.errors import InputError
from opsagent.ports.intake import SignalSource

FIXTURES = Path(__file__).parents[3] / "fixtures"
NOW = 1_795_217_000.0  # 2026-11-20T23:23:20Z
SECRET = "s3cret-s3cret-s3cret"
Make = Callable[[str], SignalSource]


def mapped(name: str) -> Make:
    mapping = load_mappings(None)[name]
    return lambda secret: GenericSource(GenericConfig(mapping=mapping, secret=secret), SystemIds())


BRANDS: dict[str, Make] = {
    "grafana": lambda secret: GrafanaSource(GrafanaConfig(secret=secret), SystemIds()),
    "pagerduty": lambda secret: PagerDutySource(PagerDutyConfig(secret=secret), SystemIds()),
    "sentry": lambda secret: SentrySource(SentryConfig(secret=secret), SystemIds()),
    "datadog": lambda secret: DatadogSource(DatadogConfig(secret=secret), SystemIds()),
    **{name: mapped(name) for name in ("generic", "opsgenie", "zabbix", "uptime-kuma")},
}


def signals(brand: str, file: str, now: float = NOW) -> list[Signal]:
    return list(BRANDS[brand]("").parse("acme", {}, (FIXTURES / brand / file).read_bytes(), now).signals)


def one(brand: str, file: str) -> Signal:
    (signal,) = signals(brand, file)
    return signal


def hexed(message: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("brand", "file", "name", "priority", "environment", "some_label"),
    [
        ("grafana", "firing.json", "CheckoutErrors", Priority.CRITICAL, "prod", ("service", "checkout")),
        ("pagerduty", "triggered.json", "Checkout answers 503", Priority.CRITICAL, "", ("service", "Shop")),
        ("sentry", "issue-created.json", "ConnectionError: pool exhausted", Priority.HIGH, "", ("issue", "SHOP-3K")),
        ("sentry", "event-alert.json", "ConnectionError: pool exhausted", Priority.HIGH, "production",
         ("server_name", "web-2")),
        ("sentry", "metric-critical.json", "Checkout is slow", Priority.CRITICAL, "production", ("project", "shop")),
        ("datadog", "triggered.json", "Disk is filling on {{host.name}}", Priority.HIGH, "prod", ("service", "orders")),
        ("opsgenie", "create.json", "Checkout answers 503", Priority.CRITICAL, "", ("tags", "shop, eu")),
        ("zabbix", "problem.json", "Free disk space is less than 5% on volume /", Priority.HIGH, "prod",
         ("host", "db-1.example.org")),
        ("uptime-kuma", "down.json", "Shop front page", Priority.MEDIUM, "", ("tags", "shop")),
        ("generic", "backup.json", "BackupFailed", Priority.HIGH, "prod", ("host", "db-1")),
    ],
)  # fmt: skip
def test_a_firing_payload(
    brand: str, file: str, name: str, priority: Priority, environment: str, some_label: tuple[str, str]
) -> None:
    signal = one(brand, file)
    assert (signal.name, signal.status, signal.priority) == (name, SignalStatus.FIRING, priority)
    assert (signal.source, signal.tenant, signal.environment) == (brand, "acme", environment)
    assert signal.labels[some_label[0]] == some_label[1]
    assert signal.title
    assert signal.starts_at is not None
    assert abs(signal.starts_at - NOW) < 600
    assert signal.ends_at is None


@pytest.mark.parametrize(
    ("brand", "begins", "ends"),
    [
        ("grafana", "firing.json", "resolved.json"),
        ("pagerduty", "triggered.json", "resolved.json"),
        ("sentry", "issue-created.json", "issue-resolved.json"),
        ("sentry", "event-alert.json", "issue-resolved.json"),
        ("sentry", "metric-critical.json", "metric-resolved.json"),
        ("datadog", "triggered.json", "recovered.json"),
        ("opsgenie", "create.json", "close.json"),
        ("zabbix", "problem.json", "recovery.json"),
        ("uptime-kuma", "down.json", "up.json"),
    ],
)
def test_the_end_is_of_the_same_problem_and_another_delivery(brand: str, begins: str, ends: str) -> None:
    first, last = one(brand, begins), one(brand, ends)
    assert last.status is SignalStatus.RESOLVED
    assert last.fingerprint == first.fingerprint
    assert last.delivery != first.delivery
    assert last.ends_at is not None


@pytest.mark.parametrize(
    ("brand", "file"),
    [
        ("pagerduty", "acknowledged.json"),
        ("pagerduty", "ping.json"),
        ("sentry", "installation.json"),
        ("opsgenie", "acknowledge.json"),
        ("zabbix", "update.json"),
        ("uptime-kuma", "testing.json"),
    ],
)
def test_what_says_nothing_about_a_condition_is_taken_in_words(brand: str, file: str) -> None:
    parsed = BRANDS[brand]("").parse("acme", {}, (FIXTURES / brand / file).read_bytes(), NOW)
    assert not parsed.signals
    assert "nothing" in parsed.words


@pytest.mark.parametrize("brand", BRANDS)
def test_the_same_delivery_twice_is_the_same(brand: str) -> None:
    for file in sorted((FIXTURES / brand).glob("*.json")):
        first, again = signals(brand, file.name), signals(brand, file.name, NOW + 90)
        if file.name not in {"backup.json", "two.json"}:  # they carry no time: a repeat later is news
            assert [signal.delivery for signal in first] == [signal.delivery for signal in again]
        assert [signal.fingerprint for signal in first] == [signal.fingerprint for signal in again]


def test_several_alerts_of_the_plain_form() -> None:
    first, second = signals("generic", "two.json")
    assert first.status is SignalStatus.RESOLVED
    assert first.fingerprint == one("generic", "backup.json").fingerprint
    assert (second.fingerprint, second.priority) == ("generic:payroll-2026-11", Priority.MEDIUM)


def test_the_extras_of_grafana_are_kept() -> None:
    notes = one("grafana", "firing.json").annotations
    assert notes["dashboardURL"] == "https://grafana.example.org/d/shop1"
    assert "value=7.2" in notes["valueString"]


def test_what_datadog_did_not_fill_in_is_nothing() -> None:
    body = json.loads((FIXTURES / "datadog" / "triggered.json").read_text())
    body |= {"hostname": "$HOSTNAME", "alert_priority": "null", "alert_type": "error", "alert_scope": ""}
    (signal,) = BRANDS["datadog"]("").parse("acme", {}, json.dumps(body).encode(), NOW).signals
    assert signal.labels["host"] == "db-1", "from the tags; the variable itself is no host"
    assert signal.priority is Priority.HIGH


@pytest.mark.parametrize("brand", ["pagerduty", "sentry", "grafana"])
async def test_a_signature_proves_the_body_it_was_made_for(brand: str) -> None:
    raw = (FIXTURES / brand).glob("*.json").__next__().read_bytes()
    names = {"pagerduty": "x-pagerduty-signature", "sentry": "Sentry-Hook-Signature",
             "grafana": "X-Grafana-Alerting-Signature"}  # fmt: skip
    prefix = "v1=" if brand == "pagerduty" else ""
    source = BRANDS[brand](SECRET)
    headers = {names[brand]: prefix + hexed(raw)}
    assert await source.verify(headers, raw, NOW)
    assert not await source.verify(headers, raw + b" ", NOW)
    assert not await source.verify({names[brand]: prefix + hexed(raw, "another secret 123")}, raw, NOW)
    assert not await source.verify({}, raw, NOW)
    assert not await source.verify({names[brand]: prefix}, raw, NOW)
    assert not await source.verify({names[brand]: prefix + "\u20ac\udc80"}, raw, NOW)
    assert not await BRANDS[brand]("").verify({names[brand]: prefix + hexed(raw, "")}, raw, NOW), "no secret, no proof"


def test_an_unsigned_request_id_makes_no_other_delivery_of_a_signed_body() -> None:
    source, raw = BRANDS["sentry"](SECRET), (FIXTURES / "sentry" / "issue-resolved.json").read_bytes()
    found = [source.parse("acme", {"Request-ID": one}, raw, NOW).signals[0].delivery for one in ("r1", "r2", "")]
    assert len(set(found)) == 1
    later = source.parse("acme", {"Request-ID": "r1"}, raw.replace(b"{", b'{"x": 1,', 1), NOW).signals[0]
    assert later.delivery not in found


async def test_one_of_several_pagerduty_signatures_is_enough() -> None:
    source, raw = BRANDS["pagerduty"](SECRET), b"{}"
    several = f"v1={hexed(raw, 'the old secret')},v2=abc, v1={hexed(raw)}"
    assert await source.verify({"X-PagerDuty-Signature": several}, raw, NOW)
    assert not await source.verify({"X-PagerDuty-Signature": f"v2={hexed(raw)}"}, raw, NOW)
    flood = ",".join(["v1=00"] * 30 + [f"v1={hexed(raw)}"])
    assert not await source.verify({"X-PagerDuty-Signature": flood}, raw, NOW), "only so many are tried"


@pytest.mark.parametrize(("age", "proven"), [(0, True), (-299, True), (301, False), (-301, False)])
async def test_a_signed_timestamp_of_grafana_must_be_recent(age: int, proven: bool) -> None:
    raw, stamp = b'{"alerts": []}', str(int(NOW) - age)
    signature = hexed(stamp.encode() + b":" + raw)
    headers = {"X-Grafana-Alerting-Signature": signature, "X-Grafana-Alerting-Timestamp": stamp}
    assert await BRANDS["grafana"](SECRET).verify(headers, raw, NOW) is proven
    del headers["X-Grafana-Alerting-Timestamp"]
    assert not await BRANDS["grafana"](SECRET).verify(headers, raw, NOW), "the timestamp cannot be left out"
    for odd in ("", "x", "-5", "\u0663", "9" * 400):
        headers["X-Grafana-Alerting-Timestamp"] = odd
        assert not await BRANDS["grafana"](SECRET).verify(headers, raw, NOW)


@pytest.mark.parametrize("brand", ["grafana", "datadog", "generic", "opsgenie", "zabbix", "uptime-kuma"])
async def test_a_bearer_secret_proves_a_delivery(brand: str) -> None:
    source = BRANDS[brand](SECRET)
    assert await source.verify({"authorization": f"Bearer {SECRET}"}, b"", NOW)
    assert not await source.verify({"authorization": f"Bearer {SECRET}x"}, b"", NOW)
    assert not await source.verify({}, b"", NOW)
    assert not await BRANDS[brand]("").verify({"authorization": "Bearer "}, b"", NOW)
    assert (source.proves, BRANDS[brand]("").proves) == (True, False)


@given(body=st.binary(max_size=200), other=st.binary(max_size=200), secret=st.text(st.characters(codec="ascii")))
async def test_true_only_if_signed_with_the_secret(body: bytes, other: bytes, secret: str) -> None:
    source = BRANDS["pagerduty"](secret)
    headers = {"X-PagerDuty-Signature": f"v1={hexed(body, secret)}"}
    assert await source.verify(headers, body, NOW) is bool(secret)
    assert await source.verify(headers, other, NOW) is (bool(secret) and other == body)


@pytest.mark.parametrize(
    ("brand", "body", "pointer"),
    [
        ("grafana", {}, "/alerts"),
        ("grafana", {"alerts": [{"labels": {"alertname": "x"}, "panelURL": 5}]}, "/alerts/0/panelURL"),
        ("pagerduty", {"event": None}, "/event"),
        ("pagerduty", {"event": {"event_type": "made.up"}}, "/event/event_type"),
        ("pagerduty", {"event": {"event_type": "incident.triggered", "data": {}}}, "/event/data/id"),
        ("pagerduty", {"event": {"event_type": "incident.triggered", "data": {"id": "x", "created_at": "soon"}}},
         "/event/data/created_at"),
        ("sentry", {"action": "created", "data": {}}, "/data"),
        ("sentry", {"action": "odd", "data": {"issue": {"id": "1"}}}, "/action"),
        ("sentry", {"action": "created", "data": {"issue": {"project": 5, "id": "1"}}}, "/data/issue/project"),
        ("sentry", {"action": "triggered", "data": {"event": {}}}, "/data/event/issue_id"),
        ("sentry", {"action": "triggered", "data": {"event": {"issue_id": 1, "tags": [5]}}}, "/data/event/tags/0"),
        ("datadog", {"alert_transition": "$ALERT_TRANSITION"}, "/alert_transition"),
        ("datadog", {"alert_transition": "Triggered"}, "/alert_id"),
        ("datadog", {"alert_transition": "Triggered", "alert_id": 1, "date": "x"}, "/date"),
        ("opsgenie", {"action": "Create", "alert": {"alias": "a"}}, "items/0/name"),
        ("zabbix", {"event_value": "1", "event_name": "x"}, "items/0/fingerprint"),
        ("generic", {"name": "x", "starts_at": True}, "items/0/starts_at"),
        ("zabbix", {"event_value": "7"}, "items/0/status"),
        ("uptime-kuma", {"heartbeat": {"status": 0, "time": "tomorrow"}, "monitor": {"id": 1, "name": "x"}},
         "items/0/starts_at"),
        ("generic", {"name": "x", "status": "odd"}, "items/0/status"),
        ("generic", {"name": "x", "labels": "y"}, "items/0/labels"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(brand: str, body: object, pointer: str) -> None:
    with pytest.raises(InputError) as caught:
        BRANDS[brand]("").parse("acme", {}, json.dumps(body).encode(), NOW)
    assert caught.value.extra["pointer"] == pointer
    assert caught.value.fix
