"""A run as people read it on a narrow terminal: the result first, then why, then each command, then the timeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from opsagent.cli.screen import STYLES, age, clock_time, epoch, put, screen, span
from opsagent.domain.visible import one_line, visible

if TYPE_CHECKING:
    from rich.text import Text

Json = dict[str, Any]
OUTPUT_LINES = 6  # of a command's output: enough to recognise it; all of it is in `show --json`
_VERIFIED = {
    "yes": "measured healthy",
    "no": "measured NOT healthy",
    "not_measurable": "nothing here can measure whether it is healthy",
}
_QUIET = frozenset({"tool_result"})  # said by the step already


def show_run(run: Json, session: Json, events: Sequence[Json], now: float, *, width: int | None = None) -> None:
    """Print all of it."""
    console = screen(width)
    for part in (_head(run, now), _result(run), _triage(run), _plan(events), _steps(session)):
        for line in part:
            put(console, line)
    for line in _timeline(events):
        console.print(line, no_wrap=True, overflow="ellipsis")


def event_line(event: Json) -> Text:
    """One line of the timeline: when, what kind, and the words."""
    from rich.text import Text

    kind = event["eventType"]
    words = "the run has ended" if kind == "final" else event["content"] or event["toolArgs"].get("command", "")
    style = {"error": "red", "approval": "yellow", "final": "bold", "triage": "cyan"}.get(kind, "")
    line = Text(f"{clock_time(event['createdAt'])} ", style="dim")
    line.append(f"{kind:<12} ", style=style or "dim")
    return line.append(one_line(words), style=style)


def result_lines(run: Json) -> Iterator[Text]:
    """How a run ended, for the end of following it."""
    from rich.text import Text

    yield Text("")
    yield _status(run)
    yield from _result(run)


def _head(run: Json, now: float) -> Iterator[Text]:
    from rich.text import Text

    yield _status(run)
    yield Text(visible(run["taskDescription"], lines=True), style="bold")
    facts = [f"from {run['source']}", f"by {run['requestedBy']}", f"{age(run['createdAt'], now)} ago"]
    if run.get("durationMs") is not None:
        facts.append(f"took {span(run['durationMs'] / 1000)}")
    resolved = run.get("resolvedMode")
    facts.append(f"mode {run['mode']}" + (f" -> {resolved}" if resolved and resolved != run["mode"] else ""))
    for name, key in (("runbook", "runbookId"), ("on", "connection"), ("alert", "alert")):
        if run.get(key):
            facts.append(f"{name} {one_line(run[key])}")
    yield Text(" · ".join(facts), style="dim")
    if run.get("parent"):
        yield Text(f"a subtask of {run['parent']}", style="dim")
    if run.get("retryOf"):
        yield Text(f"a new try of {run['retryOf']}", style="dim")


def _status(run: Json) -> Text:
    from rich.text import Text

    line = Text("Run ", style="bold").append(run["runId"][:8], style="bold").append("  ")
    line.append(run["status"], style=STYLES.get(run["status"], ""))
    verified = run.get("verified")
    if verified:
        line.append(f"  {_VERIFIED.get(verified, verified)}", style=STYLES.get(verified, "yellow"))
    return line


def _result(run: Json) -> Iterator[Text]:
    from rich.text import Text

    result = run.get("result")
    if result:
        yield Text("")
        yield Text(visible(result["summary"], lines=True))
        for one in result.get("recommendations") or []:
            yield Text(f"- {visible(one)}")
    if run.get("error") and run["error"] not in (result or {}).get("summary", ""):
        yield Text(visible(run["error"], lines=True), style="red")


def _triage(run: Json) -> Iterator[Text]:
    from rich.text import Text

    if risk := run.get("modelRisk"):
        yield Text(f"Risk in the opinion of {one_line(risk['by'])}: {one_line(risk['level'])}", style="dim")
    found = run.get("assessment")
    if not found:
        return
    yield from _title("Triage")
    words = f"{found['classification']}, confidence {found['confidence']:.2f}"
    yield Text(f"  {words}{', measured' if found.get('measured') else ''}")
    for one in found["evidence"]:
        sign = "+" if one["weight"] > 0 else "-" if one["weight"] < 0 else "·"
        yield Text(f"  {sign} {one_line(one['kind'])}: {one_line(one['text'])}")


def _plan(events: Sequence[Json]) -> Iterator[Text]:
    from rich.text import Text

    planned = [event for event in events if event["eventType"] == "planning" and event["node"] == "planner"]
    if planned:
        yield from _title("Plan")
        for line in visible(planned[-1]["content"], lines=True).splitlines():
            yield Text(f"  {line}")


def _steps(session: Json) -> Iterator[Text]:
    steps = session["steps"]
    if steps:
        yield from _title("Commands")
    for step in steps:
        yield from _step(step)


def _step(step: Json) -> Iterator[Text]:
    from rich.text import Text

    outcome = step.get("outcome")
    line = Text(f"{step['stepNumber']:>3} ").append(f"{step['phase']} ", style="dim").append(one_line(step["name"]))
    line.append("  ").append(step["status"], style=STYLES.get(step["status"], ""))
    if outcome:
        line.append(f"  {span(outcome['durationMs'] / 1000)}", style="dim")
    yield line
    yield Text("    ").append_text(marked(step["command"], step.get("outside") or []))
    if step.get("decision"):
        verdict = Text("    ").append(step["decision"], style=STYLES.get(step["decision"], ""))
        yield verdict.append(f" {step['rule']}: {one_line(step['reason'])}", style="dim")
    if step.get("approval"):
        yield Text(f"    {_approval(step['approval'])}")
    if outcome:
        yield from _outcome(outcome)


def _approval(asked: Json) -> str:
    if asked["status"] == "pending":
        return f"waits for a person until {clock_time(asked['expiresAt'])}: opsagent approve {asked['runId'][:8]}"
    words = f"{asked['status']}"
    if asked["decidedBy"]:
        words += f" by {one_line(asked['decidedBy'])} at {clock_time(asked['decidedAt'])}"
    return words + (f" ({one_line(asked['notes'])})" if asked["notes"] else "")


def _outcome(outcome: Json) -> Iterator[Text]:
    from rich.text import Text

    facts: list[str] = []
    if not outcome["known"]:
        facts.append("nobody knows whether it happened: look there, then opsagent resolve")
    elif outcome["cancelled"]:
        facts.append("cancelled")
    elif outcome["timedOut"]:
        facts.append("timed out")
    elif outcome["signal"]:
        facts.append(f"killed by signal {outcome['signal']}")
    else:
        facts.append(f"exit {outcome['exitCode']}")
    facts += [one_line(outcome[name]) for name in ("backend", "note") if outcome[name]]
    yield Text(f"    {' · '.join(facts)}", style="dim" if outcome["exitCode"] == 0 else "")
    output = "\n".join(part.rstrip("\n") for part in (outcome["stdout"], outcome["stderr"]) if part)
    lines = visible(output, lines=True).splitlines()
    for one in lines[:OUTPUT_LINES]:
        yield Text(f"    | {one}", style="dim")
    if len(lines) > OUTPUT_LINES or outcome["truncated"]:
        more = max(0, len(lines) - OUTPUT_LINES)
        yield Text(
            f"    | ... {more} more lines" + (", and more in the artifact" if outcome["artifact"] else ""), style="dim"
        )


def _timeline(events: Sequence[Json]) -> Iterator[Text]:
    told = [event for event in events if event["eventType"] not in _QUIET]
    if told:
        yield from _title("Timeline")
    yield from (event_line(event) for event in sorted(told, key=lambda event: event["sequence"]))


def _title(words: str) -> Iterator[Text]:
    from rich.text import Text

    yield Text("")
    yield Text(words, style="bold underline")


def marked(command: str, outside: Sequence[Json]) -> Text:
    """The exact command; stretches that came from outside stand between the signs of `OPEN` and `CLOSE`."""
    from rich.text import Text

    line, at = Text(), 0
    for stretch in sorted(outside, key=lambda one: one["start"]):
        start, end = max(at, stretch["start"]), min(len(command), stretch["end"])
        if start < end:
            line.append(_shown(command[at:start]))
            line.append(f"{OPEN}{_shown(command[start:end])}{CLOSE}", style="yellow reverse")
            at = end
    return line.append(_shown(command[at:]))


def _shown(part: str) -> str:
    """With the two signs escaped, so that no command can pretend where the outside begins or ends."""
    return visible(part, lines=True).replace(OPEN, r"\u27e6").replace(CLOSE, r"\u27e7")


OPEN, CLOSE = "⟦", "⟧"


def remaining(until: object, now: float) -> str:
    """How long a question can still be answered, in words."""
    end = epoch(until)
    return "" if end is None else "expired" if end <= now else f"{span(end - now)} left"
