"""Learn: what a run did that helped, written as the draft of a runbook; nothing is stored or executed here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

from opsagent.domain.command import RESTORE
from opsagent.domain.connection import Connection
from opsagent.domain.draft import Draft
from opsagent.domain.generalise import Generalised, generalise, outside_values
from opsagent.domain.run import Run, RunStatus, Verified
from opsagent.domain.runbook import Phase, Runbook, RunbookStep, Undo
from opsagent.domain.runbook_text import write
from opsagent.domain.step import Step, StepStatus
from opsagent.domain.ticket import Ticket
from opsagent.ports.clock import Clock
from opsagent.ports.redact import Redactor

MAX_LOOKS = 5  # before the first change: more is how a model searched, not how a person will
MAX_CHECKS = 3  # after the last change
_TITLE_CHARS = 120
_ALIAS_CHARS = 80
_HELPED = frozenset({StepStatus.SUCCEEDED, StepStatus.HAPPENED})
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NUMBERED = re.compile(r"^[0-9]{1,6}-")


@dataclass(frozen=True, slots=True)
class _Part:
    """A step of the run, and the phase it has in the draft."""

    step: Step
    phase: Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Learn:
    """Makes drafts. `redact` says what must not be written down."""

    clock: Clock
    redact: Redactor

    def __call__(
        self, run: Run, steps: Sequence[Step], ticket: Ticket | None, connections: Sequence[Connection]
    ) -> Draft | None:
        """The draft, or None where there is nothing to learn: see `teaches`, or a secret stands in every change."""
        if not teaches(run, steps):
            return None
        changes = _changes(steps)
        notes: list[str] = []
        parts = [one for one in _parts(steps, changes, notes) if self._clean(one.step, notes)]
        targets = {one.id: one for one in connections}
        labels = ticket.labels if ticket else run.labels
        found = [
            _generalised(part, targets.get(part.step.command.connection_id), {**labels, **run.parameters})
            for part in parts
        ]
        if not any(part.phase is Phase.MITIGATION for part in parts):
            return None
        names = _names(parts)
        written = [self._written(*one, run, targets) for one in zip(parts, found, names, strict=True)]
        parameters = {one.name: one for general in found for one in general.parameters}
        notes += [note for general in found for note in general.notes]
        notes += _missing(run, parts)
        title = self._words((ticket.title or ticket.name) if ticket else run.task)[:_TITLE_CHARS]
        task = self._words(run.task)
        runbook = Runbook(
            id=_slug(ticket.name if ticket else run.task) or "learned",
            title=title or "Learned",
            source="",
            version="",
            steps=tuple(written),
            aliases=() if ticket or len(task) > _ALIAS_CHARS else (task,),
            alerts=(ticket.name,) if ticket else (),
            parameters=tuple(parameters.values()),
            connection="" if ticket else run.connection,
        )
        return Draft(
            tenant=run.tenant,
            run_id=run.id,
            runbook_id=runbook.id,
            title=runbook.title,
            text=write(runbook),
            verified=run.verified or Verified.NOT_MEASURABLE,
            created_at=self.clock.now(),
            notes=tuple(dict.fromkeys(notes)),
            connection=run.connection,
            given={name: value for general in found for name, value in general.given.items()},
        )

    def _written(
        self, part: _Part, general: Generalised, name: str, run: Run, targets: Mapping[str, Connection]
    ) -> RunbookStep:
        step, command = part.step, part.step.command
        text, undo = general.texts
        taken_back = Undo(restore=True) if _restores(step) else Undo(text=undo) if undo else None
        target = targets.get(command.connection_id)
        return RunbookStep(
            name=name,
            phase=part.phase,
            text=text.strip("\n"),
            line=0,
            executor=general.language,
            connection=target.name if target and target.name != run.connection else "",
            why=self._words(step.why),
            expect=step.expect,
            timeout_s=command.timeout_s,
            save=command.keeps,
            undo=taken_back,
            rows=command.rows,
        )

    def _words(self, text: str) -> str:
        """Prose on one line, without secrets and what cannot be seen: a runbook with such a character is refused."""
        return " ".join("".join(one if one.isprintable() else " " for one in self.redact(text)).split())

    def _clean(self, step: Step, notes: list[str]) -> bool:
        """Whether nothing of the step is a secret; else it is left out, and said."""
        expected = (step.expect.matches, step.expect.absent, step.expect.equals)
        texts = (step.command.text, step.command.undo, *(one.value for one in step.command.bound), *expected)
        if all(self.redact(text) == text for text in texts):
            return True
        notes.append(f"Step {step.number} is left out: a secret stands in it. Register a credential for it.")
        return False


def teaches(run: Run, steps: Sequence[Step]) -> bool:
    """Whether it changed something that no runbook had, ended well, and was not measured unhealthy."""
    ended_well = run.outcome is RunStatus.COMPLETED and run.had_effect and run.verified is not Verified.NO
    return ended_well and any(one.command.author for one in _changes(steps))


def _changes(steps: Sequence[Step]) -> list[Step]:
    """What was done to mend it, and held."""
    return [
        one
        for one in steps
        if one.phase is Phase.MITIGATION and not one.undo_of and one.status in _HELPED and one.may_have_had_effect
    ]


def _parts(steps: Sequence[Step], changes: Sequence[Step], notes: list[str]) -> list[_Part]:
    """The looks before the first change, the changes, and the looks after the last: those are its verification."""
    looks = [
        one
        for one in steps
        if one.is_read and one.status in _HELPED and one.phase is Phase.DIAGNOSIS and not one.undo_of
    ]
    before = _distinct([one for one in looks if one.number < changes[0].number])
    after = _distinct([one for one in looks if one.number > changes[-1].number])
    kept = [*(_Part(one, Phase.DIAGNOSIS) for one in before[-MAX_LOOKS:])]
    kept += [_Part(one, Phase.MITIGATION) for one in changes]
    kept += [_Part(one, Phase.VERIFY) for one in after[-MAX_CHECKS:]]
    mattered = {part.step.number for part in kept}
    left = [one.number for one in looks if one.number not in mattered]
    if left:
        notes.append(f"Looks left out: {', '.join(f'step {number}' for number in left)}.")
    failed = [one for one in steps if one.status is StepStatus.FAILED and one.may_have_had_effect and not one.undo_of]
    notes += [f"Step {one.number} failed and may have changed something: it is left out." for one in failed]
    return kept


def _distinct(steps: Sequence[Step]) -> list[Step]:
    """The last of those that say the same."""
    return sorted({(one.command.connection_id, one.command.text): one for one in steps}.values(), key=_number)


def _number(step: Step) -> int:
    return step.number


def _generalised(part: _Part, target: Connection | None, outside: Mapping[str, str]) -> Generalised:
    command = part.step.command
    language = target.language if target else command.executor
    texts = [command.text, "" if _restores(part.step) else command.undo]
    found = generalise(language, texts, registered=target.values if target else {}, outside=outside_values(outside))
    return replace(found, notes=tuple(f"Step {part.step.number}: {note}" for note in found.notes))


def _restores(step: Step) -> bool:
    return step.command.undo == RESTORE and bool(step.command.keeps)


def _names(parts: Sequence[_Part]) -> list[str]:
    """The names without the numbers a model's steps have, each once."""
    names: list[str] = []
    for part in parts:
        plain = _NUMBERED.sub("", part.step.name) or "step"
        name = next(one for one in chain([plain], (f"{plain}-{n}" for n in count(2))) if one not in names)
        names.append(name)
    return names


def _missing(run: Run, parts: Sequence[_Part]) -> list[str]:
    said: list[str] = []
    if run.verified is not Verified.YES:
        said.append("Nothing measured whether it helped: look whether it did, and add measures: before you merge it.")
    if not any(part.phase is Phase.VERIFY for part in parts):
        said.append("Nothing looked after the last change: add a Verify step.")
    said += [
        f"Step {part.step.number} has no undo."
        for part in parts
        if part.phase is Phase.MITIGATION and not part.step.command.undo
    ]
    return said


def _slug(text: str) -> str:
    words = re.findall(r"[a-z0-9]+", _CAMEL.sub(" ", text).lower())
    return "-".join(words[:6])[:60].strip("-")
