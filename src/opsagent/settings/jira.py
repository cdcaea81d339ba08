"""The Jira site that is answered, the account that writes there, and where issues are moved."""

from __future__ import annotations

from pydantic import SecretStr

from opsagent.settings.area import Area, setting
from opsagent.settings.security import Secret

_NONE = SecretStr("")
# Credentials go there with every request: plain http only to this machine, where nobody listens in between.
_ADDRESS = r"^(https://[^\s/?#@]+(/[^\s?#]*)?|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?(/[^\s?#]*)?)?$"


class JiraSettings(Area):
    """Without `jira_url` runs come in (with JIRA_WEBHOOK_SECRET) and nothing is written to Jira.

    With it exactly one way to log in is needed: email and API token, a bearer token, or an OAuth client.
    """

    jira_url: str = setting(
        "",
        "The Jira Cloud site (https://acme.atlassian.net), or https://api.atlassian.com/ex/jira/<cloud id> for OAuth.",
        pattern=_ADDRESS,
        shown="none",
    )
    jira_email: str = setting(
        "", "The account that comments, logged in with `jira_api_token`.", max_length=254, pattern=r"^[!-9;-~]*$"
    )
    jira_api_token: Secret = setting(_NONE, "API token of that account.", alias="JIRA_API_TOKEN")
    jira_oauth_token: Secret = setting(_NONE, "A bearer token, instead of email and API token.")
    jira_oauth_client_id: str = setting("", "OAuth client of a service account, instead of a token.", max_length=254)
    jira_oauth_client_secret: Secret = setting(_NONE, "Its secret; a token is fetched with it when one is needed.")
    jira_oauth_token_url: str = setting(
        "https://auth.atlassian.com/oauth/token", "Where that token is fetched.", pattern=_ADDRESS, min_length=1
    )
    jira_transition_verified: str = setting(
        "", "Transition of an issue whose run was measured healthy; none moves nothing.", max_length=255, shown="none"
    )
    jira_transition_completed: str = setting(
        "", "Transition when the run completed and nothing was measured.", max_length=255, shown="none"
    )
    jira_transition_failed: str = setting(
        "", "Transition when the run failed, or was measured not healthy.", max_length=255, shown="none"
    )
