"""What `aws s3 cp`, `mv`, `rm` and `sync` do: their direction decides which actions they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TRANSFERS = frozenset({"s3 cp", "s3 mv", "s3 rm", "s3 sync"})
_REMOTE = "s3://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """The actions of one transfer, and what it reads, writes and deletes in S3.

    `files` are local ones it sends, `local_writes` those it makes (`-` is the output, and none).
    """

    actions: tuple[str, ...]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    local_writes: tuple[str, ...] = ()


def read_transfer(command: str, arguments: Mapping[str, Any]) -> Transfer:
    """The transfer an `aws s3` command would make."""
    given = arguments.get("paths", ())
    paths = [given] if isinstance(given, str) else [str(one) for one in given]
    source, target = (paths[0] if paths else ""), (paths[1] if len(paths) > 1 else "")
    # `--recursive` is kept under this name
    many = command == "s3 sync" or bool(arguments.get("dir_op"))
    actions = {"s3:ListBucket"} if many else set[str]()
    if command == "s3 rm":
        return Transfer(actions=tuple(sorted({*actions, "s3:DeleteObject"})), deletes=(_named(source),))
    moves = command == "s3 mv"
    empties = bool(arguments.get("delete"))
    reads, writes, deletes, files, local = [], [], [], [], []
    if source.startswith(_REMOTE):
        actions.add("s3:GetObject")
        reads.append(_named(source))
        if moves:
            actions.add("s3:DeleteObject")
            deletes.append(_named(source))
    else:
        files.append(source)
    if target.startswith(_REMOTE):
        actions |= {"s3:PutObject"} | (
            {"s3:PutObjectAcl"} if arguments.get("acl") or arguments.get("grants") else set()
        )
        writes.append(_named(target))
        if empties:
            actions.add("s3:DeleteObject")
            deletes.append(_named(target))
    elif target != "-":
        local.append(target)
    return Transfer(
        actions=tuple(sorted(actions)),
        reads=tuple(reads),
        writes=tuple(writes),
        deletes=tuple(deletes),
        files=tuple(files),
        local_writes=tuple(local),
    )


def _named(path: str) -> str:
    return f"aws:s3/{path.removeprefix(_REMOTE)}"
