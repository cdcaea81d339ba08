"""Runs one AWS command at most once per start token, in the sandbox, with a session limited to what was judged."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import replace

from opsagent.adapters.executors.aws.address import account_of, check_account
from opsagent.adapters.executors.aws.plan import plan_aws, words_of
from opsagent.adapters.executors.aws.session import open_session
from opsagent.adapters.executors.local.config import LocalConfig
from opsagent.adapters.executors.local.executor import LocalExecutor
from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest, Proof
from opsagent.domain.outcome import Outcome
from opsagent.errors import ConfigurationError, ExecutionError, InputError, OpsAgentError
from opsagent.ports.artifacts import ArtifactStore
from opsagent.ports.clock import Clock
from opsagent.ports.executor import Kept, Order
from opsagent.ports.redact import Redactor
from opsagent.ports.secrets import Login
from opsagent.ports.target import Tested

NAME = "aws"
_TRIAL = ("sts:GetCallerIdentity",)


class AwsExecutor(LocalExecutor):
    """A local executor with a view, an environment and a credential of its own (ports/executor.py, ports/target.py)."""

    def __init__(
        self,
        config: LocalConfig,
        *,
        clock: Clock,
        redactor: Redactor,
        artifacts: ArtifactStore,
        failpoints: Mapping[str, str] | None = None,
        beside: LocalExecutor | None = None,
    ) -> None:
        super().__init__(
            config,
            clock=clock,
            redactor=redactor,
            artifacts=artifacts,
            failpoints=failpoints,
            name=NAME,
            planner=plan_aws,
            beside=beside,
        )

    async def run(self, order: Order) -> Outcome:
        """Open the session, then run it as every local command is run (see the port).

        AWS itself keeps no start token; ours is on disk, so a second attempt of the same step is never sent.
        """
        self._check_kind(order)
        session = await asyncio.to_thread(_session, order)
        return await super().run(replace(order, login=session))

    async def keep(self, order: Order, path: str) -> Kept:
        """There are no files in an account. ExecutionError."""
        raise ExecutionError(
            f"{path} cannot be saved: {order.connection.name} is an AWS account.",
            fix="Capture the value in an earlier step, and write it back in `undo`.",
        )

    def check(self, connection: Connection) -> None:
        """Refuse a registration that cannot work. InputError."""
        check_account(connection)

    async def test(self, connection: Connection, login: Login | None) -> Tested:
        """Ask AWS who we are, in the sandbox and with the session a step would have."""
        trial = f"test-{os.getpid()}-{id(connection)}"
        order = Order(
            tenant=connection.tenant,
            run_id=trial,
            token=f"{trial}.1.{self._clock.now():.6f}",
            command=Command(
                executor=NAME,
                text="aws sts get-caller-identity --output json",
                connection_id=connection.id,
                network=True,
                actions=_TRIAL,
            ),
            manifest=Manifest(proof=Proof.READ, actions=_TRIAL),
            connection=connection,
            login=login,
        )
        try:
            outcome = await self.run(order)
        except OpsAgentError as error:
            return Tested(ok=False, text=error.message, fix=error.fix)
        finally:
            await self.release(trial)
            await self.forget(trial)
        return _tested(connection, outcome)


def _session(order: Order) -> Login:
    """The session of an order. Blocking. ExecutionError: it was not started."""
    words_of(order)
    if order.login is None:
        raise ExecutionError("It was not started: no credential opens this account.", fix="Name one in the connection.")
    actions = order.command.actions
    if not actions:
        raise ExecutionError(
            "It was not started: nothing says which IAM actions it needs, so no session can be limited to them.",
            fix="Write it as an operation of a service: `aws SERVICE OPERATION ...`.",
        )
    try:
        return open_session(
            order.login,
            account_of(order.connection),
            actions=actions,
            run_id=order.run_id,
            reads=order.manifest.proof is Proof.READ,
        )
    except (InputError, ConfigurationError) as error:
        raise ExecutionError(f"It was not started: {error.message}", fix=error.fix) from error


def _tested(connection: Connection, outcome: Outcome) -> Tested:
    if outcome.exit_code != 0:
        return Tested(ok=False, text=f"AWS answered: {outcome.stderr.strip()[-500:]}", fix="Look at the role's rights.")
    try:
        found = json.loads(outcome.stdout)
        facts = {"account": str(found["Account"]), "arn": str(found["Arn"]), "backend": outcome.backend}
    except (ValueError, KeyError, TypeError):
        return Tested(ok=False, text="AWS gave an answer nobody understands.", fix="Look at the endpoint.")
    if facts["account"] != account_of(connection).id:
        return Tested(
            ok=False,
            text=f"The session is of the account {facts['account']}, and the connection names another.",
            fix="Correct the address.",
            facts=facts,
        )
    limits = "" if connection.options.get("role_arn") else " No role limits a step: the credential itself is used."
    return Tested(ok=True, text=f"The account {facts['account']} as {facts['arn']}.{limits}", facts=facts)
