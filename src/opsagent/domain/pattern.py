r"""Which regular expressions may be used on text from outside: short ones that cannot take for ever.

Python's engine backtracks: `(a+)+$` needs exponential time on a hostile line, `a.*b.*c` cubic (measured: 1.6 s for one
line of 4,096 characters). So a repeated group must not repeat or choose inside, and a pattern may repeat loosely (`.*`,
`\w+`, `[^,]*`) once, or twice when it begins with `^`. Digits, spaces, and `\S+` before a space count as tight.
"""

from __future__ import annotations

import re

MAX_PATTERN_CHARS = 500
_WIDE_FROM = 20  # a bounded repeat up to here is not counted
_COUNT = re.compile(r"\{([0-9]*)(,?)([0-9]*)\}")
_GROUP_HEAD = re.compile(r"\((?:\?(?:P<[A-Za-z_][A-Za-z0-9_]*>|<?[=!]|[aiLmsux]*(?:-[imsx]+)?:|[aiLmsux]+\)|>))?")
_TIGHT = frozenset({r"\d", "[0-9]", r"\s", " ", "[ ]", r"[ \t]", "0"})
_SPACE = re.compile(r"\\s| |\[ \]|\[ \\t\]")


def refusal(pattern: str, *, anchored: bool = False) -> str:  # noqa: PLR0911 - one return per reason
    """Why a pattern is not accepted, in words; empty when it is.

    With `anchored` it must begin with `^`, end with `$` and have exactly one group (a capture).
    """
    if not pattern:
        return "the pattern is empty"
    if len(pattern) > MAX_PATTERN_CHARS:
        return f"the pattern has {len(pattern)} characters; {MAX_PATTERN_CHARS} are the most"
    if _may_change(pattern):
        return "the pattern does not compile for sure: what `[[`, `--`, `&&`, `~~`, `||` mean in a class may change"
    try:
        compiled = re.compile(pattern, re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as wrong:
        return f"the pattern does not compile: {wrong}"
    shape = _Shape(pattern)
    if shape.problem:
        return shape.problem
    if not anchored:
        return ""
    if not (pattern.startswith("^") and _ends_with_dollar(pattern)) or shape.chooses_at_top:
        return "the pattern is not anchored: it must begin with `^` and end with `$`, with no `|` between them"
    if compiled.groups != 1:
        return f"the pattern has {compiled.groups} groups; exactly one says what is captured"
    return ""


def _may_change(pattern: str) -> bool:
    """Whether a class holds what Python warns about (FutureWarning: sets within sets, and their operators).

    Asking Python itself means to change the process's warning filters, which other threads are using.
    """
    at = 0
    while at < len(pattern):
        if pattern[at] == "[":
            end = _class_end(pattern, at)
            inside = pattern[at + 1 : end - 1]
            if inside.startswith("[") or any(one * 2 in inside for one in "-&~|"):
                return True
            at = end
        else:
            at += 2 if pattern[at] == "\\" else 1
    return False


def _ends_with_dollar(pattern: str) -> bool:
    body = pattern.removesuffix("$")
    return body != pattern and (len(body) - len(body.rstrip("\\"))) % 2 == 0


class _Shape:
    """One walk over a pattern that compiles: how loosely it repeats, and whether a repeated group repeats inside."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.problem = ""
        self.chooses_at_top = False
        self.loose = 0
        self.groups = [False]  # per open group: does it repeat or choose inside?
        self._walk()
        most = 2 if pattern.startswith("^") and not self.chooses_at_top else 1
        if not self.problem and self.loose > most:
            often = "twice" if most == 2 else "once unless it begins with `^`"
            self.problem = f"the pattern repeats loosely (`.*`, `\\w+`) {self.loose} times; it may do so {often}"

    def _walk(self) -> None:
        pattern, at = self.pattern, 0
        while at < len(pattern) and not self.problem:
            start, inner, atom = at, False, True
            if pattern[at] == "\\":
                at += 2
                if pattern[start + 1 : at].isdigit() and pattern[start + 1] != "0":
                    self.problem = "the pattern refers back to a group (\\1), which can take very long"
            elif pattern[at] == "[":
                at = _class_end(pattern, at)
            elif pattern[at] == "(":
                at, atom = self._open(at), False
            elif pattern[at] == ")":
                at, inner = at + 1, self.groups.pop()
                self.groups[-1] = self.groups[-1] or inner
            elif pattern[at] == "|":
                at, atom, self.groups[-1] = at + 1, False, True
                self.chooses_at_top = self.chooses_at_top or len(self.groups) == 1
            else:
                at += 1
            if atom:
                at = self._repeat(pattern[start:at], at, inner=inner)

    def _open(self, at: int) -> int:
        head = _GROUP_HEAD.match(self.pattern, at)
        end = head.end() if head else at + 1
        if self.pattern[end - 1] != ")":
            self.groups.append(False)
        return end

    def _repeat(self, atom: str, at: int, *, inner: bool) -> int:
        """Read the quantifier that follows an atom, if there is one; returns the position behind it."""
        count = _COUNT.match(self.pattern, at)
        if count is not None and (count.group(1) or count.group(3)):
            upper = count.group(3) if count.group(2) else count.group(1)
            varies = bool(count.group(2)) and count.group(1) != count.group(3)
            wide, many, end = not upper or int(upper) > _WIDE_FROM, upper != "1", count.end()
        elif self.pattern[at : at + 1] in {"*", "+"}:
            wide, many, varies, end = True, True, True, at + 1
        elif self.pattern[at : at + 1] == "?":
            wide, many, varies, end = False, False, True, at + 1
        else:
            return at
        if many and inner:
            self.problem = "the pattern repeats a group that itself repeats or chooses, which can take for ever"
        end += self.pattern[end : end + 1] in {"?", "+"}
        tight = atom in _TIGHT or (atom == r"\S" and _SPACE.match(self.pattern, end))
        self.loose += wide and varies and not tight
        self.groups[-1] = self.groups[-1] or varies
        return end


def _class_end(pattern: str, at: int) -> int:
    """Behind the `]` that closes the class opened at `at`; a `]` directly after `[` or `[^` is a member."""
    at += 2 if pattern.startswith("[^", at) else 1
    at += pattern.startswith("]", at)
    while at < len(pattern) and pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at + 1
