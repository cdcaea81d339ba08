"""Against the truth: random scripts are run by a real bash, and whatever really happened must have been said before.

`OPSAGENT_FUZZ_SCRIPTS` and `OPSAGENT_FUZZ_SEED` make it longer or another one; a failure shows the seed and the script.
"""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from opsagent.adapters.analysers.shell.analyser import ShellAnalyser, ShellAnalyserConfig
from opsagent.adapters.policy_files import load_policy
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest, Proof
from real_bash import Ran, RealBash, run_all
from shell_grammar import STRANGERS, Grammar

SCRIPTS = int(os.environ.get("OPSAGENT_FUZZ_SCRIPTS", "1500"))
SEED = os.environ.get("OPSAGENT_FUZZ_SEED", "ops")
ROUND = 500
CONNECTION = Connection(id="c", tenant="t", name="c")
# What starts text nobody can list beforehand: with one of these in the manifest, a missing name is explained.
STARTERS = frozenset(
    {"bash", "sh", "source", ".", "alias", "mapfile", "readarray", "hash", "ssh", "env", "compgen", "complete", "bind"}
    | {"fc", "jobs", "awk", "sed", "xargs", "enable", "export", "set", "shopt"}
)
REASONS = re.compile(
    r"evaluat|arithmetic|does not parse|not known here|as code|name is in another|redefines|changes what commands do"
    r"|subscript|plain variable name|may become|coprocess|may change what commands do|extended glob|not written out"
    r"|not known to be harmless|nested|printf: the option -v|expands the name"
)
# A command none of whose options does harm may be given a file named like an option it does not have.
NO_SUCH_OPTION = re.compile(
    r"[a-z]+: the option .* is not known to only read|[a-z]+: the option \S+ lacks its value", re.DOTALL
)
TABLES = load_policy()[1]


def seen(manifest: Manifest) -> set[str]:
    return {one.name.rpartition("/")[2] for one in manifest.invocations if one.name is not None}


def explained(manifest: Manifest) -> bool:
    return (
        any(one.name is None or one.name in STARTERS for one in manifest.invocations)
        or not manifest.invocations
        or any(REASONS.search(reason) for reason in manifest.reasons)
    )


def told(path: str, manifest: Manifest) -> bool:
    """Whether a change was announced: the path itself, a folder on the way to it, or one it was put into."""
    for listed in (*manifest.writes, *manifest.deletes):
        pattern = posixpath.normpath(re.sub(r"<\w+>", "*", listed)).removeprefix("~/")
        if fnmatchcase(path, pattern) or (listed.startswith("<") and fnmatchcase(path, f"*/{pattern}")):
            return True
        if pattern == "." or path.startswith(pattern + "/") or pattern.startswith(path + "/"):
            return True
    return False


def excused(name: str, alone: Manifest) -> bool:
    """What `xargs` starts is looked at by itself; an option that does not exist is refused by the program."""
    harmless = TABLES.commands[name].harmless_options
    return name == "xargs" or (harmless and all(NO_SUCH_OPTION.fullmatch(one) for one in alone.reasons))


def misses(manifest: Manifest, ran: Ran, literal: dict[str, Manifest]) -> list[str]:
    """Every way in which the manifest said less than what happened."""
    found: list[str] = []
    missing = {words[0] for words in ran.started} - seen(manifest)
    if missing and not (manifest.proof is Proof.UNKNOWN and explained(manifest)):
        found.append(f"ran and was not listed: {sorted(missing)}")
    if manifest.proof is Proof.READ:
        if ran.changed:
            found.append(f"said to read and changed {sorted(ran.changed)}")
        for words in ran.started:
            own = literal[shlex.join(words)]
            if own.proof is not Proof.READ and not excused(words[0], own):
                found.append(f"said to read and ran {words}: {own.reasons}")
    elif manifest.proof is Proof.EFFECT:
        found.extend(f"changed and was not told: {path}" for path in sorted(ran.changed) if not told(path, manifest))
    return found


async def one_round(bash: RealBash, seeds: Sequence[str], counts: dict[str, int]) -> list[str]:
    analyser = ShellAnalyser(ShellAnalyserConfig(), TABLES)
    scripts = [Grammar(seed).script() for seed in seeds]
    manifests = await analyser.analyse_all(scripts, CONNECTION)
    ran = await run_all(bash, scripts, seeds[0].replace("/", "-") + "-")
    lines = list({shlex.join(words): None for one in ran for words in one.started})
    literal = dict(zip(lines, await analyser.analyse_all(lines, CONNECTION), strict=True))
    failures: list[str] = []
    for seed, script, manifest, ran_one in zip(seeds, scripts, manifests, ran, strict=True):
        counts[manifest.proof.value] = counts.get(manifest.proof.value, 0) + 1
        counts["started something"] = counts.get("started something", 0) + bool(ran_one.started)
        counts["hidden stranger"] = counts.get("hidden stranger", 0) + any(w[0] in STRANGERS for w in ran_one.started)
        counts["changed something"] = counts.get("changed something", 0) + bool(ran_one.changed)
        counts["programs"] = counts.get("programs", 0) + len(ran_one.started)
        said = f"    proof {manifest.proof.value}, listed {sorted(seen(manifest))}, writes {manifest.writes}, "
        said += f"deletes {manifest.deletes}, reasons {manifest.reasons}"
        failures += [f"--- seed {seed}: {one}\n{script}\n{said}" for one in misses(manifest, ran_one, literal)]
    return failures


async def test_whatever_bash_did_was_said_before(tmp_path: Path):
    bash = RealBash(tmp_path)
    counts: dict[str, int] = {}
    failures: list[str] = []
    for start in range(0, SCRIPTS, ROUND):
        seeds = [f"{SEED}/{index}" for index in range(start, min(start + ROUND, SCRIPTS))]
        failures += await one_round(bash, seeds, counts)
    print(f"{SCRIPTS} scripts of seed {SEED}: {counts}, {len(failures)} misses")
    assert not failures, "\n".join([f"{len(failures)} misses", *failures[:20]])
    # It must not pass by claiming nothing, nor by running nothing.
    assert counts["read"] >= SCRIPTS // 10
    assert counts["effect"] >= SCRIPTS // 20
    assert counts["started something"] >= SCRIPTS // 2
    assert counts["hidden stranger"] >= SCRIPTS // 20
