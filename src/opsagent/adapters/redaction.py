"""Keeps secrets out of text: the values we were told about, and what looks like one."""

from __future__ import annotations

import base64
import html
import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

MARKER = "[redacted]"
MIN_LOOSE_CHARS = 8  # a shorter one, looked for across blanks, would be found in neighbouring words
MIN_SECRET_CHARS = 4  # a shorter value stands in ordinary words everywhere: hiding it would hide the text

# `PWD=/srv` is a working folder, not a password
_NAME = (
    r"(?:pass(?:word|wd|phrase)|pwd(?!=/)|secret(?:[_-]?access[_-]?key|[_-]?key)?|token"
    r"|(?:api|access|private|encryption|signing)[_-]?key)"
)
# `token_count=5` and `secret_name: x` name something else; `PASSWORD_PROD=x` does not
_NOT = r"(?:count|counts|used|usage|limit|limits|type|name|names|id|url|uri|file|path|ttl|expiry|length|size|version)\b"
_SUFFIX = rf"(?:[_-](?!{_NOT})[A-Za-z0-9]{{1,24}}){{0,2}}"
_IS = r"""\\{0,8}["']?\s{0,4}[:=]\s{0,4}"""  # JSON, YAML, shell, a header; quotes may be escaped, even twice
_OPENING = r"""\\{0,8}["']?"""
_SCHEME = r"(?:bearer|basic|token|digest|negotiate|apikey)"
_QUOTED = r'\\{1,8}"[^"\n]*"?|"(?:[^"\\\n]|\\.)*"?|' + r"'(?:[^'\\\n]|\\.)*'?"
_WORD = r"""\[redacted\]|[^\s"'&;]+"""  # what was hidden before stays as it is
# What may come between the characters of a value: where a line was wrapped, or JSON escaped, even more than once.
_BETWEEN = re.compile(r"\\+[nrt]?|\s+")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_QUOTE = re.compile(r"""\\{0,8}["']""")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a kind of secret looks like. The pattern is only tried where one of the (lower case) `hints` occurs."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]


def _shape(hints: str, pattern: str) -> Shape:
    return Shape(tuple(hints.split()), re.compile(pattern, re.IGNORECASE))


