"""`make bench`: every measurement, one after the other, with the machine it ran on."""

from __future__ import annotations

import importlib
import os
import platform
import sys

PARTS = ("intake", "runs", "first_page", "judge", "executor", "retrieval")


def main() -> None:
    """All parts, or those named on the command line."""
    load = os.getloadavg()[0]
    print(f"{platform.python_version()}, {os.cpu_count()} cores, load {load:.2f} before the start", flush=True)
    for name in sys.argv[1:] or PARTS:
        print(f"\n## {name}", flush=True)
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
