"""Against the truth: random scripts are run by a real bash, and whatever really ran must have been seen before."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.policy_files import load_policy
from opsagent.domain.command_table import CommandTable, Kind
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest, Proof

STUBS = tuple(f"stub{letter}" for letter in "abcdefgh")
SEEDS = (1, 2, 3, 4)
SCRIPTS_PER_SEED = 120
SCRIPT_LIMIT_S = 3.0


class Grammar:
    """Makes scripts: small, nested, with everything that can hide a command."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - scripts to try, not a secret

    def script(self) -> str:
        return self.list(0)

    def one(self, *choices: str) -> str:
        return self.random.choice(choices)

    def name(self) -> str:
        stub = self.one(*STUBS)
        return self.one(
            stub, stub, stub, f'"{stub}"', f"'{stub}'", f"{stub[:2]}\\{stub[2:]}", f"{stub[:3]}''{stub[3:]}"
        )

    def word(self, depth: int) -> str:
        if depth > 3:
            return self.one("x", "'y z'", '"w"', "1")
        inner = self.list(depth + 1)
        return self.one(
            "x",
            "'a b'",
            f"$({inner})",
            f'"$({inner})"',
            "`" + self.simple(9) + "`",
            '"`' + self.simple(9) + '`"',
            "${unset:-$(" + inner + ")}",
            '"${unset:-$(' + inner + ')}"',
            "${other:=`" + self.simple(9) + "`}",
            "$((1 + $(" + self.simple(9) + "; echo 1)))",
            "<(" + inner + ")",
            "{p,$(" + self.simple(9) + ")}",
            "$unset",
            "*",
        )

    def simple(self, depth: int) -> str:
        words = " ".join(self.word(depth + 1) for _ in range(self.random.randint(0, 2)))
        return self.one("", "", "", "V=1 ", "W=$(" + self.name() + ") ") + f"{self.name()} {words}"

    def wrapped(self, depth: int) -> str:
        plain = self.name()
        return self.one(
            f"env {plain}",
            f"timeout 5 {plain}",
            f"nice {plain}",
            f"echo 1 | xargs {plain}",
            f"bash -c '{self.one(*STUBS)} | {self.one(*STUBS)}'",
            f'sh -c "{self.one(*STUBS)} && {self.one(*STUBS)}"',
            f"command {plain}",
            f"eval '{self.one(*STUBS)}'",
            f"coproc {{ {plain}; }}; wait",
            f"find . -maxdepth 0 -exec {plain} {{}} \\;",
            f"test -v 'a[$({self.one(*STUBS)})]'",
            f"[[ 'a[$({self.one(*STUBS)})]' -eq 1 ]]",
            f"v='a[$({self.one(*STUBS)})]'; echo $((v))",
            f"v={self.one(*STUBS)}; $v",
            f"trap {plain} EXIT",
            f"time {plain}",
            f"! {plain}",
            f"f{depth}() {{ {self.list(depth + 2)}; }}; f{depth}",
        )

    def compound(self, depth: int) -> str:
        inner, other = self.list(depth + 1), self.list(depth + 1)
        return self.one(
            f"( {inner} )",
            f"{{ {inner}; }}",
            f"if {inner}; then {other}; else {inner}; fi",
            f"for i in 1 {self.word(depth + 1)}; do {inner}; done",
            f"while {inner}; do {other}; break; done",
            f"until {inner}; do break; done",
            f"case x in x) {inner};; *) {other};; esac",
            f"cat <<EOF\n$({inner})\nEOF\n",
            "cat <<'EOF'\n$(never)\nEOF\n",
            f'cat <<< "$({inner})"',
            f"a=($({inner}) x)",
            f"[[ $({inner}) == x ]]",
            f"{self.name()} > out$RANDOM 2>&1",
            f"{self.name()} < /dev/null | {inner}",
        )

    def list(self, depth: int) -> str:
        if depth > 3:
            return self.simple(depth)
        pieces = [
            self.random.choice((self.simple, self.simple, self.compound, self.wrapped))(depth)
            for _ in range(self.random.randint(1, 2))
        ]
        return self.one(" ; ", " && ", " || ", " | ").join(pieces) if "\n" not in "".join(pieces) else "\n".join(pieces)


@pytest.fixture(scope="module")
def stubs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stubs")
    for stub in STUBS:
        file = folder / stub
        file.write_text('#!/bin/sh\necho "${0##*/}" >> "$RECORD"\n')
        file.chmod(0o755)
    return folder


def analyser() -> ShellAnalyser:
    _, tables = load_policy()
    harmless = {stub: CommandTable(name=stub, style="none", arguments=((Kind.ANY, True),)) for stub in STUBS}
    return ShellAnalyser(
        ShellAnalyserConfig(), replace(tables, commands=MappingProxyType({**tables.commands, **harmless}))
    )


async def executed(script: str, stubs: Path, folder: Path) -> tuple[set[str], set[str]]:
    """The stubs that ran, and the files that were made."""
    folder.mkdir()
    record = folder / ".record"
    environment = {"PATH": f"{stubs}{os.pathsep}/usr/bin{os.pathsep}/bin", "RECORD": str(record)}
    process = await asyncio.create_subprocess_exec(
        *("bash", "--noprofile", "--norc", "-c", script),
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(SCRIPT_LIMIT_S):
            await process.wait()
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)  # a script that waits for itself: what ran until now still counts
        await process.wait()
    made = {one.name for one in folder.iterdir()} - {record.name}
    return set(record.read_text().split()) if record.exists() else set(), made


def seen(manifest: Manifest) -> set[str]:
    return {one.name.rpartition("/")[2] for one in manifest.invocations if one.name is not None}


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_ran_was_seen_or_nothing_was_claimed(seed, stubs, tmp_path):
    grammar = Grammar(seed)
    scripts = [grammar.script() for _ in range(SCRIPTS_PER_SEED)]
    manifests = await analyser().analyse_all(scripts, Connection(id="c", tenant="t", name="c"))
    gate = asyncio.Semaphore(4)

    async def run(index: int) -> tuple[set[str], set[str]]:
        async with gate:
            return await executed(scripts[index], stubs, tmp_path / str(index))

    ran = await asyncio.gather(*(run(index) for index in range(len(scripts))))
    for script, manifest, (names, made) in zip(scripts, manifests, ran, strict=True):
        if manifest.proof is not Proof.UNKNOWN:
            assert names <= seen(manifest), script
        assert not (made and manifest.proof is Proof.READ), script
    # The test must not pass by claiming nothing, nor by running nothing.
    assert sum(manifest.proof is not Proof.UNKNOWN for manifest in manifests) >= len(scripts) // 6
    assert sum(bool(names) for names, _ in ran) >= len(scripts) // 2
