"""Named places where a test pulls the plug: a process that was given none pays nothing for them."""

from __future__ import annotations

import signal
import threading
from enum import StrEnum


class Action(StrEnum):
    """What happens at the armed place."""

    KILL = "kill"  # SIGKILL to this process: the plug
    STOP = "stop"  # SIGSTOP to this process: a frozen machine, thawed by SIGCONT from outside
    RAISE = "raise"  # FailpointHit in the caller


class FailpointHit(RuntimeError):
    """The armed place was reached; only tests arm one."""


class Failpoints:
    """Acts once, at the `nth` (from 1) time that `name` is reached. Without a name it never acts.

    The stores hit `<write>.before_begin`, `.after_begin`, `.before_commit` and `.after_commit`, where `<write>` is
    the name of the write, such as `runs.create`, `runs.save` or `runs.claim_effect`.
    """

    def __init__(self, name: str = "", nth: int = 1, action: Action = Action.RAISE) -> None:
        self._name = name
        self._left = nth
        self._action = action
        self._lock = threading.Lock()

    def hit(self, name: str) -> None:
        """Say that this place was reached. Raises FailpointHit when armed so."""
        if name != self._name:
            return
        with self._lock:
            self._left -= 1
            if self._left != 0:
                return
        if self._action is Action.RAISE:
            raise FailpointHit(name)
        # To this thread, which then does not come back from here: a stop sent to the process lets it run on a little.
        signal.pthread_kill(threading.get_ident(), signal.SIGKILL if self._action is Action.KILL else signal.SIGSTOP)
