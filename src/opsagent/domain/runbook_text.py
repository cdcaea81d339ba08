"""Writes a runbook as the Markdown that reads back as the same runbook (docs/runbooks.md is the form)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from opsagent.domain.runbook import Check, Expect, Parameter, Phase, Runbook, RunbookStep, When

_HEADINGS = {
    Phase.TRIAGE: "Diagnosis",
    Phase.DIAGNOSIS: "Diagnosis",
    Phase.MITIGATION: "Mitigation",
    Phase.VERIFY: "Verify",
    Phase.ROLLBACK: "Rollback",
}
_BACKTICKS = re.compile(r"^ {0,3}(`{3,})", re.MULTILINE)
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9 ._/-]*[A-Za-z0-9])?")
_DEFAULT = RunbookStep(name="x", phase=Phase.DIAGNOSIS, text="x", line=0)


def write(runbook: Runbook) -> str:
    """The Markdown of a runbook's id, title, names, parameters, measures and steps.

    Whether a text may be used is for the parser to say: what is written here is checked like anything a person wrote.
    """
    lines = ["---", *_front_matter(runbook), "---", "", f"# {_plain(runbook.title)}", ""]
    for heading, steps in groupby(runbook.steps, key=lambda step: _HEADINGS[step.phase]):
        lines += [f"## {heading}", ""]
        for step in steps:
            lines += _step(step)
    return "\n".join(lines).rstrip("\n") + "\n"


def _front_matter(runbook: Runbook) -> Iterator[str]:
    yield f"id: {_quoted(runbook.id)}"
    for key in ("title", "summary", "severity", "connection", "owner"):
        value = getattr(runbook, key)
        if value:
            yield f"{key}: {_quoted(value)}"
    for key, values in (("aliases", runbook.aliases), ("alerts", runbook.alerts)):
        if values:
            yield f"{key}: {_flow(values)}"
    if runbook.labels:
        yield f"labels: {_flow(runbook.labels)}"
    if runbook.parameters:
        yield "parameters:"
        yield from (f"  {one.name}: {_flow(_parameter(one))}" for one in runbook.parameters)
    if runbook.measures:
        yield "measures:"
        yield from (f"  {_quoted(alert)}: {_flow(_check(check))}" for alert, check in runbook.measures.items())
    if runbook.guard is not None:
        yield f"guard: {_flow(_check(runbook.guard))}"


def _step(step: RunbookStep) -> Iterator[str]:
    if step.why:
        yield from (_plain(step.why), "")
    yield "<!-- step"
    yield from (f"{key}: {_flow(value)}" for key, value in _attributes(step).items())
    yield "-->"
    longest = max((len(found) for found in _BACKTICKS.findall(step.text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}{step.executor}", step.text, fence, "")


def _attributes(step: RunbookStep) -> dict[str, object]:
    """What is not as it would be if nothing were said."""
    asked = {"run": step.probe, "expect": _expect(step.probe_expect)} if step.probe_expect else step.probe
    undo = "restore" if step.undo and step.undo.restore else step.undo.text if step.undo else ""
    given: dict[str, object] = {
        "name": step.name,
        "connection": step.connection,
        "expect": {} if step.expect == Expect() else _expect(step.expect),
        "capture": step.captures,
        "when": [_when(one) for one in step.when],
        "timeout": "" if step.timeout_s == _DEFAULT.timeout_s else _seconds(step.timeout_s),
        "retries": str(step.retries) if step.retries else "",
        "probe": asked,
        "save": step.save,
        "undo": undo,
        "rows": "-".join(str(one) for one in step.rows or ()),
    }
    return {key: value for key, value in given.items() if value}


def _when(when: When) -> str:
    return f"{when.step} {when.state}" + (f" /{when.pattern}/" if when.state == "matches" else "")


def _expect(expect: Expect) -> dict[str, object]:
    given: dict[str, object] = {}
    if expect.exit_codes != (0,):
        given["exit"] = [str(code) for code in expect.exit_codes]
    if expect.statuses:
        given["status"] = [str(status) for status in expect.statuses]
    texts = {"matches": expect.matches, "absent": expect.absent, "json": expect.json_path}
    given |= {key: value for key, value in texts.items() if value}
    if expect.json_path:
        given["equals"] = expect.equals
    return given or {"exit": ["0"]}


def _parameter(parameter: Parameter) -> dict[str, object]:
    given: dict[str, object] = {"pattern": parameter.pattern}
    given |= {"from": parameter.source} if parameter.source else {}
    given |= {} if parameter.default is None else {"default": parameter.default}
    return given | ({"description": parameter.description} if parameter.description else {})


def _check(check: Check) -> dict[str, object]:
    given: dict[str, object] = {"run": check.text}
    given |= {} if check.executor == "shell" else {"executor": check.executor}
    given |= {"connection": check.connection} if check.connection else {}
    given |= {} if check.expect == Expect() else {"expect": _expect(check.expect)}
    given |= {"for": _seconds(check.window_s), "every": _seconds(check.interval_s)} if check.window_s else {}
    return given | {"timeout": _seconds(check.timeout_s)}


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def _plain(text: str) -> str:
    """A line of prose that opens no heading, fence, list, comment or table of its own."""
    words = " ".join(text.split())
    return re.sub(r"^([#`~<>|=+*_-]|\d{1,9}[.)](?=\s|$)|\[)", r"\\\1", words)


def _flow(value: object) -> str:
    """YAML in flow style: JSON is (yaml.org/spec/1.2.2, section 1.3), so nothing in a text is syntax."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(str(key))}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    raise TypeError(f"{type(value).__name__} cannot be written")


def _quoted(text: str) -> str:
    """A scalar: plain words as they are, else in double quotes; there `-->` cannot end the comment it stands in."""
    if _PLAIN.fullmatch(text) and text.lower() != "null":
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() and one != ">" else _escaped(one) for one in quoted)


def _escaped(character: str) -> str:
    """As YAML spells it (1.2.2, section 5.7); JSON's pairs of surrogates are two characters there."""
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
