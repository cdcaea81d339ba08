"""The commands that write back what a path held before an effect, as a POSIX shell takes them."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Sequence

from opsagent.domain.step import Saved


def may_restore(paths: Sequence[str]) -> str:
    """What restoring these paths may come to, for who judges it before it is known what they held."""
    held = Saved("what it held", uid=0, gid=0)
    commands = [restoring(path, saved, step_id="before") for path in paths for saved in (held, Saved(""))]
    return "\n".join(commands)


def restoring(path: str, saved: Saved, *, step_id: str) -> str:
    """One command; it reads the content from its input, and a path that was absent before is removed.

    The content is written beside the path, in a folder nobody else can enter, and moved over it: a full disk or a kill
    leaves the old file or the new one, never half of one. Where that cannot be (a link, whose target must stay; no
    right to the folder; no right to give the file its owner) it is written in place, which keeps the owner.
    """
    quoted = shlex.quote(path)
    if not saved.artifact:
        return f"rm -f -- {quoted}"
    mode = f"chmod {saved.mode:04o} --"
    if saved.link:
        return f"cat > {quoted} && {mode} {quoted}"
    folder, name = posixpath.split(path)
    beside = posixpath.join(folder, f".opsagent-{step_id}")
    aside, new = shlex.quote(beside), shlex.quote(posixpath.join(beside, name))
    owner = f"chown {saved.uid}:{saved.gid} -- {new} && " if saved.uid is not None else ""
    moved = f"{owner}{mode} {new} && mv -f -- {new} {quoted}"
    in_place = f"{mode} {quoted}"
    return (
        f"if mkdir -m 0700 -- {aside}; then "
        f"if cat > {new} && {{ {{ {moved}; }} || {{ cat {new} > {quoted} && {in_place}; }}; }}; "
        f"then rm -rf -- {aside}; else rm -rf -- {aside}; false; fi; "
        f"else cat > {quoted} && {in_place}; fi"
    )
