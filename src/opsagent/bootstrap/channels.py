"""Every way out that is set up, by name, and who hears what where no file says so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_address

from opsagent.adapters.audience_file import load_audiences
from opsagent.adapters.jira.channel import JiraChannel
from opsagent.adapters.notify.apprise_urls import AppriseChannel, AppriseConfig
from opsagent.adapters.notify.mailbox import Mailbox, mailbox
from opsagent.adapters.notify.mailtrap import CHANNEL as MAILTRAP
from opsagent.adapters.notify.mailtrap import MailtrapChannel, MailtrapConfig
from opsagent.adapters.notify.smtp import CHANNEL as EMAIL
from opsagent.adapters.notify.smtp import Security, SmtpChannel, SmtpConfig
from opsagent.adapters.notify.webhook import WebhookChannel
from opsagent.adapters.notify.wording import Wording
from opsagent.adapters.outbound import OutboundClient
from opsagent.adapters.slack.api import SlackApi
from opsagent.adapters.slack.channel import CHANNEL as SLACK
from opsagent.adapters.slack.channel import DEFAULT, SLACK_WEBHOOK, SlackChannel, SlackWebhookChannel
from opsagent.bootstrap import configs
from opsagent.domain.audience import Audience
from opsagent.errors import ConfigurationError
from opsagent.ports.clock import Clock
from opsagent.ports.notify import Channel
from opsagent.settings import Settings


def channels(settings: Settings, client: OutboundClient, slack_api: SlackApi, clock: Clock) -> Mapping[str, Channel]:
    """By name. ConfigurationError where one is half set up."""
    slack = configs.slack(settings)
    made: list[Channel] = [
        WebhookChannel(configs.webhook(settings), client, clock),
        SlackWebhookChannel(slack_api, slack.webhook_url),
    ]
    if slack.signing_secret or slack.bot_token:
        made.append(SlackChannel(slack, slack_api, clock))
    jira = configs.jira(settings)
    if jira is not None:
        reader = OutboundClient(configs.jira_outbound(settings), clock)
        made.append(JiraChannel(jira, reader, clock))
    wording = Wording(settings.notify.wording_dir)
    wording.check()
    made += _mail(settings, client, wording, clock)
    urls = {name.lower(): url.get_secret_value() for name, url in settings.notify.apprise_urls.items()}
    if urls:
        made.append(AppriseChannel(AppriseConfig(urls=urls), wording))
    return {channel.name: channel for channel in made}


def audiences(settings: Settings, known: Collection[str]) -> Sequence[Audience]:
    """Those of the file, else the default recipients. PolicyUnloadable, ConfigurationError."""
    if settings.people.notifications_file is not None:
        return load_audiences(settings.people.notifications_file, known)
    return defaults(settings, known)


def defaults(settings: Settings, known: Collection[str]) -> Sequence[Audience]:
    """The default recipients. ConfigurationError for one that cannot be reached."""
    given = settings.notify
    named = [(EMAIL, _mailbox("default_email_recipients", one).address) for one in given.default_email_recipients]
    if given.default_slack_channel:
        bot = settings.slack.slack_bot_token.get_secret_value()
        hook = given.slack_webhook_url.get_secret_value()
        # An incoming webhook writes to the one channel it was made for, whatever we would like.
        named.append((SLACK_WEBHOOK, DEFAULT) if hook and not bot else (SLACK, given.default_slack_channel))
        if not hook and not bot:
            raise ConfigurationError(
                "default_slack_channel is set, and there is no way to it.",
                fix="Set SLACK_BOT_TOKEN, or the SLACK_WEBHOOK_URL of that channel.",
            )
    if given.default_email_recipients and EMAIL not in known:
        raise ConfigurationError(
            "default_email_recipients is set, and mail is not set up.", fix="Set smtp_host, or mailtrap_token."
        )
    return tuple(Audience(channel=channel, address=address, name="default") for channel, address in named)


def _mail(settings: Settings, client: OutboundClient, wording: Wording, clock: Clock) -> list[Channel]:
    given, made = settings.notify, list[Channel]()
    smtp = _smtp(settings)
    if smtp is not None:
        made.append(SmtpChannel(smtp, wording, clock))
    token = given.mailtrap_token.get_secret_value()
    if token:
        config = MailtrapConfig(
            token=token, sender=_sender(settings), inbox=given.mailtrap_inbox_id, url=given.mailtrap_url.rstrip("/")
        )
        names = [MAILTRAP] if smtp is not None else [MAILTRAP, EMAIL]
        made += [MailtrapChannel(config, client, wording, clock, name=name) for name in names]
    return made


def _smtp(settings: Settings) -> SmtpConfig | None:
    given = settings.notify
    if not given.smtp_host:
        return None
    password = given.smtp_password.get_secret_value()
    if bool(given.smtp_username) != bool(password):
        raise ConfigurationError(
            "smtp_username and smtp_password belong together, and one of them is missing.", fix="Set both, or none."
        )
    security = Security(given.smtp_security)
    if security is Security.PLAIN and not _is_here(given.smtp_host):
        raise ConfigurationError(
            f"smtp_security is plain, and {given.smtp_host} is not this machine: mail and password could be read.",
            fix="Use starttls or tls.",
        )
    return SmtpConfig(
        host=given.smtp_host,
        port=given.smtp_port,
        security=security,
        username=given.smtp_username,
        password=password,
        sender=_sender(settings),
        ca_file=settings.security.ca_file,
    )


def _sender(settings: Settings) -> Mailbox:
    if not settings.notify.mail_from:
        raise ConfigurationError("Mail is set up and mail_from is not.", fix="Set it to the address mails come from.")
    return _mailbox("mail_from", settings.notify.mail_from)


def _mailbox(name: str, text: str) -> Mailbox:
    try:
        return mailbox(text)
    except ValueError as problem:
        raise ConfigurationError(f"{name} is wrong: {problem}.", fix="Write it as ada@example.org.") from None


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
