"""From the meaning of one AWS command to its manifest: what is proven, what it needs, what it touches."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from opsagent.adapters.analysers.aws.meaning import Meaning
from opsagent.adapters.analysers.aws.resources import ends_it, touched
from opsagent.adapters.analysers.aws.table import HandRow, Table
from opsagent.adapters.analysers.aws.transfers import TRANSFERS, read_transfer
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Invocation, Manifest, Proof

_WORDS = {
    "W": "changes {what}",
    "T": "changes the tags of {what}",
    "P": "changes who may do what, on {what}",
}
# An object's own name, as `policy/sensitive.yaml` has it for files.
_SECRET_NAME = re.compile(
    r"(?i)(\.env($|[./])|\.(pem|key|p12|pfx|jks|keystore|kdbx|tfstate|tfvars)($|[./])|id_rsa|secret|credential|passw)"
)
DIRECT = "session"  # the connection's option; `direct` has no role, so nothing but the text limits a read


@dataclass(slots=True)
class _Case:
    """A manifest in the making."""

    meaning: Meaning
    table: Table
    proof: Proof = Proof.UNKNOWN
    actions: tuple[str, ...] = ()
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)
    sensitive: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    local_writes: list[str] = field(default_factory=list)
    ends: bool = False


def manifest_of(meaning: Meaning, words: tuple[str, ...], connection: Connection, table: Table) -> Manifest:
    """The manifest of a command the AWS command line takes."""
    case = _Case(meaning, table, files=[*meaning.files], local_writes=[*meaning.writes])
    if meaning.kind == "command":
        _own_command(case)
    else:
        _operation(case)
    _options(case)
    _local_files(case)
    _never(case)
    case.sensitive += [f"what is in {one}" for one in case.reads if _SECRET_NAME.search(one)]
    if case.proof is Proof.READ and _unguarded(connection):
        case.proof = Proof.UNKNOWN
        case.reasons.append("the connection has no role and no read account, so only the text speaks for it")
    return Manifest(
        proof=case.proof,
        invocations=(Invocation(words[0], words[1:]),),
        reads=tuple(case.reads),
        writes=tuple(case.writes),
        deletes=tuple(case.deletes),
        sensitive=tuple(case.sensitive),
        forbidden=tuple(case.forbidden),
        actions=case.actions,
        reversible=False if case.ends else None,
        reasons=() if case.proof is Proof.READ else tuple(case.reasons),
    )


def _operation(case: _Case) -> None:
    meaning = case.meaning
    needs = case.table.needs(meaning.service, meaning.operation, meaning.parameters)
    case.actions = needs.actions
    named = touched(meaning.service, needs.actions[0].partition(":")[0], meaning.parameters)
    told = ", ".join(needs.actions)
    case.sensitive += case.table.secret(needs.actions)
    if f"{meaning.service} {meaning.operation}" in case.table.sensitive_operations:
        case.sensitive.append(f"{meaning.service} {meaning.operation}")
    if needs.letter in ("L", "R"):
        case.proof = Proof.READ
        case.reads += named
        return
    if needs.letter in _WORDS:
        case.proof = Proof.EFFECT
        case.ends = ends_it(meaning.operation)
        (case.deletes if case.ends else case.writes).extend(named)
        what = ", ".join(named) or f"the account, by {meaning.operation}"
        case.reasons.append(f"{_WORDS[needs.letter].format(what=what)} ({told})")
        if meaning.parameters.get("DryRun") is True:
            case.reasons.append("sends it with --dry-run, so AWS only says whether it would be allowed")
        return
    case.reads += named
    if needs.letter == "U":
        case.reasons.append(f"IAM calls {told} a read, and its name does not sound like one")
    else:
        case.reasons.append(f"no table says what {meaning.service} {meaning.operation} needs; {told} is assumed")


def _own_command(case: _Case) -> None:
    meaning, table = case.meaning, case.table
    command = meaning.command
    if command in TRANSFERS:
        _transfer(case)
        return
    row = table.commands.get(command)
    if row is None:
        if command in table.local or command.partition(" ")[0] in table.local:
            why = "works on files of the machine it runs on, or opens a session for a person"
        else:
            why = "is a command of the command line's own, and no table says which IAM actions it needs"
        case.reasons.append(f"`aws {command}` {why}")
        case.forbidden.append(f"`aws {command}` {why}")
        return
    _hand_row(case, row)


def _hand_row(case: _Case, row: HandRow) -> None:
    command, arguments = case.meaning.command, case.meaning.parameters
    case.actions = tuple(sorted(row.actions))
    case.proof = Proof.READ if row.is_read else Proof.EFFECT
    case.sensitive += case.table.secret(case.actions)
    if command in case.table.sensitive_commands and not case.sensitive:
        case.sensitive.append(f"aws {command}")
    if row.files and arguments.get(row.files):
        case.files.append(str(arguments[row.files]))
    if row.deletes and arguments.get(row.deletes):
        case.ends = True
        case.deletes.append(f"aws:{str(arguments[row.deletes]).replace('://', '/')}")
    if not row.is_read:
        case.reasons.append(f"{'deletes' if row.deletes else 'changes'} something ({', '.join(case.actions)})")


def _transfer(case: _Case) -> None:
    found = read_transfer(case.meaning.command, case.meaning.parameters)
    case.actions = found.actions
    case.reads += found.reads
    case.writes += found.writes
    case.deletes += found.deletes
    case.files += found.files
    case.local_writes += found.local_writes
    case.ends = bool(found.deletes)
    case.proof = Proof.EFFECT if found.writes or found.deletes or found.files else Proof.READ
    told = ", ".join(found.actions)
    if found.writes:
        case.reasons.append(f"writes {', '.join(found.writes)} ({told})")
    if found.deletes:
        case.reasons.append(f"deletes {', '.join(found.deletes)} ({told})")
    if case.meaning.parameters.get("dryrun"):
        case.reasons.append("shows only what it would do (--dryrun)")


def _options(case: _Case) -> None:
    for name in case.meaning.refused:
        case.forbidden.append(f"{name} would lead it elsewhere, or show its credential")
    if case.meaning.refused:
        case.proof = Proof.UNKNOWN
        case.reasons.append(f"has {', '.join(case.meaning.refused)}")
    if case.meaning.unseen:
        case.proof = Proof.UNKNOWN
        case.reasons.append("what it sends stands in a file, so nobody sees it here")


def _local_files(case: _Case) -> None:
    """A file's content is not in the approval; one outside the run's folder could be the session's own credential."""
    for path in case.files:
        case.reads.append(path)
        case.reasons.append(f"sends the content of {path}")
        if case.proof is Proof.READ:
            case.proof = Proof.UNKNOWN
        if not is_inside(path):
            case.proof = Proof.UNKNOWN
            case.forbidden.append(f"it sends the content of {path}, which is not in the run's own folder")
    for path in case.local_writes:
        case.writes.append(path)
        case.reasons.append(f"writes the file {path}")
        if case.proof is Proof.READ:
            case.proof = Proof.EFFECT
        if not is_inside(path):
            case.proof = Proof.UNKNOWN
            case.reasons.append(f"{path} is not in the run's own folder")


def _never(case: _Case) -> None:
    given = {name: _text(value) for name, value in case.meaning.parameters.items()}
    for row in case.table.forbidden:
        acts = any(fnmatchcase(action, row.action) for action in case.actions) if row.action else False
        if not acts and row.command != case.meaning.command:
            continue
        if all(fnmatchcase(given.get(name, ""), glob) for name, glob in row.where.items()):
            case.forbidden.append(f"it {row.why}")


def _unguarded(connection: Connection) -> bool:
    return connection.options.get(DIRECT) == "direct" and not connection.read_credential


def is_inside(path: str) -> bool:
    """Whether a local path is a plain relative one. The command line expands `~` and `$` in it itself."""
    return bool(path) and not path.startswith(("/", "~")) and "$" not in path and ".." not in path.split("/")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if not isinstance(value, Mapping) else json.dumps(value)
