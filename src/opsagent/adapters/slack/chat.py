"""Slack's way in: slash commands and clicks, read, and answered at once."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import orjson

from opsagent.adapters.slack.address import Address
from opsagent.adapters.slack.api import SlackApi
from opsagent.adapters.slack.channel import CHANNEL
from opsagent.adapters.slack.config import SlackConfig
from opsagent.adapters.slack.form import delivery_key, form, is_certificate_check, parse_command
from opsagent.adapters.slack.kit import escaped, line, rich
from opsagent.adapters.slack.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, is_signed
from opsagent.adapters.slack.wording import APPROVE, LOOKING, REFUSE, SHOW, marker_of, shown, whole_command
from opsagent.domain.approval import Approval
from opsagent.domain.message import Message
from opsagent.domain.notice import ReplyTo
from opsagent.domain.visible import one_line
from opsagent.errors import InputError
from opsagent.ports.chat import Heard, Json, Pressed, Wish

_WISHES = {APPROVE: Wish.APPROVE, REFUSE: Wish.REFUSE, SHOW: Wish.SHOW, LOOKING: Wish.LOOKING}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ESCALATION = re.compile(r"[0-9a-f]{16}")
_TASK_CHARS = 300
log = logging.getLogger(__name__)


class SlackChat:
    """Fulfils `ports.chat.Chat`."""

    def __init__(self, config: SlackConfig, api: SlackApi) -> None:
        self._config = config
        self._api = api

    def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:
        """Whether Slack signed it, at most 300 s ago."""
        timestamp, signature = headers.get(TIMESTAMP_HEADER, ""), headers.get(SIGNATURE_HEADER, "")
        return is_signed(self._config.signing_secret, timestamp, signature, raw, now)

    def heard(self, headers: Mapping[str, str], raw: bytes) -> Heard:
        """The slash command in a verified body. InputError."""
        command = parse_command(raw)
        timestamp = headers.get(TIMESTAMP_HEADER, "0")
        details = {
            "teamId": command.team_id,
            "teamDomain": command.team_domain,
            "channelId": command.channel_id,
            "channelName": command.channel_name,
            "userId": command.user_id,
            "userName": command.user_name,
            "command": command.command,
            "responseUrl": command.response_url,
        }
        if "\0" in command.text or any("\0" in value for value in details.values()):
            raise InputError("The command holds a NUL character, which cannot be kept.", fix="Leave it out.")
        key, asked = delivery_key(command, raw, timestamp)
        url = command.response_url
        if url and not self._config.is_response_url(url):
            log.warning("A slash command came with a response_url that is not Slack's; it is not used.")
            url = ""
        where = Address(channel=command.channel_id, url=url, at=float(timestamp))
        return Heard(
            workspace=command.team_id,
            user=command.user_id,
            text=command.text,
            key=key,
            request_sha256=asked,
            reply_to=(ReplyTo(CHANNEL, where.to_text()),) if url or command.channel_id else (),
            details={name: value for name, value in details.items() if value},
        )

    def pressed(self, raw: bytes) -> Pressed:
        """The click in a verified body; one that is not on our buttons wishes nothing. InputError."""
        payload = _payload(raw)
        actions = payload.get("actions")
        action = _object(actions[0]) if isinstance(actions, list) and actions else {}
        wish = _WISHES.get(_text(action, "action_id"), Wish.NOTHING)
        if payload.get("type") != "block_actions" or wish is Wish.NOTHING:
            return Pressed(workspace="", user="", user_workspace="", wish=Wish.NOTHING)
        team, user = _object(payload.get("team")), _object(payload.get("user"))
        try:
            value = _object(orjson.loads(_text(action, "value")))
        except orjson.JSONDecodeError:
            value = {}
        approval, digest, escalation = (_text(value, name) for name in ("approval", "digest", "escalation"))
        # Without a digest a decision would be bound to nothing; so there is none without one.
        decides = bool(approval) and "\0" not in approval and _DIGEST.fullmatch(digest) is not None
        if not (_ESCALATION.fullmatch(escalation) if wish is Wish.LOOKING else decides):
            raise InputError("The button does not say what it is about.", fix="Answer by the command line instead.")
        workspace = _text(team, "id") or _text(user, "team_id")
        return Pressed(
            workspace=workspace,
            user=_text(user, "id"),
            user_workspace=_text(user, "team_id") or workspace,
            wish=wish,
            approval_id=approval,
            digest=digest,
            escalation_id=escalation,
            reply=_text(payload, "response_url"),
            trigger=_text(payload, "trigger_id"),
        )

    def is_check(self, raw: bytes) -> bool:
        """Whether Slack only looks at the certificate."""
        return is_certificate_check(raw)

    def accepted(self, run_id: str, task: str) -> Json:
        """The acknowledgement of S1, for whoever typed the command only."""
        shown_task = one_line(task, _TASK_CHARS)
        text = f"🚀 Agent Ops Started\nTask: {escaped(shown_task)}\nRun ID: `{escaped(run_id)}`"
        blocks = [rich(line("", "🚀 Agent Ops Started"), line("Task", shown_task), line("Run ID", run_id))]
        return {"response_type": "ephemeral", "text": text, "blocks": blocks}

    def words(self, text: str) -> Json:
        """What there is to say, for whoever typed the command only; without words, how to use it."""
        if not text:
            example = f"{self._config.command} Check Lambda configurations"
            text = f"⚠️ Please provide a task description. Usage: {self._config.command} <task>. Example: {example}"
        return {"response_type": "ephemeral", "text": escaped(one_line(text, 2000))}

    async def answer(self, pressed: Pressed, said: str | Message) -> None:
        """Words for who clicked, or the message in place of the one that was clicked on."""
        if isinstance(said, Message):
            marker = marker_of(f"{said.run_id}:{said.about}")
            payload = shown(said, marker=marker, buttons=True, whole=bool(self._config.bot_token)).payload()
            payload["replace_original"] = True
        else:
            payload = {**self.words(said), "replace_original": False}
        if not self._config.is_response_url(pressed.reply):
            log.warning("A click came without a reply address of Slack's; who clicked is not answered.")
            return
        answer = await self._api.reply(pressed.reply, payload)
        if not answer.done:
            log.warning("A click could not be answered: %s", answer.error)

    async def show(self, pressed: Pressed, approval: Approval) -> str:
        """Open a window with the whole command."""
        if not self._config.bot_token:
            return "SLACK_BOT_TOKEN is not set, so no window can be opened. Read it with: opsagent approve"
        answer = await self._api.call("views.open", {"trigger_id": pressed.trigger, "view": whole_command(approval)})
        return "" if answer.done else f"Slack did not open the window ({answer.error}). Click once more."


def _payload(raw: bytes) -> Mapping[str, Any]:
    for name, value in form(raw):
        if name == "payload":
            try:
                found = orjson.loads(value)
            except orjson.JSONDecodeError:
                break
            if isinstance(found, dict):
                return found
            break
    raise InputError("The body holds no payload.", fix="Send the form field payload with a JSON object.")


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""
