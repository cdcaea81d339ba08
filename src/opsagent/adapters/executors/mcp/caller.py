"""The program that visits one MCP server: its parcel comes on stdin; stdout says when a call begins and what was said.

Run as `python -I caller.py FOLDER...` below a launcher that holds the start token; the folders are where its modules
lie. A credential is in the parcel alone: never in an argument or on a disk.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys

BEGINS = "begins"  # the first line of stdout; without it nothing was called
_PR_SET_DUMPABLE = 4  # linux/prctl.h


def main() -> None:
    """Go there."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # a started server of this user may not read our memory
    # behind the standard library, before what an editable installation would add
    at = next(
        (n for n, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages"))), len(sys.path)
    )
    sys.path[at:at] = sys.argv[1:]
    asyncio.run(_go(sys.stdin.read()))


async def _go(text: str) -> None:
    from opsagent.adapters.clock import SystemClock
    from opsagent.adapters.executors.mcp.exchange import visit
    from opsagent.adapters.executors.mcp.parcel import Reply, parcel_from

    begun = False

    def begins() -> None:
        nonlocal begun
        os.write(1, f"{BEGINS}\n".encode())
        begun = True

    task = asyncio.ensure_future(visit(parcel_from(text), SystemClock(), begins=begins))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        reply = await task
    except asyncio.CancelledError:
        reply = Reply(sent=begun, problem="it was stopped before an answer came")
    sys.stdout.write(reply.to_json())
    sys.stdout.flush()


if __name__ == "__main__":
    main()
