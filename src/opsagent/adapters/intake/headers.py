"""Finds a header whatever the case of its name."""

from __future__ import annotations

from collections.abc import Mapping


def header(headers: Mapping[str, str], name: str) -> str:
    """Its value without blanks at the ends, or empty."""
    wanted = name.lower()
    return next((value.strip() for given, value in headers.items() if given.lower() == wanted), "")
