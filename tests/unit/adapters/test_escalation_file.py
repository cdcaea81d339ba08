"""Escalation policies, read from a file that must be understood as a whole."""

from __future__ import annotations

import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.escalation_file import load_escalations
from opsagent.domain.escalation_policy import Addressee, EscalationStep, Occasion, QuietHours
from opsagent.domain.matcher import Matcher, MatchKind
from opsagent.domain.priority import Priority
from opsagent.errors import ConfigurationError

CHANNELS = {"email", "slack"}
WHOLE = """
people:
  ada:
    - {channel: slack, address: U1}
    - {channel: email, address: ada@example.com}
  room: {channel: slack, address: C1}
policies:
  - name: nights
    on: approval_unanswered
    priority: [critical, high]
    environment: prod
    tenant: acme
    match: ['service=~"shop.*"']
    quiet: "22:00-07:00 Europe/Berlin"
    even_in_quiet_hours: [critical]
    steps:
      - {after: 10m, tell: [room]}
      - after: 1h
        tell: [ada, {channel: email, address: boss@example.com}]
        repeat: {times: 3, every: 15m}
  - {name: failures, on: run_failed, steps: [{after: 0s, tell: room}]}
"""
REPEATED = """people: {x: {channel: email, address: y}}
policies:
  - name: a
    on: run_failed
    steps:
      - {after: 5m, tell: x, repeat: %s}
"""
STEP = "steps: [{after: 1m, tell: {channel: slack, address: C1}}]"


def load(folder: Path, text: str):
    path = folder / "escalation.yaml"
    path.write_text(text)
    return load_escalations(path, CHANNELS)


def test_a_whole_file(tmp_path: Path) -> None:
    nights, failures = load(tmp_path, WHOLE)
    room = Addressee(name="room", channel="slack", address="C1")
    assert (nights.name, nights.on, nights.tenant) == ("nights", Occasion.APPROVAL_UNANSWERED, "acme")
    assert nights.priorities == {Priority.CRITICAL, Priority.HIGH}
    assert nights.environments == {"prod"}
    assert nights.match == (Matcher(label="service", kind=MatchKind.FITS, value="shop.*"),)
    assert nights.quiet == QuietHours(starts=22 * 60, ends=7 * 60, zone=ZoneInfo("Europe/Berlin"))
    assert nights.even_in_quiet_hours == {Priority.CRITICAL}
    assert nights.steps == (
        EscalationStep(after_s=600, tell=(room,)),
        EscalationStep(
            after_s=3600,
            tell=(
                Addressee(name="ada", channel="slack", address="U1"),
                Addressee(name="ada", channel="email", address="ada@example.com"),
                Addressee(name="", channel="email", address="boss@example.com"),
            ),
            repeats=3,
            every_s=900,
        ),
    )
    assert failures.steps == (EscalationStep(after_s=0, tell=(room,)),)
    assert load_escalations(None, CHANNELS) == ()


def test_the_version_is_what_it_says(tmp_path: Path) -> None:
    first, other = load(tmp_path, WHOLE)
    assert load(tmp_path, WHOLE)[0].version == first.version != other.version
    assert load(tmp_path, WHOLE.replace("10m", "11m"))[0].version != first.version
    assert load(tmp_path, WHOLE.replace("22:00", "21:00"))[0].version != first.version


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("rules: []\n", 1, "'rules' is not known"),
        ("people:\n  a: {channel: pager, address: x}\n", 2, "'pager' is not set up"),
        ("people:\n  a: {channel: email}\n", 2, "there is no address"),
        ("people:\n  a: []\n", 2, "'a' has no address"),
        ("people:\n  a: {channel: email, address: x, port: 1}\n", 2, "'port' is not known"),
        ("policies:\n  - {name: Nights, on: run_failed}\n", 2, "no name for a policy"),
        ("policies:\n  - {name: a, on: run_failed}\n", 2, "1 to 20 steps, not 0"),
        (f"policies:\n  - {{name: a, on: run_lost, {STEP}}}\n", 2, "'run_lost' is not known"),
        (f"policies:\n  - {{name: a, {STEP}}}\n", 2, "'' is not known in 'on'"),
        (f"policies:\n  - {{name: a, on: run_failed, priority: urgent, {STEP}}}\n", 2, "'urgent'"),
        (f"policies:\n  - {{name: a, on: run_failed, match: ['=x'], {STEP}}}\n", 2, "is no matcher"),
        (f"policies:\n  - {{name: a, on: run_failed, quiet: '22-7', {STEP}}}\n", 2, "are no quiet hours"),
        (f"policies:\n  - {{name: a, on: run_failed, quiet: '25:00-07:00 UTC', {STEP}}}\n", 2, "no quiet hours"),
        (f"policies:\n  - {{name: a, on: run_failed, quiet: '07:00-07:00 UTC', {STEP}}}\n", 2, "never end"),
        (f"policies:\n  - {{name: a, on: run_failed, quiet: '22:00-07:00 Berlin', {STEP}}}\n", 2, "no time zone"),
        (f"policies:\n  - {{name: a, on: run_failed, even_in_quiet_hours: high, {STEP}}}\n", 2, "no quiet hours"),
        (f"policies:\n  - {{name: a, on: run_failed, {STEP}}}\n  - {{name: a, on: run_failed, {STEP}}}\n", 2, "twice"),
        ("policies:\n  - name: a\n    on: run_failed\n    steps:\n      - {tell: [x]}\n", 5, "needs `after`"),
        ("policies:\n  - name: a\n    on: run_failed\n    steps:\n      - {after: 5, tell: [x]}\n", 5, "no length"),
        ("policies:\n  - name: a\n    on: run_failed\n    steps:\n      - {after: 31d, tell: [x]}\n", 5, "30 days"),
        ("policies:\n  - name: a\n    on: run_failed\n    steps:\n      - {after: 5m, tell: [x]}\n", 5, "name 'x'"),
        ("policies:\n  - name: a\n    on: run_failed\n    steps:\n      - {after: 5m}\n", 5, "names nobody"),
        ("policies:\n  - name: a\n    on: run_failed\n    steps:\n      - {after: 5m, tell: []}\n", 5, "names nobody"),
        (REPEATED % "{times: 51, every: 5m}", 6, "from 1 to 50"),
        (REPEATED % "{times: 5, every: 5s}", 6, "1m at least"),
        ("[]\n", 1, "mapping"),
    ],
)
def test_a_mistake_stops_the_start_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    assert f"escalation.yaml:{line}:" in caught.value.message
    assert words in caught.value.message
    assert caught.value.fix


values = st.recursive(
    st.sampled_from(["", "x", "5m", "[", "run_failed", "22:00-07:00 UTC", "~", "5", "a=b", "{channel: slack}"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda them: f"[{', '.join(them)}]")
        | st.dictionaries(
            st.sampled_from(["after", "tell", "repeat", "name", "on", "steps", "quiet", "times", "every", "match"]),
            inner,
            max_size=4,
        ).map(lambda them: "{" + ", ".join(f"{key}: {value}" for key, value in them.items()) + "}")
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["people", "policies"]), values, min_size=1))
def test_whatever_is_written_it_is_read_or_refused_in_words(written: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            load(Path(folder), "".join(f"{key}: {value}\n" for key, value in written.items()))
        except ConfigurationError as error:
            assert "escalation.yaml:" in error.message  # noqa: PT017 - it may also be read
