"""Conditions on labels, in Alertmanager's spelling: `=`, `!=`, `=~`, `!~`; a label that is missing is empty."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from opsagent.domain.pattern import refusal
from opsagent.errors import InputError

MAX_VALUE_CHARS = 1000  # what a pattern is tried on: with domain/pattern.py that bounds the time it takes
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]{0,127}")
_WRITTEN = re.compile(r"\s*([^\s=!~]+)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)


class MatchKind(StrEnum):
    """How a matcher compares, as Alertmanager writes it."""

    IS = "="
    IS_NOT = "!="
    FITS = "=~"
    FITS_NOT = "!~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """One label and what its value must be; a pattern must fit the whole value.

    `source`, `name` and `environment` stand for the signal's own, where it has no label of that name. A label that a
    signal does not have is empty.
    """

    label: str
    kind: MatchKind
    value: str

    def __str__(self) -> str:
        """As people write it."""
        quoted = re.sub(r'(["\\])', r"\\\1", self.value)
        return f'{self.label}{self.kind.value}"{quoted}"'

    def check(self) -> None:
        """Refuse what cannot be a matcher, or could take for ever. InputError."""
        if not _LABEL.fullmatch(self.label):
            raise InputError(f"{self.label[:80]!r} is no label.", fix="Write a name such as service or alertname.")
        if len(self.value) > MAX_VALUE_CHARS:
            raise InputError(f"The value for {self.label} is too long.", fix=f"{MAX_VALUE_CHARS} characters at most.")
        wrong = refusal(self.value) if self.kind in {MatchKind.FITS, MatchKind.FITS_NOT} else ""
        if wrong:
            raise InputError(f"The pattern for {self.label} is refused: {wrong}.", fix="Write a simpler one.")

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels have it so. What is too long for a pattern fits none, and is not silenced by one."""
        value = labels.get(self.label, "")
        if self.kind is MatchKind.IS:
            return value == self.value
        if self.kind is MatchKind.IS_NOT:
            return value != self.value
        if len(value) > MAX_VALUE_CHARS:
            return False
        fits = _compiled(self.value).fullmatch(value) is not None
        return fits if self.kind is MatchKind.FITS else not fits


def read_matcher(text: str) -> Matcher:
    """A matcher as people write it: `service=shop`, `alertname=~"Disk.*"`. InputError."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise InputError(f"{text[:80]!r} is no matcher.", fix='Write it as service=shop or alertname=~"Disk.*".')
    label, kind, value = found.groups()
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"'):
            raise InputError(f"{text[:80]!r} has a quote that is not closed.", fix='Write it as service="shop".')
        value = re.sub(r'\\(["\\])', r"\1", value[1:-1])
    matcher = Matcher(label=label, kind=MatchKind(kind), value=value)
    matcher.check()
    return matcher


def all_hold(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every one of them holds; without any, it does."""
    return all(matcher.holds(labels) for matcher in matchers)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
