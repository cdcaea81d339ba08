"""Which characters may not stand in text that reaches a command: those a person would not see."""

from __future__ import annotations

import unicodedata

# Unicode's bidirectional formatting characters (UAX 9): they make a line read other than it runs.
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINE_BREAKS = frozenset("\u2028\u2029\x85")


def hidden_character(text: str, *, allow: str = "", formats: bool = True) -> tuple[int, str] | None:
    """The position and the name of the first control, bidirectional or (with `formats`) invisible character, or None.

    `allow` lists control characters that are fine here, such as newline and tab. Lone surrogates count as hidden.
    """
    for position, character in enumerate(text):
        if " " <= character <= "~" or character in allow:
            continue
        category = unicodedata.category(character)
        refused = category in {"Cc", "Cs"} or character in BIDI or character in _LINE_BREAKS
        if refused or (formats and category == "Cf"):
            return position, f"U+{ord(character):04X} {unicodedata.name(character, 'control character')}".lower()
    return None
