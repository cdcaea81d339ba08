"""The command line on a data folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
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
    for: 50ms
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

    def __call__(self, *words: object, typed: str = "") -> Said:
        result = CliRunner().invoke(build(), [str(word) for word in words], input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def opsagent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    given = {
        "OPSAGENT_DATA_DIR": str(tmp_path / "data"),
        "OPSAGENT_SANDBOX_ROOT": str(tmp_path / "sandbox"),
        "OPSAGENT_HOST_REACH": "true",
        "OPSAGENT_SETTLE_SECONDS": "0",
        "OPSAGENT_MEASURE_EVERY_SECONDS": "0",
        "OPSAGENT_SWEEP_SECONDS": "0.05",
        "COLUMNS": "80",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return Terminal(tmp_path / "data")


@pytest.fixture
def machine(tmp_path: Path, opsagent: Terminal) -> Path:
    """A folder that stands for a machine, registered, with a runbook that mends it; acting is on."""
    folder = tmp_path / "machine"
    folder.mkdir()
    text = tmp_path / "marker-gone.md"
    text.write_text(RUNBOOK)
    assert opsagent("runbooks", "add", text).code == 0
    values = ("--value", f"marker={folder}/marker", "--value", f"folder={folder}")
    assert opsagent("connections", "add", "machine", "--reach", "host", *values).code == 0
    assert opsagent("acting", "on").code == 0
    return folder


@pytest.fixture
def asking(opsagent: Terminal, machine: Path) -> Callable[[], str]:
    """Makes a run that waits for a person; its id."""
    import asyncio

    from opsagent.sdk import OpsAgent

    async def make() -> str:
        async with OpsAgent(data_dir=opsagent.folder) as agent:
            run = await agent.execute(
                "bring it back", runbook="marker-gone", connection="machine", parameters={"who": "ada"}
            )
            return run.id

    return lambda: asyncio.run(make())
