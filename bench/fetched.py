"""Public packages the bench measures on: fetched by pip when needed, kept in the user's cache, never committed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def cache() -> Path:
    """Where fetched packages lie: XDG_CACHE_HOME, else ~/.cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "opsagent-bench"


def fetched(requirement: str) -> Path | None:
    """The wheel of `name==version`, without what it depends on; None where it cannot be had."""
    name, _, version = requirement.partition("==")
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.glob(pattern)):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", requirement]
        ended = subprocess.run([*command, "-d", str(folder)], check=False, capture_output=True, text=True)
        if ended.returncode:
            why = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
            print(f"  {requirement} cannot be fetched: {why}")
    return next(iter(folder.glob(pattern)), None)
