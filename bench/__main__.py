"""`make bench`: every measurement, one after the other, with the machine it ran on."""

from __future__ import annotations

import importlib
import os
import platform
import sys

PARTS = ("intake", "storm", "slack", "runs", "first_page", "pages", "judge", "executor", "targets", "retrieval")


def main() -> None:
    """All parts, or those named on the command line."""
    unknown = [name for name in sys.argv[1:] if name not in PARTS]
    if unknown:
        raise SystemExit(f"There is no part {unknown[0]!r}. Name some of: {', '.join(PARTS)}.")
    load = os.getloadavg()[0]
    print(f"{platform.python_version()}, {os.cpu_count()} cores, load {load:.2f} before the start", flush=True)
    for name in sys.argv[1:] or PARTS:
        print(f"\n## {name}", flush=True)
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
