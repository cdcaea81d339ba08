"""The audit record's chain: each entry is sealed together with the one before it, so that no line can go unnoticed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property

from sqlalchemy import Connection, bindparam, insert, literal_column, select

from opsagent.adapters.stores.tables import audit
from opsagent.domain.event import AuditEntry
from opsagent.errors import InputError

# Statements that every step of every run executes are built once: building one costs more than SQLite takes for it.
_LAST = (
    select(audit.c.sequence, audit.c.hash)
    .where(audit.c.tenant == bindparam("of_tenant"))
    .order_by(audit.c.sequence.desc())
    .limit(literal_column("1"))
    .with_for_update()  # nothing on SQLite, whose writers are alone; on a server it orders the appenders
)


_APPEND = insert(audit)


def seal(key: bytes, entry: AuditEntry) -> str:
    """HMAC-SHA256 (hex) over the canonical JSON of an entry with its number and the hash before it."""
    shape = {
        "tenant": entry.tenant,
        "sequence": entry.sequence,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "run": entry.run_id,
        "step": entry.step_id,
        "digest": entry.digest,
        "detail": dict(entry.detail),
        "previous": entry.previous,
    }
    canonical = json.dumps(shape, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.new(key, canonical.encode(), hashlib.sha256).hexdigest()


def first_broken(key: bytes, entries: Iterable[AuditEntry], *, after: AuditEntry | None = None) -> AuditEntry | None:
    """The first entry of one tenant that was changed, or follows one that was removed; None when all hold.

    `after` is the last entry checked before, None at the beginning of the record.
    """
    sequence, previous = (after.sequence, after.hash) if after else (0, "")
    for entry in entries:
        sequence += 1
        holds = entry.sequence == sequence and entry.previous == previous
        if not holds or not hmac.compare_digest(entry.hash, seal(key, entry)):
            return entry
        previous = entry.hash
    return None


# Where a connection remembers the last entries of the transaction it is in: whoever begins one, or takes a part of it
# back, forgets them with `forget_heads`. In between nobody else can append: SQLite has one writer, a server a row lock.
HEADS = "opsagent.audit.heads"


def forget_heads(connection: Connection) -> None:
    """What was appended before may not be there any more; look again."""
    connection.info.pop(HEADS, None)


class Chain:
    """Writes sealed entries inside the transaction of what they record. `read_key` is called once, at the first."""

    def __init__(self, read_key: Callable[[], bytes]) -> None:
        self._read_key = read_key

    @cached_property
    def _key(self) -> bytes:
        return self._read_key()

    def first_broken(self, entries: Iterable[AuditEntry], *, after: AuditEntry | None) -> AuditEntry | None:
        """As the function of that name, with the store's key."""
        return first_broken(self._key, entries, after=after)

    def append(self, connection: Connection, entries: Sequence[AuditEntry]) -> None:
        """Number, seal and store, per tenant. InputError for text that cannot be kept."""
        heads: dict[str, tuple[int, str]] = connection.info.setdefault(HEADS, {})
        rows = []
        for entry in entries:
            sequence, previous = heads.get(entry.tenant) or _head(connection, entry.tenant)
            numbered = replace(entry, sequence=sequence + 1, previous=previous)
            sealed = seal(self._key, numbered)
            heads[entry.tenant] = (numbered.sequence, sealed)
            rows.append({**_row(numbered), "hash": sealed})
        if rows:
            connection.execute(_APPEND, rows if len(rows) > 1 else rows[0])


def _head(connection: Connection, tenant: str) -> tuple[int, str]:
    last = connection.execute(_LAST, {"of_tenant": tenant}).first()
    return (last.sequence, last.hash) if last else (0, "")


def _row(entry: AuditEntry) -> dict[str, object]:
    texts = (entry.actor, entry.action, entry.run_id, entry.step_id, entry.digest, *entry.detail.values())
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        raise InputError("A text of the audit entry is not valid Unicode.", fix="Send text as UTF-8.") from error
    return {
        "tenant": entry.tenant,
        "sequence": entry.sequence,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "run_id": entry.run_id,
        "step_id": entry.step_id,
        "digest": entry.digest,
        "detail": json.dumps(dict(entry.detail), ensure_ascii=False, sort_keys=True),
        "previous": entry.previous,
        "hash": entry.hash,
    }
