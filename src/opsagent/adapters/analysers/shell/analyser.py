"""The analyser of shell commands: parse in child processes, walk in threads, remember what was judged."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from opsagent.adapters.analysers.shell.findings import Findings
from opsagent.adapters.analysers.shell.parser import Parsed, ShellParser, Unparsed, find_shfmt
from opsagent.adapters.analysers.shell.walk import MAX_DEPTH, Walk
from opsagent.domain.command import Command
from opsagent.domain.command_table import Tables
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest, Proof

_CHUNK = 500  # texts walked per thread call: keeps the event loop and other work alive between them


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellAnalyserConfig:
    """`shfmt` None: the one installed beside Python. `protected` are the agent's own folders, absolute.

    `processes` is how many parsers run at once, `remembered` how many judged texts are kept.
    """

    shfmt: Path | None = None
    protected: tuple[str, ...] = ()
    processes: int = 2
    remembered: int = 4096


class ShellAnalyser:
    """Says what a shell command would do: by its text, the tables and its folder, and by nothing else."""

    def __init__(self, config: ShellAnalyserConfig, tables: Tables) -> None:
        self._config = config
        self._tables = tables
        self._parser = ShellParser(config.shfmt or find_shfmt(), processes=config.processes)
        self._known: OrderedDict[tuple[str, str], Manifest] = OrderedDict()

    async def analyse(self, command: Command, connection: Connection) -> Manifest:  # noqa: ARG002 - the port's
        """The manifest of one command; what it is handed in its environment is judged too."""
        manifest = (await self._manifests([command.text], command.cwd))[0]
        names = [name for name, _ in command.environment if self._dangerous(name)]
        if names:
            reason = f"its environment sets {', '.join(names)}, which changes what commands do"
            manifest = replace(manifest, proof=Proof.UNKNOWN, reasons=(reason, *manifest.reasons))
        return manifest

    async def analyse_all(self, texts: Sequence[str], connection: Connection) -> Sequence[Manifest]:  # noqa: ARG002 - the port's
        """The manifests of many texts, parsed together."""
        return await self._manifests(texts, "")

    def _dangerous(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self._tables.dangerous_variables)

    async def _manifests(self, texts: Sequence[str], folder: str) -> list[Manifest]:
        found: dict[str, Manifest] = {}
        for text in texts:
            if (known := self._known.get((text, folder))) is not None:
                self._known.move_to_end((text, folder))
                found[text] = known
        new = [text for text in dict.fromkeys(texts) if text not in found]
        for start in range(0, len(new), _CHUNK):
            found.update(await self._judge(new[start : start + _CHUNK], folder))
        for text in new:
            self._known[text, folder] = found[text]
        while len(self._known) > self._config.remembered:
            self._known.popitem(last=False)
        return [found[text] for text in texts]

    async def _judge(self, texts: Sequence[str], folder: str) -> Mapping[str, Manifest]:
        """Parse and walk; scripts inside scripts are parsed together, wave after wave."""
        parsed: dict[str, Parsed] = dict(zip(texts, await self._parser.parse(texts), strict=True))
        waiting: Sequence[str] = texts
        done: dict[str, Manifest] = {}
        for _ in range(MAX_DEPTH + 2):
            results = await asyncio.to_thread(self._walk_all, waiting, parsed, folder)
            done.update({text: manifest for text, (manifest, _) in results.items()})
            waiting = [text for text, (_, missing) in results.items() if missing]
            wanted = list(dict.fromkeys(script for _, missing in results.values() for script in missing))
            if not wanted:
                break
            parsed.update(zip(wanted, await self._parser.parse(wanted), strict=True))
        return done

    def _walk_all(
        self, texts: Sequence[str], parsed: Mapping[str, Parsed], folder: str
    ) -> Mapping[str, tuple[Manifest, tuple[str, ...]]]:
        return {text: self._walk(parsed[text], parsed, folder) for text in texts}

    def _walk(self, tree: Parsed, parsed: Mapping[str, Parsed], folder: str) -> tuple[Manifest, tuple[str, ...]]:
        if isinstance(tree, Unparsed):
            return Manifest(proof=Proof.UNKNOWN, reasons=(tree.reason,)), ()
        if not tree:
            return Manifest(proof=Proof.UNKNOWN, reasons=("there is no command in it",)), ()
        findings = Findings(self._tables, self._config.protected, folder)
        walk = Walk(self._tables, findings, parsed)
        try:
            walk.run(tree)
            if len(findings.folders) > 1 or findings.folders != [
                folder
            ]:  # a function or loop may run after a later `cd`
                findings = Findings(
                    self._tables, self._config.protected, folder, folders=findings.folders, settled=True
                )
                walk = Walk(self._tables, findings, parsed)
                walk.run(tree)
        except RecursionError:
            findings.unknown("it is nested too deeply to read")
        return findings.manifest(), tuple(walk.missing)
