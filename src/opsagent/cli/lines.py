"""Reads a file of one thing a line, in order; `-` is standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from opsagent.errors import InputError, NotFound


def read_lines(name: str) -> list[str]:
    """The lines without their ends; only a line feed ends one. Bytes that are not UTF-8 stay visible as surrogates."""
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except FileNotFoundError:
        raise NotFound(f"There is no file {name}.", fix="Check the path; - reads standard input.") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}.", fix="Name a readable file.") from None
    lines = raw.decode("utf-8", "surrogateescape").split("\n")
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]
