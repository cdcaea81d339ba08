"""Remembers answers for a while, so that the same question of the same tenant is paid for once. Off by default."""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from dataclasses import dataclass, field

from opsagent.adapters.reasoners.thinking import Prompt
from opsagent.ports.clock import Clock

_MARK = re.compile(r"<<< data ([0-9a-f]{12}): ")


@dataclass(slots=True, kw_only=True)
class Remembering:
    """In this process only; `most` answers, each for `keep_s` seconds. The key is the tenant and all of the prompt."""

    clock: Clock
    keep_s: float
    most: int = 256
    _held: OrderedDict[str, tuple[float, str]] = field(default_factory=OrderedDict)

    def find(self, tenant: str, prompt: Prompt) -> str | None:
        """The answer, or None."""
        key = _key(tenant, prompt)
        until, text = self._held.get(key, (0.0, ""))
        if until <= self.clock.monotonic():
            self._held.pop(key, None)
            return None
        self._held.move_to_end(key)
        return text

    def keep(self, tenant: str, prompt: Prompt, text: str) -> None:
        """Remember an answer that could be used; the one that was not asked for longest goes."""
        if self.keep_s <= 0:
            return
        self._held[_key(tenant, prompt)] = (self.clock.monotonic() + self.keep_s, text)
        self._held.move_to_end(_key(tenant, prompt))
        while len(self._held) > self.most:
            self._held.popitem(last=False)


def _key(tenant: str, prompt: Prompt) -> str:
    """The fence's mark differs from run to run and says nothing, so it is left out."""
    found = _MARK.match(prompt.user)
    user = prompt.user.replace(found.group(1), "-") if found else prompt.user
    parts = [tenant, prompt.name, prompt.model, prompt.system, user, dict(prompt.schema), prompt.output_tokens]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
