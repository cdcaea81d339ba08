"""From noun to wire: skills."""

from __future__ import annotations

from opsagent.domain.skill import Skill
from opsagent.ports.skills import Shelved
from opsagent.web import skill_wire as wire


def skill_json(skill: Skill) -> wire.SkillJson:
    """One skill, without its text."""
    return {
        "name": skill.name,
        "description": skill.description,
        "shelf": skill.shelf.value,
        "files": list(skill.files),
    }


def skill_detail(skill: Skill) -> wire.SkillDetail:
    """One skill."""
    return {**skill_json(skill), "text": skill.body.strip() + "\n"}


def skill_list(shelved: Shelved) -> wire.SkillList:
    """What is on the shelves."""
    return {
        "skills": [skill_json(one) for one in shelved.skills],
        "unread": [{"folder": folder, "problem": problem} for folder, problem in shelved.unread],
    }
