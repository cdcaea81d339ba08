"""What a command would do to the world, and what the policy says about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Proof(StrEnum):
    """How much was proven about a command."""

    READ = "read"  # every invocation and option is known to change nothing
    EFFECT = "effect"  # known to change something, and what is listed
    UNKNOWN = "unknown"  # something could not be proven; treat it as an effect


class Decision(StrEnum):
    """The three answers of the policy, from weakest to strongest."""

    ALLOW = "ALLOW"
    ASK = "ASK"
    DENY = "DENY"


@dataclass(frozen=True, slots=True)
class Invocation:
    """One program the command would start: its name as written and its arguments; None stands for a dynamic word."""

    name: str | None
    arguments: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The effect of a command, as far as it could be proven.

    Paths are as written (not resolved). `contacts` holds hosts, as `host` or `host:port`. `services` holds what a
    supervisor would start or stop, `processes` what a signal would reach. `executes` holds files run as programs or
    scripts. `sensitive` names what must not be read without asking. `reversible` is None where nobody knows.
    `reasons` says, in words for a person, why the proof is not `read`. What is no file has a name of its own kind in
    the same places: a table is `schema.table`, an address of an API `GET https://host/path`. `actions` are the IAM
    actions a cloud command needs (`ec2:StopInstances`). `author` is whose words it is, if a model's. `under` holds the
    folders rules speak of that it may touch a path of, however the path is written: by a glob, from another folder, or
    with all that lies below one.
    """

    proof: Proof
    invocations: tuple[Invocation, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()
    executes: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    privileged: bool = False
    reversible: bool | None = None
    reasons: tuple[str, ...] = ()
    author: str = ""
    under: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The policy's answer: the decision, the id of the rule that made it, the reason in words, and the manifest.

    `persons` is how many different people must approve; with `four_eyes` none of them is the one who started the run.
    `undo` is what taking the command back would do, where an undo is declared: both are approved at once.
    """

    decision: Decision
    rule: str
    reason: str
    manifest: Manifest
    persons: int = 1
    four_eyes: bool = False
    undo: Manifest | None = None

    def with_undo(self, undo: Verdict) -> Verdict:
        """The stricter of this and the verdict on what takes it back."""
        order = tuple(Decision)
        both = replace(
            self,
            persons=max(self.persons, undo.persons),
            four_eyes=self.four_eyes or undo.four_eyes,
            undo=undo.manifest,
        )
        if order.index(undo.decision) <= order.index(self.decision):
            return both
        return replace(both, decision=undo.decision, rule=undo.rule, reason=f"Its undo: {undo.reason}")
