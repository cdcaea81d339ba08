"""The options every command takes the same way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from opsagent.domain.identity import DEFAULT_TENANT

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="FOLDER",
        help="The data folder; also OPSAGENT_DATA_DIR. A server running on it is talked to, else the store is opened.",
        show_default=False,
    ),
]
TenantName = Annotated[str, typer.Option("--tenant", metavar="NAME", help="Whose rows to see and change.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of words for people.")]
RunId = Annotated[
    str,
    typer.Argument(metavar="RUN", help="The run's id, or its beginning (4 characters or more).", show_default=False),
]

RunbookId = Annotated[str, typer.Argument(metavar="RUNBOOK", help="Its id, or its number in the list.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a command works: the data folder (None: the configured one), the tenant, and how it answers."""

    data_dir: Path | None = None
    tenant: str = DEFAULT_TENANT
    as_json: bool = False

    def overrides(self) -> dict[str, object]:
        """What the arguments say about settings; arguments win over the environment and the file."""
        return {} if self.data_dir is None else {"data_dir": self.data_dir}
