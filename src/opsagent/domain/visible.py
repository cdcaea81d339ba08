"""Outside text for people: hidden characters written as escapes, white space folded, cut where wanted."""

from __future__ import annotations

import unicodedata

# Cc control, Cf format (bidirectional marks, zero-width), Cs surrogates, Co private use, Zl/Zp line and paragraph ends
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# Drawn as nothing although they count as letters or marks: fillers, joiners, Mongolian variation selectors.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
_TAB = "    "


def visible(text: object, *, lines: bool = False) -> str:
    r"""`text` with control, bidirectional and zero-width characters as escapes (`\x1b`, `\u202e`).

    With `lines`, line feeds stay and tabs become four spaces: for blocks of output.
    """
    words = str(text)
    if words.isprintable() and _BLANK.isdisjoint(words):
        return words
    return "".join(_shown(character, lines=lines) for character in words)


def one_line(text: object, limit: int = 0) -> str:
    """`text` on one line, white space folded, cut to `limit` characters with an ellipsis (0: not cut)."""
    folded = visible(" ".join(str(text).split()))
    return folded if not limit or len(folded) <= limit else folded[: max(1, limit - 1)].rstrip() + "…"


def _shown(character: str, *, lines: bool) -> str:
    if " " <= character <= "~":
        return character
    if character == "\n":
        return character if lines else "\\n"
    if lines and character == "\t":
        return _TAB
    if unicodedata.category(character) not in _HIDDEN and character not in _BLANK:
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
