"""A procedure people wrote, as data: parameters, measures and steps. Parsing lives in `adapters/knowledge`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

DEFAULT_PARAMETER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$"
PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.]*)\s*\}\}")


class Phase(StrEnum):
    """Why a step runs; the phases of a run in the order they occur."""

    TRIAGE = "triage"  # is the problem real?
    DIAGNOSIS = "diagnosis"  # which problem is it?
    MITIGATION = "mitigation"  # make it go away
    VERIFY = "verify"  # has it gone away?
    ROLLBACK = "rollback"  # take back what did not help


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A hole in a runbook; a value must match `pattern` as a whole. `source` is the alert label it is taken from."""

    name: str
    pattern: str = DEFAULT_PARAMETER_PATTERN
    source: str = ""
    default: str | None = None
    description: str = ""

    def accepts(self, value: str) -> bool:
        """Whether the whole value matches the pattern (a trailing newline does not slip through)."""
        return re.fullmatch(self.pattern.removeprefix("^").removesuffix("$"), value) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What a step's outcome must look like to count as ok. All given conditions must hold.

    `matches` and `absent` are regexes searched in stdout. `json_path` is a dotted path into JSON stdout
    (`status.phase`, `items.0.name`) whose value, as text, must equal `equals`. `statuses` are the HTTP statuses that
    count as ok, in place of the exit code.
    """

    exit_codes: tuple[int, ...] = (0,)
    statuses: tuple[int, ...] = ()
    matches: str = ""
    absent: str = ""
    json_path: str = ""
    equals: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A condition on an earlier step: `state` is ok, failed or matches (then `pattern` is searched in its stdout)."""

    step: str
    state: str
    pattern: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A proven read that measures a condition: healthy when `expect` holds on every sample of the window.

    `window_s` and `interval_s` are seconds; `text` is a command template like a step's.
    """

    text: str
    executor: str = "shell"
    connection: str = ""
    expect: Expect = field(default_factory=Expect)
    window_s: float = 0.0
    interval_s: float = 1.0
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """How to take a step back: a command template, or `restore` of what `save` kept."""

    text: str = ""
    restore: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookStep:
    """One command of a runbook. `name` is unique in the runbook; `line` is where it stands (1-based).

    `captures` maps a name to an anchored regex with one group, or to `json:` and a dotted path. `save` lists paths kept
    before the effect. `probe` is a read-only command that tells whether an interrupted effect happened, by
    `probe_expect` where it is given (domain/probing.py). `executor` is the language of the fence; `connection` names
    another target than the run's. `rows` is how many rows a statement may change (least, most). `author` is empty where
    people wrote it, else the model whose words it is: then `line` is 0 and the whole text is from outside.
    """

    name: str
    phase: Phase
    text: str
    line: int
    executor: str = "shell"
    connection: str = ""
    why: str = ""
    expect: Expect = field(default_factory=Expect)
    captures: Mapping[str, str] = field(default_factory=dict)
    when: tuple[When, ...] = ()
    timeout_s: float = 30.0
    retries: int = 0
    probe: str = ""
    probe_expect: Expect | None = None
    save: tuple[str, ...] = ()
    undo: Undo | None = None
    rows: tuple[int, int] | None = None
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """A versioned procedure. `version` is the SHA-256 of `source`; `revision` counts its versions from 1.

    One without front matter is `executable=False`: it is found and shown, and never executed by itself.
    `labels` must stand in the alert for the runbook to match. `measures` maps an alert name to the check that
    measures its condition; `*` serves every alert of the runbook. `guard` must hold before and after every step that
    changes something: a fix that breaks it is stopped and taken back. A disabled one (`enabled=False`) is kept, listed
    and neither found nor followed. `origin` is the folder or repository it was imported from, and
    `origin_version` the version that was: another `version` has been changed here since.
    """

    id: str
    title: str
    source: str
    version: str
    steps: tuple[RunbookStep, ...] = ()
    aliases: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    measures: Mapping[str, Check] = field(default_factory=dict)
    guard: Check | None = None
    severity: str = ""
    connection: str = ""
    owner: str = ""
    summary: str = ""
    executable: bool = True
    path: str = ""
    origin: str = ""
    origin_version: str = ""
    enabled: bool = True
    tenant: str = ""
    revision: int = 1
    position: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def connections(self) -> tuple[str, ...]:
        """Every connection its steps and checks name, besides the run's own target."""
        checks = (*self.measures.values(), *((self.guard,) if self.guard else ()))
        named = (*(step.connection for step in self.steps), *(check.connection for check in checks))
        return tuple(dict.fromkeys(name for name in named if name))

    def measure_for(self, alert: str) -> Check | None:
        """The check that measures this alert's condition, or None: nothing here can measure it.

        A run without an alert, started by name, is about what the runbook is about: its only measure.
        """
        only = next(iter(self.measures.values())) if not alert and len(self.measures) == 1 else None
        return self.measures.get(alert) or self.measures.get("*") or only

    def step(self, name: str) -> RunbookStep:
        """The step of that name; KeyError if there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)
