"""Runs scripts with the real bash among stub programs that write down what they were started with."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shell_grammar import CHANGERS, READERS, STRANGERS, WRAPPERS

SCRIPT_LIMIT_S = 2.0
_LIMITS = "ulimit -t 2 -f 2048 -c 0 -n 64; exec /bin/bash --noprofile --norc -c "  # seconds of CPU, 1 KB blocks
# A script can clear its environment: the record's place stands in the stub, and the session tells scripts apart.
_STUB = r"""#!/bin/dash
read -r _ _ _ _ _ session _ < /proc/self/stat
name=${0##*/}
printf '%s\0' "$#" "$name" "$@" >> "@RECORDS@/$session"
real() { exec "/usr/bin/$name" "$@"; }
plain() { case $1 in ''|-*|/*|*..*) return 1;; esac; }
case $name in
env|nice|timeout|xargs|nohup|stdbuf|find|bash|sh|date) real "$@" ;;
sudo)
  while :; do case $1 in -n) shift;; -u) shift 2;; *=*) shift;; *) break;; esac; done
  exec "$@" ;;
ssh) shift; exec /bin/bash -c "$*" ;;
touch|mkdir) for one in "$@"; do plain "$one" && real -p "$@"; done 2>/dev/null ;;
tee) for one in "$@"; do plain "$one" && echo x > "$one"; done ;;
cp) [ "$#" = 2 ] && plain "$2" && real "$@" ;;
rm) for one in "$@"; do plain "$one" && [ -f "$one" ] && real -f "$one"; done ;;
uniq) [ "$#" = 2 ] && plain "$1" && plain "$2" && echo x > "$2" ;;
wc) case $* in -[lcwm]) echo 3 ;; *) echo 'touch oops' ;; esac ;;
pgrep|nproc) case $* in *-*) echo '7 touch' ;; *) echo 7 ;; esac ;;
id) case $* in -u) echo 7 ;; *) echo 'touch oops' ;; esac ;;
uname) case $* in ''|-[srmnpio]) echo Linux ;; *) echo 'touch oops' ;; esac ;;
hostname) case $* in ''|-[fsi]) echo web1 ;; *) echo 'touch oops' ;; esac ;;
*) printf '%s\n' 'touch oops' 'frob -o' ;;
esac
"""
# Names that turn into options or commands where a glob or a split word lands on them.
_FILES = {
    "a": "touch oops\nfrob\n", "b": "grok a\n", "rc": "frob rc\n", "x y": "1\n",
    "-oout9": "", "-delete": "", "sub/c": "c\n",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ran:
    """`started` are the programs with their words, `changed` the relative paths that were made, changed or removed."""

    started: tuple[tuple[str, ...], ...]
    changed: frozenset[str]


@dataclass(slots=True)
class RealBash:
    """`root` is a folder of the test's own; everything is written below it."""

    root: Path
    stubs: Path = field(init=False)
    records: Path = field(init=False)

    def __post_init__(self) -> None:
        self.stubs, self.records = self.root / "stubs", self.root / "records"
        self.stubs.mkdir()
        self.records.mkdir()
        stub = self.stubs / "ls"
        stub.write_text(_STUB.replace("@RECORDS@", str(self.records)))
        stub.chmod(0o755)
        for name in {*READERS, *CHANGERS, *STRANGERS, *WRAPPERS} - {"ls"}:
            (self.stubs / name).hardlink_to(stub)

    async def run(self, script: str, name: str) -> Ran:
        """Run one script in a folder of its own, deep enough that a few steps up stay inside."""
        folder = self.root / name / "u" / "p" / "here"
        (folder / "sub").mkdir(parents=True)
        for path, content in _FILES.items():
            (folder / path).write_text(content)
        for stub in ("frob", "ls"):
            for where in (folder, folder / "sub"):
                shutil.copy(self.stubs / stub, where)  # no link: a script may write to it
        before = _content(folder)
        process = await asyncio.create_subprocess_exec(
            *("/bin/dash", "-c", _LIMITS + '"$1"', "_", script),
            cwd=folder,
            env={"PATH": str(self.stubs) + ":/nowhere", "HOME": str(folder), "FUNCNEST": "30"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(SCRIPT_LIMIT_S):
                await process.wait()
        except TimeoutError:
            pass  # it waits for itself: what ran until now still counts
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        record = self.records / str(process.pid)
        started = _records(record.read_bytes()) if record.exists() else ()
        record.unlink(missing_ok=True)  # the kernel gives its number again
        after = _content(folder)
        changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
        return Ran(started, frozenset(changed))


def _records(raw: bytes) -> tuple[tuple[str, ...], ...]:
    fields = raw.decode(errors="surrogateescape").split("\0")[:-1]
    found: list[tuple[str, ...]] = []
    while fields:
        size = int(fields[0]) + 2
        found.append(tuple(fields[1:size]))
        fields = fields[size:]
    return tuple(found)


def _content(folder: Path) -> dict[str, str]:
    """What is in every file below a folder, and a mark for each folder."""
    found: dict[str, str] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return found


async def run_all(bash: RealBash, scripts: Sequence[str], prefix: str) -> list[Ran]:
    """Several at once: most of the time is spent in starting programs."""
    gate = asyncio.Semaphore(4)

    async def one(index: int, script: str) -> Ran:
        async with gate:
            return await bash.run(script, f"{prefix}{index}")

    return await asyncio.gather(*(one(index, script) for index, script in enumerate(scripts)))
