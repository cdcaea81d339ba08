"""Propose: render one step of a runbook into the bytes that would be executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.render import Values, render, render_plain
from opsagent.domain.run import Run
from opsagent.domain.runbook import Check, Expect, Phase, RunbookStep
from opsagent.domain.step import Step
from opsagent.ports.clock import Clock

RESTORE = "restore what was saved before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Propose:
    """Makes steps; it judges and runs nothing."""

    clock: Clock

    def __call__(
        self, run: Run, template: RunbookStep, connection: Connection, steps: Sequence[Step], values: Values
    ) -> Step:
        """The rendered step. InputError when a value may not stand in a command."""
        undo = ""
        if template.undo is not None:
            undo = RESTORE if template.undo.restore else render(template.undo.text, values).text
        rendered = render(template.text, values)
        probe = render(template.probe, values).text if template.probe else ""
        command = Command(
            executor=template.executor,
            text=rendered.text,
            connection_id=connection.id,
            connection_version=connection.version,
            reach=connection.reach,
            timeout_s=template.timeout_s,
            credential=connection.credential,
            undo=undo,
            keeps=tuple(render_plain(path, values) for path in template.save),
            outside=rendered.outside,
        )
        return self._step(
            run,
            steps,
            name=template.name,
            phase=template.phase,
            command=command,
            why=template.why,
            expect=template.expect,
            retries=template.retries,
            probe=probe,
        )

    def check(
        self,
        run: Run,
        check: Check,
        connection: Connection,
        steps: Sequence[Step],
        values: Values,
        *,
        phase: Phase,
        name: str,
    ) -> Step:
        """One sample of a check, as a step. InputError like above."""
        command = Command(
            executor=check.executor,
            text=render(check.text, values).text,
            connection_id=connection.id,
            connection_version=connection.version,
            reach=connection.reach,
            timeout_s=check.timeout_s,
            credential=connection.credential,
        )
        return self._step(run, steps, name=name, phase=phase, command=command, expect=check.expect)

    def plain(
        self,
        run: Run,
        connection: Connection,
        steps: Sequence[Step],
        *,
        name: str,
        phase: Phase,
        text: str,
        stdin_artifact: str = "",
        undo_of: str = "",
        why: str = "",
    ) -> Step:
        """A step whose text is already final: an undo, a save, a probe."""
        command = Command(
            executor=connection.executor,
            text=text,
            stdin_artifact=stdin_artifact,
            connection_id=connection.id,
            connection_version=connection.version,
            reach=connection.reach,
            credential=connection.credential,
        )
        return self._step(run, steps, name=name, phase=phase, command=command, undo_of=undo_of, why=why)

    def _step(
        self,
        run: Run,
        steps: Sequence[Step],
        *,
        name: str,
        phase: Phase,
        command: Command,
        why: str = "",
        expect: Expect | None = None,
        retries: int = 0,
        probe: str = "",
        undo_of: str = "",
    ) -> Step:
        now = self.clock.now()
        number = max((step.number for step in steps), default=0) + 1
        return Step(
            id=f"{run.id}.{number}",
            run_id=run.id,
            tenant=run.tenant,
            number=number,
            name=name,
            phase=phase,
            command=command,
            why=why,
            expect=expect or Expect(),
            retries=retries,
            probe=probe,
            undo_of=undo_of,
            created_at=now,
            updated_at=now,
        )
