"""What `date +FORMAT` prints, as a pattern: so that a day in a file name or a search is not an unknown word."""

from __future__ import annotations

import re

from opsagent.adapters.analysers.shell.words import IDENT

# Conversions that print digits or names and nothing else: no blank, no slash, no sign first (so not %e, %D, %c, %z).
_CONVERSION = re.compile(r"%-?[YmdHMSsjyFTRbBaAIpNuVUwGZ]")
_PLAIN = re.compile(f"[A-Za-z0-9{IDENT}][A-Za-z0-9_./:,{IDENT}-]*")


def date_pattern(argument: str) -> str:
    """The pattern for a `+FORMAT` argument; empty when its output could be anything."""
    if not argument.startswith("+"):
        return ""
    pattern = _CONVERSION.sub(IDENT, argument[1:])
    return pattern if _PLAIN.fullmatch(pattern) else ""
