"""What is logged, how, and where to."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from opsagent.settings.area import Area, flag, setting


class LogSettings(Area):
    """Logs go to the standard error stream, and to a file where one is named."""

    log_format: Literal["json", "console"] = setting("json", "json for machines, console for people.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", "The least severe level that is logged.")
    log_file: Path | None = setting(None, "Also log to this file (mode 0600, 10 MiB, five old ones kept).")
    debug: bool = flag("Print tracebacks of errors at the terminal.", on=False)
