"""Reads a JSON body from outside with care: every complaint names the field by its JSON pointer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from opsagent.errors import InputError, TooLarge

MAX_BODY_BYTES = 16 * 1024**2
MAX_ALERTS = 50_000  # in one delivery: with 300 bytes each, and real ones are longer, the largest body holds no more
NEVER_FROM = 9000  # a year: past it people and programs mean "never" (.NET writes 9999), and zones overflow
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,12})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


def read_json(raw: bytes, *, limit: int = MAX_BODY_BYTES) -> Value:
    """The document in a body. TooLarge; InputError for broken UTF-8, NaN, too deep nesting and all else not JSON."""
    if len(raw) > limit:
        raise TooLarge(f"The body has {len(raw)} bytes; {limit} are taken.", fix="Send fewer alerts at once.")
    try:
        return Value(orjson.loads(raw), "")
    except orjson.JSONDecodeError as problem:
        raise InputError(
            f"The body is not JSON: {problem.msg}, at character {problem.pos}.", fix="Send a JSON body."
        ) from None


@dataclass(frozen=True, slots=True)
class Value:
    """A value and where it stands (`pointer`, RFC 6901; empty is the whole document)."""

    content: object
    pointer: str

    def __getitem__(self, name: str) -> Value:
        """The member of that name; a missing one holds None. InputError when this is no object."""
        return Value(self.object().get(name), f"{self.pointer}/{name.replace('~', '~0').replace('/', '~1')}")

    @property
    def missing(self) -> bool:
        """Whether it is absent or null."""
        return self.content is None

    def object(self) -> Mapping[str, object]:
        """The object here."""
        if not isinstance(self.content, dict):
            raise self.wrong("an object")
        return self.content

    def list(self) -> Sequence[Value]:
        """The list here."""
        if not isinstance(self.content, list):
            raise self.wrong("a list")
        return [Value(one, f"{self.pointer}/{number}") for number, one in enumerate(self.content)]

    def text(self, default: str = "") -> str:
        """The text here, without NUL (which PostgreSQL cannot store), or the default where there is none."""
        if self.content is None:
            return default
        if not isinstance(self.content, str):
            raise self.wrong("a text")
        return _storable(self.content)

    def word(self) -> str:
        """The text, the number or the yes or no here as text; empty where there is none."""
        if isinstance(self.content, bool):
            return "true" if self.content else "false"
        if isinstance(self.content, (int, float)):
            return str(self.content)
        return self.text()

    def texts(self, *, names: int, characters: int) -> dict[str, str]:
        """An object of texts, empty where there is none; at most so many names, each text at most so long."""
        if self.content is None:
            return {}
        members = self.object()
        if len(members) > names:
            raise self.refused(f"has {len(members)} names; {names} are taken", "Send fewer.")
        found: dict[str, str] = {}
        for name in members:
            text = self[name].text()
            if len(text) > characters or len(name) > characters:
                raise self[name[:80]].refused(f"is longer than {characters} characters", "Shorten it.")
            found[_storable(name)] = text
        return found

    def time(self) -> float | None:
        """Epoch seconds of an RFC 3339 time; None where there is none: Go's zero time (year 1), or "never"."""
        text = self.text()
        if not text:
            return None
        if not _RFC3339.fullmatch(text):
            raise self.wrong("a time as in 2026-11-20T23:38:18Z")
        try:
            at = datetime.fromisoformat(text.upper().replace(" ", "T"))
        except ValueError:
            raise self.wrong("a time as in 2026-11-20T23:38:18Z") from None
        return seconds_of(at)

    def wrong(self, wanted: str) -> InputError:
        """This is not what should stand here."""
        found = "missing" if self.content is None else _KINDS.get(type(self.content), "something else")
        if isinstance(self.content, str) and wanted != "a text":
            found = "another text" if wanted.startswith("a time") else found
        return self.refused(f"is {found}, not {wanted}", f"Send {wanted} there.")

    def refused(self, why: str, fix: str) -> InputError:
        """An error about this field."""
        where = self.pointer or "The body"
        return InputError(f"{where} {why}.", fix=fix, extra={"pointer": self.pointer})


def seconds_of(at: datetime) -> float | None:
    """Epoch seconds; None for the year 1, and from `NEVER_FROM` on."""
    return (at - _EPOCH).total_seconds() if 1 < at.year < NEVER_FROM else None


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd")
