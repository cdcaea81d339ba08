"""Rehearse: what a runbook would do here, step by step, judged and never run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.expectation import describe
from opsagent.domain.manifest import Verdict
from opsagent.domain.rehearsed import Rehearsed
from opsagent.domain.render import Values
from opsagent.domain.run import Run, Source
from opsagent.domain.runbook import Check, Phase, Runbook, RunbookStep
from opsagent.domain.step import Step
from opsagent.errors import InputError, NotFound

_RUN = "dry-run"


class Proposing(Protocol):
    """What renders a step (`stages.propose.Propose`)."""

    def __call__(
        self, run: Run, template: RunbookStep, connection: Connection, steps: tuple[Step, ...], values: Values
    ) -> Step:
        """The rendered step. InputError."""
        ...


Judging = Callable[[Command, Connection], Awaitable[Verdict]]
Target = Callable[[str], Awaitable[Connection]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearse:
    """Renders and judges; it has nothing that could run anything."""

    propose: Proposing
    judge: Judging

    async def __call__(
        self, runbook: Runbook, target: Target, given: Mapping[str, str], *, now: float
    ) -> tuple[Rehearsed, ...]:
        """Every check and step in the order of a run. `given` are parameters, and captures a step would make."""
        declared = {parameter.name for parameter in runbook.parameters}
        parameters = {name: value for name, value in given.items() if name in declared}
        captures = {name: value for name, value in given.items() if name not in declared}
        run = Run(
            id=_RUN, tenant=runbook.tenant, source=Source.CLI, task=runbook.title, created_at=now, updated_at=now,
            requested_by=_RUN,
        )  # fmt: skip
        found = []
        for name, template in _in_order(runbook):
            try:
                connection = await target(template.connection)
                values = Values(
                    declared=runbook.parameters, parameters=parameters, captures=captures, connection=connection
                )
                step = self.propose(run, template, connection, (), values)
            except (InputError, NotFound) as error:
                found.append(_untold(name, template, error.message))
                continue
            verdict = await self.judge(step.command, connection)
            found.append(
                Rehearsed(
                    name=name,
                    phase=template.phase.value,
                    command=step.command.shown,
                    target=connection.name,
                    when=describe(template.when),
                    undo=step.command.undo,
                    saves=step.command.keeps,
                    verdict=verdict,
                )
            )
        return tuple(found)


def _in_order(runbook: Runbook) -> list[tuple[str, RunbookStep]]:
    checks = [(f"measure {alert}", check) for alert, check in runbook.measures.items()]
    if runbook.guard is not None:
        checks.append(("guard", runbook.guard))
    return [
        *((name, _as_step(name, check)) for name, check in checks),
        *((step.name, step) for step in runbook.steps),
    ]


def _as_step(name: str, check: Check) -> RunbookStep:
    return RunbookStep(
        name=name,
        phase=Phase.TRIAGE,
        text=check.text,
        line=0,
        executor=check.executor,
        connection=check.connection,
        expect=check.expect,
        timeout_s=check.timeout_s,
    )


def _untold(name: str, template: RunbookStep, problem: str) -> Rehearsed:
    return Rehearsed(
        name=name,
        phase=template.phase.value,
        command=template.text,
        target=template.connection,
        when=describe(template.when),
        undo=template.undo.text if template.undo else "",
        saves=template.save,
        problem=problem,
    )
