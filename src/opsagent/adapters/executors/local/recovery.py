"""What became of an attempt whose worker is gone; the windows it tells apart are listed in launcher.py."""

from __future__ import annotations

from typing import Any

from opsagent.adapters.executors.local import survivors
from opsagent.adapters.executors.local.tokens import NEVER, Attempt, Tokens
from opsagent.ports.executor import Traced


def settle(tokens: Tokens, attempt: Attempt, token: str, patience_s: float) -> tuple[Traced, dict[str, Any] | None]:
    """Take the token or end its holder; what is known then, and the recorded outcome of a finished attempt.

    Blocking, for as long as a launcher needs to end its command: at most `patience_s` and a few seconds. Idempotent.
    """
    if tokens.refuse(attempt) or tokens.holder(attempt.token) == NEVER:
        return Traced.NEVER_STARTED, None
    holder = tokens.holder(attempt.token)
    if survivors.is_alive(holder):
        survivors.end_launcher(holder, patience_s)
    # from here on nobody opens the gate; only now is the absence of a marker or of an outcome a fact
    found = attempt.read_outcome()
    if found is not None:
        return (Traced.FINISHED, found) if found.get("started") else (Traced.NEVER_STARTED, None)
    first = tokens.holder(attempt.started)
    if not first:
        return Traced.NEVER_STARTED, None
    survivors.end_marked(first, token)
    return Traced.UNKNOWN, None
