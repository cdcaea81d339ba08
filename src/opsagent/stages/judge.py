"""Judge: what would this command do, and may it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from opsagent.domain.command import RESTORE, Command, Reach
from opsagent.domain.connection import LANGUAGES, Connection
from opsagent.domain.manifest import Decision, Manifest, Proof, Verdict
from opsagent.domain.policy import Policy, judge
from opsagent.domain.restoring import may_restore
from opsagent.errors import ConfigurationError, Forbidden, NotFound, OpsAgentError
from opsagent.ports.analyser import Analyser
from opsagent.ports.files import FileHashes
from opsagent.ports.secrets import Secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A command with everything the analysis fixed in it (network, writable paths, file hashes), and its verdict."""

    command: Command
    verdict: Verdict


def _not_known(executor: str) -> str:  # noqa: ARG001 - the default of a question
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Analyser, then policy. `backend` tells which sandbox backend a local command would run under.

    `host_backend` tells the same of a proven read of this machine. `host_reach` are the tenants whose connections may
    reach this machine, `*` for all: who approves an unproven effect there reaches everything of it. `analysers` are
    named by language. `secrets` says which version of a credential would open the target.
    """

    analysers: Mapping[str, Analyser]
    policy: Policy
    hashes: FileHashes
    backend: Callable[[str], str]
    host_reach: frozenset[str]
    secrets: Secrets
    host_backend: Callable[[str], str] = _not_known

    async def __call__(self, command: Command, connection: Connection, *, in_scope: bool, run_id: str = "") -> Judged:
        """Judge the very object that would be executed. Never raises for a bad command: that is a verdict.

        `run_id` says in whose folder relative names start; empty where nothing is to run (a rehearsal).

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
        undo = await self._undo(command, manifest, connection)
        finished = replace(
            command,
            credential=credential,
            credential_version=version,
            actions=manifest.actions,
            network=bool(manifest.contacts) or command.reach is Reach.HOST or connection.executor != "shell",
            writable=tuple(sorted({*manifest.writes, *manifest.deletes})),
            files=await self._files(command, manifest, undo, connection, run_id),
        )
        verdict = self._verdict(manifest, finished, connection, in_scope=in_scope)
        if undo is not None:
            taking_back = replace(finished, text=undo[0], undo="", keeps=())
            verdict = verdict.with_undo(self._verdict(undo[1], taking_back, connection, in_scope=in_scope))
            if command.undo == RESTORE:  # judged as the commands it takes, shown as what it comes to
                verdict = replace(verdict, undo=Manifest(proof=undo[1].proof, writes=command.keeps))
        return Judged(command=finished, verdict=verdict)

    async def _undo(self, command: Command, manifest: Manifest, connection: Connection) -> tuple[str, Manifest] | None:
        """What takes it back, as text and manifest: who approves the one approves the other. A read needs none."""
        if not command.undo or manifest.proof is Proof.READ:
            return None
        text = may_restore(command.keeps) if command.undo == RESTORE else command.undo
        if not text:
            return None
        return text, await self._manifest(replace(command, text=text, undo="", keeps=()), connection)

    async def _files(
        self,
        command: Command,
        manifest: Manifest,
        undo: tuple[str, Manifest] | None,
        connection: Connection,
        run_id: str,
    ) -> tuple[tuple[str, str], ...]:
        """What it executes, and what its undo would: who approves the one approves the other as it is now."""
        paths = tuple(dict.fromkeys((*manifest.executes, *(undo[1].executes if undo else ()))))
        return await self.hashes(paths, connection, run_id=run_id, cwd=command.cwd) if paths else ()

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
        on_host = connection.executor == "shell" and connection.reach is Reach.HOST
        if on_host and self.host_reach.isdisjoint((connection.tenant, "*")):
            reason = "Connections that reach this machine are off; its admin sets OPSAGENT_HOST_REACH=true."
            if self.host_reach:
                reason = (
                    f"The tenant {connection.tenant} may not reach this machine; its admin adds it to "
                    "OPSAGENT_HOST_REACH_TENANTS, and with it everything on this machine."
                )
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
            host_backend=self.host_backend(command.executor),
        )

    async def _manifest(self, command: Command, connection: Connection) -> Manifest:
        analyser = self.analysers.get(LANGUAGES.get(command.executor, command.executor))
        found = await analyser.analyse(command, connection) if analyser else _unanalysed(command.executor)
        return replace(found, author=command.author) if command.author else found


def _closed(error: OpsAgentError, manifest: Manifest) -> Verdict:
    reason = f"Its target cannot be opened: {error.message} {error.fix}".strip()
    return Verdict(decision=Decision.DENY, rule="no-credential", reason=reason, manifest=manifest)


def _unanalysed(executor: str) -> Manifest:
    return Manifest(proof=Proof.UNKNOWN, reasons=(f"nothing here can read {executor} commands",))
