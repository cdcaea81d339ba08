"""By what people are told: mail, Slack's incoming webhook, Apprise; and who hears it where nobody said who."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from opsagent.settings.area import Area, setting
from opsagent.settings.security import Secret

_NONE = SecretStr("")
_HTTPS = r"^(https://[^\s/?#@]+(/[^\s?#]*)?|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?(/[^\s?#]*)?)?$"


class NotifySettings(Area):
    """Mail goes by SMTP where `smtp_host` is set, else by Mailtrap where its token is (docs/notifications.md)."""

    smtp_host: str = setting("", "The mail server.", pattern=r"^[A-Za-z0-9.:_-]*$", shown="none")
    smtp_port: int = setting(0, "Its port; 0 is 587 for starttls, 465 for tls, 25 for plain.", ge=0, le=65535)
    smtp_security: Literal["starttls", "tls", "plain"] = setting(
        "starttls", "How the connection is encrypted. `plain` is for a mail server on this machine only."
    )
    smtp_username: str = setting("", "Who logs in there; none: nobody does.", max_length=254, shown="none")
    smtp_password: Secret = setting(_NONE, "The password of that account.")
    mail_from: str = setting(
        "", "Sender of every mail: ops@example.org, or OpsAgent <ops@example.org>.", max_length=320, shown="none"
    )
    mailtrap_token: Secret = setting(
        _NONE, "API token of Mailtrap, which sends mail over HTTPS.", alias="Mailtrap_API_TOKEN"
    )
    mailtrap_inbox_id: str = setting(
        "", "Sandbox inbox of Mailtrap: mails go there and to nobody.", pattern=r"^[0-9]{0,20}$", shown="none"
    )
    mailtrap_url: str = setting(
        "", "Mailtrap's sending address, where it is not the usual one.", pattern=_HTTPS, shown="none"
    )
    slack_webhook_url: Secret = setting(
        _NONE, "Slack's incoming webhook; the address `default` of `slack-webhook`.", alias="SLACK_WEBHOOK_URL"
    )
    apprise_urls: Mapping[str, Secret] = setting(
        dict, "Addresses of services Apprise writes to, by a name of yours.", shown="none"
    )
    default_email_recipients: tuple[str, ...] = setting(
        (), "Who is mailed where nobody is named: of everything but plans, without a notifications_file.", shown="none"
    )
    default_slack_channel: str = setting(
        "", "Which Slack channel is told in the same way; its id (C0123456789).", max_length=200, shown="none"
    )
    wording_dir: Path | None = setting(
        None, "Folder of your own templates, each instead of ours of that name (docs/notifications.md)."
    )
