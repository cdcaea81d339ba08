from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from opsagent.cli.reference import markdown

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
HEAVY = ("opsagent.bootstrap", "fastapi", "sqlalchemy", "langgraph", "pydantic", "httpx", "uvicorn", "rich.console")


def test_the_page_is_what_the_command_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "python -m opsagent.cli.reference > docs/cli.md"


def test_the_command_tree_loads_nothing_heavy() -> None:
    code = (
        "import sys, typer; from opsagent.cli.app import build; typer.main.get_command(build());"
        f"sys.exit(', '.join(one for one in {HEAVY!r} if one in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
