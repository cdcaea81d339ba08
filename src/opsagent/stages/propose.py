"""Propose: render one step of a runbook into the bytes that would be executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opsagent.domain.command import RESTORE, BoundValue, Command, OutsideSpan
from opsagent.domain.connection import Connection
from opsagent.domain.languages import render
from opsagent.domain.placeholders import names
from opsagent.domain.render import Rendered, Values, render_plain
from opsagent.domain.run import Run
from opsagent.domain.runbook import Check, Expect, Phase, RunbookStep
from opsagent.domain.step import Step
from opsagent.ports.clock import Clock


def executor_of(language: str, connection: Connection) -> str:
    """What carries out a command of that language on that target; the language itself where the target has another."""
    return connection.executor if connection.language == language else language


def _outside(rendered: Rendered, author: str) -> tuple[OutsideSpan, ...]:
    """Which stretches came from outside: the values, and all of it where a model wrote it."""
    return (OutsideSpan(0, len(rendered.text), author),) if author else rendered.outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Propose:
    """Makes steps; it judges and runs nothing."""

    clock: Clock

    def __call__(
        self, run: Run, template: RunbookStep, connection: Connection, steps: Sequence[Step], values: Values
    ) -> Step:
        """The rendered step. InputError when a value may not stand in a command."""
        language = template.executor
        rendered = render(language, template.text, values)
        bound = list(rendered.bound)
        undo = ""
        if template.undo is not None and template.undo.restore:
            undo = RESTORE
        elif template.undo is not None:
            takes_back = render(language, template.undo.text, values)
            undo, bound = takes_back.text, [*bound, *takes_back.bound]
        probing = render(language, template.probe, values) if template.probe else None
        bound += probing.bound if probing else ()
        command = Command(
            executor=executor_of(language, connection),
            text=rendered.text,
            connection_id=connection.id,
            connection_version=connection.version,
            reach=connection.reach,
            timeout_s=template.timeout_s,
            credential=connection.credential,
            undo=undo,
            keeps=tuple(render_plain(path, values) for path in template.save),
            outside=_outside(rendered, template.author),
            bound=tuple(dict.fromkeys(bound)),
            rows=template.rows,
            author=template.author,
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
            probe=probing.text if probing else "",
            probe_expect=template.probe_expect,
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
        rendered = render(check.executor, check.text, values)
        command = Command(
            executor=executor_of(check.executor, connection),
            text=rendered.text,
            bound=rendered.bound,
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
        bound: tuple[BoundValue, ...] = (),
        timeout_s: float = 30.0,
        author: str = "",
    ) -> Step:
        """A step whose text is already final: an undo, a save, a probe.

        `bound` are the values of its holes; a model's words (`author`) stay marked as such.
        """
        command = Command(
            executor=connection.executor,
            text=text,
            bound=tuple(one for one in bound if one.name in set(names(text))),
            timeout_s=timeout_s,
            stdin_artifact=stdin_artifact,
            connection_id=connection.id,
            connection_version=connection.version,
            reach=connection.reach,
            credential=connection.credential,
            outside=_outside(Rendered(text), author),
            author=author,
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
        probe_expect: Expect | None = None,
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
            probe_expect=probe_expect,
            undo_of=undo_of,
            created_at=now,
            updated_at=now,
        )
