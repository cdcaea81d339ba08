"""An instruction: a runbook of one step, for whoever has a command and no wish to write a page."""

from __future__ import annotations

from dataclasses import dataclass, field

from opsagent.domain.runbook import Expect, Parameter, Phase, Runbook, RunbookStep, Undo
from opsagent.domain.runbook_text import write


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """What is done for a task: `text` is a command template in the language of `executor`.

    `looks` says that the command only looks at something; else it is a change.
    """

    id: str
    title: str
    text: str
    executor: str = "shell"
    looks: bool = False
    why: str = ""
    connection: str = ""
    undo: str = ""
    matches: str = ""
    aliases: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = field(default=())

    def markdown(self) -> str:
        """The runbook it is, as text: from there on it is like any other."""
        step = RunbookStep(
            name=self.id[:60].strip(".-_") or "step",
            phase=Phase.DIAGNOSIS if self.looks else Phase.MITIGATION,
            text=self.text.strip("\n"),
            line=0,
            executor=self.executor,
            connection=self.connection,
            why=self.why,
            expect=Expect(matches=self.matches),
            undo=Undo(text=self.undo) if self.undo else None,
        )
        return write(
            Runbook(
                id=self.id,
                title=self.title,
                source="",
                version="",
                steps=(step,),
                aliases=self.aliases,
                alerts=self.alerts,
                parameters=self.parameters,
            )
        )
