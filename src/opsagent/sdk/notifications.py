"""Tell people something from a Python program: by mail, Slack, a webhook, or several at once, over the durable outbox.

service = NotificationService(mailtrap_token="...", slack_webhook_url="https://hooks.slack.com/services/...")
told = await service.send_notification(channel="email", message="CPU over 90%", to="ops@example.org", subject="Alert")
told.delivered
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from opsagent.bootstrap import App, build
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.domain.message import of_words
from opsagent.domain.notice import Notice, NoticeStatus
from opsagent.domain.visible import one_line
from opsagent.errors import InputError
from opsagent.loop.telling import notice_of
from opsagent.settings import Settings

EMAIL, MAILTRAP, SLACK, SLACK_WEBHOOK, WEBHOOK = "email", "mailtrap", "slack", "slack-webhook", "webhook"
_TITLE_CHARS = 150
To = str | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of a message: `status` is `delivered`, `pending` (it is tried again), `sending` or `dead`.

    `notice_id` names it for `opsagent notices show`. `error` says why the last try failed.
    """

    notice_id: str
    channel: str
    status: str
    error: str = ""

    @property
    def delivered(self) -> bool:
        """Whether the channel has taken it."""
        return self.status == NoticeStatus.DELIVERED.value


class NotificationService:
    """Sends by the channels of the settings; what is given here is stronger than those.

    Each message is stored in the data folder first, and tried once at once. What fails is tried again by a server that
    runs on the folder, with its own settings. The same `key` to the same address is sent once. Inside `async with` the
    folder stays open; without, each call opens it. Methods raise OpsAgentError, never for a send that failed.
    """

    def __init__(
        self,
        *,
        mailtrap_token: str = "",
        slack_webhook_url: str = "",
        default_email_recipient: str = "",
        default_slack_channel: str = "",
        data_dir: Path | str | None = None,
        tenant: str = DEFAULT_TENANT,
        settings: Settings | None = None,
    ) -> None:
        given = {
            "mailtrap_token": mailtrap_token,
            "slack_webhook_url": slack_webhook_url,
            "default_email_recipients": (default_email_recipient,) if default_email_recipient else (),
            "default_slack_channel": default_slack_channel,
            "data_dir": data_dir,
        }
        self._overrides = {name: value for name, value in given.items() if value}
        self._settings = settings
        self._tenant = tenant
        self._kept: App | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the data folder. ConfigurationError, StoreUnavailable."""
        self._kept = await self._stack.enter_async_context(self._built())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it."""
        self._kept = None
        await self._stack.aclose()

    async def send_email(self, *, to: To = "", subject: str, body: str, key: str = "") -> Told:
        """By SMTP where it is set up, else by Mailtrap; to the default recipients where nobody is named."""
        return await self.send_notification(EMAIL, body, to=to, subject=subject, key=key)

    async def send_email_smtp(self, *, to: To = "", subject: str, body: str, key: str = "") -> Told:
        """By SMTP. InputError where it is not set up."""
        async with self._open() as app:
            if not app.settings.notify.smtp_host:
                raise InputError("SMTP is not set up.", fix="Set OPSAGENT_SMTP_HOST and OPSAGENT_MAIL_FROM.")
            return await self._send(app, self._notices(app, EMAIL, body, to, subject, key))

    async def send_email_mailtrap(self, *, to: To = "", subject: str, body: str, key: str = "") -> Told:
        """By Mailtrap's API. InputError where it is not set up."""
        return await self.send_notification(MAILTRAP, body, to=to, subject=subject, key=key)

    async def send_slack_message(self, message: str, *, channel: str = "", subject: str = "", key: str = "") -> Told:
        """To a channel where a bot token is set, else by the incoming webhook, whose channel Slack keeps.

        Without `channel` it goes to the default one.
        """
        return await self.send_notification(SLACK, message, to=channel, subject=subject, key=key)

    async def send_webhook(self, url: str, payload: Mapping[str, object], *, key: str = "") -> Told:
        """Post JSON, signed where `callback_secret` is set. InputError for a payload that is no JSON."""
        async with self._open() as app:
            try:
                body = json.dumps(dict(payload), ensure_ascii=False, allow_nan=False)
            except (TypeError, ValueError) as problem:
                raise InputError(f"The payload is no JSON: {problem}.", fix="Use texts, numbers and lists.") from None
            return await self._send(app, [replace(self._notice(app, WEBHOOK, url, "", "", key), body=body)])

    async def send_notification(
        self, channel: str, message: str, *, to: To = "", subject: str = "", key: str = ""
    ) -> Told:
        """By any channel of `opsagent channels list`; `to` is an address of it, or several.

        Slack and mail go to the default ones where nobody is named. Of several, the first that did not arrive is told.
        """
        async with self._open() as app:
            return await self._send(app, self._notices(app, channel, message, to, subject, key))

    async def send_to_channels(
        self, channels: Sequence[str], message: str, *, subject: str = "", key: str = ""
    ) -> Sequence[Told]:
        """By several channels at once, to the default recipients of each; in the order of `channels`.

        InputError, and then nothing is sent, where one of them is not set up or has no default.
        """
        async with self._open() as app:
            wanted = [self._notices(app, one, message, "", subject, key) for one in channels]
            return await asyncio.gather(*(self._send(app, notices) for notices in wanted))

    def _notices(self, app: App, channel: str, message: str, to: To, subject: str, key: str) -> list[Notice]:
        settings = app.settings
        if channel == SLACK and not settings.slack.slack_bot_token.get_secret_value():
            channel, to = SLACK_WEBHOOK, ""
        defaults: Mapping[str, Sequence[str]] = {
            EMAIL: settings.notify.default_email_recipients,
            MAILTRAP: settings.notify.default_email_recipients,
            SLACK: [one for one in (settings.notify.default_slack_channel,) if one],
            SLACK_WEBHOOK: ["default"],
        }
        named = [to] if isinstance(to, str) and to else list(to)
        readers = named or defaults.get(channel, ())
        if not readers:
            raise InputError(
                f"Nobody is named to be told by {channel}.", fix="Say to whom, or set a default recipient."
            )
        return [self._notice(app, channel, one, message, subject, key) for one in dict.fromkeys(readers)]

    def _notice(self, app: App, channel: str, address: str, message: str, subject: str, key: str) -> Notice:
        if channel not in app.telling.channels:
            known = ", ".join(sorted(app.telling.channels))
            raise InputError(f"The channel {channel} is not set up.", fix=f"Set it up, or use one of: {known}.")
        title = subject or one_line(message, _TITLE_CHARS)
        text = "" if not subject and message.strip() == title else message
        once = f"key:{key}" if key else app.ids.uuid()
        words = of_words(self._tenant, title, text, app.clock.now())
        return notice_of(words, channel, address, f"{self._tenant}:{once}")

    async def _send(self, app: App, notices: Sequence[Notice]) -> Told:
        sent = await asyncio.gather(*(app.outbox.send_now(one) for one in notices))
        found = next((one for one in sent if one.status is not NoticeStatus.DELIVERED), sent[0])
        return Told(notice_id=found.id, channel=found.channel, status=found.status.value, error=found.last_error)

    def _built(self) -> App:
        return build(self._settings or Settings.load(self._overrides), serving=False)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[App]:
        if self._kept is not None:
            yield self._kept
            return
        async with self._built() as app:
            yield app
