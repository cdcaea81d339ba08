"""Judge: what would this command do, and may it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from opsagent.domain.command import Command, Reach
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Decision, Manifest, Proof, Verdict
from opsagent.domain.policy import Policy, judge
from opsagent.ports.analyser import Analyser
from opsagent.ports.files import FileHashes


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A command with everything the analysis fixed in it (network, writable paths, file hashes), and its verdict."""

    command: Command
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Analyser, then policy. `backend` tells which sandbox backend a local command would run under.

    `host_reach` is the installation admin's switch for connections that reach this machine.
    """

    analysers: Mapping[str, Analyser]
    policy: Policy
    hashes: FileHashes
    backend: Callable[[str], str]
    host_reach: bool

    async def __call__(self, command: Command, connection: Connection, *, in_scope: bool) -> Judged:
        """Judge the very object that would be executed. Never raises for a bad command: that is a verdict."""
        manifest = await self._manifest(command, connection)
        finished = replace(
            command,
            network=bool(manifest.contacts) or command.reach is Reach.HOST,
            writable=tuple(sorted({*manifest.writes, *manifest.deletes})),
            files=await self.hashes(manifest.executes, connection) if manifest.executes else (),
        )
        if connection.reach is Reach.HOST and not self.host_reach:
            return Judged(command=finished, verdict=_host_is_off(manifest))
        verdict = judge(
            self.policy,
            manifest,
            command=finished,
            connection=connection,
            in_scope=in_scope,
            backend=self.backend(command.executor),
        )
        return Judged(command=finished, verdict=verdict)

    async def explain(self, texts: Sequence[str], connection: Connection) -> Sequence[Verdict]:
        """The verdicts for many command texts on one connection, in order; for people who ask "what would it get?"."""
        analyser = self.analysers.get(connection.executor)
        manifests = (
            await analyser.analyse_all(texts, connection)
            if analyser
            else [_unanalysed(connection.executor) for _ in texts]
        )
        return [
            judge(
                self.policy,
                manifest,
                command=Command(
                    executor=connection.executor, text=text, connection_id=connection.id, reach=connection.reach
                ),
                connection=connection,
                in_scope=True,
                backend=self.backend(connection.executor),
            )
            for text, manifest in zip(texts, manifests, strict=True)
        ]

    async def _manifest(self, command: Command, connection: Connection) -> Manifest:
        analyser = self.analysers.get(command.executor)
        return await analyser.analyse(command, connection) if analyser else _unanalysed(command.executor)


def _host_is_off(manifest: Manifest) -> Verdict:
    reason = "Connections that reach this machine are switched off; its admin sets OPSAGENT_HOST_REACH=true."
    return Verdict(decision=Decision.DENY, rule="host-reach-off", reason=reason, manifest=manifest)


def _unanalysed(executor: str) -> Manifest:
    return Manifest(proof=Proof.UNKNOWN, reasons=(f"nothing here can read {executor} commands",))
