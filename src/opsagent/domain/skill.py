"""A skill: what people wrote down about doing one kind of work, for a model to read; it is text and never executed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_TEXT_CHARS = 16_000  # about 4,000 tokens: beside the evidence it must leave room for thought


class Shelf(StrEnum):
    """Where a skill comes from."""

    BUILT_IN = "built-in"
    YOURS = "yours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """One folder with a SKILL.md: `body` is what follows its front matter, `files` are its further files.

    A skill of yours with the name of a built-in one stands in its place.
    """

    name: str
    description: str
    body: str
    files: tuple[str, ...] = ()
    shelf: Shelf = Shelf.BUILT_IN

    @property
    def text(self) -> str:
        """What a model is given: bounded, and with the end said where it was cut."""
        whole = f"# Skill: {self.name}\n{self.description}\n\n{self.body.strip()}\n"
        if len(whole) <= MAX_TEXT_CHARS:
            return whole
        return f"{whole[:MAX_TEXT_CHARS]}\n[cut here: the skill has {len(whole)} characters]\n"
