"""Tells people in Slack: questions with buttons, answers in their place, ends where the work was asked for."""

from __future__ import annotations

import logging
from dataclasses import replace

from opsagent.adapters.slack.address import Address, address_of
from opsagent.adapters.slack.api import Answer, Result, SlackApi
from opsagent.adapters.slack.config import SlackConfig
from opsagent.adapters.slack.wording import Shown, marker_of, shown
from opsagent.adapters.target_url import name_of, parse_url
from opsagent.domain.message import Message, MessageKind, message_of
from opsagent.domain.notice import Notice
from opsagent.domain.visible import one_line
from opsagent.errors import InputError
from opsagent.ports.clock import Clock
from opsagent.ports.notify import Delivery

CHANNEL = "slack"
EVENT = "opsagent_notice"
SLACK_WEBHOOK = "slack-webhook"
DEFAULT = "default"  # the incoming webhook of the settings
_SHOWN_CHARS = 200
_PAGES, _PAGE = 5, 100  # how far back a channel is read: 500 messages
_EARLIER_S = 120.0  # clocks differ
log = logging.getLogger(__name__)


class SlackChannel:
    """Fulfils `ports.notify.Channel`: `Notice.address` is an `Address` as text, or the plain id of a channel.

    A run's end goes to the response_url while that works, else to the channel; questions and their answers go to the
    channel where a bot token is set, because only there they can be changed for everybody, else to the response_url.
    """

    def __init__(self, config: SlackConfig, api: SlackApi, clock: Clock) -> None:
        self._config = config
        self._api = api
        self._clock = clock

    @property
    def name(self) -> str:
        """`slack`."""
        return CHANNEL

    @property
    def about(self) -> str:
        """With a bot, or only by reply addresses."""
        if self._config.bot_token:
            return "Slack, as the app's bot"
        return "Slack, only where a command was typed (SLACK_BOT_TOKEN is not set)"

    def shown(self, address: str) -> str:
        """The channel; a reply address is a secret while it works."""
        try:
            where = address_of(address)
        except ValueError:
            return "…"
        return one_line(where.channel, _SHOWN_CHARS) or "a reply address"

    @property
    def changes(self) -> bool:
        """With a bot."""
        return bool(self._config.bot_token)

    def destination(self, address: str) -> str:
        """The channel, and the thread in it; where neither is known, the address itself."""
        try:
            where = address_of(address)
        except ValueError:
            return address
        return f"{where.channel} {where.thread}".strip() or address

    async def check(self, address: str) -> str:
        """Whether there is a bot that works and a channel it could post to."""
        try:
            where = address_of(address)
        except ValueError as error:
            return f"This is no Slack channel: {error}."
        if not where.channel or not self._config.bot_token:
            return "SLACK_BOT_TOKEN is not set, so nothing can be posted to a channel."
        answer = await self._api.read("auth.test", {})
        return "" if answer.done else f"Slack does not take the bot token ({answer.error})."

    async def send(self, notice: Notice, *, earlier: str = "") -> Delivery:
        """Try once. `receipt` is `channel:timestamp` of a message that can be changed, or empty."""
        try:
            message, where = message_of(notice.body), address_of(notice.address)
        except ValueError as error:
            return Delivery(delivered=False, permanent=True, error=f"This cannot be sent to Slack: {error}.")
        if earlier and self._config.bot_token:
            changed = await self._change(notice, message, earlier)
            if changed is not None:
                return changed
        repeat = notice.possible_repeat
        if repeat and not notice.resent and self._config.bot_token and where.channel:
            found, failed = await self._find(where, marker_of(notice.id), notice)
            if found or failed is not None:
                return failed or Delivery(delivered=True, receipt=found, once=True)
        return await self._send(notice, message, where, repeat=repeat)

    async def _send(self, notice: Notice, message: Message, where: Address, *, repeat: bool) -> Delivery:
        ways = [self._by_reply, self._by_post]
        if message.kind is not MessageKind.ENDED and self._config.bot_token:
            ways.reverse()
        words = self._shown(notice, message, repeat=repeat)
        said: list[str] = []
        for way in ways:
            delivery = await way(notice, words, where)
            if delivery.delivered or not delivery.permanent:
                return delivery
            said.append(delivery.error)
        return Delivery(delivered=False, permanent=True, error=" ".join(said))

    def _shown(self, notice: Notice, message: Message, *, repeat: bool = False) -> Shown:
        whole = bool(self._config.bot_token)
        return shown(message, marker=marker_of(notice.id), buttons=True, whole=whole, repeat=repeat)

    async def _by_reply(self, _: Notice, words: Shown, where: Address) -> Delivery:
        url = where.reply_url(self._clock.now())
        if not url:
            return _no("There is no reply address that still works (Slack's last 30 minutes).")
        if not self._config.is_response_url(url):
            return _no("The reply address is not one of Slack's.")
        answer = await self._api.reply(url, {"response_type": "in_channel", **words.payload()})
        return _delivery(answer, f"The reply address takes no more ({answer.error}).")

    async def _by_post(self, notice: Notice, words: Shown, where: Address) -> Delivery:
        if not self._config.bot_token:
            return _no("SLACK_BOT_TOKEN is not set, so nothing can be posted to a channel. Set it, then send it again.")
        if not where.channel:
            return _no("No channel is known.")
        arguments: dict[str, object] = {
            "channel": where.channel,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": EVENT, "event_payload": {"notice": notice.id}},
            **words.payload(),
        }
        if where.thread:
            arguments["thread_ts"] = where.thread
        answer = await self._api.call("chat.postMessage", arguments)
        delivery = _delivery(answer, f"Slack does not take it in {where.channel} ({answer.error}).")
        channel, at = answer.body.get("channel"), answer.body.get("ts")
        return replace(delivery, receipt=f"{channel}:{at}") if answer.done and channel and at else delivery

    async def _change(self, notice: Notice, message: Message, earlier: str) -> Delivery | None:
        """Change what was shown, for everybody; None where that can no longer be done, so that it is said anew."""
        channel, _, at = earlier.partition(":")
        words = self._shown(notice, message)
        answer = await self._api.call("chat.update", {"channel": channel, "ts": at, **words.payload()})
        if answer.result is Result.NEVER:
            log.warning("Slack does not change the message of notice %s: %s", notice.follows, answer.error)
            return None
        # Done twice it shows the same, so that it may have been done is no repeat.
        done = answer.done
        return replace(_delivery(answer, answer.error), uncertain=False, receipt=earlier if done else "", once=done)

    async def _find(self, where: Address, marker: str, notice: Notice) -> tuple[str, Delivery | None]:
        """The receipt of a notice that is there already; a delivery that failed where Slack asks for a pause."""
        method = "conversations.replies" if where.thread else "conversations.history"
        arguments = {
            "channel": where.channel,
            "oldest": f"{notice.created_at - _EARLIER_S:.6f}",
            "limit": str(_PAGE),
            "include_all_metadata": "true",
        }
        if where.thread:
            arguments["ts"] = where.thread
        for _ in range(_PAGES):
            answer = await self._api.read(method, arguments)
            if answer.result in (Result.LATER, Result.MAYBE):
                return "", replace(_delivery(answer, ""), uncertain=False)
            if not answer.done:
                log.info("Channel %s cannot be read (%s): a possible repeat is marked", where.channel, answer.error)
                return "", None
            for one in answer.body.get("messages") or ():
                if isinstance(one, dict) and _is_notice(one, marker, notice.id):
                    return f"{where.channel}:{one.get('ts', '')}", None
            cursor = (answer.body.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
            arguments["cursor"] = str(cursor)
        return "", None


class SlackWebhookChannel:
    """Fulfils `ports.notify.Channel` by incoming webhooks: `Notice.address` is one's URL, or `default`. No buttons.

    Nothing can be read or changed there: an answer is a message of its own, and a possible repeat is marked.
    """

    def __init__(self, api: SlackApi, default: str = "") -> None:
        self._api = api
        self._default = default

    @property
    def name(self) -> str:
        """`slack-webhook`."""
        return SLACK_WEBHOOK

    @property
    def about(self) -> str:
        """Whether there is a `default`."""
        known = "`default` is set" if self._default else "addresses are webhooks' URLs"
        return f"Slack's incoming webhooks; {known}"

    def shown(self, address: str) -> str:
        """Its host: the rest of a webhook's address is its secret."""
        if address == DEFAULT:
            return DEFAULT
        try:
            return f"{name_of(parse_url(address))}/…"
        except InputError:
            return "…"

    @property
    def changes(self) -> bool:
        """What was posted stays."""
        return False

    def destination(self, address: str) -> str:
        """The webhook's URL, also where it is called `default`."""
        return self._url(address)

    async def check(self, address: str) -> str:
        """Whether it is an address that can be called; Slack has nothing that can be asked without sending."""
        if address == DEFAULT and not self._default:
            return "SLACK_WEBHOOK_URL is not set."
        try:
            parse_url(self._url(address))
        except InputError as problem:
            return f"{problem.message} {problem.fix}"
        return ""

    def _url(self, address: str) -> str:
        return self._default if address == DEFAULT else address

    async def send(self, notice: Notice, *, earlier: str = "") -> Delivery:  # noqa: ARG002 - the port's
        """Post it once."""
        try:
            message = message_of(notice.body)
        except ValueError as error:
            return Delivery(delivered=False, permanent=True, error=f"This cannot be sent to Slack: {error}.")
        if notice.address == DEFAULT and not self._default:
            return Delivery(delivered=False, error="SLACK_WEBHOOK_URL is not set. Set it; it is tried again.")
        words = shown(message, marker=marker_of(notice.id), buttons=False, whole=False, repeat=notice.possible_repeat)
        answer = await self._api.reply(self._url(notice.address), words.payload())
        return _delivery(answer, f"The webhook does not take it ({answer.error}).")


def _is_notice(message: dict[str, object], marker: str, notice_id: str) -> bool:
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
    if isinstance(payload, dict) and payload.get("notice") == notice_id:
        return True
    blocks = message.get("blocks")
    return isinstance(blocks, list) and any(isinstance(one, dict) and one.get("block_id") == marker for one in blocks)


def _delivery(answer: Answer, final: str) -> Delivery:
    never = answer.result is Result.NEVER
    return Delivery(
        delivered=answer.done,
        error="" if answer.done else final if never else f"{answer.error}.".replace("..", "."),
        permanent=never,
        retry_after_s=answer.wait_s,
        uncertain=answer.result is Result.MAYBE,
    )


def _no(why: str) -> Delivery:
    return Delivery(delivered=False, permanent=True, error=why)
