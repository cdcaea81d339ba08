"""What happened when a command ran."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one attempt. Output is capped and redacted; times are epoch seconds.

    `exit_code` is None when the command was killed by a signal (`signal`) or never reported. `backend` names the
    sandbox backend that ran it. `artifact` is the hash of the full output where it was cut. `changed` is None when
    nobody can tell. `known` is False for an effect that was claimed and cannot be told to have happened. `status` is
    the HTTP status of an answer; its exit code is 0 for a 2xx, else 1 (a redirect that was not followed did nothing).
    `note` is for people; where there is no exit code, it says why.
    """

    exit_code: int | None
    stdout: str = ""
    stderr: str = ""
    started_at: float = 0.0
    ended_at: float = 0.0
    signal: int | None = None
    timed_out: bool = False
    cancelled: bool = False
    truncated: bool = False
    artifact: str = ""
    backend: str = ""
    changed: bool | None = None
    known: bool = True
    note: str = ""
    status: int | None = None

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        return max(0.0, self.ended_at - self.started_at)
