"""Times and lengths of time as people type them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from opsagent.errors import InputError

_LASTING = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def length(text: str) -> timedelta:
    """What 30m, 4h or 2d says. InputError."""
    match = _LASTING.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is no length of time.", fix="Write it as 30m, 4h or 2d.")
    return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})


def moment(text: str) -> datetime:
    """A time with a zone, in ISO 8601. InputError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InputError(f"{text!r} is no time with a zone.", fix="Write it as 2026-11-24T22:00+01:00.")
    return found
