"""Awk programs that pass as reads, run by real awks: none of them starts the command that is hidden in it."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from opsagent.adapters.analysers.shell.programs import awk_problem

AWKS = [name for name in ("mawk", "gawk", "original-awk") if shutil.which(name)]
CALL = "<call>"
# What stands before a slash decides whether an awk reads a division or a pattern behind it.
BEFORE = (
    *(
        "",
        "x ",
        "1 ",
        "(1) ",
        ") ",
        "a[1] ",
        '"a" ',
        "$1 ",
        "$",
        "x++ ",
        "++",
        "!",
        "~ ",
        "x ~ ",
        "x = ",
        "x == ",
        "- ",
    ),
    *(
        "if (1) ",
        "if (1) {} else ",
        "do ",
        "while (0) ",
        "for (;0;) ",
        "for (k in a) ",
        "return ",
        "exit ",
        "next ",
        "print ",
    ),
    *(
        "printf ",
        "length ",
        "x in ",
        "NR==1\n",
        "x\n",
        "(x)\n",
        ")\n",
        "{}",
        ";",
        ",",
        "x, ",
        "? ",
        "x ? y : ",
        "&& ",
        "|| ",
    ),
    *(
        "delete ",
        "getline ",
        "BEGIN ",
        "END ",
        "function f(x) ",
        "switch (x) { case ",
        "a[1]\n",
        "$1\n",
        "1\n",
        "x++\n",
        "x\\\n",
    ),
)
SLASHED = (
    '/"/',
    '/x"/',
    '/[/"]/',
    '/[[:alpha:]/"]/',
    '/[\\]/; x="]/',
    '/\\"/',
    '/="/',
    '/["]/',
    '/a[^/]"/',
    '/[]/"]/',
    "/ 2 /",
)
BETWEEN = ("; ", "\n", "} {", " || ", "; x = 1 / 2; ", ", ")
BEHIND = (' # "/', ' # "', " # /", "", ' ; y = "/"', " / 2")
ENOUGH, AT_MOST = 120, 60_000


def hidden(seed: int) -> list[str]:
    """Programs with a call in them that the reader takes for nothing but reading."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    passed: dict[str, None] = {}
    for _ in range(AT_MOST):
        tricks = "".join(chance.choice(BEFORE) + chance.choice(SLASHED) for _ in range(chance.randint(1, 2)))
        program = tricks + chance.choice(BETWEEN) + CALL + chance.choice(BEHIND)
        program = f"BEGIN{{ {program} \n}}" if chance.random() < 0.7 else program
        if awk_problem(program.replace(CALL, 'system("x")'))[0] == "":
            passed[program] = None
            if len(passed) == ENOUGH:
                break
    return list(passed)


@pytest.mark.parametrize("seed", range(3))
def test_what_passes_starts_nothing(tmp_path: Path, seed: int) -> None:
    programs = hidden(seed)
    assert len(programs) >= 10, "the generator no longer hides a call in anything that passes"

    def run(numbered: tuple[int, str]) -> str:
        number, program = numbered
        mark = tmp_path / str(number)
        text = program.replace(CALL, f'system("touch {mark}")')
        for awk in AWKS:
            try:
                subprocess.run([awk, text], input=b"1 2\nx y\n", capture_output=True, timeout=20, env=dict(os.environ))
            except subprocess.TimeoutExpired:
                continue  # it loops, and that is all it does
            if mark.exists():
                return f"{awk}: {text!r}"
        return ""

    with ThreadPoolExecutor(2) as pool:
        assert [one for one in pool.map(run, enumerate(programs)) if one] == []
