"""Who is told what, and what people wrote down for models."""

from __future__ import annotations

from pathlib import Path

from opsagent.settings.area import Area, setting


class PeopleSettings(Area):
    """A file that is named but does not load stops the start."""

    notifications_file: Path | None = setting(
        None, "YAML: addresses of people and channels, and which messages go there (docs/notifications.md)."
    )
    skills_folder: Path | None = setting(
        None, "Your skills: a folder of folders, each with a SKILL.md (docs/skills.md), beside the built-in ones."
    )
    escalation_file: Path | None = setting(
        None, "YAML: whom to tell, step by step, when nobody answers (docs/escalation.md)."
    )
