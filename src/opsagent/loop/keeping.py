"""What a path held before an effect, what the effect left there, and whether anybody has written to it since."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace

from opsagent.domain.connection import Connection
from opsagent.domain.step import Saved, Step
from opsagent.errors import ExecutionError, UnavailableError
from opsagent.loop.drive import Drive

log = logging.getLogger(__name__)


async def kept_before(drive: Drive, step: Step, connection: Connection) -> dict[str, Saved]:
    """Keep what the effect will change, encrypted. ExecutionError, ConfigurationError (no key to encrypt with)."""
    kept: dict[str, Saved] = {}
    for path in step.command.keeps:
        held = await drive.kit.execute.keep(step, connection, path)
        if held.content is None:
            kept[path] = Saved("")
        else:
            artifact = await drive.kit.artifacts.put(drive.run.tenant, held.content, encrypt=True)
            kept[path] = Saved(artifact, held.mode, held.uid, held.gid, held.link)
    return kept


async def left_by(drive: Drive, step: Step, connection: Connection) -> Step:
    """The step with the hash of what each kept path holds now that its effect has ended.

    A path that cannot be read now is not written over later; the outcome itself is recorded all the same.
    """
    saved = dict(step.saved)
    for path, before in step.saved.items():
        try:
            held = await drive.kit.execute.keep(step, connection, path)
        except (ExecutionError, UnavailableError) as error:
            log.warning("step %s: what it left in a kept path is not known: %s", step.id, error.message)
            continue
        saved[path] = replace(before, left=_hash(held.content))
    return replace(step, saved=saved)


async def changed_since(drive: Drive, step: Step, connection: Connection, path: str) -> str:
    """Why writing back what `path` held would destroy what others did there; empty where it would not."""
    before = step.saved[path]
    try:
        held = await drive.kit.execute.keep(step, connection, path)
    except ExecutionError as error:
        return error.message
    now = _hash(held.content)
    if held.link and held.link != before.link:
        return f"{path} leads to {held.link} now; it was left as it is"
    if before.left == now:
        return ""
    was = await drive.kit.artifacts.get(drive.run.tenant, before.artifact) if before.artifact else None
    if held.content == was:
        return ""  # somebody has put it back already, or an earlier undo did
    if before.left is None:
        return f"what step {step.number} left in {path} was not recorded, so others may have written to it; it was left"
    return f"{path} was changed since step {step.number}, by somebody else; it was left as it is"


def _hash(content: bytes | None) -> str:
    return "" if content is None else hashlib.sha256(content).hexdigest()
