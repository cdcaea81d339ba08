"""Reads the ways monitoring systems write a moment: ISO 8601 in its dialects, or a number since 1970."""

from __future__ import annotations

import math
import re
from datetime import datetime

from opsagent.adapters.intake.document import Value, seconds_of

_WANTED = "a time as in 2026-11-20T23:38:18Z, or as a number since 1970"
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]{1,12}))?"
    r" ?([Zz]|UTC|[+-][0-9]{2}:?[0-9]{2})?"
)
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,9})?")
_MILLI, _MICRO, _NANO = 1e11, 1e14, 1e17  # from the year 5138 on in the unit before: no alert started then


def instant(value: Value) -> float | None:
    """Epoch seconds; None where there is none (nothing, an empty text, 0, the year 1, or 9000 and later). InputError.

    A number is seconds, milliseconds, microseconds or nanoseconds, whichever makes sense. A time without a zone is
    taken for UTC.
    """
    if value.missing:
        return None
    if isinstance(value.content, (int, float)) and not isinstance(value.content, bool):
        return _of_number(value, float(value.content))
    text = value.text().strip()
    if not text:
        return None
    if _NUMBER.fullmatch(text):
        return _of_number(value, float(text))
    found = _ISO.fullmatch(text)
    if found is None:
        raise value.refused(f"is not {_WANTED}", "Send one of these there.")
    day, time, fraction, zone = found.groups()
    zone = "+00:00" if zone is None or zone.upper() in {"Z", "UTC"} else zone
    try:
        at = datetime.fromisoformat(f"{day}T{time}.{(fraction or '0')[:6]:0<6}{zone}")
    except ValueError:
        raise value.refused(f"is not {_WANTED}", "Send one of these there.") from None
    return seconds_of(at)


def _of_number(value: Value, number: float) -> float | None:
    if not math.isfinite(number) or number < 0 or number > 1e20:
        raise value.refused(f"is not {_WANTED}", "Send one of these there.")
    for least, unit in ((_NANO, 1e9), (_MICRO, 1e6), (_MILLI, 1e3)):
        if number >= least:
            return number / unit
    return number or None
