"""Classifies one invocation by its table: what it reads, changes, contacts or starts, or why that is not known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from opsagent.adapters.analysers.shell.arguments import Placed, place
from opsagent.adapters.analysers.shell.effects import apply_kind
from opsagent.adapters.analysers.shell.findings import Findings
from opsagent.adapters.analysers.shell.naming import NAMING, implied
from opsagent.adapters.analysers.shell.special import CHECKS
from opsagent.adapters.analysers.shell.words import Node, Scope, Word, dynamic
from opsagent.adapters.analysers.shell.wrappers import unwrap
from opsagent.domain.command_table import CommandTable, Kind, Option, Tables

_MAX_SUBCOMMANDS = 4
RULES = {**CHECKS, **NAMING}


class Walker(Protocol):
    """What classifying needs from the walk around it."""

    tables: Tables
    findings: Findings
    scope: Scope
    loops: int
    feeds: dict[int, Node]
    quiet: set[int]
    defined: set[str]

    def call(self, words: Sequence[Word], node: Node | None = None) -> None:
        """List and classify another command."""
        ...

    def script(self, text: str | None, what: str, *, dialect: str = "bash") -> None:
        """Walk a script inside the script."""
        ...

    def exported(self, name: str) -> None:
        """A variable given to a command's environment."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation on its way to a verdict. `title` is its name with sub-commands, for people."""

    table: CommandTable
    title: str
    arguments: tuple[Word, ...]
    placed: Placed
    node: Node | None


@dataclass(slots=True)
class Classifier:
    """Looks names up and applies tables; wrappers go back to the walk with the command inside."""

    walker: Walker

    def call(self, words: Sequence[Word], node: Node | None) -> None:
        """Classify one command line that has already been split into words."""
        findings, name = self.walker.findings, words[0].text
        if name is None:
            findings.unknown(f"the name of a command is not written out: {words[0].shown}")
            return
        if node is not None and name in self.walker.defined:
            return  # its body is walked where it is declared; a name that hides a command is refused there
        table = self._find(name)
        if table is not None:
            self._apply(table, name.rpartition("/")[2], words[1:], node, 0)

    def _find(self, name: str) -> CommandTable | None:
        findings, tables = self.walker.findings, self.walker.tables
        folder, slash, own = name.rpartition("/")
        if slash and folder not in tables.folders and name not in tables.paths:
            findings.execute(Word((name,)))
            findings.unknown(f"{name} is not a program of this system")
            return None
        table = tables.commands.get(name if name in tables.paths else own)
        if table is None and "." in own:  # mkfs.ext4 is a kind of mkfs
            table = tables.commands.get(own.partition(".")[0])
            table = table if table is not None and table.forbidden else None
        if table is None:
            findings.unknown(f"the command {own or name!r} is not in the tables")
        elif table.builtin and slash:
            return replace(table, builtin=False)
        return table

    def _apply(self, table: CommandTable, title: str, arguments: Sequence[Word], node: Node | None, depth: int) -> None:
        findings = self.walker.findings
        findings.privileged |= table.privileged
        placed = place(table, arguments)
        for problem in placed.problems:
            findings.unknown(f"{title}: {problem}")
        if table.builtin and table.style != "none" and any(_may_evaluate(word) for word in arguments):
            findings.unknown(f"{title} may evaluate what stands in its arguments")
        for label, option, value in placed.options:
            self._option(title, label, option, value)
        self._words_of(table, title, bare=not arguments)
        call = Call(table, title, tuple(arguments), placed, node)
        if table.wrap is not None and not any(option.arguments is not None for _, option, _ in placed.options):
            unwrap(self.walker, call)
        elif table.subcommands and depth < _MAX_SUBCOMMANDS:
            self._subcommand(call, depth)
        else:
            self._positional(call)
        implied(self.walker, call, table.implies)
        if table.check:
            RULES[table.check](self.walker, call)

    def _words_of(self, table: CommandTable, title: str, *, bare: bool) -> None:
        findings = self.walker.findings
        if table.forbidden:
            findings.forbid(f"{title} {table.forbidden}")
        if table.effect:
            findings.effect(f"{title} {table.effect}", reversible=table.reversible)
        if table.asks:
            findings.unknown(f"{title} {table.asks}")
        if table.secret:
            findings.secret(f"{title} {table.secret}")
        if bare and table.bare:
            findings.unknown(f"{title} alone {table.bare}")
        if bare and table.bare_secret:
            findings.secret(f"{title} alone {table.bare_secret}")

    def _option(self, title: str, label: str, option: Option, value: Word | None) -> None:
        findings = self.walker.findings
        if option.forbidden:
            findings.forbid(f"{title} {label} {option.forbidden}")
        if option.effect:
            findings.effect(f"{title} {label} {option.effect}")
        if option.secret:
            findings.secret(f"{title} {label} {option.secret}")
        if value is None or option.kind is None:
            return
        if option.only is not None and not _fits(option.only, value):
            findings.unknown(f"{title} {label} {value.shown} is not known to only read")
            return
        for problem in apply_kind(self.walker.findings, option.kind, value):
            findings.unknown(f"{title} {label}: {problem}")

    def _subcommand(self, call: Call, depth: int) -> None:
        findings = self.walker.findings
        if not call.placed.positional:
            if not call.table.alone and not call.placed.given & call.table.required:
                findings.unknown(f"{call.title} without a sub-command is not known to only read")
            return
        first, *rest = call.placed.positional
        name = first.text
        if name is None:
            findings.unknown(f"what {call.title} should do is not written out")
            return
        table = call.table.subcommands.get(name)
        if table is None:
            findings.unknown(f"{call.title} {name} is not in the tables")
            return
        self._apply(table, f"{call.title} {name}", rest, call.node, depth + 1)

    def _positional(self, call: Call) -> None:
        findings, table = self.walker.findings, call.table
        specification = next(
            (option.arguments for _, option, _ in call.placed.options if option.arguments is not None), table.arguments
        )
        if table.required and not call.placed.given & table.required:
            usual = f"without {' or '.join(sorted(table.required))} is not known to only read"
            findings.unknown(f"{call.title} {table.otherwise or usual}")
        bounded = not any(repeated for _, repeated in specification)
        for kinds, word in _assign(specification, call.placed.positional):
            if kinds and bounded and word.many:  # `xxd *`: the second file would be written
                findings.unknown(f"{call.title}: {word.shown} may become more words than are known")
            if not kinds:
                findings.unknown(f"{call.title}: nothing is known about the argument {word.shown}")
            if table.only is not None and not _fits(table.only, word):
                findings.unknown(f"{call.title} {word.shown} is not known to only read")
            if table.secret_words is not None and any(table.secret_words.search(one) for one in word.alternatives):
                findings.secret(f"{call.title} {word.shown} may show secrets")
            for kind in kinds:
                for problem in apply_kind(findings, kind, word):
                    findings.unknown(f"{call.title}: {problem}")


