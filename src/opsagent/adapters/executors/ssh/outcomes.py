"""Turns what a host said into an Outcome: decoded, redacted as a whole, then cut."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from opsagent.adapters.executors.local.output import Text, cut, make_outcome, redactor, whole_output
from opsagent.adapters.executors.ssh.exchange import Said
from opsagent.adapters.executors.ssh.frames import Answer
from opsagent.domain.manifest import Proof
from opsagent.domain.outcome import Outcome
from opsagent.errors import ExecutionError, OpsAgentError
from opsagent.ports.artifacts import ArtifactStore
from opsagent.ports.clock import Clock
from opsagent.ports.executor import Order
from opsagent.ports.redact import Redactor

_TIMED_OUT = (124, 128 + signal.SIGKILL)  # timeout(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaping:
    """What an outcome needs besides the answer. `cap_bytes` of each output are shown."""

    clock: Clock
    redactor: Redactor
    artifacts: ArtifactStore
    cap_bytes: int

    def clean(self, order: Order, text: str) -> str:
        """Without the secrets of the order and of the installation."""
        return redactor(self.redactor, order.login.secret_values if order.login else ())(text)

    async def effect(self, order: Order, answer: Answer, started: float | None = None) -> Outcome:
        """Of an effect, told by its token. `started` is by our clock; else it is reckoned back from now."""
        code, timed_out, cancelled, milliseconds, left, _, out_rest, _, err_rest = answer.numbers
        now = self.clock.now()
        stdout = self._text(order, answer.stdout, b"", out_rest)
        stderr = self._text(order, answer.stderr, b"", err_rest)
        if answer.state == "unknown":
            note = "It started and was interrupted: what is shown is what it had written."
            note += f" {left} of its processes may still run." if left else " Nothing of it runs any more."
            return Outcome(
                exit_code=None, stdout=stdout.shown, stderr=stderr.shown, known=False, backend="ssh", note=note
            )
        begun = now - milliseconds / 1000 if started is None else started
        stopped = bool(timed_out or cancelled)
        if stopped and left:  # a process of another user: what it still does, nobody knows
            note = f"It was stopped, and {left} of its processes could not be ended: they may still run."
            return Outcome(
                exit_code=None, stdout=stdout.shown, stderr=stderr.shown, started_at=begun, ended_at=now, known=False,
                timed_out=bool(timed_out), cancelled=bool(cancelled), backend="ssh", note=note,
            )  # fmt: skip
        return await self._outcome(
            order, None if stopped else code, (begun, now), stdout, stderr,
            timed_out=bool(timed_out), cancelled=bool(cancelled), left=left,
        )  # fmt: skip

    async def read(self, order: Order, said: Said, started: float) -> Outcome:
        """Of a read. ExecutionError: it was refused, nothing ran."""
        if said.refused:
            raise ExecutionError(
                f"It was not started: {self.clean(order, said.refused)}.",
                fix=f"Look with: opsagent connections test {order.connection.name}",
            )
        now = self.clock.now()
        timed_out = said.code in _TIMED_OUT and now - started >= order.command.timeout_s
        stdout = self._text(order, bytes(said.stdout.head), bytes(said.stdout.tail), said.stdout.left_out)
        stderr = self._text(order, bytes(said.stderr.head), bytes(said.stderr.tail), said.stderr.left_out)
        code = None if timed_out else said.code
        return await self._outcome(
            order, code, (started, now), stdout, stderr, timed_out=timed_out, cancelled=False, left=0
        )

    def failed_read(self, order: Order, started: float, why: str, *, timed_out: bool) -> Outcome:
        """Of a read whose answer never came: it changed nothing."""
        return Outcome(
            exit_code=None,
            stderr=self.clean(order, why),
            started_at=started,
            ended_at=self.clock.now(),
            timed_out=timed_out,
            backend="ssh",
            changed=False,
            note="Its answer never came.",
        )

    async def _outcome(
        self,
        order: Order,
        code: int | None,
        times: tuple[float, float],
        stdout: Text,
        stderr: Text,
        *,
        timed_out: bool,
        cancelled: bool,
        left: int,
    ) -> Outcome:
        artifact, trouble = "", ""
        if stdout.whole or stderr.whole:
            try:
                artifact = await self.artifacts.put(order.tenant, whole_output(stdout, stderr).encode())
            except (OpsAgentError, OSError) as error:
                why = error.message if isinstance(error, OpsAgentError) else error.strerror
                trouble = f"Its full output could not be kept: {why}"
        if left and not (timed_out or cancelled):
            trouble = f"{trouble} It left {left} processes running.".strip()
        found = {
            "how": {"backend": "ssh", "note": ""},
            "exit": code,
            "signal": int(signal.SIGTERM) if code is None else None,
            "swept": 0,
            "left": left if timed_out or cancelled else 0,
            "timedOut": timed_out,
            "cancelled": cancelled,
            "startedAt": times[0],
            "endedAt": times[1],
        }
        changed = False if order.manifest.proof is Proof.READ else None
        return make_outcome(found, stdout, stderr, artifact=artifact, changed=changed, trouble=trouble)

    def _text(self, order: Order, head: bytes, tail: bytes, left_out: int) -> Text:
        """One output, redacted before it is cut, so that no cut leaves half a secret."""
        if not left_out:
            whole = self.clean(order, (head + tail).decode(errors="replace"))
            shown = cut(whole, self.cap_bytes)
            return Text(shown, whole if shown != whole else "")
        start = self.clean(order, head.decode(errors="replace"))
        end = self.clean(order, (tail.partition(b"\n")[2] or tail).decode(errors="replace"))
        gap = f"\n[... {left_out} bytes left out here ...]\n"
        half = max(1, self.cap_bytes // 2)
        first = start.encode()[:half].decode(errors="ignore")
        return Text(first + gap + end.encode()[-half:].decode(errors="ignore"), start + gap + end)
