"""Makes characters visible that would move a terminal or hide: control, bidirectional, zero-width, surrogates."""

from __future__ import annotations

import re

# C0 and C1 controls, soft hyphen, Arabic letter mark and Mongolian separators, zero-width and bidirectional marks
# (UAX 9), line and paragraph ends, invisible operators, byte order mark, interlinear marks, surrogates, tag characters.
_CLASS = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
)
_HIDDEN = re.compile(f"[{_CLASS}]")
_HIDDEN_BUT_LINES = re.compile(f"(?![\n\t])[{_CLASS}]")


def visible(text: str, *, lines: bool = False) -> str:
    r"""`text` with each such character written as an escape (`\x1b`, `\u202e`); `lines` keeps newlines and tabs."""
    if text.isascii() and text.isprintable():
        return text
    return (_HIDDEN_BUT_LINES if lines else _HIDDEN).sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code == 0x0A:
        return "\\n"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
