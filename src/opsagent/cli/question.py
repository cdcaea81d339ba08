"""One effect put before a person in the terminal: what it would do, the exact command, how it is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from opsagent.cli.screen import put, screen
from opsagent.cli.timeline import CLOSE, OPEN, marked, remaining
from opsagent.domain.visible import one_line, visible

if TYPE_CHECKING:
    from rich.text import Text

Json = dict[str, Any]
_EFFECTS = (
    ("writes", "writes"),
    ("deletes", "deletes"),
    ("services", "starts or stops"),
    ("processes", "signals"),
    ("contacts", "contacts"),
    ("executes", "executes"),
    ("sensitive", "touches secrets"),
    ("reads", "reads"),
)
_REVERSIBLE = {
    True: "can be taken back",
    False: "can NOT be taken back",
    None: "nobody knows whether it can be taken back",
}


def show_question(asked: Json, now: float, *, width: int | None = None) -> None:
    """Print it: the manifest first, then the exact command, its undo, the target, and why."""
    console = screen(width)
    for line in _lines(asked, now):
        put(console, line)


def place_of(asked: Json) -> str:
    """The name by which `approve` takes it: `RUN:STEP`."""
    return f"{asked['runId'][:8]}:{asked['stepNumber']}"


def _lines(asked: Json, now: float) -> Iterator[Text]:
    from rich.text import Text

    manifest = asked["manifest"]
    head = Text(f"Step {asked['stepNumber']} of run {asked['runId'][:8]} asks", style="bold yellow")
    yield head.append(f"  {remaining(asked['expiresAt'], now)}", style="dim")
    yield Text(
        "It would, as far as that is proven" if manifest["proof"] == "effect" else "What is known of it", style="bold"
    )
    told = False
    for key, words in _EFFECTS:
        if manifest[key]:
            told = True
            yield _fact(words, ", ".join(one_line(one) for one in manifest[key]))
    if manifest["privileged"]:
        yield _fact("rights", "it runs with raised rights")
    listed = [one for key, _ in _EFFECTS for one in manifest[key]]
    for one in manifest["reasons"]:
        if any(one.endswith(f" {known}") for known in listed):
            continue  # said above already
        yield _fact("note", one_line(one))
    if not told and not manifest["reasons"]:
        yield _fact("note", "nothing is known of its effect")
    yield _fact("undo", _REVERSIBLE[manifest["reversible"]])
    yield Text("")
    yield Text("The exact command", style="bold")
    yield Text("  ").append_text(marked(asked["command"], asked["outside"]))
    for origin in sorted({one["origin"] for one in asked["outside"]}):
        yield Text(f"  {OPEN}...{CLOSE} came from outside: {one_line(origin)}", style="yellow")
    yield Text("")
    yield _fact("taken back by", visible(asked["undo"], lines=True) or "nothing: no undo was written for it")
    yield from _undoing(asked["undoManifest"])
    yield _fact("target", one_line(asked["target"]))
    said = asked["reason"] if manifest["author"] else asked["why"] or asked["reason"]
    yield _fact("why", one_line(said) or "no reason was given")
    if asked["runbookTitle"] or asked["runbookId"]:
        yield _fact("runbook", one_line(asked["runbookTitle"] or asked["runbookId"]))
    yield _fact("for", one_line(asked["issueDescription"], 200))
    yield from _people(asked)
    yield _fact("digest", asked["digest"][:16])
    yield from _words_of(manifest["author"], asked["why"])


def _words_of(author: str, why: str) -> Iterator[Text]:
    """A model's reason comes last, after everything that was proven, and is marked as its words."""
    from rich.text import Text

    if author:
        yield Text("")
        yield Text(f"The {author} wrote this command. Its words, which nobody has checked:", style="yellow")
        yield Text(f"  {one_line(why) or 'none'}", style="dim")


def _undoing(manifest: Json | None) -> Iterator[Text]:
    """What the undo would do, which is approved with its step."""
    for key, words in _EFFECTS if manifest else ():
        if manifest and manifest[key]:
            yield _fact(f"undo {words}", ", ".join(one_line(one) for one in manifest[key]))


def _people(asked: Json) -> Iterator[Text]:
    """How many must say yes, who has, and what was said to questions like this one."""
    if asked["persons"] > 1:
        said = ", ".join(one_line(one["by"]) for one in asked["grants"]) or "nobody so far"
        yield _fact("needs", f"{asked['persons']} different people; {said}")
    if asked["fourEyes"]:
        yield _fact("not by", f"{one_line(asked['startedBy'])}, who started the run")
    for one in asked["alike"]:
        words = f"{one['status']} by {one_line(one['decidedBy'])} at {one['decidedAt']}, on {one_line(one['target'])}"
        yield _fact("before", words + (f": {one_line(one['notes'])}" if one["notes"] else ""))


def _fact(name: str, words: str) -> Text:
    from rich.text import Text

    return Text(f"  {name:<15} ", style="dim").append(words, style="")
