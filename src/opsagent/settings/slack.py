"""How Slack is reached; the secret that proves what comes in is among the security settings."""

from __future__ import annotations

from pydantic import SecretStr

from opsagent.settings.area import Area, setting
from opsagent.settings.security import Secret


class SlackSettings(Area):
    """Without a bot token answers only go where a slash command was typed, for 30 minutes (docs/slack.md)."""

    slack_bot_token: Secret = setting(
        SecretStr(""), "Bot token of the Slack app (xoxb-...): posts, changes and finds messages.",
        alias="SLACK_BOT_TOKEN",
    )  # fmt: skip
    slack_command: str = setting("/cloud-ops", "The slash command, as people type it.", pattern=r"^/[a-z0-9_-]{1,31}$")
    slack_api_url: str = setting(
        "https://slack.com/api",
        "Slack's Web API; GovSlack has another. Reply addresses are taken from its host and from `hooks.` before it.",
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
    )
