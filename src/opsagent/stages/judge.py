"""Judge: what would this command do, and may it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from opsagent.domain.command import Command, Reach
from opsagent.domain.connection import LANGUAGES, Connection
from opsagent.domain.manifest import Decision, Manifest, Proof, Verdict
from opsagent.domain.policy import Policy, judge
from opsagent.errors import ConfigurationError, Forbidden, NotFound, OpsAgentError
from opsagent.ports.analyser import Analyser
from opsagent.ports.files import FileHashes
from opsagent.ports.secrets import Secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A command with everything the analysis fixed in it (network, writable paths, file hashes), and its verdict."""

    command: Command
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Analyser, then policy. `backend` tells which sandbox backend a local command would run under.

    `host_reach` is the installation admin's switch for connections that reach this machine. `analysers` are named by
    language. `secrets` says which version of a credential would open the target.
    """

    analysers: Mapping[str, Analyser]
    policy: Policy
    hashes: FileHashes
    backend: Callable[[str], str]
    host_reach: bool
    secrets: Secrets

    async def __call__(self, command: Command, connection: Connection, *, in_scope: bool) -> Judged:
        """Judge the very object that would be executed. Never raises for a bad command: that is a verdict.

        UnavailableError: who keeps the credential does not answer.
        """
        manifest = await self._manifest(command, connection)
        reads = manifest.proof is Proof.READ
        credential = (connection.read_credential if reads else "") or connection.credential
        version = 0
        if credential:
            try:
                version = await self.secrets.version(connection.tenant, credential, connection)
            except (NotFound, Forbidden, ConfigurationError) as error:
                return Judged(command=command, verdict=_closed(error, manifest))
        finished = replace(
            command,
            credential=credential,
            credential_version=version,
            actions=manifest.actions,
            network=bool(manifest.contacts) or command.reach is Reach.HOST or connection.executor != "shell",
            writable=tuple(sorted({*manifest.writes, *manifest.deletes})),
            files=await self.hashes(manifest.executes, connection) if manifest.executes else (),
        )
        return Judged(command=finished, verdict=self._verdict(manifest, finished, connection, in_scope=in_scope))

    async def explain(self, texts: Sequence[str], connection: Connection) -> Sequence[Verdict]:
        """The verdicts for many command texts on one connection, in order; for people who ask "what would it get?"."""
        analyser = self.analysers.get(connection.language)
        manifests = (
            await analyser.analyse_all(texts, connection)
            if analyser
            else [_unanalysed(connection.executor) for _ in texts]
        )
        commands = [
            Command(executor=connection.executor, text=text, connection_id=connection.id, reach=connection.reach)
            for text in texts
        ]
        return [
            self._verdict(manifest, command, connection, in_scope=True)
            for command, manifest in zip(commands, manifests, strict=True)
        ]

    def _verdict(self, manifest: Manifest, command: Command, connection: Connection, *, in_scope: bool) -> Verdict:
        if connection.executor == "shell" and connection.reach is Reach.HOST and not self.host_reach:
            reason = "Connections that reach this machine are off; its admin sets OPSAGENT_HOST_REACH=true."
            return Verdict(decision=Decision.DENY, rule="host-reach-off", reason=reason, manifest=manifest)
        if command.executor != connection.executor:
            reason = (
                f"{connection.name} takes {connection.executor} commands, and this is a {command.executor} command."
            )
            return Verdict(decision=Decision.DENY, rule="wrong-executor", reason=reason, manifest=manifest)
        return judge(
            self.policy,
            manifest,
            command=command,
            connection=connection,
            in_scope=in_scope,
            backend=self.backend(command.executor),
        )

    async def _manifest(self, command: Command, connection: Connection) -> Manifest:
        analyser = self.analysers.get(LANGUAGES.get(command.executor, command.executor))
        return await analyser.analyse(command, connection) if analyser else _unanalysed(command.executor)


def _closed(error: OpsAgentError, manifest: Manifest) -> Verdict:
    reason = f"Its target cannot be opened: {error.message} {error.fix}".strip()
    return Verdict(decision=Decision.DENY, rule="no-credential", reason=reason, manifest=manifest)


def _unanalysed(executor: str) -> Manifest:
    return Manifest(proof=Proof.UNKNOWN, reasons=(f"nothing here can read {executor} commands",))
