"""Which policy files are read on top of the built-in one."""

from __future__ import annotations

from pathlib import Path

from opsagent.settings.area import Area, setting


class PolicySettings(Area):
    """A file that is named but does not load stops the start."""

    admin_policy_file: Path | None = setting(
        None, "YAML rules of the installation's administrator: may tighten and loosen the built-in policy."
    )
    user_policy_file: Path | None = setting(None, "YAML rules of users: may only tighten it.")
