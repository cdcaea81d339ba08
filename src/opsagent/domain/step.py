"""One command of a run: its status machine and what is known about it.

proposed -> (awaiting_approval) -> claimed -> succeeded | failed | unknown
proposed | awaiting_approval -> refused | skipped          succeeded | failed | happened -> undone
unknown -> happened | not_happened | aborted
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from opsagent.domain.command import Command
from opsagent.domain.manifest import Proof, Verdict
from opsagent.domain.outcome import Outcome
from opsagent.domain.runbook import Expect, Phase
from opsagent.errors import IllegalMove


class StepStatus(StrEnum):
    """Where a step stands."""

    PROPOSED = "proposed"  # rendered, not judged or not yet started
    AWAITING_APPROVAL = "awaiting_approval"  # a person is asked
    CLAIMED = "claimed"  # stored before the effect: it may be running or have run
    SUCCEEDED = "succeeded"  # ran, and met its expectation
    FAILED = "failed"  # ran, and did not
    UNKNOWN = "unknown"  # claimed, no outcome, and no token or probe could tell
    REFUSED = "refused"  # denied by the policy or by a person
    SKIPPED = "skipped"  # its condition did not hold
    HAPPENED = "happened"  # was unknown; a probe or a person says it did
    NOT_HAPPENED = "not_happened"  # was unknown, or its token was never taken: it did not and will not
    ABORTED = "aborted"  # was unknown; a person gave up on it
    UNDONE = "undone"  # its undo ran and met its expectation


LEGAL_MOVES: dict[StepStatus, frozenset[StepStatus]] = {
    StepStatus.PROPOSED: frozenset(
        {StepStatus.AWAITING_APPROVAL, StepStatus.CLAIMED, StepStatus.REFUSED, StepStatus.SKIPPED}
    ),
    StepStatus.AWAITING_APPROVAL: frozenset(
        {StepStatus.PROPOSED, StepStatus.CLAIMED, StepStatus.REFUSED, StepStatus.SKIPPED}
    ),
    StepStatus.CLAIMED: frozenset(
        {StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.UNKNOWN, StepStatus.NOT_HAPPENED}
    ),
    StepStatus.UNKNOWN: frozenset({StepStatus.HAPPENED, StepStatus.NOT_HAPPENED, StepStatus.ABORTED}),
    StepStatus.SUCCEEDED: frozenset({StepStatus.UNDONE}),
    StepStatus.FAILED: frozenset({StepStatus.UNDONE}),
    StepStatus.HAPPENED: frozenset({StepStatus.UNDONE}),
    StepStatus.REFUSED: frozenset(),
    StepStatus.SKIPPED: frozenset(),
    StepStatus.NOT_HAPPENED: frozenset(),
    StepStatus.ABORTED: frozenset(),
    StepStatus.UNDONE: frozenset(),
}
MAY_HAVE_HAPPENED = frozenset(
    {
        StepStatus.CLAIMED,
        StepStatus.SUCCEEDED,
        StepStatus.FAILED,
        StepStatus.UNKNOWN,
        StepStatus.HAPPENED,
        StepStatus.ABORTED,
    }
)


WITHHELD = "[withheld: it may hold secrets]"


@dataclass(frozen=True, slots=True)
class Saved:
    """What a path held before an effect: the artifact of its content (empty: nothing was there), mode bits and owner.

    `link` is where it leads, if it is a link. `left` is the SHA-256 of what it held once the effect had ended, empty
    where nothing was there; None as long as nobody has looked. Only what the effect left may be written over.
    """

    artifact: str
    mode: int = 0o600
    uid: int | None = None
    gid: int | None = None
    link: str = ""
    left: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One attempt at one command. `id` is `<run id>.<number>`; a new attempt is a new number with `attempt` + 1.

    `name` is the runbook step (or `measure`) it came from. `claimed_at` orders the undo. `undo_of` is the id of the
    step this one takes back. `saved` maps a path of `command.keeps` to what it held before the effect.
    """

    id: str
    run_id: str
    tenant: str
    number: int
    name: str
    phase: Phase
    command: Command
    attempt: int = 1
    status: StepStatus = StepStatus.PROPOSED
    why: str = ""
    expect: Expect = field(default_factory=Expect)
    verdict: Verdict | None = None
    digest: str = ""
    approval_id: str = ""
    retries: int = 0
    probe: str = ""
    probe_expect: Expect | None = None
    undo_of: str = ""
    saved: Mapping[str, Saved] = field(default_factory=dict)
    outcome: Outcome | None = None
    claimed_at: float | None = None
    claimed_place: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def token(self) -> str:
        """The name of the start token: one per attempt, taken where the effect happens."""
        return f"{self.id}.{self.attempt}"

    @property
    def is_read(self) -> bool:
        """Whether it was proven to change nothing, so that running it again is harmless."""
        return self.verdict is not None and self.verdict.manifest.proof is Proof.READ

    @property
    def may_show_secrets(self) -> bool:
        """Whether it was asked about because its output may hold secrets: what it printed is for who may look alone."""
        return self.verdict is not None and bool(self.verdict.manifest.sensitive)

    @property
    def told(self) -> Outcome | None:
        """Its outcome as it may go into a summary, a notice or a prompt: without what may hold secrets."""
        if self.outcome is None or not self.may_show_secrets:
            return self.outcome
        return replace(self.outcome, stdout=WITHHELD if self.outcome.stdout else "", stderr="", artifact="")

    @property
    def may_have_had_effect(self) -> bool:
        """Whether the world may differ because of it; not when it is known that nothing was started."""
        if self.is_read or (self.outcome is not None and self.outcome.changed is False):
            return False
        return self.status in MAY_HAVE_HAPPENED

    def move(self, status: StepStatus, now: float) -> Step:
        """The same step in another status. Raises IllegalMove."""
        if status not in LEGAL_MOVES[self.status]:
            raise IllegalMove(f"step {self.id} is {self.status} and cannot become {status}", fix="Look at it again.")
        return replace(self, status=status, updated_at=now)
