"""The two lists of `bench/data`: what operators type must pass, what changes or leaks must never."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsagent.domain.manifest import Decision

DATA = Path(__file__).parents[5] / "bench" / "data"


def lines(name: str, *, held_out: bool) -> list[str]:
    before, _, after = (DATA / name).read_text(encoding="utf-8").partition("\n# held out\n")
    text = after if held_out else before
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("held_out", [False, True], ids=["tuned", "held out"])
async def test_everyday_diagnostics_pass_without_asking(verdicts, held_out):
    commands = lines("everyday_diagnostics.txt", held_out=held_out)
    assert len(commands) >= (100 if held_out else 250)
    asked = [
        f"{command}  ({one.reason})"
        for command, one in zip(commands, await verdicts(commands), strict=True)
        if one.decision is not Decision.ALLOW
    ]
    # A repository can name programs that git runs, so git's part of the list asks; the rest stays below a hundredth.
    assert len(asked) <= 0.04 * len(commands), "\n".join(asked)


@pytest.mark.parametrize(
    ("name", "held_out"),
    [
        ("not_reads.txt", False),
        ("not_reads.txt", True),
        ("not_reads_found.txt", False),
        ("not_reads_second.txt", False),
    ],
)
async def test_nothing_that_changes_or_leaks_passes(verdicts, name, held_out):
    commands = lines(name, held_out=held_out)
    allowed = [
        command
        for command, one in zip(commands, await verdicts(commands), strict=True)
        if one.decision is Decision.ALLOW
    ]
    assert not allowed


async def test_every_refusal_says_why_in_words(verdicts):
    commands = lines("not_reads.txt", held_out=False)
    for command, one in zip(commands, await verdicts(commands), strict=True):
        assert one.reason.endswith("."), command
        assert len(one.reason.split()) >= 3, command
        assert one.rule, command


async def test_one_by_one_says_the_same_as_together(analyser, verdicts):
    commands = lines("not_reads.txt", held_out=True)[:40] + lines("everyday_diagnostics.txt", held_out=True)[:40]
    together = await verdicts(commands)
    alone = [(await verdicts([command]))[0] for command in commands]
    assert alone == together
