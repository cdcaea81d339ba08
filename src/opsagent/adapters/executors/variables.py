"""Which variables a command may be given."""

from __future__ import annotations

import re
from collections.abc import Iterable

from opsagent.errors import ExecutionError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Variables that make a shell or the loader run something else than the text that was judged.
_STEERING = re.compile(r"LD_.*|PATH|IFS|ENV|BASH_.*|BASHOPTS|SHELLOPTS|PS4|PROMPT_COMMAND|HOME|TMPDIR|OPSAGENT_.*")


def permitted(variables: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The variables by name. ExecutionError: one of them could change what runs."""
    values = {}
    for name, value in variables:
        if not _VARIABLE.fullmatch(name) or _STEERING.fullmatch(name) or "\0" in value:
            raise ExecutionError(
                f"The variable {name!r} cannot be set for a command: it could change what runs. Nothing was started.",
                fix="Write what is meant into the command, where it is judged.",
            )
        values[name] = value
    return values