def _fits(pattern: re.Pattern[str], word: Word) -> bool:
    """Whether everything the word can be matches as a whole; a number stands for any number."""
    if word.many and not word.numeric:
        return False
    return all(not dynamic(one) and pattern.fullmatch(one) for one in word.samples)


def _may_evaluate(word: Word) -> bool:
    """A builtin that takes names may evaluate a subscript in one."""
    return any("$(" in one or "`" in one or "[" in one[1:] for one in word.alternatives)


def _assign(specification: Sequence[tuple[Kind, bool]], words: Sequence[Word]) -> list[tuple[tuple[Kind, ...], Word]]:
    """Each positional word with the kinds it can have.

    A repeated kind before others leaves the others for the last words (`cp FILE* TARGET`). After a word that may
    become several, a word can be in any later position.
    """
    kinds: Mapping[int, Kind] = {index: kind for index, (kind, _) in enumerate(specification)}
    repeated = next((index for index, (_, many) in enumerate(specification) if many), None)
    trailing = len(specification) - 1 - repeated if repeated is not None else 0
    result: list[tuple[tuple[Kind, ...], Word]] = []
    loose: int | None = None
    for index, word in enumerate(words):
        if repeated is None or index < repeated:
            place_ = index
        elif index >= len(words) - trailing:
            place_ = len(specification) - (len(words) - index)
        else:
            place_ = repeated
        if word.many and loose is None:
            loose = place_
        if loose is None:
            result.append(((kinds[place_],) if place_ in kinds else (), word))
        else:
            result.append((tuple(dict.fromkeys(kind for at, kind in kinds.items() if at >= loose)), word))
    return result
