from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.alertmanager.config import AlertmanagerConfig
from opsagent.adapters.alertmanager.source import AlertmanagerSource
from opsagent.adapters.clock import SystemIds
from opsagent.adapters.prometheus.config import PrometheusConfig
from opsagent.adapters.prometheus.source import PrometheusSource
from opsagent.domain.priority import Priority
from opsagent.domain.ticket import Signal, SignalStatus
from opsagent.errors import InputError, TooLarge

FIXTURES = Path(__file__).parents[3] / "fixtures" / "alertmanager"
NOW = 1_795_217_000.0  # 2026-11-20T23:23:20Z
SECRET = "s3cret-s3cret-s3cret"


def alertmanager(**config: object) -> AlertmanagerSource:
    return AlertmanagerSource(AlertmanagerConfig(**config), SystemIds())


def prometheus(**config: object) -> PrometheusSource:
    return PrometheusSource(PrometheusConfig(**config), SystemIds())


SOURCES = [alertmanager, prometheus]


def payload(*alerts: object, **more: object) -> bytes:
    return orjson.dumps({"version": "4", "status": "firing", "alerts": alerts, **more})


def alert(labels: dict[str, object] | None = None, **more: object) -> dict[str, object]:
    return {"status": "firing", "labels": {"alertname": "Down"} if labels is None else labels, **more}


def one(raw: bytes, source: AlertmanagerSource | PrometheusSource | None = None) -> Signal:
    (signal,) = (source or alertmanager()).parse("acme", {}, raw, NOW).signals
    return signal


def refusal(raw: bytes, source: AlertmanagerSource | PrometheusSource | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        (source or alertmanager()).parse("acme", {}, raw, NOW)
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize("make", SOURCES)
def test_a_real_firing_payload(make: Callable[[], AlertmanagerSource | PrometheusSource]) -> None:
    signal = one((FIXTURES / "alertmanager-firing-HighErrorRate-2.json").read_bytes(), make())
    assert (signal.tenant, signal.source) == ("acme", make().name)
    assert (signal.name, signal.status, signal.priority) == ("HighErrorRate", SignalStatus.FIRING, Priority.CRITICAL)
    assert signal.fingerprint == "caabbd059ced5a11"
    assert signal.title == "error rate 12.9% on shop"
    assert signal.labels["service"] == "shop"
    assert signal.starts_at == 1795217898.875
    assert signal.ends_at is None
    assert signal.received_at == NOW


def test_firing_and_resolved_are_one_problem_and_two_deliveries() -> None:
    fired = one((FIXTURES / "alertmanager-firing-HighErrorRate-2.json").read_bytes())
    resolved = one((FIXTURES / "alertmanager-resolved-HighErrorRate-3.json").read_bytes())
    assert resolved.status is SignalStatus.RESOLVED
    assert resolved.ends_at is not None
    assert resolved.fingerprint == fired.fingerprint
    assert resolved.delivery != fired.delivery


@pytest.mark.parametrize("file", sorted(FIXTURES.glob("*.json")), ids=lambda file: file.stem)
def test_every_captured_payload_is_taken_twice_alike(file: Path) -> None:
    source = alertmanager()
    first, second = (source.parse("acme", {}, file.read_bytes(), NOW + later).signals for later in (0, 60))
    assert [signal.delivery for signal in first] == [signal.delivery for signal in second]
    assert len(first) == (0 if "DeadManSwitch" in file.name else 1)


@pytest.mark.parametrize("make", SOURCES)
def test_a_watchdog_makes_no_signal_and_is_noted(make: Callable[[], AlertmanagerSource | PrometheusSource]) -> None:
    source = make()
    parsed = source.parse("acme", {}, payload(alert({"alertname": "Watchdog"}), alert()), NOW)
    assert [signal.name for signal in parsed.signals] == ["Down"]
    assert parsed.alive
    assert not source.parse("acme", {}, payload(alert()), NOW).alive


def test_a_heartbeat_that_ends_is_none_and_a_cut_delivery_is_said(caplog: pytest.LogCaptureFixture) -> None:
    ended = alert({"alertname": "Watchdog"}, status="resolved", endsAt="2026-11-20T23:00:00Z")
    with caplog.at_level(logging.WARNING):
        parsed = alertmanager().parse("acme", {}, payload(ended, truncatedAlerts=7), NOW)
    assert not parsed.signals
    assert not parsed.alive
    assert "cut 7 alerts" in caplog.text


def test_the_list_that_prometheus_posts() -> None:
    firing = {"labels": {"alertname": "Down", "instance": "db1"}, "startsAt": "2026-11-20T23:00:00Z"}
    again = firing | {"endsAt": "2026-11-20T23:27:20Z"}  # in the future: Prometheus says how long it may be trusted
    later = firing | {"endsAt": "2026-11-20T23:28:20Z"}
    over = firing | {"endsAt": "2026-11-20T23:20:00Z"}
    signals = prometheus().parse("acme", {}, orjson.dumps([again, later, over]), NOW).signals
    assert [signal.status.value for signal in signals] == ["firing", "firing", "resolved"]
    assert signals[0].delivery == signals[1].delivery != signals[2].delivery
    assert {signal.fingerprint for signal in signals} == {signals[0].fingerprint}
    assert len(signals[0].fingerprint) == 16
    assert signals[0].title == "Down on db1"
    assert signals[0].ends_at is None
    assert signals[2].ends_at == NOW - 200


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), min_size=1, max_size=6))
def test_the_fingerprint_is_of_the_labels_in_any_order(labels: dict[str, str]) -> None:
    turned = dict(reversed(labels.items()))
    source = prometheus()
    first, second = source.parse("acme", {}, orjson.dumps([{"labels": labels}, {"labels": turned}]), NOW).signals
    assert first.fingerprint == second.fingerprint
    other = one(orjson.dumps([{"labels": {**labels, "other label": "x"}}]), source)
    assert other.fingerprint != first.fingerprint


