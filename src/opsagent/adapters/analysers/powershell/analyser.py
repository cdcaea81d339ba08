"""Says what a PowerShell command would do: proof only where two readers agree and every part of it is known.

`domain/powershell_plain.py` takes only texts that leave PowerShell no choice; tree-sitter's grammar must find no error
and the same commands. Nothing was tried on a real PowerShell, so whatever is in doubt is asked about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from opsagent.adapters.analysers.powershell.judging import Found, judge_pipeline
from opsagent.adapters.analysers.powershell.table import Table, load_table
from opsagent.adapters.analysers.powershell.tree import Tree, read_tree
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Invocation, Manifest, Proof
from opsagent.domain.powershell_plain import MAX_CHARS, NotPlainError, PlainCall, read
from opsagent.errors import ConfigurationError

NO_TOKEN = "keeps no start token on this endpoint: after a broken connection nobody can tell whether it happened"  # noqa: S105 - words


class PowerShellAnalyser:
    """Fulfils `ports.analyser.Analyser` for PowerShell."""

    async def analyse(self, command: Command, connection: Connection) -> Manifest:
        """The manifest of one script."""
        return _told(await asyncio.to_thread(manifest_of, command.text), connection)

    async def analyse_all(self, texts: Sequence[str], connection: Connection) -> Sequence[Manifest]:
        """The manifests of many scripts, in order."""
        return await asyncio.to_thread(lambda: [_told(manifest_of(text), connection) for text in texts])


def _told(manifest: Manifest, connection: Connection) -> Manifest:
    """Whoever approves an effect is told where no start token can be kept (executors/powershell)."""
    if manifest.proof is Proof.READ or connection.options.get("jea") != "true":
        return manifest
    return replace(manifest, reasons=(*manifest.reasons, NO_TOKEN))


def manifest_of(text: str) -> Manifest:
    """What one script would do. Blocking."""
    table, tree, found = load_table(), Tree((), ""), Found()
    pipelines: tuple[tuple[PlainCall, ...], ...] = ()
    seen = text
    try:
        reading = read(text)
        pipelines, seen = reading.pipelines, reading.quoted
    except NotPlainError as reason:
        found.unknown.append(str(reason))
    if len(text) <= MAX_CHARS:
        try:
            tree = read_tree(seen)
        except ConfigurationError as error:
            found.unknown.append(f"{error.message} {error.fix}")
    for calls in pipelines:
        judge_pipeline(calls, table, found)
    if tree.problem:
        found.unknown.append(tree.problem)
    named = tuple(call.name.lower() for calls in pipelines for call in calls)
    if pipelines and named != tree.names:
        found.unknown.append("two readers do not find the same commands in it")
    found.forbidden += _forbidden((*named, *tree.names), table)
    return _manifest(found, _invocations(pipelines, tree))


def _forbidden(names: Sequence[str], table: Table) -> list[str]:
    return [table.forbidden[name] for one in names if (name := table.full_name(one)) in table.forbidden]


def _invocations(pipelines: Sequence[Sequence[PlainCall]], tree: Tree) -> tuple[Invocation, ...]:
    """As read; where the text is not plain, at least the names the grammar sees."""
    if pipelines:
        return tuple(Invocation(call.name, call.words) for calls in pipelines for call in calls)
    return tuple(Invocation(name) for name in tree.names)


def _manifest(found: Found, invocations: tuple[Invocation, ...]) -> Manifest:
    proof = Proof.UNKNOWN if found.unknown else Proof.EFFECT if found.effects else Proof.READ
    return Manifest(
        proof=proof,
        invocations=invocations,
        reads=_once(found.reads),
        writes=_once(found.writes),
        deletes=_once(found.deletes),
        contacts=_once(found.contacts),
        services=_once(found.services),
        processes=_once(found.processes),
        sensitive=_once(found.sensitive),
        forbidden=_once(found.forbidden),
        reasons=_once([*found.effects, *found.unknown]),
    )


def _once(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
