"""Makes random shell scripts for the fuzz test, from the grammar in `fixtures/shell_grammar.txt`."""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

READERS = (
    *("ls", "cat", "head", "wc", "df", "stat", "grep", "uniq", "sort", "cut", "tr", "find", "sed", "awk", "date"),
    *("pgrep", "uname", "hostname", "id", "nproc"),
)
CHANGERS = ("touch", "tee", "cp", "rm", "mkdir", "systemctl", "curl")
STRANGERS = ("frob", "grok")
WRAPPERS = ("env", "nice", "timeout", "xargs", "bash", "sh", "sudo", "nohup", "stdbuf", "ssh")
_GRAMMAR = Path(__file__).parent / "fixtures" / "shell_grammar.txt"
_PLACE = re.compile("«([a-z ]+)»")
_MAX_DEPTH = 3
_NESTING = frozenset({"list", "word", "quoted"})


@cache
def _sections() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for section in _GRAMMAR.read_text(encoding="utf-8").split("\n=== ")[1:]:
        name, *lines = section.rstrip("\n").split("\n")
        found[name] = [line.replace("¶", "\n") for line in lines]
    return found


class Grammar:
    """One script for one seed. `calm` is how often a piece is something plain that only reads."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)  # noqa: S311 - scripts to try, not a secret
        self.calm = self.random.choice((0.6, 0.85, 0.95, 0.99))

    def script(self) -> str:
        """The whole text."""
        return self.make("script", 0)

    def make(self, name: str, depth: int) -> str:
        """One way to write a nonterminal, with everything in it made too."""
        sections = _sections()
        if name == "name":
            return self._name()
        if name == "quoted":  # a list that stands between single quotes
            return self.make("list", depth).replace("'", "")
        deep = depth > _MAX_DEPTH and f"{name} deep" in sections
        wild = not deep and f"{name} wild" in sections and not self._tame()
        lines = sections[f"{name} deep" if deep else f"{name} wild" if wild else name]
        below = depth + (name in _NESTING)
        return _PLACE.sub(lambda place: self.make(place[1], below), self.random.choice(lines))

    def _tame(self) -> bool:
        return self.random.random() < self.calm

    def _name(self) -> str:
        plain = self.random.choice(READERS if self._tame() else (*READERS, *CHANGERS, *STRANGERS * 5))
        if self.random.random() < 0.85:
            return plain
        parts = {"plain": plain, "first": plain[:1], "rest": plain[1:], "hex": f"{ord(plain[:1]):02x}"}
        return _PLACE.sub(lambda place: parts[place[1]], self.random.choice(_sections()["disguised"]))
