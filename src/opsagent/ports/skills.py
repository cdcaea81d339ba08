"""Keeps skills: what people wrote down for models about one kind of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from opsagent.domain.skill import Skill
from opsagent.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """Every skill there is, by name; and what could not be read, in words, by its place."""

    skills: Sequence[Skill] = ()
    unread: Sequence[tuple[str, str]] = field(default=())


class Skills(Protocol):
    """What is on the shelves now; a file that was changed is read anew."""

    async def all(self) -> Shelved:
        """By name; each name once."""
        ...

    async def get(self, name: str) -> Skill:
        """One of them. NotFound, whose fix names those there are."""
        ...

    async def read(self, name: str, path: str) -> str:
        """One of its further files, as text. NotFound."""
        ...


class NoSkills:
    """The harmless twin: empty shelves."""

    async def all(self) -> Shelved:
        """Nothing."""
        return Shelved()

    async def get(self, name: str) -> Skill:
        """NotFound."""
        raise NotFound(f"There is no skill {name[:100]}.", fix="There is none here.")

    async def read(self, name: str, path: str) -> str:
        """NotFound."""
        raise NotFound(f"There is no skill {name[:100]} with a file {path[:100]}.", fix="There is none here.")
