"""How the demo speaks: one line per fact, a verb in front, long lines ending in an ellipsis, fit for 60 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from opsagent.cli.question import show_question
from opsagent.cli.screen import screen
from opsagent.cli.timeline import show_run
from opsagent.domain.approval import Approval
from opsagent.domain.event import RunEvent
from opsagent.domain.outcome import Outcome
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.visible import one_line
from opsagent.loop.views import RunView
from opsagent.web.views import approval_json, event_json, run_json, session_json

VERB = 9  # columns of the verb; the longest is "not fixed"
STYLES: Mapping[str, str] = {
    "broken": "red",
    "alert": "red",
    "not fixed": "bold red",
    "triage": "cyan",
    "measured": "cyan",
    "looked": "dim",
    "you": "bold",
    "changed": "yellow",
    "closed": "green",
}


@dataclass(slots=True, kw_only=True)
class Teller:
    """Writes to one console. Facts leave out `folder`, which has been said once; an exact command never does."""

    console: Console = field(default_factory=screen)
    folder: str = ""
    _waiting: Status | None = None

    def now(self, text: str) -> None:
        """What is happening at this moment; it vanishes with the next fact."""
        self.quiet()
        if self.console.is_terminal:
            self._waiting = self.console.status(Text(text, style="dim"), spinner="dots")
            self._waiting.start()

    def quiet(self) -> None:
        """Nothing is being waited for."""
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None

    def chapter(self, number: int, of: int, title: str, story: str) -> None:
        """A new incident begins."""
        self.quiet()
        self.console.print()
        self.console.print(Text(f"{number} of {of}  {title}", style="bold underline"))
        self.say(story, style="italic")

    def say(self, text: str = "", *, style: str = "") -> None:
        """A sentence, wrapped."""
        self.quiet()
        self.console.print(Text(text, style=style))

    def fact(self, verb: str, text: object, *, style: str = "") -> None:
        """One line; a long one ends in an ellipsis."""
        self.quiet()
        style = style or STYLES.get(verb, "")
        line = Text(f"{verb:<{VERB}} ", style=style)
        words = one_line(text)
        line.append(
            words.replace(f"{self.folder}/", "") if self.folder else words,
            style="dim" if verb == "looked" else "default",
        )
        self.console.print(line, no_wrap=True, overflow="ellipsis", crop=True)

    def address(self, verb: str, where: object) -> None:
        """A path or an address, never cut: it is there to be copied."""
        self.quiet()
        self.console.print(Text(f"{verb:<{VERB}} ").append(one_line(where), style="bold"), soft_wrap=True)

    def looked(self, step: Step) -> None:
        """A read-only command, and the line of its answer that tells most."""
        self.fact("looked", f"{step.name}: {telling_line(step.outcome)}")

    def changed(self, step: Step) -> None:
        """An effect that ran, and how it ended."""
        ended = "done" if step.status in (StepStatus.SUCCEEDED, StepStatus.UNDONE) else step.status.value
        seconds = f" in {step.outcome.duration_s:.1f} s" if step.outcome else ""
        for path in step.saved:
            self.fact("saved", f"{path} as it was before, encrypted")
        self.fact("changed", f"{step.name}: {ended}{seconds}")

    def question(self, approval: Approval, steps: Sequence[Step], now: float) -> None:
        """What a person is asked, in the words of `opsagent approve`: the manifest, then the exact command."""
        self.quiet()
        self.console.rule(style="yellow")
        step = next((one for one in steps if one.id == approval.step_id), None)
        show_question(dict(approval_json(approval, step)), now, width=self.console.width)
        self.console.rule(style="yellow")

    def everything(self, view: RunView, events: Sequence[RunEvent], now: float) -> None:
        """All there is to see, in the words of `opsagent show`, for a person who looks before deciding."""
        session = dict(session_json(view, "", look=True))
        lines = [dict(event_json(event, look=True)) for event in events]
        show_run(dict(run_json(view.run)), session, lines, now, width=self.console.width)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], good: Sequence[bool]) -> None:
        """The end: a row per incident, the last column green or red; no word is broken."""
        self.quiet()
        grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
        for column, *cells in zip(columns, *rows, strict=True):
            whole = [line for cell in (column, *cells) if "\n" in cell for line in cell.splitlines()]
            words = [word for cell in (column, *cells) for word in cell.split()]
            grid.add_column(column, min_width=max(map(len, whole + words)))
        for row, fine in zip(rows, good, strict=True):
            *facts, result = row
            grid.add_row(*facts, Text(result, style="green" if fine else "bold red"))
        self.console.print()
        self.console.print(grid)


def telling_line(outcome: Outcome | None) -> str:
    """The last line of an answer, and how many more there are: what a glance needs."""
    if outcome is None:
        return "not run"
    lines = (outcome.stdout.strip() or outcome.stderr.strip()).splitlines()
    if not lines:
        return "nothing"
    more = f"(+{len(lines) - 1}) " if len(lines) > 1 else ""
    return more + lines[-1]
