"""Ends a program of the demo when the program that started it is gone, however that happened."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


def when_parent_ends(act: Callable[[], None], *, stdin: int = 0) -> threading.Thread:
    """Call `act` once, from a thread, when the pipe on file descriptor `stdin` reaches its end.

    The starter holds the other end and never writes. The kernel closes it whatever ends the starter, `kill -9`
    included; a parent-death signal would be tied to the starting thread and is lost across set-uid programs.
    """

    def watch() -> None:
        while os.read(stdin, 4096):
            continue
        act()

    thread = threading.Thread(target=watch, name="lifeline", daemon=True)
    thread.start()
    return thread
