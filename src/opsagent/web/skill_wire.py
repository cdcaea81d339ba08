"""The shapes of skills in answers."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic documents typing.TypedDict only from Python 3.12 on


class SkillJson(TypedDict):
    """What people wrote down for models about one kind of work; `shelf` is `built-in` or `yours`."""

    name: str
    description: str
    shelf: str
    files: list[str]


class SkillDetail(SkillJson):
    """With its text."""

    text: str


class SkillFile(TypedDict):
    """A further file of a skill."""

    path: str
    text: str


class UnreadJson(TypedDict):
    """A folder that should be a skill, and why it is none."""

    folder: str
    problem: str


class SkillList(TypedDict):
    """By name."""

    skills: list[SkillJson]
    unread: list[UnreadJson]
