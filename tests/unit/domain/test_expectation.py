from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.command import Command
from opsagent.domain.expectation import capture, describe, holds, meets
from opsagent.domain.outcome import Outcome
from opsagent.domain.runbook import Expect, Phase, When
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import InputError


def outcome(stdout: str = "", exit_code: int | None = 0, **more: object) -> Outcome:
    return Outcome(exit_code=exit_code, stdout=stdout, **more)  # type: ignore[arg-type] - free keywords of a test


def step(name: str, status: StepStatus, stdout: str = "", number: int = 1, undo_of: str = "") -> Step:
    command = Command(executor="shell", text="true", connection_id="c")
    return Step(
        id=f"r.{number}", run_id="r", tenant="t", number=number, name=name, phase=Phase.DIAGNOSIS, command=command,
        status=status, outcome=outcome(stdout), undo_of=undo_of,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("expect", "seen", "ok", "words"),
    [
        (Expect(), outcome(), True, "exit code as expected"),
        (Expect(), outcome(exit_code=3), False, "exit code 3, expected 0"),
        (Expect(exit_codes=(0, 3)), outcome(exit_code=3), True, "exit code"),
        (Expect(matches="^up$"), outcome("down\nup\n"), True, "/^up$/ found"),
        (Expect(matches="^up$"), outcome("down\n"), False, "no match for /^up$/"),
        (Expect(absent="bad"), outcome("all bad here"), False, "`bad`, which should be absent"),
        (Expect(absent="bad"), outcome("good"), True, "/bad/ absent"),
        (Expect(absent="bad"), outcome("good", truncated=True), False, "nobody can tell"),
        (Expect(absent="bad"), outcome("x" * 5000 + "bad"), False, "nobody can tell"),
        (Expect(json_path="a.0.b", equals="1"), outcome('{"a": [{"b": 1}]}'), True, "`a.0.b` is `1`"),
        (Expect(json_path="a", equals="true"), outcome('{"a": true}'), True, "is `true`"),
        (Expect(json_path="a", equals="x"), outcome('{"a": "y"}'), False, "is `y`, expected `x`"),
        (Expect(json_path="a.b", equals="x"), outcome('{"a": []}'), False, "nothing at `b`"),
        (Expect(json_path="a", equals="x"), outcome("{"), False, "not JSON"),
        (Expect(), outcome(exit_code=None, signal=9), False, "killed by signal 9"),
        (Expect(), outcome(exit_code=None, timed_out=True, started_at=1.0, ended_at=6.0), False, "after 5 s"),
        (Expect(), outcome(known=False), False, "nobody can tell"),
        (Expect(), outcome(cancelled=True), False, "cancelled"),
        (Expect(), outcome(exit_code=None), False, "never reported"),
        (Expect(), outcome(exit_code=None, note="It was not started:\nno route."), False, "not started: no route"),
    ],
)
def test_an_outcome_meets_or_not_and_says_why(expect: Expect, seen: Outcome, ok: bool, words: str) -> None:
    met, reason = meets(expect, seen)
    assert met is ok
    assert words in reason


def test_a_capture_is_the_one_group_of_the_one_match() -> None:
    found = capture({"pid": r"^pid=(\d+)$", "host": r"^on (\S+)$"}, outcome("x\r\npid=42\r\non web-1\n"))
    assert found == {"pid": "42", "host": "web-1"}
    assert capture({}, outcome("anything", truncated=True)) == {}


@pytest.mark.parametrize(
    ("stdout", "words"),
    [
        ("none", "has 0"),
        ("pid=a\npid=b", "has 2"),
        ("pid=\x1b[2J", "cannot be seen"),
        (f"pid={'é' * 600}", "1024 bytes"),
        ("pid=", "captured nothing"),
    ],
)
def test_anything_else_is_refused_and_named(stdout: str, words: str) -> None:
    with pytest.raises(InputError, match="`pid`") as refused:
        capture({"pid": "^pid=(.*)$"}, outcome(stdout))
    assert words in refused.value.message
    assert refused.value.fix


def test_nothing_is_captured_from_a_cut_output() -> None:
    with pytest.raises(InputError, match="was cut"):
        capture({"pid": "^pid=(.*)$"}, outcome("pid=1", truncated=True))


LEAVES = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(LEAVES, lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner)), st.text())
def test_any_json_and_any_path_give_an_answer(value: object, path: str) -> None:
    met, reason = meets(Expect(json_path=path, equals="x"), outcome(json.dumps(value)))
    assert reason
    assert isinstance(met, bool)


def test_conditions_look_at_the_latest_attempt() -> None:
    steps = [
        step("check", StepStatus.FAILED, "big", number=1),
        step("check", StepStatus.SUCCEEDED, "small", number=2),
        step("check", StepStatus.FAILED, number=3, undo_of="r.2"),
    ]
    assert holds((When(step="check", state="ok"),), steps)
    assert not holds((When(step="check", state="failed"),), steps)
    assert holds((When(step="check", state="matches", pattern="^small$"),), steps)
    assert not holds((When(step="check", state="ok"), When(step="check", state="matches", pattern="big")), steps)
    assert not holds((When(step="other", state="failed"),), steps)
    assert holds((), [])


def test_a_step_that_did_not_run_is_neither_ok_nor_failed() -> None:
    for status in (StepStatus.SKIPPED, StepStatus.REFUSED, StepStatus.UNKNOWN, StepStatus.NOT_HAPPENED):
        steps = [step("check", status, "text")]
        assert not any(
            holds((When(step="check", state=s, pattern="text"),), steps) for s in ("ok", "failed", "matches")
        )


def test_conditions_in_words() -> None:
    assert describe((When(step="a", state="failed"), When(step="b", state="matches", pattern="x"))) == (
        "a failed and b matches /x/"
    )


def test_a_capture_may_come_out_of_json_however_long_its_line_is() -> None:
    text = json.dumps({"pad": "x" * 10_000, "items": [{"id": 7, "name": "a b", "on": True, "deep": {}, "none": None}]})
    found = capture({"id": "json:items.0.id", "name": "json:items.0.name"}, outcome(text))
    assert found == {"id": "7", "name": "a b"}
    for path in ("items.1.id", "items.0.on", "items.0.deep", "items.0.none", "items", "nothing"):
        with pytest.raises(InputError):
            capture({"id": f"json:{path}"}, outcome(text))
    for seen in (
        outcome("no JSON"),
        outcome('{"id": ""}'),
        outcome('{"id": 1}', truncated=True),
        outcome("[" * 99_999),
    ):
        with pytest.raises(InputError):
            capture({"id": "json:id"}, seen)
    with pytest.raises(InputError, match="cut"):
        capture({"id": "json:items.0.id", "pad": "^(.*)$"}, outcome(text))
