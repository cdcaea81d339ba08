"""How we say to Jira who we are: an account with its API token, a bearer token, or one fetched for an OAuth client."""

from __future__ import annotations

import asyncio
import base64
from urllib.parse import urlencode

from opsagent.adapters.intake.document import read_json
from opsagent.adapters.jira.config import JiraConfig
from opsagent.adapters.outbound import OutboundClient
from opsagent.errors import InputError, UnavailableError
from opsagent.ports.clock import Clock

EARLY_S = 60.0  # a token is fetched anew this long before its end, so that none ends on the way
SHORTEST_S = 60.0


class JiraLogin:
    """The Authorization header. A token that was fetched is kept until shortly before its end."""

    def __init__(self, config: JiraConfig, client: OutboundClient, clock: Clock) -> None:
        self._config = config
        self._client = client
        self._clock = clock
        self._token = ""
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def header(self) -> str:
        """The header's value. The errors of `OutboundClient.request`; UnavailableError when no token is given."""
        config = self._config
        if config.api_token:
            pair = f"{config.email}:{config.api_token}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        if config.oauth_token:
            return f"Bearer {config.oauth_token}"
        async with self._lock:
            if not self._token or self._clock.monotonic() >= self._until:
                await self._fetch()
            return f"Bearer {self._token}"

    def forget(self) -> bool:
        """Jira refused it: whether another can be fetched."""
        self._token = ""
        return bool(self._config.client_id)

    async def _fetch(self) -> None:
        """RFC 6749, section 4.4: the client's own credentials for a token."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._config.client_id,
            "client_secret": self._config.client_secret,
        }
        response = await self._client.request(
            "POST",
            self._config.token_url,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            content=urlencode(form).encode(),
            redirects=0,
        )
        if response.status != 200:
            raise UnavailableError(
                f"No token for Jira was given: {response.status}.",
                fix="Check jira_oauth_client_id and its secret.",
            )
        try:
            given = read_json(response.body)
            token, seconds = given["access_token"].text(), given["expires_in"].content
        except InputError as problem:
            raise UnavailableError("What came is no token.", fix="Check jira_oauth_token_url.") from problem
        if not token or not token.isascii() or not token.isprintable():
            raise UnavailableError("What came is no token.", fix="Check jira_oauth_token_url.")
        lasts = float(seconds) if isinstance(seconds, int) and not isinstance(seconds, bool) else 0.0
        self._token, self._until = token, self._clock.monotonic() + max(lasts - EARLY_S, SHORTEST_S)