# A group called `keep` stays, all else of a match becomes the marker. Every pattern is linear: what repeats is bounded
# or ends at a character that starts the next attempt, and a lookbehind stops attempts inside a run.
SHAPES: tuple[Shape, ...] = (
    _shape(
        "private",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"[^-]*(?:-(?!----END)[^-]*)*(?:-----END[^-\n]{0,60}-----)?",
    ),
    _shape("://", r"(?P<keep>://[^\s/@:]*:)[^\s/]+(?=@)"),
    _shape(
        "authorization x-api-key",
        rf"(?P<keep>\b(?:proxy-)?(?:authorization|x-api-key){_IS}{_OPENING}(?:{_SCHEME}[ \t]{{1,4}})?)[^\s\"'\\]+",
    ),
    _shape("cookie", rf"(?P<keep>\b(?:set-)?cookie{_IS}{_OPENING})[^\r\n\"'\\]+"),
    _shape("bearer", r"(?P<keep>\bbearer[ \t]{1,4})(?=[a-z._~+/-]*[0-9=])[a-z0-9._~+/=-]{8,}"),
    _shape("basic", r"(?P<keep>\bbasic[ \t]{1,4})(?=[a-z+/]*[0-9=])[a-z0-9+/]{8,}={0,2}"),
    _shape("pass pwd secret token key", rf"(?P<keep>{_NAME}{_SUFFIX}{_IS})(?:{_QUOTED}|{_WORD})"),
    _shape(
        "--pass --pwd --secret --token --api --access --private",
        rf"(?P<keep>--{_NAME}[ \t]{{1,4}})(?!-)(?:{_QUOTED}|{_WORD})",
    ),
    _shape("akia asia", r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    _shape("eyj", r"(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"),
    _shape("xox xapp", r"(?<![A-Za-z0-9-])(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}"),
    _shape(
        "hooks.slack",
        r"(?P<keep>hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers|commands|actions|app)/)[A-Za-z0-9/_-]+",
    ),
    _shape("gh glpat", r"(?<![A-Za-z0-9_])(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,})"),
    _shape("sk- sk_ rk_", r"(?<![A-Za-z0-9_-])(?:sk-|[sr]k_(?:live|test)_)[A-Za-z0-9_-]{16,}"),
    _shape("aiza", r"(?<![A-Za-z0-9_-])AIza[A-Za-z0-9_-]{35}"),
    _shape("hvs. hvb. hvr.", r"(?<![A-Za-z0-9_.-])hv[sbr]\.[A-Za-z0-9_-]{20,}"),
    _shape("opsa_", r"(?<![A-Za-z0-9_-])opsa_[A-Za-z0-9_-]{16,}"),
)


class Redaction:
    """Fulfils `ports.redact.Redactor`. Known values are counted, so that two runs may hold the same one."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._held: Counter[str] = Counter()
        self._forms: tuple[str, ...] = ()
        self._loose: tuple[str, ...] = ()
        for value in known:
            self.register(value)

    def register(self, value: str) -> bool:
        """Hide this value from now on, also encoded. False: it cannot be (under 4 characters, or in the marker)."""
        if len(value.strip()) < MIN_SECRET_CHARS or value.strip() in MARKER:
            return False
        self._held[value] += 1
        self._rebuild()
        return True

    def learn(self, values: Iterable[str]) -> None:
        """Hide these from now on; a value that is hidden already costs nothing. They stay for the process's life."""
        for value in values:
            if value not in self._held:
                self.register(value)

    def unregister(self, value: str) -> None:
        """Let go of it once; it stays hidden while another holds it. An unknown value is ignored."""
        self._held.subtract({value: 1} if value in self._held else {})
        self._held = +self._held
        self._rebuild()

    def __call__(self, text: str) -> str:
        """The text without secrets; calling it again changes nothing more."""
        text = self._without_known(text)
        lowered = text.lower()
        for shape in SHAPES:
            if any(hint in lowered for hint in shape.hints):
                text = shape.pattern.sub(_mark, text)
        return text

    def _without_known(self, text: str) -> str:
        spans: list[tuple[int, int]] = []
        for form in self._forms:
            at = text.find(form)
            while at >= 0:
                spans.append((at, at + len(form)))
                at = text.find(form, at + len(form))
        spans += self._wrapped(text)
        if not spans:
            return text
        parts: list[str] = []
        end = 0
        for start, stop in sorted(spans):
            if start >= end:
                parts += [text[end:start], MARKER]
            end = max(end, stop)
        return "".join([*parts, text[end:]])

    def _wrapped(self, text: str) -> list[tuple[int, int]]:
        """Where known values stand that were broken by blanks, escaped, or percent-encoded in small letters."""
        quick = closed(text) if self._loose else ""
        found = [form for form in self._loose if form in quick]
        if not found:
            return []
        close = Close(text)
        spans = []
        for form in found:
            at = close.text.find(form)
            while at >= 0:
                spans.append((close.origin(at), close.origin(at + len(form) - 1) + 1))
                at = close.text.find(form, at + len(form))
        return spans

    def _rebuild(self) -> None:
        forms = {form for value in self._held for form in encoded_forms(value)}
        close = {form: closed(form) for form in forms}
        self._loose = tuple(sorted({text for text in close.values() if len(text) >= MIN_LOOSE_CHARS}))
        # whatever has the form itself has it without blanks, too
        exact = (form for form, text in close.items() if len(text) < MIN_LOOSE_CHARS)
        self._forms = tuple(sorted(exact, key=lambda form: (-len(form), form)))


def closed(text: str) -> str:
    """A text without what may come between the characters of a value, percent escapes in capitals."""
    return _PERCENT.sub(lambda found: found.group().upper(), _BETWEEN.sub("", text))


class Close:
    """The same, and where each of its characters stood."""

    def __init__(self, text: str) -> None:
        kept: list[str] = []
        self._starts: list[int] = []
        self._places: list[int] = []
        at = length = 0
        for start, end in [*(found.span() for found in _BETWEEN.finditer(text)), (len(text), len(text))]:
            if start > at:
                self._starts.append(length)
                self._places.append(at)
                kept.append(text[at:start])
                length += start - at
            at = end
        self.text = _PERCENT.sub(lambda found: found.group().upper(), "".join(kept))

    def origin(self, at: int) -> int:
        """Where the character at that place stood."""
        part = bisect_right(self._starts, at) - 1
        return self._places[part] + at - self._starts[part]


def encoded_forms(value: str) -> set[str]:
    """The value as it is, without blanks around it, in JSON, URL, HTML, line by line, in hexadecimal and in base64."""
    forms = {value, value.strip(), json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    forms |= {
        quote(value, safe="", errors="replace"),
        quote_plus(value, errors="replace"),
        quote(value, errors="replace"),
    }
    forms |= {line.strip() for line in value.splitlines() if len(line.strip()) >= 8}
    escaped = html.escape(value)
    apostrophes = {escaped, escaped.replace("&#x27;", "&#39;"), escaped.replace("&#x27;", "&apos;")}
    forms |= {html.escape(value, quote=False), *apostrophes, *(one.replace("&quot;", "&#34;") for one in apostrophes)}
    raw = value.encode("utf-8", "replace")
    for digits in (raw.hex(), raw.hex().upper()):
        pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
        forms |= {digits, ":".join(pairs), "".join(f"\\x{pair}" for pair in pairs)}
    for offset in range(3):
        # inside longer encoded text the value starts at one of three places; its edge characters mix with neighbours
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        body = encoded[(0, 2, 3)[offset] : len(encoded) - (1 if (offset + len(raw)) % 3 else 0)]
        if len(body) >= 6:
            forms |= {body, body.replace("+", "-").replace("/", "_")}
    return {form for form in forms if len(form) >= MIN_SECRET_CHARS}


def _mark(found: re.Match[str]) -> str:
    keep = found.groupdict().get("keep", "")
    rest = found.group()[len(keep) :]
    quote_mark = _QUOTE.match(rest)
    if quote_mark is None:
        return keep + MARKER
    closing = quote_mark.group() if rest.endswith(quote_mark.group()) and len(rest) > len(quote_mark.group()) else ""
    return f"{keep}{quote_mark.group()}{MARKER}{closing}"
