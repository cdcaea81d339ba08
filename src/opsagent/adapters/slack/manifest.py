"""The Slack app's manifest: pasted at api.slack.com/apps, it makes an app that fits this server."""

from __future__ import annotations

from opsagent.adapters.slack.config import SlackConfig

TRIGGER_PATH = "/api/v1/trigger/slack"
INTERACTIONS_PATH = "/api/v1/slack/interactions"
# What for: the slash command; posting, also in public channels the app was not invited to; finding what was sent.
SCOPES = (
    "commands",
    "chat:write",
    "chat:write.public",
    "channels:history",
    "groups:history",
    "im:history",
    "mpim:history",
)


def app_manifest(config: SlackConfig) -> dict[str, object]:
    """The manifest for the address in `config.public_url`."""
    url = config.public_url.rstrip("/")
    command = {
        "command": config.command,
        "url": url + TRIGGER_PATH,
        "description": "Have OpsAgent look at something",
        "usage_hint": "<task>",
        "should_escape": False,
    }
    return {
        "display_information": {
            "name": "OpsAgent",
            "description": "Checks, asks, repairs, measures, and writes down what it did.",
        },
        "features": {
            "bot_user": {"display_name": "OpsAgent", "always_online": True},
            "slash_commands": [command],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "interactivity": {"is_enabled": True, "request_url": url + INTERACTIONS_PATH},
            "org_deploy_enabled": False,
            "socket_mode_enabled": False,
            "token_rotation_enabled": False,
        },
    }
