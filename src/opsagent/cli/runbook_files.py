"""Reads the Markdown files a command was given."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from opsagent.errors import InputError, NotFound, RunbookError


def read_runbooks(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """(text, path) of every runbook named. NotFound, InputError."""
    found: list[tuple[str, str]] = []
    for path in paths:
        if path.is_dir():
            found += read_runbooks(sorted(path.glob("*.md")))
            continue
        try:
            found.append((path.read_bytes().decode("utf-8"), str(path)))
        except FileNotFoundError:
            raise NotFound(f"There is no file {path}.", fix="Check the path.") from None
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.", fix="Mend its rights.") from None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise RunbookError("it is not UTF-8 text", file=str(path), line=line, fix="Save it as UTF-8.") from None
    return found
