"""Turns what a launcher wrote down into an Outcome: decoded, redacted over the joined text, cut in the middle."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from opsagent.adapters.executors.local.config import Backend
from opsagent.adapters.executors.local.tokens import Attempt
from opsagent.domain.outcome import Outcome
from opsagent.ports.redact import Redactor

HIDDEN = "[redacted]"
_SHELL_SIGNAL = 128  # a shell and bwrap report the end by signal N as 128 + N


@dataclass(frozen=True, slots=True)
class Text:
    """One output: what is shown, and the whole of it where that is more."""

    shown: str
    whole: str = ""


def read_output(
    attempt: Attempt, outcome: Mapping[str, Any], name: str, redact: Callable[[str], str], cap: int
) -> Text:
    """One output of an ended command, redacted before it is cut, so that no cut leaves half a secret."""
    found = outcome[name]
    head, tail = found["head"].encode("latin-1"), found["tail"].encode("latin-1")
    total = found["total"]
    if total <= len(head) + len(tail):
        return Text(cut(redact(_decode(head + tail)), cap))
    try:
        kept = attempt.output(name).read_bytes()
    except OSError:  # it could not be written or read: the disk was full, or is broken
        kept = head
    whole = redact(_decode(kept))
    if len(kept) == total:
        return Text(cut(whole, cap), whole)
    # more than is kept on disk: the end is all there is of the rest, from a whole line on
    end = redact(_decode(tail.partition(b"\n")[2] or tail))
    return Text(_join(whole, end, cap, total), whole)


def read_partial(attempt: Attempt, redact: Callable[[str], str], cap: int) -> tuple[str, str]:
    """What a command whose outcome is lost had written (stdout, stderr)."""
    texts = []
    for name in ("stdout", "stderr"):
        try:
            texts.append(cut(redact(_decode(attempt.output(name).read_bytes())), cap))
        except OSError:
            texts.append("")
    return texts[0], texts[1]


def cut(text: str, cap: int) -> str:
    """The text, or its head and tail of together `cap` bytes (UTF-8) with the cut said between them."""
    data = text.encode()
    if len(data) <= cap:
        return text
    half = max(1, cap // 2)
    return _joined(data[:half], len(data) - 2 * half, data[-half:])


def redactor(redact: Redactor, secrets: Sequence[str]) -> Callable[[str], str]:
    """The installation's redactor after the very secrets this command was given."""
    known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in known:
            text = text.replace(secret, HIDDEN)
        return redact(text)

    return clean


def make_outcome(
    found: Mapping[str, Any], stdout: Text, stderr: Text, *, artifact: str, changed: bool | None, trouble: str = ""
) -> Outcome:
    """The Outcome for a command that ran to its end or was ended."""
    how = found["how"]
    notes = [words for words in (how["note"], trouble) if words]
    code = found["exit"]
    if code is not None and _SHELL_SIGNAL < code <= _SHELL_SIGNAL + signal.SIGSYS:
        number = code - _SHELL_SIGNAL
        notes.append(f"Exit code {code} is how a shell reports an end by {signal.Signals(number).name}.")
    # under bwrap what is seen to remain is bwrap itself, on its way out
    if found.get("filled"):
        notes.append("It was ended: the disk of its folder lost too much room while it ran. Its folder was emptied.")
    elif found["swept"] and not Backend(how["backend"]).boxed and not (found["timedOut"] or found["cancelled"]):
        notes.append(
            f"It left {found['swept']} processes behind; they were ended: what must live on needs a supervisor."
        )
    if found["left"]:
        notes.append(f"{found['left']} of its processes could not be ended and may still run.")
    return Outcome(
        exit_code=code,
        signal=found["signal"],
        stdout=stdout.shown,
        stderr=stderr.shown,
        started_at=found["startedAt"],
        ended_at=found["endedAt"],
        timed_out=found["timedOut"],
        cancelled=found["cancelled"],
        truncated=bool(stdout.whole or stderr.whole),
        artifact=artifact,
        backend=how["backend"],
        changed=changed,
        note=" ".join(notes),
    )


def whole_output(stdout: Text, stderr: Text) -> str:
    """What is kept as an artifact where one of them was cut."""
    return f"{stdout.whole or stdout.shown}\n----- stderr -----\n{stderr.whole or stderr.shown}"


def to_json(outcome: Outcome) -> dict[str, object]:
    """A finished outcome in the place of the raw one: what recovery finds after the worker read it."""
    return {"started": True, "shown": asdict(outcome)}


def from_json(found: Mapping[str, Any]) -> Outcome | None:
    """The finished outcome, if it is one."""
    return Outcome(**found["shown"]) if "shown" in found else None


def _decode(data: bytes) -> str:
    return data.decode(errors="replace")


def _join(start: str, end: str, cap: int, total: int) -> str:
    half = max(1, cap // 2)
    first, last = start.encode()[:half], end.encode()[-half:]
    return _joined(first, max(0, total - len(first) - len(last)), last)


def _joined(first: bytes, left_out: int, last: bytes) -> str:
    mark = f"\n[... {left_out} bytes left out here ...]\n"
    return first.decode(errors="ignore") + mark + last.decode(errors="ignore")
