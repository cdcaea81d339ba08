"""What is written as Markdown reads back as the same runbook, whatever its texts hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsagent.adapters.knowledge.markdown import parse_runbook
from opsagent.adapters.knowledge.pack import shipped
from opsagent.domain.instruction import Instruction
from opsagent.domain.runbook import Check, Expect, Parameter, Phase, Runbook, RunbookStep, Undo, When
from opsagent.domain.runbook_text import write

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9]", fullmatch=True)
# What people type: anything but characters the parser refuses to have in a runbook at all.
WORDS = st.text(st.characters(blacklist_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs")), min_size=1)
TEXTS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join).filter(lambda text: len(text) < 150)


def bare(runbook: Runbook) -> Runbook:
    """The runbook without what only a text has: its lines, its hash."""
    steps = tuple(replace(step, line=0) for step in runbook.steps)
    return replace(runbook, source="", version="", path="", steps=steps)


@pytest.mark.parametrize("runbook", shipped(), ids=lambda one: one.id)
def test_every_shipped_runbook_reads_back_the_same(runbook: Runbook) -> None:
    again = parse_runbook(write(runbook), path="x.md")
    kept = [replace(step, why="") for step in bare(again).steps]
    assert kept == [replace(step, why="") for step in bare(runbook).steps]
    assert replace(bare(again), steps=()) == replace(bare(runbook), steps=())


@settings(deadline=None)
@given(
    texts=st.lists(TEXTS, min_size=5, max_size=5),
    name=NAMES,
    matches=st.sampled_from(["-->", "^ok$", ""]),
    pattern=st.sampled_from([r"^[a-z]+$", r"^\d{1,3}$", "^-->$"]),
    undo=st.sampled_from(["", "echo '-->'"]),
    command=st.sampled_from(["ls {{one}}", "cat <<'x'\n```\n-->\n## Fix\n```\nx"]),
)
def test_no_text_becomes_syntax(
    texts: list[str], name: str, matches: str, pattern: str, undo: str, command: str
) -> None:
    title, alias, owner, why, alert = texts
    step = RunbookStep(
        name=name,
        phase=Phase.MITIGATION,
        text=command,
        line=0,
        why=why,
        expect=Expect(exit_codes=(0, 3), matches=matches),
        undo=Undo(text=undo) if undo else None,
        timeout_s=12.5,
    )
    runbook = Runbook(
        id=name,
        title=title,
        source="",
        version="",
        steps=(step,),
        aliases=(alias,),
        alerts=(alert,),
        owner=owner,
        parameters=(Parameter(name="one", pattern=pattern, source=alias, description=owner),),
        measures={alert: Check(text="ls {{one}}", window_s=2.0, interval_s=0.5, expect=Expect(absent="-->"))},
        summary=why,
    )
    again = parse_runbook(write(runbook), path="x.md")
    assert bare(replace(again, steps=tuple(replace(one, why=why) for one in again.steps))) == bare(runbook)


def test_steps_keep_conditions_captures_saves_and_probes() -> None:
    look = RunbookStep(
        name="look", phase=Phase.DIAGNOSIS, text="ls", line=0, captures={"one": r"^(\S+)$", "two": "json:a.b"}
    )
    mend = RunbookStep(
        name="mend",
        phase=Phase.MITIGATION,
        text="touch /tmp/x {{one}} {{two}}",
        line=0,
        connection="web-1",
        when=(When(step="look", state="ok"), When(step="look", state="matches", pattern="a/b -->")),
        retries=2,
        probe="test -e /tmp/x",
        probe_expect=Expect(exit_codes=(1,)),
        save=("/tmp/x",),
        undo=Undo(restore=True),
    )
    change = RunbookStep(
        name="change", phase=Phase.MITIGATION, text="update t set a = 1", line=0, executor="sql", rows=(1, 10)
    )
    runbook = Runbook(id="x", title="X", source="", version="", steps=(look, mend, change))
    assert bare(parse_runbook(write(runbook), path="x.md")) == bare(runbook)


def test_an_instruction_is_a_runbook_of_one_step() -> None:
    asked = Instruction(
        id="clear-cache",
        title="Clear the cache: now",
        text="rm -r {{folder}}",
        parameters=(Parameter(name="folder", pattern="^/var/cache/[a-z]+$"),),
        undo="mkdir {{folder}}",
    )
    (step,) = parse_runbook(asked.markdown(), path="clear-cache.md").steps
    assert (step.phase, step.text, step.undo) == (Phase.MITIGATION, "rm -r {{folder}}", Undo(text="mkdir {{folder}}"))
    looking = replace(asked, text="ls", looks=True, undo="", parameters=())
    assert parse_runbook(looking.markdown(), path="x.md").steps[0].phase is Phase.DIAGNOSIS
