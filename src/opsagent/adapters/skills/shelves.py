"""The shelves: the skills that come with OpsAgent, and those in your folder, read when they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from opsagent.adapters.skills.skill_file import FILE, read_skill, read_text
from opsagent.domain.skill import Shelf, Skill
from opsagent.errors import InputError, NotFound
from opsagent.ports.skills import Shelved

_BUILT_IN = Path(__file__).resolve().parents[2] / "skills"
_MOST = 200


class SkillShelves:
    """Fulfils `ports.skills.Skills`. `folder` is yours, None where there is none."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    async def all(self) -> Shelved:
        """By name; one of yours in place of a built-in one of its name."""
        return await asyncio.to_thread(self._all)

    async def get(self, name: str) -> Skill:
        """One of them. NotFound, whose fix names those there are."""
        shelved = await self.all()
        found = next((one for one in shelved.skills if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in shelved.skills)
            raise NotFound(f"There is no skill {name[:100]}.", fix=f"There are: {known}.")
        return found

    async def read(self, name: str, path: str) -> str:
        """One of its further files, as text. NotFound; InputError for what is no text."""
        skill = await self.get(name)
        if path not in skill.files:
            raise NotFound(
                f"The skill {name} has no file {path[:100]}.", fix=f"It has: {', '.join(skill.files) or 'none'}."
            )
        shelf = self._folder if skill.shelf is Shelf.YOURS and self._folder else _BUILT_IN
        return await asyncio.to_thread(read_text, shelf / name / path)

    def _all(self) -> Shelved:
        skills: dict[str, Skill] = {}
        unread: list[tuple[str, str]] = []
        for folder, shelf in self._places():
            try:
                skill = read_skill(folder, shelf)
            except InputError as error:
                unread.append((str(folder), f"{error.message} {error.fix}"))
            else:
                skills[skill.name] = skill
        return Shelved(skills=[skills[name] for name in sorted(skills)], unread=unread)

    def _places(self) -> Iterator[tuple[Path, Shelf]]:
        for shelf, root in ((Shelf.BUILT_IN, _BUILT_IN), (Shelf.YOURS, self._folder)):
            if root is not None and root.is_dir():
                folders = sorted(one for one in root.iterdir() if (one / FILE).exists() and not one.is_symlink())
                yield from ((folder, shelf) for folder in folders[:_MOST])
