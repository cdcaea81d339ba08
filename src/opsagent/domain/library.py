"""What is known of a runbook besides its text: who wrote which version, and how often it was used and helped."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookVersion:
    """One stored version of a runbook: `version` is the hash of its text, `note` says where it came from."""

    revision: int
    version: str
    title: str
    at: float
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """How often ended runs followed a runbook, and what was measured after those of them that changed something.

    `used` counts the runs that came to at least one of its steps; `yes`, `no` and `not_measurable` those of them that
    had an effect. `last_result` is `yes`, `no`, `not_measurable`, or `looked` where nothing was changed.
    """

    runbook_id: str
    used: int = 0
    yes: int = 0
    no: int = 0
    not_measurable: int = 0
    last_at: float | None = None
    last_run: str = ""
    last_result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file of a folder or repository that may be a runbook: its text, or why there is none (`problem`, `line`)."""

    path: str
    text: str = ""
    problem: str = ""
    fix: str = ""
    line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a folder or repository has: `origin` names it, and is how an import knows its own runbooks again.

    `left_out` are files that were not looked at, with the reason.
    """

    origin: str
    files: tuple[SourceFile, ...]
    left_out: tuple[SourceFile, ...] = ()


class Fate(StrEnum):
    """What an import did with one file."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    LEFT_OUT = "left_out"  # it is no runbook by its name or kind
    GONE = "gone"  # a runbook that came from here before, and whose file is no more
    DISABLED = "disabled"  # the same, and it was disabled


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about one line of a runbook that loads all the same."""

    line: int
    message: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One line of an import's report; `remarks` are what its author should know although it was taken."""

    path: str
    fate: Fate
    runbook_id: str = ""
    line: int = 1
    message: str = ""
    fix: str = ""
    executable: bool = False
    remarks: tuple[Remark, ...] = ()
