"""The policy: from what a command would do to whether it may. Pure; loaded elsewhere, never empty."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from opsagent.domain.command import Command, Reach
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Decision, Manifest, Proof, Verdict
from opsagent.domain.text_safety import hidden_character
from opsagent.domain.visible import one_line

_Answer = tuple[Decision, str, str]
# The sandboxes of this machine, strongest first. Of what is not named here no minimum speaks.
SANDBOXES = ("bwrap+seccomp", "bwrap", "rlimits")
_MAX_REASONS, _MAX_REASON_CHARS = 3, 160  # what fits on a phone; the manifest holds the rest
_OF_THE_COMMAND = re.compile(  # a reason that begins with one of these says what the whole command does
    r"(changes|crashes|deletes|overwrites|reads|restarts|runs|sends|shows|signals|starts|stops|switches|writes) "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A person's tightening: every condition given must hold. `decision` is ASK or DENY, never ALLOW.

    `commands` are names as globs, `paths` are prefixes of what is read, written or deleted, `environments` and
    `connections` are exact, `privileged` and `effects_only` narrow it to those. An ASK may want several `persons`, and
    `four_eyes`: none of them the one who started the run.
    """

    id: str
    decision: Decision
    reason: str
    commands: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    privileged: bool = False
    effects_only: bool = False
    persons: int = 1
    four_eyes: bool = False

    def matches(self, manifest: Manifest, connection: Connection) -> bool:
        """Whether this rule speaks about that command on that connection. A dynamic name matches every glob."""
        if self.privileged and not manifest.privileged:
            return False
        if self.effects_only and manifest.proof is Proof.READ:
            return False
        if self.environments and connection.environment not in self.environments:
            return False
        if self.connections and connection.name not in self.connections:
            return False
        if self.commands and not any(_named(one.name, self.commands) for one in manifest.invocations):
            return manifest.proof is Proof.UNKNOWN and not manifest.invocations and not self.paths
        return not self.paths or self._touched(manifest)

    def _touched(self, manifest: Manifest) -> bool:
        touched = (*manifest.reads, *manifest.writes, *manifest.deletes, *manifest.executes)
        return any(prefix in manifest.under or any(_below(path, prefix) for path in touched) for prefix in self.paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What was loaded: `version` is a hash over every file it came from.

    `scratch_backends` are the sandboxes strong enough for scratch work without asking, as any stronger one is: it
    reaches nothing else. `minimum_reads` and `minimum_effects` are the weakest sandboxes that may hold one in (empty:
    any). Reads are those in the sandbox and proven reads of this machine; effects are those in the sandbox: one on
    this machine is left free on purpose, and a person approves it.
    """

    version: str
    rules: tuple[Rule, ...] = ()
    scratch_backends: tuple[str, ...] = ()
    minimum_reads: str = ""
    minimum_effects: str = ""


def judge(
    policy: Policy,
    manifest: Manifest,
    *,
    command: Command,
    connection: Connection,
    in_scope: bool = True,
    backend: str = "",
    host_backend: str = "",
) -> Verdict:
    """The verdict. What is forbidden comes first, then what a person must decide, and only then what is proven.

    `backend` is what would hold a sandbox command in, `host_backend` a proven read of this machine; empty: not known.
    """
    matching = [rule for rule in policy.rules if rule.matches(manifest, connection)]
    decision, rule, reason = (
        _denied(manifest, command, connection, matching, in_scope=in_scope)
        or _too_weak(policy, manifest, backend if command.reach is Reach.SANDBOX else host_backend, command.reach)
        or _asked(manifest, connection, matching)
        or _proven(policy, manifest, command, connection, backend)
    )
    return Verdict(
        decision=decision,
        rule=rule,
        reason=reason,
        manifest=manifest,
        persons=max((one.persons for one in matching), default=1),
        four_eyes=any(one.four_eyes for one in matching),
    )


def _denied(
    manifest: Manifest, command: Command, connection: Connection, matching: Sequence[Rule], *, in_scope: bool
) -> _Answer | None:
    """What no approval can allow."""
    if manifest.forbidden:
        return Decision.DENY, "forbidden", f"Never allowed: {_told(manifest.forbidden, manifest)}."
    hidden = hidden_character(command.text, allow="\n\t")
    if hidden is not None:
        reason = f"The command holds a character that cannot be seen ({hidden[1]} at position {hidden[0] + 1})."
        return Decision.DENY, "invisible-characters", reason
    if not in_scope:
        reason = f"The connection {connection.name} is not in the scope this run was accepted with."
        return Decision.DENY, "out-of-scope", reason
    return next(((one.decision, one.id, one.reason) for one in matching if one.decision is Decision.DENY), None)


def _too_weak(policy: Policy, manifest: Manifest, backend: str, reach: Reach) -> _Answer | None:
    """A command that nothing strong enough would hold in."""
    least = least_sandbox(policy, reads=manifest.proof is Proof.READ, reach=reach)
    if not weaker(backend, least):
        return None
    reason = (
        f"Here it would be held in by {backend}, and the policy asks for {least} at least. "
        "`opsagent doctor` says how to have it."
    )
    return Decision.DENY, "weak-sandbox", reason


def least_sandbox(policy: Policy, *, reads: bool, reach: Reach) -> str:
    """The weakest sandbox the policy takes for such a command; empty where any will do."""
    if reads:
        return policy.minimum_reads
    return policy.minimum_effects if reach is Reach.SANDBOX else ""


def weaker(backend: str, least: str) -> bool:
    """Whether a sandbox is weaker than the least that will do; never where one of them is none of this machine's."""
    if backend not in SANDBOXES or least not in SANDBOXES:
        return False
    return SANDBOXES.index(backend) > SANDBOXES.index(least)


def _asked(manifest: Manifest, connection: Connection, matching: Sequence[Rule]) -> _Answer | None:
    """What a person decides although it may be a read."""
    if manifest.sensitive:
        return Decision.ASK, "sensitive", f"It may reveal secrets ({_told(manifest.sensitive, manifest)})."
    strangers = [host for host in manifest.contacts if not registered(host, connection.known_hosts)]
    if strangers:
        verb = "is" if len(strangers) == 1 else "are"
        reason = f"It contacts {_list(strangers)}, which {verb} not registered for the connection `{connection.name}`."
        return Decision.ASK, "unregistered-host", reason
    return next(((one.decision, one.id, one.reason) for one in matching), None)


def _proven(policy: Policy, manifest: Manifest, command: Command, connection: Connection, backend: str) -> _Answer:
    """Nothing speaks against it: then the proof decides."""
    if manifest.proof is Proof.READ:
        return Decision.ALLOW, "proven-read", "Every part of it is known to change nothing."
    least = max((SANDBOXES.index(one) for one in policy.scratch_backends if one in SANDBOXES), default=-1)
    by_people = not command.author  # a model's words are never let through by what loosens
    if by_people and backend in SANDBOXES[: least + 1] and is_scratch(manifest, command, connection):
        return Decision.ALLOW, "sandbox-scratch", "It changes only files in the run's own sandbox folder."
    told = _told(manifest.reasons, manifest)
    if manifest.proof is Proof.EFFECT:
        told = f"It {told.removeprefix('it ')}" if told.startswith("it ") else told
        return Decision.ASK, "effect", f"{told or 'It changes something'}."
    return Decision.ASK, "not-proven", f"Not proven harmless: {told or 'nothing is known about what it does'}."


def registered(contact: str, hosts: Sequence[str]) -> bool:
    """Whether a contact is among the registered hosts; a host without a port stands for all its ports."""
    wanted = contact.lower()
    bare = wanted.rpartition(":")[0] if wanted.count(":") == 1 or "]:" in wanted else wanted
    known = {host.lower() for host in hosts}
    return wanted in known or bare in known or bare.strip("[]") in known


def is_scratch(manifest: Manifest, command: Command, connection: Connection) -> bool:
    """Whether an effect stays in the sandbox folder: known, local, relative paths, nothing else touched."""
    if (
        manifest.proof is not Proof.EFFECT
        or command.reach is not Reach.SANDBOX
        or connection.reach is not Reach.SANDBOX
    ):
        return False
    if connection.executor != "shell" or command.executor != "shell" or command.credential:
        return False
    if manifest.contacts or manifest.services or manifest.processes or manifest.executes or manifest.privileged:
        return False
    touched = (*manifest.writes, *manifest.deletes)
    return bool(touched) and all(_stays(path) for path in touched)


def explain(command_text: str, verdict: Verdict) -> dict[str, Any]:
    """A verdict for people and programs: command, verdict, rule, reason, and the manifest as plain data."""
    return {
        "command": command_text,
        "verdict": verdict.decision.value,
        "rule": verdict.rule,
        "reason": verdict.reason,
        "manifest": asdict(verdict.manifest),
    }


def _stays(path: str) -> bool:
    return bool(path) and not path.startswith(("/", "~", "-")) and ".." not in path.split("/") and "<" not in path


def _named(name: str | None, patterns: Sequence[str]) -> bool:
    return name is None or any(fnmatchcase(name.rpartition("/")[2], one) or fnmatchcase(name, one) for one in patterns)


def _below(path: str, prefix: str) -> bool:
    # both are made plain: what is no file has `//` in its name (`POST https://host/path`)
    clean, root = posixpath.normpath(path), posixpath.normpath(prefix).rstrip("/") if prefix else ""
    clean = "/" + clean.lstrip("/") if clean.startswith("/") else clean  # POSIX lets two leading slashes stay
    return clean == root or clean.startswith(root + "/") or path.startswith("<")


def _list(parts: Sequence[str]) -> str:
    more = len(parts) - _MAX_REASONS
    return "; ".join(parts[:_MAX_REASONS]) + (f"; and {more} more" if more > 0 else "")


def _told(reasons: Sequence[str], manifest: Manifest) -> str:
    """The reasons as clauses of one sentence."""
    names = {(one.name or "").rpartition("/")[2] for one in manifest.invocations}
    return _list([one_line(_clause(one, names), _MAX_REASON_CHARS) for one in reasons])


def _clause(reason: str, names: Collection[str]) -> str:
    """A reason with a subject: `deletes /x` is said of the command, `df: ...` is said of what stands in df."""
    if reason.startswith("cannot "):
        return f"nobody can {reason.removeprefix('cannot ')}"
    if _OF_THE_COMMAND.match(reason):
        return f"it {reason}"
    program, colon, problem = reason.partition(": ")
    return f"in {program}, {_clause(problem, names)}" if colon and program.partition(" ")[0] in names else reason
