"""What the Slack adapter needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

RESPONSE_URL_LIVES_S = 30 * 60.0  # Slack: a response_url works for 30 minutes, five times


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackConfig:
    """`signing_secret` proves what comes in; empty: nothing is taken. `bot_token` empty: only a response_url answers.

    `api_url` is where Slack's Web API lives, without a slash at its end. `command` is the slash command, as people type
    it. `public_url` is where people reach this server; empty where nobody said. `webhook_url` is an incoming webhook.
    """

    signing_secret: str = field(default="", repr=False)
    bot_token: str = field(default="", repr=False)
    api_url: str = "https://slack.com/api"
    command: str = "/cloud-ops"
    public_url: str = ""
    webhook_url: str = field(default="", repr=False)

    def is_response_url(self, url: str) -> bool:
        """Whether Slack itself hands out such addresses: those of the Web API's host, or of `hooks.` before it.

        Nothing else is ever posted to, whatever a signed request says.
        """
        try:
            given, api = urlsplit(url), urlsplit(self.api_url)
            ports = given.port == api.port
        except ValueError:
            return False
        hosts = {api.hostname, f"hooks.{api.hostname}"}
        return (
            given.scheme == api.scheme
            and given.hostname in hosts
            and ports
            and "@" not in given.netloc
            and url.isascii()
            and url.isprintable()
        )
