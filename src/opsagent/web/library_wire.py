"""The JSON of the library: runbooks, their versions, what an import did, what covers which alert."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic documents typing.TypedDict only from Python 3.12 on


class ParameterJson(TypedDict):
    """A hole in a runbook and the pattern its value must fit."""

    name: str
    pattern: str
    source: str
    default: str | None
    description: str


class RunbookStepJson(TypedDict):
    """A step as written."""

    name: str
    phase: str
    text: str
    executor: str
    connection: str
    why: str
    line: int
    undo: str


class UsesJson(TypedDict):
    """How often ended runs followed it, and what was measured after those that changed something."""

    used: int
    yes: int
    no: int
    notMeasurable: int
    lastAt: str | None
    lastRunId: str
    lastResult: str


class RunbookJson(TypedDict):
    """A runbook without its text."""

    runbookId: str
    title: str
    position: int
    revision: int
    version: str
    executable: bool
    alerts: list[str]
    aliases: list[str]
    labels: dict[str, str]
    severity: str
    connection: str
    owner: str
    summary: str
    steps: int
    enabled: bool
    origin: str
    originVersion: str
    path: str
    uses: UsesJson
    updatedAt: str | None


class RunbookDetail(RunbookJson):
    """A runbook with its text and its steps."""

    source: str
    parameters: list[ParameterJson]
    stepList: list[RunbookStepJson]


class RunbookList(TypedDict):
    """All runbooks, by creation: the position is the number that may be used as `runbook_id`."""

    runbooks: list[RunbookJson]


class HitJson(TypedDict):
    """A runbook found, and why."""

    runbookId: str
    score: float
    why: str
    exact: bool
    title: str
    executable: bool
    uses: UsesJson


class FoundJson(TypedDict):
    """Hits, best first; `fits` false means that nothing answers the query."""

    query: str
    fits: bool
    hits: list[HitJson]


class VersionJson(TypedDict):
    """One stored version; `version` is the SHA-256 of its text."""

    revision: int
    version: str
    title: str
    at: str
    by: str
    note: str


class VersionList(TypedDict):
    """All versions of one runbook, the newest first."""

    runbookId: str
    versions: list[VersionJson]


class VersionDetail(VersionJson):
    """One version with its text."""

    runbookId: str
    source: str


class DifferenceJson(TypedDict):
    """A unified diff; `old` is null where there was nothing before."""

    runbookId: str
    old: VersionJson | None
    new: VersionJson
    diff: str


class RemarkJson(TypedDict):
    """Something about one line of a runbook that loads all the same."""

    line: int
    message: str
    fix: str


class CheckedRunbook(RunbookDetail):
    """What a text was understood as, and what is worth a look in it."""

    remarks: list[RemarkJson]


class ImportedJson(TypedDict):
    """What was done with one file: added, updated, unchanged, refused, left_out, gone or disabled."""

    path: str
    fate: str
    runbookId: str
    line: int
    message: str
    fix: str
    executable: bool
    remarks: list[RemarkJson]


class ImportReport(TypedDict):
    """An import, by path; `counts` by fate."""

    counts: dict[str, int]
    files: list[ImportedJson]


class CoveredJson(TypedDict):
    """One alert: `cover` is ready, partly or none."""

    alert: str
    severity: str
    file: str
    line: int
    link: str
    cover: str
    runbookId: str | None
    why: str
    target: str
    problems: list[str]
    notes: list[str]
    uses: UsesJson | None


class CoverageReport(TypedDict):
    """Every alert of the rules; `counts` by cover."""

    counts: dict[str, int]
    alerts: list[CoveredJson]


class DraftJson(TypedDict):
    """A runbook a run suggests, without its text: open, merged or dismissed."""

    runId: str
    runbookId: str
    title: str
    status: str
    verified: str
    notes: list[str]
    createdAt: str
    decidedAt: str | None
    decidedBy: str


class DraftProblem(TypedDict):
    """Why the text is no runbook as it stands."""

    line: int
    message: str
    fix: str


class DraftDetail(DraftJson):
    """A draft with its text, and the target and values it worked with."""

    text: str
    connection: str
    given: dict[str, str]
    problem: DraftProblem | None


class DraftList(TypedDict):
    """Drafts, the newest first."""

    drafts: list[DraftJson]
