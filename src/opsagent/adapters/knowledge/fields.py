"""Reads the typed fields of a runbook out of located text: words, lists, durations, patterns, expectations."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence

from opsagent.adapters.knowledge.located import Located, Place
from opsagent.domain.pattern import refusal
from opsagent.domain.runbook import Expect, When

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_EXPECT_KEYS = ("exit", "status", "matches", "absent", "json", "equals")
_WHEN = re.compile(r"(\S+)\s+(?:(ok|failed)|matches\s+/(.*)/)")
_PATTERN_FIX = "Shorten the pattern, use one class such as [a-z0-9.-]+ in place of nested groups, or split the step."


class Fields:
    """Reading with a place to blame: each method takes a located value and the words for what it is."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def text(self, found: Located, what: str, *, limit: int = 2000) -> str:
        """One piece of text, not empty."""
        if not isinstance(found.value, str) or not found.value.strip():
            raise self.place.error(f"{what} must be text", found.line, f"Write {what} as one value on one line.")
        if len(found.value) > limit:
            raise self.place.error(f"{what} is longer than {limit} characters", found.line, "Shorten it.")
        return found.value.strip()

    def texts(self, found: Located, what: str, *, split: bool = False) -> tuple[str, ...]:
        """A list of texts; a single text is a list of one, or (with `split`) is parted at commas."""
        if isinstance(found.value, str):
            parts = found.value.split(",") if split else [found.value]
            return tuple(self.text(Located(part, found.line), what) for part in parts)
        return tuple(self.text(item, what) for item in self.items(found, what))

    def items(self, found: Located, what: str) -> Sequence[Located]:
        """The items of a list."""
        if isinstance(found.value, (str, Mapping)) or found.value is None:
            raise self.place.error(
                f"{what} must be a list", found.line, "Write it as [one, two] or as lines with `- `."
            )
        return found.value

    def mapping(self, found: Located, what: str) -> Mapping[str, Located]:
        """A mapping of words to values."""
        if not isinstance(found.value, Mapping):
            raise self.place.error(f"{what} must be a mapping", found.line, "Write it as lines of `name: value`.")
        return found.value

    def known(self, found: Mapping[str, Located], allowed: Collection[str], what: str) -> None:
        """Refuse a key that means nothing here, and name the nearest that does."""
        for key, value in found.items():
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, n=1)
                fix = f"Did you mean `{near[0]}`?" if near else f"These are known: {', '.join(sorted(allowed))}."
                raise self.place.error(f"`{key}` means nothing in {what}", value.line, fix)

    def seconds(self, found: Located, what: str, *, most: float = 3600.0) -> float:
        """A duration in seconds: `500ms`, `30s`, `2m`, `1h`, or a number of seconds."""
        match = _DURATION.fullmatch(found.value) if isinstance(found.value, str) else None
        if match is None:
            raise self.place.error(f"{what} is not a duration", found.line, "Write it like 500ms, 30s, 2m or 1h.")
        seconds = float(match.group(1)) * _SECONDS[match.group(2)]
        if not 0 < seconds <= most:
            raise self.place.error(f"{what} must be above 0 and at most {most:.0f} s", found.line, "Choose another.")
        return seconds

    def number(self, found: Located, what: str, *, most: int) -> int:
        """A whole number from 0 to `most`."""
        value = found.value if isinstance(found.value, str) else ""
        if not re.fullmatch(r"[0-9]{1,6}", value) or int(value) > most:
            raise self.place.error(f"{what} must be a whole number from 0 to {most}", found.line, "Choose another.")
        return int(value)

    def pattern(self, found: Located, what: str, *, anchored: bool = False) -> str:
        """A regular expression that compiles and cannot take for ever."""
        pattern = self.text(found, what)
        if problem := refusal(pattern, anchored=anchored):
            raise self.place.error(f"{what}: {problem}", found.line, _PATTERN_FIX)
        return pattern

    def expect(self, found: Located) -> Expect:
        """An expectation: a mapping of exit, matches, absent, json and equals, or the short forms of `short_expect`."""
        if isinstance(found.value, Mapping):
            return self._expect(found.value, found.line)
        forms = [found] if isinstance(found.value, str) else list(self.items(found, "expect"))
        return self.short_expect(forms)

    def short_expect(self, forms: Sequence[Located]) -> Expect:
        """`exit:0,1`, `/regex/`, `!/regex/` (absent), `json:path=value`; several must all hold."""
        given: dict[str, Located] = {}
        for form in forms:
            for key, value in self._short(form).items():
                if key in given:
                    raise self.place.error(f"expect gives `{key}` twice", form.line, "Keep one of the two.")
                given[key] = Located(value, form.line)
        return self._expect(given, forms[0].line if forms else 1)

    def _short(self, form: Located) -> dict[str, str]:
        text = self.text(form, "expect")
        if text.startswith("exit:"):
            return {"exit": text.removeprefix("exit:")}
        if text.startswith("status:"):
            return {"status": text.removeprefix("status:")}
        if text.startswith("json:") and "=" in text:
            path, _, equals = text.removeprefix("json:").partition("=")
            return {"json": path, "equals": equals}
        for mark, key in (("!/", "absent"), ("/", "matches")):
            if text.startswith(mark) and text.endswith("/") and len(text) > len(mark) + 1:
                return {key: text[len(mark) : -1]}
        raise self.place.error(
            f"expect `{text}` is not understood",
            form.line,
            "Use exit:0 or exit:0,1, status:200, /regex/, !/regex/ or json:path=value.",
        )

    def _expect(self, given: Mapping[str, Located], line: int) -> Expect:
        self.known(given, _EXPECT_KEYS, "expect")
        if ("json" in given) != ("equals" in given):
            raise self.place.error(
                "`json` and `equals` belong together", line, "Give both: json: status.phase, equals: up."
            )
        codes = self.texts(given["exit"], "exit", split=True) if "exit" in given else ("0",)
        if "exit" in given and "status" in given:
            raise self.place.error("`exit` and `status` are two ways to say it", line, "Keep one: status is of HTTP.")
        statuses = self.texts(given["status"], "status", split=True) if "status" in given else ()
        exit_line = given["exit"].line if "exit" in given else line
        equals = given["equals"].value if "equals" in given else ""
        return Expect(
            exit_codes=tuple(self.number(Located(code, exit_line), "an exit code", most=255) for code in codes),
            statuses=tuple(self.number(Located(one, line), "a status", most=599) for one in statuses),
            matches=self.pattern(given["matches"], "matches") if "matches" in given else "",
            absent=self.pattern(given["absent"], "absent") if "absent" in given else "",
            json_path=self.text(given["json"], "json", limit=200) if "json" in given else "",
            equals=equals if isinstance(equals, str) else "null",
        )

    def whens(self, found: Sequence[Located]) -> tuple[When, ...]:
        """Conditions on earlier steps: `NAME ok`, `NAME failed`, `NAME matches /regex/`; all must hold."""
        return tuple(self._when(one) for one in found)

    def _when(self, found: Located) -> When:
        match = _WHEN.fullmatch(self.text(found, "when"))
        if match is None:
            raise self.place.error(
                f"when `{found.value}` is not understood",
                found.line,
                "Write NAME ok, NAME failed or NAME matches /regex/.",
            )
        pattern = match.group(3)
        if pattern is not None:
            self.pattern(Located(pattern, found.line), "when")
        return When(step=match.group(1), state=match.group(2) or "matches", pattern=pattern or "")