def test_alertmanagers_own_list_has_an_object_as_status() -> None:
    raw = orjson.dumps([{"labels": {"alertname": "Down"}, "status": {"state": "active"}}])
    assert one(raw, prometheus()).status is SignalStatus.FIRING


@pytest.mark.parametrize(
    ("labels", "priority"),
    [
        ({"severity": "critical"}, Priority.CRITICAL),
        ({"severity": "Page "}, Priority.CRITICAL),
        ({"severity": "error"}, Priority.HIGH),
        ({"severity": "high"}, Priority.HIGH),
        ({"severity": "warning"}, Priority.MEDIUM),
        ({"severity": "info"}, Priority.LOW),
        ({"severity": "none"}, Priority.LOW),
        ({"severity": "odd"}, Priority.MEDIUM),
        ({"priority": "P1"}, Priority.CRITICAL),
        ({}, Priority.MEDIUM),
    ],
)
def test_severity_becomes_priority(labels: dict[str, object], priority: Priority) -> None:
    assert one(payload(alert({"alertname": "Down", **labels}))).priority is priority


@pytest.mark.parametrize(
    ("labels", "environment"),
    [
        ({"environment": "prod", "env": "x", "namespace": "y"}, "prod"),
        ({"env": " staging "}, "staging"),
        ({"namespace": "shop"}, "shop"),
        ({"service": "shop"}, ""),
    ],
)
def test_the_environment_is_found_in_the_labels(labels: dict[str, object], environment: str) -> None:
    assert one(payload(alert({"alertname": "Down", **labels}))).environment == environment


@pytest.mark.parametrize(
    ("labels", "annotations", "title", "description"),
    [
        ({"alertname": "Down"}, {"summary": "it is\ndown", "description": "a\nb"}, "it is down", "a\nb"),
        ({"alertname": "Down", "instance": "h:9"}, {"message": "m"}, "Down on h:9", "m"),
        ({"alertname": "Down"}, None, "Down", ""),
        ({"job": "x"}, {"summary": " "}, "unnamed alert", ""),
        ({"alertname": "Down"}, {"summary": "x" * 999}, "x" * 299 + "…", ""),
    ],
)
def test_title_and_description(labels: dict[str, object], annotations: object, title: str, description: str) -> None:
    signal = one(payload(alert(labels, annotations=annotations)))
    assert (signal.title, signal.description) == (title, description)


def test_long_annotations_are_cut_and_nul_is_replaced() -> None:
    signal = one(payload(alert({"alertname": "Do\0wn"}, annotations={"description": "x" * 50_000})))
    assert len(signal.description) <= 10 * 1024
    assert "cut" in signal.description
    assert "\0" not in signal.name


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-20T23:23:20Z", NOW),
        ("2026-11-20T23:23:20.5z", NOW + 0.5),
        ("2026-11-21T00:23:20.000000001+01:00", NOW),
        ("2026-11-20 23:23:20.123456789Z", NOW + 0.123456),
        ("0001-01-01T00:00:00Z", NOW),
        ("9000-01-01T00:00:00Z", NOW),
        ("9999-12-31T23:59:59.999999Z", NOW),
        ("9999-12-31T23:59:59-14:00", NOW),
        (None, NOW),
        ("", NOW),
    ],
)
def test_when_it_started(text: str | None, seconds: float) -> None:
    assert one(payload(alert(startsAt=text))).starts_at == pytest.approx(seconds, abs=1e-5)


