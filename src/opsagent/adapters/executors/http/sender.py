"""The program that sends one effect: its parcel comes on stdin, and stdout says when it begins and what was answered.

Run as `python -I sender.py FOLDER...` below a launcher that holds the start token; the folders are where its modules
lie. The credential is in the parcel alone: never in an argument, in the environment or on a disk.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys

BEGINS = "begins"  # the first line of stdout; without it nothing was sent
_PR_SET_DUMPABLE = 4  # linux/prctl.h


def main() -> None:
    """Send it."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # nobody of this user may read the credential from here
    # behind the standard library, before what an editable installation would add
    at = next(
        (n for n, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages"))), len(sys.path)
    )
    sys.path[at:at] = sys.argv[1:]
    asyncio.run(_send(sys.stdin.read()))


async def _send(text: str) -> None:
    from opsagent.adapters.clock import SystemClock
    from opsagent.adapters.executors.http.exchange import Answer, exchange, from_json

    begun = False

    def begins() -> None:
        nonlocal begun
        os.write(1, f"{BEGINS}\n".encode())
        begun = True

    task = asyncio.ensure_future(exchange(from_json(text), SystemClock(), begins=begins))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        answer = await task
    except asyncio.CancelledError:
        answer = Answer(sent=begun, problem="it was stopped before an answer came")
    sys.stdout.write(answer.to_json())
    sys.stdout.flush()


if __name__ == "__main__":
    main()
