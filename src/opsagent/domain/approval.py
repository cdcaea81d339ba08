"""A question to people about one digest, with an end.

pending -> granted | refused | expired | withdrawn          granted -> used
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from opsagent.domain.identity import same_person
from opsagent.domain.manifest import Manifest
from opsagent.errors import ApprovalDecided, ApprovalExpired, ApprovalMismatch, ApprovalUsed, Forbidden

DEFAULT_EXPIRY_S = 3600.0


class ApprovalStatus(StrEnum):
    """Where a question stands."""

    PENDING = "pending"
    GRANTED = "granted"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Grant:
    """One person's yes, at an epoch second."""

    by: str
    at: float
    notes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A question about ONE effect. `command` and `manifest` are what the person sees; `digest` is what binds.

    The undo is approved with it: `undo_manifest` is what that would do.

    Times are epoch seconds; after `expires_at` it cannot be given and cannot be used. `used_at` is set in the
    transaction that claims the step: it works once. It is granted when `persons` different people have said yes; with
    `four_eyes` none of them is `started_by`, who started the run. One no refuses it. `likeness` is the same for
    questions that are alike: the same step of the same runbook, or the same command.
    """

    id: str
    tenant: str
    run_id: str
    step_id: str
    step_number: int
    attempt: int
    digest: str
    target: str
    command: str
    manifest: Manifest
    requested_at: float
    expires_at: float
    why: str = ""
    title: str = ""
    task: str = ""
    runbook_id: str = ""
    undo: str = ""
    undo_manifest: Manifest | None = None
    reason: str = ""
    persons: int = 1
    four_eyes: bool = False
    started_by: str = ""
    likeness: str = ""
    grants: tuple[Grant, ...] = ()
    status: ApprovalStatus = ApprovalStatus.PENDING
    decided_at: float | None = None
    decided_by: str = ""
    notes: str = ""
    used_at: float | None = None

    @property
    def author(self) -> str:
        """The model whose words the command is; empty where people wrote it."""
        return self.manifest.author

    def decide(self, *, grant: bool, by: str, notes: str, now: float) -> Approval:
        """The person's answer. The same answer by anyone again changes nothing.

        ApprovalDecided, ApprovalExpired; Forbidden for the one who started the run where somebody else must decide.
        """
        wanted = ApprovalStatus.GRANTED if grant else ApprovalStatus.REFUSED
        if self.status is wanted:
            return self
        if self.status is ApprovalStatus.EXPIRED or (self.status is ApprovalStatus.PENDING and now >= self.expires_at):
            raise ApprovalExpired("The question has ended unanswered.", fix="Retry the run: it asks again.")
        if self.status is not ApprovalStatus.PENDING:
            raise ApprovalDecided(
                f"It was {self.status} before" + (f" by {self.decided_by}." if self.decided_by else "."),
                fix="Look at the run; a decision is not taken back. Cancel the run to stop it.",
            )
        if not grant:
            return replace(self, status=wanted, decided_at=now, decided_by=by, notes=notes)
        if self.four_eyes and same_person(by, self.started_by):
            raise Forbidden(
                f"{by} started this run, and the policy wants somebody else to approve it.",
                fix="Ask a colleague with the role approver. Refusing it is open to you.",
            )
        if any(same_person(one.by, by) for one in self.grants):
            return self
        grants = (*self.grants, Grant(by, now, notes))
        if len(grants) < self.persons:
            return replace(self, grants=grants)
        people = ", ".join(one.by for one in grants)
        said = "; ".join(one.notes for one in grants if one.notes)
        return replace(self, grants=grants, status=wanted, decided_at=now, decided_by=people, notes=said)

    @property
    def missing(self) -> int:
        """How many more people have to say yes."""
        return max(0, self.persons - len(self.grants)) if self.status is ApprovalStatus.PENDING else 0

    def use(self, *, run_id: str, step_id: str, attempt: int, digest: str, now: float) -> Approval:
        """Spend it on exactly the effect it was given for.

        Raises ApprovalMismatch (another command, target, run or attempt), ApprovalExpired, ApprovalUsed, or
        ApprovalDecided when it was not granted.
        """
        if self.used_at is not None:
            raise ApprovalUsed("This approval has carried its one effect.", fix="Propose the step again to ask again.")
        if (self.run_id, self.step_id, self.attempt, self.digest) != (run_id, step_id, attempt, digest):
            raise ApprovalMismatch(
                "The effect is not the one that was approved.", fix="Review the present command and approve that."
            )
        if self.status is not ApprovalStatus.GRANTED:
            raise ApprovalDecided(f"It is {self.status}, not granted.", fix="Ask a person to approve it.")
        if now >= self.expires_at:
            raise ApprovalExpired("The approval has expired.", fix="Propose the step again to ask again.")
        return replace(self, used_at=now)
