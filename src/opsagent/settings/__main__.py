"""Prints the generated settings pages: `python -m opsagent.settings markdown|yaml|environment`."""

from __future__ import annotations

import sys

from opsagent.settings.reference import example_environment, example_yaml, markdown

PAGES = {"markdown": markdown, "yaml": example_yaml, "environment": example_environment}

if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    if wanted not in PAGES:
        sys.exit(f"Say which page: {', '.join(PAGES)}.")
    sys.stdout.write(PAGES[wanted]())
