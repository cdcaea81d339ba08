"""What the terminal shows: JSON for programs, tables and words for people, times as ages."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from opsagent.domain.visible import one_line, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Json = Mapping[str, Any]
PIPED_WIDTH = 200  # columns when nobody looks: `opsagent runs | grep disk` must not lose its words
HANG, MIN_WIDTH = 2, 20
GAP, LEAST_ROOM = "  ", 24  # between columns; what the wide column needs beside the others
STYLES = {
    "completed": "green",
    "succeeded": "green",
    "granted": "green",
    "yes": "green",
    "ALLOW": "green",
    "ok": "green",
    "failed": "red",
    "unknown": "red bold",
    "refused": "red",
    "DENY": "red bold",
    "no": "red",
    "missing": "red",
    "awaiting_approval": "yellow bold",
    "pending": "yellow bold",
    "ASK": "yellow bold",
    "degraded": "yellow",
    "escalated": "yellow bold",
    "in_progress": "cyan",
    "cancelled": "dim",
    "skipped": "dim",
}


def say_json(value: object) -> None:
    """One JSON document on one line of stdout; times and names as the API has them."""
    text = json.dumps(value, ensure_ascii=False, default=str, separators=(", ", ": "))
    # What is no character (a broken byte of a file) cannot be written; `\\udcff` is how JSON spells it.
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


def screen(width: int | None = None, *, to_stderr: bool = False) -> Console:
    """A console as wide as the terminal; wide when piped, so that nothing is cut for a program."""
    from rich.console import Console

    stream = sys.stderr if to_stderr else sys.stdout
    if width is None and not stream.isatty() and _columns() is None:
        width = PIPED_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A plain table. The last column takes the room that is left, cut with an ellipsis.

    On a terminal too narrow for it (a phone), it goes on a line of its own below its row.
    """
    from rich.text import Text

    console = screen()
    cells = [[one_line(cell) for cell in row] for row in rows]
    fixed = [max(len(column), *(len(row[at]) for row in cells)) for at, column in enumerate(columns[:-1])]
    room = console.width - sum(fixed) - len(GAP) * len(fixed)
    below = room < LEAST_ROOM
    shown = columns[:-1] if below else columns
    console.print(Text(GAP.join(_padded(name, fixed, at) for at, name in enumerate(shown)), style="dim"))
    for row in cells:
        line = Text()
        for at, cell in enumerate(row[: len(fixed)]):
            line.append(_padded(cell, fixed, at), style=STYLES.get(cell, "")).append(GAP)
        if below:
            console.print(line, no_wrap=True, overflow="ellipsis")
            line = Text(GAP)
        line.append(row[-1], style=STYLES.get(row[-1], ""))
        console.print(line, no_wrap=True, overflow="ellipsis")


def _padded(words: str, widths: Sequence[int], at: int) -> str:
    return words.ljust(widths[at]) if at < len(widths) else words


def put(console: Console, text: Text) -> None:
    """Print a text; what does not fit goes on below, two columns further in than where its line began.

    So a line that was broken here can be told from a line that ends there, also in a command.
    """
    for line in text.split("\n", allow_blank=True):
        lead = len(line.plain) - len(line.plain.lstrip(" "))
        room = max(MIN_WIDTH, console.width - lead - HANG)
        if lead + line[lead:].cell_len <= console.width:
            console.print(line, soft_wrap=True)
            continue
        for at, part in enumerate(line[lead:].wrap(console, room, overflow="fold")):
            console.print(" " * (lead + (HANG if at else 0)), part, sep="", soft_wrap=True)


def say(*lines: object) -> None:
    """Lines for people on stdout; outside text must have gone through `visible` or goes through here."""
    for line in lines:
        sys.stdout.write(f"{visible(line, lines=True)}\n")
    sys.stdout.flush()


def hint(line: object) -> None:
    """A line beside the answer: to stderr, so that it never mixes with what a program reads."""
    sys.stderr.write(f"{visible(line, lines=True)}\n")
    sys.stderr.flush()


def epoch(time: object) -> float | None:
    """Epoch seconds of an ISO 8601 time of the API, or None."""
    if isinstance(time, int | float):
        return float(time)
    if not isinstance(time, str) or not time:
        return None
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return None


def clock_time(time: object) -> str:
    """`HH:MM:SS` in the terminal's own time zone; empty when there is none."""
    at = epoch(time)
    return "" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")


def span(seconds: float) -> str:
    """A duration in at most two units: `0.4s`, `12s`, `3m 05s`, `2h 10m`, `4d 3h`."""
    if seconds < 0:
        seconds = 0.0
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3600}h"


def age(time: object, now: float) -> str:
    """How long ago, in one unit: `5s`, `12m`, `3h`, `4d`; empty when there is no time."""
    at = epoch(time)
    if at is None:
        return ""
    seconds = max(0.0, now - at)
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def _columns() -> int | None:
    """The width the person asked for by COLUMNS, as rich itself reads it."""
    from shutil import get_terminal_size

    return get_terminal_size((0, 0)).columns or None
