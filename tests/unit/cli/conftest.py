"""The command line on a data folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from opsagent.cli.app import build

RUNBOOK = """---
id: marker-gone
title: The marker is gone
alerts: [MarkerGone]
parameters:
  who: "^[a-z]+$"
measures:
  "*":
    run: test -e {{connection.marker}}
    for: 100ms
    every: 50ms
---
# The marker is gone

## Diagnosis

What is there?

```shell name=look
ls {{connection.folder}}
```

## Mitigation

Put it back, because the shop reads it.

```shell name=put undo="rm -f {{connection.marker}}"
touch {{connection.marker}} {{who}}
```
"""


@dataclass
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Terminal:
    """Runs commands in this process, on one data folder."""

    folder: Path
    environ: dict[str, str]

    def __call__(self, *words: object, typed: str = "", env: Mapping[str, str] | None = None) -> Said:
        environ = {**self.environ, **(env or {})}
        result = CliRunner().invoke(build(), [str(word) for word in words], input=typed, env=environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    def begin(self, *words: object, **options: Any) -> subprocess.Popen[str]:
        """Start the command as a process of its own."""
        argv = [sys.executable, "-m", "opsagent", *(str(word) for word in words)]
        given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": {**os.environ, **self.environ}, **options}
        return subprocess.Popen(argv, text=True, **given)

    def process(self, *words: object, **options: Any) -> Said:
        """Run the command as a process of its own, to its end."""
        with self.begin(*words, **options) as process:
            out, err = process.communicate(timeout=60)
        return Said(process.returncode, out or "", err or "")


def terminal_on(folder: Path) -> Terminal:
    return Terminal(
        folder / "data",
        {
            "OPSAGENT_DATA_DIR": str(folder / "data"),
            "OPSAGENT_SANDBOX_ROOT": str(folder / "sandbox"),
            "OPSAGENT_HOST_REACH": "true",
            "OPSAGENT_SETTLE_SECONDS": "0",
            "OPSAGENT_COOLDOWN_SECONDS": "0",
            "OPSAGENT_MEASURE_EVERY_SECONDS": "0",
            "OPSAGENT_SWEEP_SECONDS": "0.05",
            "COLUMNS": "80",
        },
    )


def furnish(opsagent: Terminal, folder: Path) -> Path:
    """A folder that stands for a machine, registered, with a runbook that mends it; acting is on."""
    machine = folder / "machine"
    machine.mkdir()
    text = folder / "marker-gone.md"
    text.write_text(RUNBOOK)
    assert opsagent("runbooks", "add", text).code == 0
    values = ("--value", f"marker={machine}/marker", "--value", f"folder={machine}")
    assert opsagent("connections", "add", "machine", "--reach", "host", *values).code == 0
    assert opsagent("acting", "on").code == 0
    return machine


@pytest.fixture
def opsagent(tmp_path: Path) -> Terminal:
    return terminal_on(tmp_path)


@pytest.fixture
def machine(tmp_path: Path, opsagent: Terminal) -> Path:
    return furnish(opsagent, tmp_path)


@pytest.fixture
def asking(opsagent: Terminal, machine: Path) -> Callable[[], str]:
    """Makes a run that waits for a person; its id."""
    import asyncio

    from opsagent.sdk import OpsAgent
    from opsagent.settings import Settings

    async def make() -> str:
        async with OpsAgent(settings=Settings.load({}, environ=opsagent.environ)) as agent:
            run = await agent.execute(
                "bring it back", runbook="marker-gone", connection="machine", parameters={"who": "ada"}
            )
            return run.id

    return lambda: asyncio.run(make())


@pytest.fixture(scope="session")
def make_terminal() -> Callable[[Path], Terminal]:
    return terminal_on


@pytest.fixture(scope="session")
def furnish_it() -> Callable[[Terminal, Path], Path]:
    return furnish
