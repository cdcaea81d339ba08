"""What of a runbook is turned into vectors: its head and its text, each short enough for a small model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from opsagent.domain.runbook import Runbook

_CHARS = 2000  # a model for sentences reads some 256 tokens; what follows is found by keywords
_FRONT_MATTER = re.compile(r"\A---\r?\n.*?\r?\n---\r?\n", re.DOTALL)
_PARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-_]")


def passages(runbook: Runbook) -> Mapping[str, str]:
    """Key -> text. A key names the runbook, the part and the hash of the text: what has not changed keeps its key."""
    names = ", ".join(dict.fromkeys(_PARTS.sub(" ", name) for name in (*runbook.alerts, *runbook.aliases)))
    title = runbook.title
    parts = {
        "head": "\n".join(part for part in (title, names, runbook.summary) if part),
        "text": f"{title}\n{_FRONT_MATTER.sub('', runbook.source)}",
    }
    return {f"{runbook.id} {part} {_digest(text[:_CHARS])}": text[:_CHARS] for part, text in parts.items()}


def runbook_of(key: str) -> str:
    """The id of the runbook that a key names."""
    return key.partition(" ")[0]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
