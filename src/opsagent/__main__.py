"""The `opsagent` command, and `python -m opsagent`."""

from __future__ import annotations

from opsagent.cli.app import main

if __name__ == "__main__":
    main()
