"""What the Jira adapter needs to know: the secret of what comes in, the site and the account of what goes out."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraIntakeConfig:
    """`secret` proves what comes in; empty: nothing proves anything. `site` is answered; empty: nobody is."""

    secret: str = field(default="", repr=False)
    site: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraConfig:
    """The site (no slash at its end), one way to log in, and where an issue is moved.

    Logged in by `email` and `api_token`, else by `oauth_token`, else by a token that `client_id` and `client_secret`
    fetch from `token_url`. `on_...` name the transition for how a run ended (verified: it was measured healthy); empty
    moves nothing.
    """

    site: str
    email: str = ""
    api_token: str = field(default="", repr=False)
    oauth_token: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    token_url: str = ""
    on_verified: str = ""
    on_completed: str = ""
    on_failed: str = ""
