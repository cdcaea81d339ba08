"""Sends one request: a read from here, an effect once per start token, by a program that outlives this server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from opsagent.adapters.executors.http.config import HttpConfig
from opsagent.adapters.executors.http.exchange import Answer, answer_from, exchange
from opsagent.adapters.executors.http.parcels import Packed, pack, test_parcel
from opsagent.adapters.executors.http.program import plan_sender
from opsagent.adapters.executors.http.sender import BEGINS
from opsagent.adapters.executors.http.telling import lost, outcome_of, phrase
from opsagent.adapters.executors.local import LocalExecutor
from opsagent.adapters.http_target import http_target
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Proof
from opsagent.domain.outcome import Outcome
from opsagent.domain.request import parse_request
from opsagent.errors import ExecutionError, InputError
from opsagent.ports.artifacts import ArtifactStore
from opsagent.ports.clock import Clock
from opsagent.ports.executor import Kept, Order, Trace, Traced
from opsagent.ports.redact import Redactor
from opsagent.ports.secrets import Login
from opsagent.ports.target import Tested

NAME = "http"
_SLACK_S = 5.0  # what the sender may need to start and to say how it ended, beyond the request's own time
_REDIRECTS, _MOST_REDIRECTS = frozenset({301, 302, 303, 307, 308}), 3
_KEY_LIVES_S = 3600.0  # APIs keep idempotency keys for a day or so; an older attempt is not sent again
_AGAIN = "The first answer was lost; it was sent again under the same key, on which the API acts once."


class HttpExecutor:
    """Executes on HTTP APIs (ports/executor.py, ports/target.py). `failpoints` are the launcher's, for tests."""

    def __init__(
        self,
        config: HttpConfig,
        *,
        clock: Clock,
        redactor: Redactor,
        artifacts: ArtifactStore,
        failpoints: Mapping[str, str] | None = None,
    ) -> None:
        self._config, self._clock, self._redactor = config, clock, redactor
        # in JSON a character may take six, and nothing of an answer may be cut out there
        cap = 8 * config.output_cap_bytes + 64 * 1024
        seen = (*config.local.sandbox_sees, *((config.ca_file.resolve(),) if config.ca_file else ()))
        self._effects = LocalExecutor(
            replace(config.local, output_cap_bytes=cap, sandbox_sees=seen),
            clock=clock,
            redactor=self._redacted,
            artifacts=artifacts,
            failpoints=failpoints,
            name=NAME,
            planner=plan_sender,
        )

    @property
    def tokens_at_target(self) -> bool:
        """They lie in our own state folder."""
        return False

    @property
    def backend(self) -> str:
        """Nothing is held in here: the credential is what limits a request."""
        return NAME

    async def run(self, order: Order) -> Outcome:
        """See the port. ExecutionError also where an effect could not be sent: then nothing of it left this machine."""
        if order.command.executor != NAME:
            raise ExecutionError(f"A {order.command.executor} command cannot be run by {NAME}; nothing was started.")
        if order.manifest.proof is Proof.READ:
            return await self._read(order)
        packed = pack(order, self._config, effect=True)
        told = await self._effects.run(replace(_launched(order), stdin=packed.parcel.to_json()))
        outcome = self._told(told)
        if isinstance(outcome, Answer):
            raise ExecutionError(f"It was not started: {outcome.problem}", fix=outcome.fix)
        if not outcome.known and packed.repeatable and not told.cancelled:
            return await self._again(packed) or outcome
        return outcome

    async def trace(self, order: Order) -> Trace:
        """See the port. A read is left to be run again; a lost effect may be asked for again under its own key.

        That is done where recovery lets an attempt go on (`patience_s`), within the time APIs keep such keys.
        """
        if order.manifest.proof is Proof.READ:
            return Trace(traced=Traced.UNKNOWN)
        trace = await self._effects.trace(_launched(order))
        if trace.traced is Traced.NEVER_STARTED:
            return trace
        told = trace.outcome
        outcome = self._told(told) if told is not None else None
        if isinstance(outcome, Answer):
            return Trace(traced=Traced.NEVER_STARTED)
        if outcome is not None and outcome.known:
            return Trace(traced=Traced.FINISHED, outcome=outcome)
        stopped = told is not None and told.cancelled
        if order.patience_s > 0 and not stopped and _is_what_was_approved(order) and self._is_fresh(order):
            packed = pack(order, self._config, effect=True)
            found = await self._again(packed) if packed.repeatable else None
            if found is not None:
                return Trace(traced=Traced.FINISHED, outcome=found)
        return Trace(traced=Traced.UNKNOWN, outcome=outcome)

    async def detach(self, run_id: str) -> None:
        """Leave what is being sent to its sender."""
        await self._effects.detach(run_id)

    async def keep(self, order: Order, path: str) -> Kept:
        """There are no files here. ExecutionError."""
        raise ExecutionError(
            f"{path} cannot be saved: {order.connection.name} is an API.",
            fix="Capture the value in an earlier step, and write it back in `undo`.",
        )

    async def release(self, run_id: str) -> None:
        """Remove the folder the sender worked in."""
        await self._effects.release(run_id)

    async def forget(self, run_id: str) -> None:
        """Remove the run's tokens."""
        await self._effects.forget(run_id)

    def check(self, connection: Connection) -> None:
        """Refuse a registration that cannot work. InputError."""
        http_target(connection)

    async def test(self, connection: Connection, login: Login | None) -> Tested:
        """GET the registered `test_path`, or the address itself, and say what came."""
        try:
            parcel = test_parcel(connection, login, self._config)
        except (InputError, ExecutionError) as error:
            return Tested(ok=False, text=error.message, fix=error.fix)
        answer = (await exchange(parcel, self._clock)).redacted(self._redactor)
        if answer.status is None:
            return Tested(ok=False, text=answer.problem, fix=answer.fix)
        secure = parcel.url.startswith("https:")
        facts = {"status": str(answer.status), "address": answer.address, "tls": "verified" if secure else "none"}
        text = f"{phrase(answer.status)} from {answer.address}{'' if secure else ', without TLS'}."
        if answer.status in (401, 403, 407):
            return Tested(ok=False, text=text, fix="Look at the credential and at its rights.", facts=facts)
        named = bool(http_target(connection).test_path)
        if answer.status >= 500 or (named and answer.status >= 300):
            return Tested(ok=False, text=text, fix="Look at the API, or register another test_path.", facts=facts)
        return Tested(ok=True, text=text, facts=facts)

    async def _read(self, order: Order) -> Outcome:
        """Ask, and follow a redirect as long as it leads to what is a read of the same API, too."""
        packed = pack(order, self._config, effect=False)
        started, parcel = self._clock.now(), packed.parcel
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await exchange(parcel, self._clock)
            if answer.status is None and not answer.sent and "may not be called" in answer.problem:
                raise ExecutionError(f"It was not started: {answer.problem}", fix=answer.fix)
            following = _following(parcel.url, answer, packed)
            if not following:
                break
            left = order.command.timeout_s - (self._clock.now() - started)
            parcel = replace(parcel, url=following, total_timeout_s=max(left, 0.1))
        return outcome_of(
            answer.redacted(self._redactor),
            started_at=started,
            ended_at=self._clock.now(),
            backend=NAME,
            changed=False,
        )

    def _told(self, told: Outcome) -> Outcome | Answer:
        """What the sender's end means: an outcome, or the answer that nothing was sent."""
        lines = told.stdout.splitlines()
        answer = answer_from(lines[-1]) if lines else None
        if answer is None and told.known and BEGINS not in lines[:1]:
            # it came to its end, so all it ever said is here
            why = told.stderr.strip().splitlines()[-1:] or ["its sender was ended before it began"]
            return Answer(sent=False, problem=f"{why[0]}.", fix="Start the step again when the cause is gone.")
        if answer is not None and not answer.sent:
            return answer
        if answer is None or answer.status is None:
            return lost(answer, started_at=told.started_at, ended_at=told.ended_at, backend=told.backend)
        return outcome_of(
            answer, started_at=told.started_at, ended_at=told.ended_at, backend=told.backend, changed=None
        )

    async def _again(self, packed: Packed) -> Outcome | None:
        """Ask again under the same key; only a plain yes tells what became of it."""
        started = self._clock.now()
        answer = (await exchange(packed.parcel, self._clock)).redacted(self._redactor)
        if answer.status is None or not 200 <= answer.status < 300:
            return None
        return outcome_of(
            answer, started_at=started, ended_at=self._clock.now(), backend=NAME, changed=None, note=_AGAIN
        )

    def _is_fresh(self, order: Order) -> bool:
        token = Path(self._config.local.state, order.run_id, order.token)
        try:
            return self._clock.now() - token.lstat().st_mtime < _KEY_LIVES_S
        except OSError:
            return False

    def _redacted(self, text: str) -> str:
        """What the sender said, redacted inside its JSON, so that it stays readable for us."""
        lines = []
        for line in text.splitlines(keepends=True):
            answer = answer_from(line)
            lines.append(answer.redacted(self._redactor).to_json() if answer else self._redactor(line))
        return "".join(lines)


def _is_what_was_approved(order: Order) -> bool:
    """Whether target and credential still are those of the first sending: to look up, others do; to send again not."""
    command, version = order.command, order.login.version if order.login else 0
    return (command.connection_version, command.credential_version) == (order.connection.version, version)


def _launched(order: Order) -> Order:
    """The order for the launcher: with time for the sender, and without the credential, which the parcel has."""
    command = replace(order.command, timeout_s=order.command.timeout_s + _SLACK_S, files=())
    return replace(order, command=command, login=None)


def _following(url: str, answer: Answer, packed: Packed) -> str:
    """Where a redirected read goes on; empty when it does not."""
    location = answer.headers.get("location", "")
    if answer.status not in _REDIRECTS or not location:
        return ""
    following = urljoin(url, location)
    try:
        found = parse_request(f"GET {following}").url(following)
    except InputError:
        return ""
    target = packed.target
    if target.stranger(found) or target.acts(found) or (target.reveals(found) and not target.reveals(urlsplit(url))):
        return ""
    return following