def test_without_a_start_a_second_firing_is_not_taken_for_the_first() -> None:
    first = alertmanager().parse("acme", {}, payload(alert()), NOW).signals[0]
    second = alertmanager().parse("acme", {}, payload(alert()), NOW + 600).signals[0]
    assert first.delivery != second.delivery


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b'"text"', ""),
        (b"[]", ""),
        (b"null", ""),
        (b"{}", "/alerts"),
        (b'{"alerts": {}}', "/alerts"),
        (payload("x"), "/alerts/0"),
        (payload(alert(), None), "/alerts/1"),
        (payload(alert({})), "/alerts/0/labels"),
        (payload({"status": "firing"}), "/alerts/0/labels"),
        (payload(alert([])), "/alerts/0/labels"),
        (payload(alert({"a/b~c": 5})), "/alerts/0/labels/a~1b~0c"),
        (payload(alert(status="odd")), "/alerts/0/status"),
        (payload(alert(status=5)), "/alerts/0/status"),
        (payload(alert(startsAt="yesterday")), "/alerts/0/startsAt"),
        (payload(alert(startsAt="2026-13-40T99:99:99Z")), "/alerts/0/startsAt"),
        (payload(alert(startsAt="2026-11-20T23:23:20")), "/alerts/0/startsAt"),
        (payload(alert(endsAt=17)), "/alerts/0/endsAt"),
        (payload(alert(annotations={"summary": ["x"]})), "/alerts/0/annotations/summary"),
        (payload(alert(fingerprint=5)), "/alerts/0/fingerprint"),
        (payload(alert(fingerprint="f" * 200)), "/alerts/0/fingerprint"),
        (payload(alert({f"l{n}": "x" for n in range(300)})), "/alerts/0/labels"),
        (payload(alert({"l": "x" * 5000})), "/alerts/0/labels/l"),
        (payload(alert(), version="3"), "/version"),
    ],
)
def test_a_wrong_field_is_named_by_its_place(raw: bytes, pointer: str) -> None:
    problem = refusal(raw)
    assert problem.extra["pointer"] == pointer
    assert pointer in problem.message


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"{", b"\xff\xfe", b'{"alerts": [NaN]}', b'{"alerts": [Infinity]}', b'{"alerts": ["\xc3\x28"]}'),
        *(b"[" * 100_000, b'{"a":' * 100_000, b"[" * 1000 + b"]" * 1000, b'{"alerts":[{"labels":{"a":"\\ud800"}}]}'),
        *(b"1e999", b"9" * 5000, b'{"alerts":[' + b"9" * 5000 + b"]}", b"\x00" * 1000, b"x" * 10_000_000),
    ],
)
def test_nonsense_is_an_input_error(make: Callable[[], AlertmanagerSource | PrometheusSource], raw: bytes) -> None:
    refusal(raw, make())


@pytest.mark.parametrize("make", SOURCES)
def test_too_much_at_once_is_said(make: Callable[..., AlertmanagerSource | PrometheusSource]) -> None:
    with pytest.raises(TooLarge, match="3 alerts"):
        make(max_alerts=2).parse("acme", {}, payload(alert(), alert(), alert()), NOW)
    with pytest.raises(TooLarge):
        make().parse("acme", {}, b" " * (16 * 1024**2 + 1), NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)
NAMES = ("status", "labels", "annotations", "startsAt", "endsAt", "fingerprint")
NEARLY = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6)
TIMES = st.from_regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})", fullmatch=True
)


@pytest.mark.parametrize("make", SOURCES)
@given(body=JSON | st.lists(NEARLY, max_size=3) | st.fixed_dictionaries({"alerts": st.lists(NEARLY, max_size=3)}))
def test_any_json_is_signals_or_an_input_error(
    make: Callable[[], AlertmanagerSource | PrometheusSource], body: object
) -> None:
    try:
        signals = make().parse("acme", {}, json.dumps(body).encode("utf-8", "surrogatepass"), NOW).signals
    except InputError as problem:
        refused = problem
    else:
        assert all(signal.tenant == "acme" for signal in signals)
        return
    assert refused.fix


@given(starts=TIMES, ends=TIMES)
def test_any_time_is_taken_or_an_input_error(starts: str, ends: str) -> None:
    try:
        alertmanager().parse("acme", {}, payload(alert(startsAt=starts, endsAt=ends, status="resolved")), NOW)
    except InputError as problem:
        refused = problem
    else:
        return
    assert "At" in str(refused.extra["pointer"])


@given(st.binary(max_size=200))
def test_any_bytes_are_signals_or_an_input_error(raw: bytes) -> None:
    for make in SOURCES:
        try:
            make().parse("acme", {}, raw, NOW)
        except InputError:
            continue


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize(
    ("headers", "proven"),
    [
        ({"authorization": f"Bearer {SECRET}"}, True),
        ({"Authorization": f"bearer {SECRET}"}, True),
        ({"authorization": f"Basic {SECRET}"}, False),
        ({"authorization": SECRET}, False),
        ({"authorization": f"Bearer {SECRET}x"}, False),
        ({"authorization": "Bearer \u20ac\udc80"}, False),
        ({"authorization": "Bearer "}, False),
        ({"x-authorization": f"Bearer {SECRET}"}, False),
        ({}, False),
    ],
)
async def test_only_the_configured_secret_proves_a_delivery(
    make: Callable[..., AlertmanagerSource | PrometheusSource], headers: dict[str, str], proven: bool
) -> None:
    assert await make(secret=SECRET).verify(headers, b"", NOW) is proven
    assert await make().verify(headers, b"", NOW) is False
    assert (make(secret=SECRET).proves, make().proves) == (True, False)


def test_the_secret_does_not_show() -> None:
    assert SECRET not in repr(AlertmanagerConfig(secret=SECRET)) + repr(PrometheusConfig(secret=SECRET))
