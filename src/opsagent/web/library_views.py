"""From noun to wire: runbooks, their versions, what an import did, what covers which alert."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from opsagent.domain.coverage import Covered
from opsagent.domain.library import Imported, Remark, RunbookVersion, Uses
from opsagent.domain.runbook import Runbook
from opsagent.loop.library import Difference, Listed, Searched
from opsagent.web import library_wire as wire
from opsagent.web.views import iso, iso_or_none


def uses_json(uses: Uses) -> wire.UsesJson:
    """How often it was used and helped."""
    return {
        "used": uses.used,
        "yes": uses.yes,
        "no": uses.no,
        "notMeasurable": uses.not_measurable,
        "lastAt": iso_or_none(uses.last_at),
        "lastRunId": uses.last_run,
        "lastResult": uses.last_result,
    }


def runbook_json(listed: Listed) -> wire.RunbookJson:
    """A runbook without its text."""
    runbook = listed.runbook
    return {
        "runbookId": runbook.id,
        "title": runbook.title,
        "position": runbook.position,
        "revision": runbook.revision,
        "version": runbook.version,
        "executable": runbook.executable,
        "alerts": list(runbook.alerts),
        "aliases": list(runbook.aliases),
        "labels": dict(runbook.labels),
        "severity": runbook.severity,
        "connection": runbook.connection,
        "owner": runbook.owner,
        "summary": runbook.summary,
        "steps": len(runbook.steps),
        "enabled": runbook.enabled,
        "origin": runbook.origin,
        "originVersion": runbook.origin_version,
        "path": runbook.path,
        "uses": uses_json(listed.uses),
        "updatedAt": iso_or_none(runbook.updated_at),
    }


def runbook_detail(listed: Listed) -> wire.RunbookDetail:
    """A runbook with its text, its parameters and its steps."""
    runbook = listed.runbook
    return {
        **runbook_json(listed),
        "source": runbook.source,
        "parameters": [
            {
                "name": one.name,
                "pattern": one.pattern,
                "source": one.source,
                "default": one.default,
                "description": one.description,
            }
            for one in runbook.parameters
        ],
        "stepList": [
            {
                "name": step.name,
                "phase": step.phase.value,
                "text": step.text,
                "executor": step.executor,
                "connection": step.connection,
                "why": step.why,
                "line": step.line,
                "undo": "restore" if step.undo and step.undo.restore else step.undo.text if step.undo else "",
            }
            for step in runbook.steps
        ],
    }


def checked_runbook(listed: Listed, remarks: Sequence[Remark]) -> wire.CheckedRunbook:
    """A text that was read, with the remarks about it."""
    return {**runbook_detail(listed), "remarks": [remark_json(one) for one in remarks]}


def remark_json(remark: Remark) -> wire.RemarkJson:
    """A remark about one line."""
    return {"line": remark.line, "message": remark.message, "fix": remark.fix}


def found_json(searched: Searched) -> wire.FoundJson:
    """What a search found."""
    return {
        "query": searched.found.query,
        "fits": searched.found.fits,
        "hits": [
            {
                "runbookId": hit.id,
                "score": hit.score,
                "why": hit.why,
                "exact": hit.exact,
                "title": listed.runbook.title,
                "executable": listed.runbook.executable,
                "uses": uses_json(listed.uses),
            }
            for hit, listed in searched.joined
        ],
    }


def version_json(version: RunbookVersion) -> wire.VersionJson:
    """One stored version."""
    return {
        "revision": version.revision,
        "version": version.version,
        "title": version.title,
        "at": iso(version.at),
        "by": version.by,
        "note": version.note,
    }


def version_list(runbook_id: str, versions: Sequence[RunbookVersion]) -> wire.VersionList:
    """All versions of a runbook."""
    return {"runbookId": runbook_id, "versions": [version_json(one) for one in versions]}


def version_detail(version: RunbookVersion, runbook: Runbook) -> wire.VersionDetail:
    """One version with its text."""
    return {**version_json(version), "runbookId": runbook.id, "source": runbook.source}


def difference_json(runbook_id: str, found: Difference) -> wire.DifferenceJson:
    """What changed between two versions."""
    old = version_json(found.old) if found.old else None
    return {"runbookId": runbook_id, "old": old, "new": version_json(found.new), "diff": found.text}


def import_report(report: Sequence[Imported]) -> wire.ImportReport:
    """What an import did."""
    return {
        "counts": dict(Counter(one.fate.value for one in report)),
        "files": [
            {
                "path": one.path,
                "fate": one.fate.value,
                "runbookId": one.runbook_id,
                "line": one.line,
                "message": one.message,
                "fix": one.fix,
                "executable": one.executable,
                "remarks": [remark_json(part) for part in one.remarks],
            }
            for one in report
        ],
    }


def coverage_report(report: Sequence[Covered]) -> wire.CoverageReport:
    """What covers which alert."""
    counts: Mapping[str, int] = Counter(one.cover.value for one in report)
    return {"counts": dict(counts), "alerts": [_covered(one) for one in report]}


def _covered(one: Covered) -> wire.CoveredJson:
    return {
        "alert": one.rule.name,
        "severity": one.rule.severity,
        "file": one.rule.file,
        "line": one.rule.line,
        "link": one.rule.link,
        "cover": one.cover.value,
        "runbookId": one.runbook_id or None,
        "why": one.why,
        "target": one.target,
        "problems": list(one.problems),
        "notes": list(one.notes),
        "uses": uses_json(one.uses) if one.uses else None,
    }
