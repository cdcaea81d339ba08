from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from opsagent.cli.screen import age, clock_time, epoch, put, span, table


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0s"),
        (9.96, "10.0s"),
        (12.4, "12s"),
        (185, "3m 05s"),
        (7800, "2h 10m"),
        (356_400, "4d 3h"),
        (-1, "0.0s"),
    ],
)
def test_spans_have_at_most_two_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_ages_and_times_of_the_api() -> None:
    at = "2026-11-21T03:00:00.000Z"
    moment = epoch(at)
    assert moment is not None
    assert [age(at, moment + after) for after in (5, 90, 7200, 200_000, -3)] == ["5s", "1m", "2h", "2d", "0s"]
    assert (age(None, 0), age("nonsense", 0), clock_time(None)) == ("", "", "")


def _printed(text: str, width: int) -> list[str]:
    stream = io.StringIO()
    put(Console(file=stream, width=width), Text(text))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_a_broken_line_goes_on_further_in_than_it_began() -> None:
    lines = _printed("  one two three four five six seven\n  eight", 22)
    assert lines[0].startswith("  one")
    assert lines[1].startswith("    ")
    assert lines[-1] == "  eight"
    assert max(map(len, lines)) <= 22


def test_nothing_of_a_long_word_is_lost() -> None:
    assert "".join(line.strip() for line in _printed("    " + "x" * 200, 60)) == "x" * 200


def test_a_table_gives_its_last_column_a_line_on_a_phone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("12345678", "in_progress", "restart the shop \x1b[2J now")]
    monkeypatch.setenv("COLUMNS", "40")
    table(("run", "status", "task"), rows)
    narrow = capsys.readouterr().out.splitlines()
    assert narrow[1].rstrip() == "12345678  in_progress"
    assert narrow[2].strip() == r"restart the shop \x1b[2J now"
    monkeypatch.setenv("COLUMNS", "100")
    table(("run", "status", "task"), rows)
    assert capsys.readouterr().out.splitlines()[1].endswith(r"in_progress  restart the shop \x1b[2J now")
