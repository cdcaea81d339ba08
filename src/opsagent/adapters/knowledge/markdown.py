"""Parses a runbook: Markdown people read, with a front matter and fenced commands that a machine can follow.

One without front matter is read leniently, is found and shown, and never executes. One with it is checked as a whole
before anything runs: every refusal names the file, the line and what to write instead. `docs/runbooks.md` is the guide.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace

from opsagent.adapters.knowledge.consistency import Warned, check
from opsagent.adapters.knowledge.header import Header, read_header, split_front_matter
from opsagent.adapters.knowledge.located import Place
from opsagent.adapters.knowledge.sections import Document, Fence, clean, read_document, slug
from opsagent.adapters.knowledge.steps import SAMPLES, command_of, language_of, read_step
from opsagent.domain.runbook import Phase, Runbook, RunbookStep
from opsagent.domain.text_safety import hidden_character

MAX_BYTES = 256 * 1024
_PHASE_ORDER = list(Phase)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A runbook that loads, and what its author should know although it does."""

    runbook: Runbook
    warnings: tuple[Warned, ...] = ()


def decode_runbook(raw: bytes, *, path: str) -> str:
    """The bytes of a runbook file as text. RunbookError when they are too many or not UTF-8."""
    if len(raw) > MAX_BYTES:
        raise _too_large(path)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = raw[: wrong.start].count(b"\n") + 1
        raise Place(path).error("the file is not UTF-8", line, "Save it as UTF-8.") from wrong


def parse_runbook(text: str, *, path: str, tenant: str = "") -> Runbook:
    """The runbook in a text; `path` names it in errors. RunbookError (file, line, fix)."""
    return parse(text, path=path, tenant=tenant).runbook


def parse(text: str, *, path: str, tenant: str = "") -> Parsed:
    """Like `parse_runbook`, with the warnings."""
    place = Place(path)
    plain = _checked_text(text, place)
    block, body = split_front_matter(plain, place)
    header = Header(executable=False) if block is None else read_header(block, place)
    if header.executable:
        _refuse_hidden(plain, place, formats=True)
    document = read_document(body, place)
    steps, warnings = _strict_steps(document, place) if header.executable else (_lenient_steps(document), [])
    runbook = _assemble(text, header, document, steps, path=path, tenant=tenant)
    if header.executable:
        warnings += check(runbook, header.lines, place)
    elif block is not None:
        fix = "Add id: and what else the guide names, if it is to execute."
        warnings.append(Warned(1, "the front matter has no id, so this is a page for people and never executes", fix))
    return Parsed(runbook, tuple(sorted(warnings, key=lambda warned: warned.line)))


def _checked_text(text: str, place: Place) -> str:
    """The text with Unix line ends, within its limits and without characters that deceive the eye."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    _refuse_hidden(plain, place, formats=False)
    if len(plain.encode("utf-8")) > MAX_BYTES:
        raise _too_large(place.file)
    if not plain.strip():
        raise place.error("the runbook is empty", 1, "Begin with a title and a Diagnosis section.")
    return plain


def _too_large(path: str) -> Exception:
    return Place(path).error(f"the runbook is larger than {MAX_BYTES // 1024} KB", 1, "Split it, or link to the rest.")


def _refuse_hidden(text: str, place: Place, *, formats: bool) -> None:
    if hidden := hidden_character(text, allow="\n\t", formats=formats):
        line = text.count("\n", 0, hidden[0]) + 1
        raise place.error(f"there is a character that cannot be seen ({hidden[1]})", line, "Remove it.")


def _strict_steps(document: Document, place: Place) -> tuple[list[RunbookStep], list[Warned]]:
    steps: list[tuple[Fence, RunbookStep]] = []
    warnings: list[Warned] = []
    for fence in document.fences:
        language = language_of(fence.info)
        bare = not language.attributes and fence.comment is None
        if language.executor is None and bare:
            if language.name not in SAMPLES:
                fix = "Use shell for a command, text for something that is only shown."
                warnings.append(Warned(fence.line, f"a fence of `{language.name}` is shown and is not a step", fix))
            continue
        steps.append((fence, read_step(fence, language, place)))
    return _named(steps), warnings


def _lenient_steps(document: Document) -> list[RunbookStep]:
    """What a page for people shows as commands; attributes of other tools are passed over."""
    steps = []
    for fence in document.fences:
        language = language_of(fence.info)
        text = command_of(language, fence.body)
        if language.executor is not None and text:
            step = RunbookStep(
                name="", phase=fence.phase, text=text, line=fence.line, executor=language.executor, why=fence.prose
            )
            steps.append((fence, step))
    return _named(steps)


def _named(steps: Sequence[tuple[Fence, RunbookStep]]) -> list[RunbookStep]:
    """Give every step a name: its own, its heading's, or its phase and a number; then sort by phase, then by line."""
    taken = {step.name for _, step in steps if step.name}
    named: list[RunbookStep] = []
    counts: dict[Phase, int] = {}
    for fence, step in steps:
        counts[step.phase] = counts.get(step.phase, 0) + 1
        name = step.name or _free(fence.heading or f"{step.phase}-{counts[step.phase]}", taken)
        taken.add(name)
        named.append(replace(step, name=name))
    return sorted(named, key=lambda step: (_PHASE_ORDER.index(step.phase), step.line))


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted[:60], 2
    while name in taken:
        name, number = f"{wanted[:60]}-{number}", number + 1
    return name


def _assemble(
    text: str, header: Header, document: Document, steps: Sequence[RunbookStep], *, path: str, tenant: str
) -> Runbook:
    stem = posixpath.splitext(posixpath.basename(path.replace("\\", "/")))[0]
    title = header.title or document.title or stem
    identity = header.id or slug(stem) or slug(title) or "runbook"
    aliases = header.aliases
    if not header.executable:
        aliases = tuple(dict.fromkeys(name for name in (stem, clean(document.title)) if name and name != identity))
    return Runbook(
        id=identity,
        title=title,
        source=text,
        version=hashlib.sha256(text.encode("utf-8")).hexdigest(),
        steps=tuple(steps),
        aliases=aliases,
        alerts=header.alerts,
        labels=header.labels,
        parameters=header.parameters,
        measures=header.measures,
        severity=header.severity,
        guard=header.guard,
        connection=header.connection,
        owner=header.owner,
        summary=header.summary or document.lead[:300],
        executable=header.executable,
        path=path,
        tenant=tenant,
    )
