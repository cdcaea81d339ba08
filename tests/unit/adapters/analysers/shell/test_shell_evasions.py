"""What looks like a read and is none must ask; what operators type at night must not; and each hole that was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Decision, Proof

DATA = Path(__file__).parents[5] / "bench" / "data"
ANYWHERE = Connection(id="c", tenant="t", name="c")


def lines(name: str) -> list[str]:
    text = (DATA / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("# ")]


async def test_no_evasion_passes(verdicts):
    commands = lines("evasions.txt")
    assert len(set(commands)) == len(commands) >= 500
    allowed = [
        command
        for command, one in zip(commands, await verdicts(commands), strict=True)
        if one.decision is Decision.ALLOW
    ]
    assert not allowed


async def test_what_is_typed_at_night_passes(verdicts):
    commands = lines("night_diagnostics.txt")
    assert len(set(commands)) == len(commands) >= 250
    asked = [
        f"{command}  ({one.reason})"
        for command, one in zip(commands, await verdicts(commands), strict=True)
        if one.decision is not Decision.ALLOW
    ]
    assert not asked


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("ls >& '$(frob)'", "twice"),
        ("ls >& 'a b'", "twice"),
        ("for i in a b; do ls; done > out$i", "not written out"),
        ("if ls; then x=tmp; fi; rm -rf /$x", "not written out"),
        ("[ -d /x ] && d=/x; cat $d/a", "which file"),
        ("x=a | ls; cat $x", "which file"),
        ("(x=a); cat $x", "which file"),
        ("x=a & cat $x", "which file"),
        ("while ls; do x=a; done; cat $x", "which file"),
        ("case $1 in a) x=a;; esac; cat $x", "which file"),
        ("cat $x; x=a", "which file"),
        ("y=$x; x=a; cat $y", "which file"),
        ("f() { x=a; }; cat $x", "which file"),
        ("echo $((x)); x=1", "arithmetic"),
        ("ls || x=a; cat $x", "which file"),
        ("ls || { x=a; cat $x; }; cat $x", "which file"),
        ("uniq sub/*", "more words"),
        ("xxd -p files/*", "more words"),
    ],
)
async def test_what_the_fuzz_test_found(analyser, text, word):
    (manifest,) = await analyser.analyse_all([text], ANYWHERE)
    assert manifest.proof is Proof.UNKNOWN
    assert word in " ".join(manifest.reasons)


@pytest.mark.parametrize(
    "text",
    [
        "x=a; cat $x",
        "x=a && y=b && cat $x $y",
        "x=a && ls || df; cat $x",
        "if ls; then d=/x; else d=/y; fi; cat $d/a",
        "for i in a b; do cat $i; done; cat $i",
        "for ((i=0;i<3;i++)); do ls; done",
        "i=0; while [ $i -lt 3 ]; do ls; i=$((i+1)); done",
        "f=/x; ls | while read -r l; do grep -c a $f; done",
        "ls >& /dev/null",
        "ls 2>&1",
    ],
)
async def test_what_is_surely_set_is_known(analyser, text):
    (manifest,) = await analyser.analyse_all([text], ANYWHERE)
    assert manifest.proof is Proof.READ, manifest.reasons


@pytest.mark.parametrize(
    "text", ["eval 'rm -rf /'", "eval rm -rf /", "trap 'rm -rf /usr' EXIT", "eval \"bash -c 'rm -rf /'\""]
)
async def test_text_that_is_run_later_is_looked_at(verdicts, text):
    (verdict,) = await verdicts([text])
    assert (verdict.decision, verdict.rule) == (Decision.DENY, "forbidden")
    assert "rm" in {one.name for one in verdict.manifest.invocations}


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("du -sh *", Decision.ALLOW),
        ("du -sh $x", Decision.ASK),
        ("fdisk -l", Decision.ALLOW),
        ("fdisk /dev/sda", Decision.DENY),
        ("parted /dev/sda rm 1", Decision.DENY),
        ("sha256sum *.iso", Decision.ALLOW),
        ("grep -rn x /home", Decision.ASK),
        ("grep -rn x /srv/app", Decision.ALLOW),
        ("cat /var/lib/mysql/mysql/user.MYD", Decision.ASK),
    ],
)
async def test_asking_for_everything_is_as_wrong_as_allowing_too_much(verdicts, text, decision):
    assert [one.decision for one in await verdicts([text])] == [decision]
