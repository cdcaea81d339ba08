"""Exit codes, and the words in which an error reaches the terminal."""

from __future__ import annotations

import sys
from enum import IntEnum

from opsagent.domain.visible import visible
from opsagent.errors import (
    AccessError,
    ConfigurationError,
    ConflictError,
    Disabled,
    FolderInUse,
    InputError,
    NotFound,
    OpsAgentError,
    RunbookError,
)


class Exit(IntEnum):
    """What a shell script may rely on."""

    OK = 0  # done
    FAILED = 1  # tried and failed, or the run failed
    USAGE = 2  # the command line or a setting is wrong; the hint says how to mend it
    NOT_FOUND = 3  # no such run, approval, runbook, connection, key
    REFUSED = 4  # not allowed, already decided, expired, in use, or switched off


EPILOG = "Exit codes: 0 done · 1 failed · 2 usage or a wrong setting · 3 not found · 4 refused."
_CODES: tuple[tuple[type[OpsAgentError], Exit], ...] = (
    (NotFound, Exit.NOT_FOUND),
    (RunbookError, Exit.FAILED),
    (InputError, Exit.USAGE),
    (ConfigurationError, Exit.USAGE),
    (AccessError, Exit.REFUSED),
    (ConflictError, Exit.REFUSED),
    (FolderInUse, Exit.REFUSED),
    (Disabled, Exit.REFUSED),
)


def exit_code(error: OpsAgentError) -> Exit:
    """The code an error ends the process with."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.FAILED)


def complain(error: OpsAgentError, *, as_json: bool) -> Exit:
    """Say what happened and what to do: to stderr for people, one object on stdout for programs."""
    if as_json:
        from opsagent.cli.screen import say_json

        say_json({"error": error.code, "message": error.message, "fix": error.fix, **error.extra})
    else:
        sys.stderr.write(f"{visible(error.message, lines=True)}\n")
        if error.fix:
            sys.stderr.write(f"fix: {visible(error.fix, lines=True)}\n")
    return exit_code(error)
