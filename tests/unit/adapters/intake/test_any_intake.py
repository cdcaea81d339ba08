"""Every source against anything: bytes, JSON, payloads with any part replaced, injections in every field."""

from __future__ import annotations

import copy
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from injections import INJECTIONS
from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.stores.memory import open_memory
from opsagent.bootstrap.sources import sources
from opsagent.errors import ConfigurationError, InputError
from opsagent.ports.intake import Parsed, SignalSource
from opsagent.settings import Settings
from opsagent.stages.correlate import Correlate

FIXTURES = Path(__file__).parents[3] / "fixtures"
NOW = 1_795_217_000.0
SOURCES = sources(Settings(), SystemClock(), SystemIds())
PAYLOADS = [
    (name, file.name)
    for name in SOURCES
    for file in sorted((FIXTURES / name).glob("*.json"))
    if (FIXTURES / name).is_dir()
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


def read(source: SignalSource, raw: bytes) -> Parsed | None:
    """What it says; None when it was refused in words."""
    try:
        parsed = source.parse("acme", {}, raw, NOW)
    except InputError as problem:
        refused = problem
    else:
        for signal in parsed.signals:
            assert signal.tenant == "acme"
            assert signal.source == source.name
            assert 0 < len(signal.fingerprint) <= 160
            assert len(signal.title) <= 300
            assert "\0" not in json.dumps([signal.name, signal.title, signal.description, *signal.labels.values()])
        return parsed
    assert refused.message
    assert refused.fix
    return None


def places(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """The path of everything in a document."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def replaced(document: object, path: tuple[object, ...], new: object) -> object:
    changed = copy.deepcopy(document)
    at = changed
    for key in path[:-1]:
        at = at[key]  # type: ignore[index]
    at[path[-1]] = new  # type: ignore[index]
    return changed


def shown(name: str, file: str) -> object:
    document = json.loads((FIXTURES / name / file).read_text())
    if name == "cloudwatch" and document["Type"] == "Notification":
        document["Message"] = json.loads(document["Message"])  # so that what is inside is replaced, too
    return document


def sent(name: str, document: object) -> bytes:
    if name == "cloudwatch" and isinstance(document, dict) and not isinstance(document.get("Message"), str):
        document = {**document, "Message": json.dumps(document.get("Message"))}
    return json.dumps(document).encode("utf-8", "surrogatepass")


def test_every_source_has_a_payload_of_its_own_so_that_all_this_is_tried_on_it() -> None:
    assert set(SOURCES) == {name for name, _ in PAYLOADS}


@pytest.mark.parametrize("name", SOURCES)
@given(raw=st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(name: str, raw: bytes) -> None:
    read(SOURCES[name], raw)


@pytest.mark.parametrize("name", SOURCES)
@given(body=JSON)
def test_any_json_is_refused_or_read(name: str, body: object) -> None:
    read(SOURCES[name], json.dumps(body).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(("name", "file"), PAYLOADS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_payload_with_any_part_replaced_is_refused_or_read(name: str, file: str, data: st.DataObject) -> None:
    document = shown(name, file)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(document))))
        document = replaced(document, path, data.draw(JSON))
    read(SOURCES[name], sent(name, document))


@pytest.mark.parametrize(("name", "file"), PAYLOADS)
def test_every_field_without_its_value_is_refused_or_read(name: str, file: str) -> None:
    document = shown(name, file)
    for path in places(document):
        for nothing in (None, "", [], {}, 0, False):
            read(SOURCES[name], sent(name, replaced(document, path, nothing)))


@pytest.mark.parametrize(("name", "file"), PAYLOADS)
def test_an_injection_in_any_field_stays_text(name: str, file: str) -> None:
    """It comes out as the text it went in as, or is refused; the run it makes has no command, runbook or target."""
    clock, ids = SystemClock(), SystemIds()
    correlate = Correlate(tickets=open_memory(clock, ids).tickets, clock=clock, ids=ids)
    document = shown(name, file)
    plain = json.dumps(document)
    for path in places(document):
        for text in INJECTIONS:
            parsed = read(SOURCES[name], sent(name, replaced(document, path, text)))
            for signal in parsed.signals if parsed else ():
                said = [signal.name, signal.title, signal.description, signal.environment, *signal.labels.values()]
                for one in said:
                    whole = text.replace("\0", "\ufffd")
                    for mark in ("owned", "DROP", "onerror", "channel", "jndi", "Set-Cookie", "%00", "calc"):
                        if mark in one and mark not in plain:
                            assert " ".join(whole.split()) in " ".join(one.split())
                run = correlate._arrival(signal, "").run
                assert (run.runbook_id, run.connection, dict(run.parameters)) == ("", "", {})
                assert run.task.startswith(signal.name)


def test_words_of_yaml_are_words(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "source: mine\nname: n\nfingerprint: n\nstatus: {from: s, map: {on: firing, off: resolved, 0: ignored}}"
    )
    mine = sources(
        Settings.model_validate({"intake": {"intake_mappings_folder": tmp_path}}), SystemClock(), SystemIds()
    )["mine"]
    bodies = (b'{"n": "a", "s": "ON"}', b'{"n": "a", "s": "off"}', b'{"n": "a", "s": 0}')
    found = [[one.status.value for one in mine.parse("acme", {}, raw, NOW).signals] for raw in bodies]
    assert found == [["firing"], ["resolved"], []]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no list of keys"),
        ("a: [", "not YAML"),
        ("- 1", "no list of keys"),
        ("source: x\nname: a\nstatus: b", "'fingerprint' is missing"),
        ("source: X Y\nname: a\nstatus: b\nfingerprint: c", "source must be"),
        ("source: x\nname: a\nstatus: b\nfingerprint: c\nnames: d", "'names' is not known"),
        ("source: x\nname: 'a['\nstatus: b\nfingerprint: c", "name is no JMESPath"),
        ("source: x\nname: [5]\nstatus: b\nfingerprint: c", "name must be a JMESPath"),
        ("source: x\nname: a\nstatus: {from: b, map: {x: maybe}}\nfingerprint: c", "status means 'maybe'"),
        ("source: x\nname: a\nstatus: {map: {x: firing}}\nfingerprint: c", "status must be"),
        ("source: x\nname: a\nstatus: b\nfingerprint: c\npriority: {from: d, map: {x: huge}}", "priority means"),
        ("source: x\nname: a\nstatus: b\nfingerprint: c\nsignature: {name: x}", "signature must have"),
        ("source: grafana\nname: a\nstatus: b\nfingerprint: c", "has its own way in"),
    ],
)
def test_a_mapping_that_is_wrong_stops_the_start_in_words(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    mine = Settings.model_validate({"intake": {"intake_mappings_folder": tmp_path}})
    with pytest.raises(ConfigurationError, match=words) as caught:
        sources(mine, SystemClock(), SystemIds())
    assert caught.value.fix


async def test_a_mapping_may_name_a_signature(tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text(
        'source: mine\nname: n\nstatus: s\nfingerprint: n\nsignature: {header: X-Hub-Signature-256, prefix: "sha256="}'
    )
    given_ = {"intake": {"intake_mappings_folder": tmp_path}, "security": {"webhook_secrets": {"mine": "s3cret" * 4}}}
    mine = sources(Settings.model_validate(given_), SystemClock(), SystemIds())["mine"]
    good = "sha256=" + hmac.new(b"s3cret" * 4, b"{}", "sha256").hexdigest()
    assert await mine.verify({"x-hub-signature-256": good}, b"{}", NOW)
    assert not await mine.verify({"x-hub-signature-256": good[7:]}, b"{}", NOW)
    assert not await mine.verify({"authorization": f"Bearer {'s3cret' * 4}"}, b"{}", NOW)


@pytest.mark.parametrize("secrets", [{"cloudwatch": "x" * 20}, {"nobody": "x" * 20}])
def test_a_secret_of_no_source_stops_the_start(secrets: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        sources(Settings.model_validate({"security": {"webhook_secrets": secrets}}), SystemClock(), SystemIds())


async def test_a_source_with_a_hyphen_has_its_secret_from_a_variable_without_one() -> None:
    loaded = Settings.load(environ={"OPSAGENT_WEBHOOK_SECRET_UPTIME_KUMA": "s3cret" * 4})
    source = sources(loaded, SystemClock(), SystemIds())["uptime-kuma"]
    assert await source.verify({"Authorization": f"Bearer {'s3cret' * 4}"}, b"{}", NOW)
