"""Jira as a channel: one comment for each fact, changed by the answer, and the issue moved at the end."""

from __future__ import annotations

import logging
from http import HTTPStatus

from opsagent.adapters.jira.client import JiraClient, JiraRefused
from opsagent.adapters.jira.comment import comment
from opsagent.adapters.jira.config import JiraConfig
from opsagent.adapters.jira.issue import KEY
from opsagent.adapters.jira.source import CHANNEL, address_of
from opsagent.adapters.outbound import OutboundClient
from opsagent.domain.message import Message, MessageKind, message_of
from opsagent.domain.notice import Notice
from opsagent.domain.run import RunStatus, Source, Verified
from opsagent.domain.visible import one_line
from opsagent.errors import InputError
from opsagent.ports.clock import Clock
from opsagent.ports.notify import Delivery

log = logging.getLogger(__name__)
SLACK_S = 3600.0  # how far Jira's clock may be behind ours before a comment of ours is not looked at
_LINKED = frozenset({MessageKind.PLANNED, MessageKind.ASKED, MessageKind.ENDED})


class JiraChannel:
    """Fulfils `ports.notify.Channel`. `Notice.address` is an issue's key, or its page on our site.

    The page is the issue a run came from (`JiraSource` makes it): only that one is moved when the run has ended.
    """

    def __init__(self, config: JiraConfig, client: OutboundClient, clock: Clock) -> None:
        self._config = config
        self._jira = JiraClient(config, client, clock)

    @property
    def name(self) -> str:
        """`jira`."""
        return CHANNEL

    @property
    def about(self) -> str:
        """The site."""
        return f"Comments on issues of {self._config.site}"

    def shown(self, address: str) -> str:
        """The issue's key."""
        return one_line(address.rpartition("/")[2], 100)

    @property
    def changes(self) -> bool:
        """A comment is edited."""
        return True

    def destination(self, address: str) -> str:
        """The issue's key, whether its page is named or not."""
        return address.rpartition("/")[2]

    async def check(self, address: str) -> str:
        """Whether there is such an issue, and it can be read with the log-in of the settings."""
        if not KEY.fullmatch(address):
            return f"{self.shown(address)!r} is no issue's key. Name it as OPS-42."
        try:
            await self._jira.status(address)
        except JiraRefused as refused:
            return refused.delivery.error
        except InputError as odd:
            return f"Jira's answer is not understood: {odd.message} Check jira_url."
        return ""

    async def send(self, notice: Notice, *, earlier: str = "") -> Delivery:
        """Comment, or change the comment `earlier`. A comment that is there already is found by its property."""
        key = notice.address.rpartition("/")[2]
        own = notice.address == address_of(self._config.site, key)
        if not KEY.fullmatch(key) or (not own and key != notice.address):
            error = "That is no issue of the site in jira_url. Name it by its key, such as OPS-42."
            return Delivery(delivered=False, permanent=True, error=error)
        try:
            message = message_of(notice.body)
        except ValueError as problem:
            return Delivery(delivered=False, permanent=True, error=f"The notice cannot be read: {problem}.")
        try:
            wanted = self._wanted(message) if own else ""
            receipt, once = await self._tell(notice, message, key, earlier, wanted)
            await self._link(message, key)
            await self._move(key, wanted)
        except JiraRefused as refused:
            return refused.delivery
        except InputError as odd:
            return Delivery(delivered=False, error=f"Jira's answer is not understood: {odd.message} Check jira_url.")
        return Delivery(delivered=True, receipt=receipt, once=once)

    async def _tell(self, notice: Notice, message: Message, key: str, earlier: str, wanted: str) -> tuple[str, bool]:
        """The comment's id, and whether it was there already."""
        if earlier and await self._edited(key, earlier, message):
            return earlier, True
        if (notice.possible_repeat or notice.attempts) and not notice.resent:
            there = await self._jira.find_comment(key, notice.id, notice.created_at - SLACK_S)
            if there:
                return there, True
        note = await self._cannot_move(key, wanted)
        body = comment(message, repeat=notice.possible_repeat, note=note)
        return await self._jira.add_comment(key, body, notice.id), False

    async def _edited(self, key: str, comment_id: str, message: Message) -> bool:
        """Whether it is shown in the earlier comment now; one that a person deleted is answered by a new one."""
        try:
            await self._jira.edit_comment(key, comment_id, comment(message))
        except JiraRefused as refused:
            if refused.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    async def _link(self, message: Message, key: str) -> None:
        """The issue's link to the run. Projects can forbid links: the comment has it too, so that is only logged."""
        if not message.link or message.kind not in _LINKED:
            return
        try:
            await self._jira.link(
                key,
                identity=f"opsagent:run:{message.run_id}",
                address=message.link,
                title=f"OpsAgent run {message.run_id[:8]}",
                resolved=message.kind is MessageKind.ENDED,
            )
        except JiraRefused as refused:
            log.warning("%s has no link to run %s: %s", key, message.run_id, refused)

    def _wanted(self, message: Message) -> str:
        """The transition people set for how this run ended; empty moves nothing. A cancelled run moves nothing."""
        if message.kind is not MessageKind.ENDED or message.source != Source.JIRA.value:
            return ""
        if message.status == RunStatus.FAILED.value or message.verified == Verified.NO.value:
            return self._config.on_failed
        if message.status != RunStatus.COMPLETED.value:
            return ""
        measured = message.verified == Verified.YES.value
        return self._config.on_verified if measured else self._config.on_completed

    async def _cannot_move(self, key: str, wanted: str) -> str:
        """What the comment says when the transition is not there."""
        if not wanted or wanted.casefold() in await self._jira.transitions(key):
            return ""
        return f"The issue was not moved: it has no transition {wanted} from where it stands."

    async def _move(self, key: str, wanted: str) -> None:
        """Take the transition, unless the issue stands there already, as after an answer that was lost."""
        found = (await self._jira.transitions(key)).get(wanted.casefold()) if wanted else None
        if found is None or found[1] == await self._jira.status(key):
            return
        try:
            await self._jira.move(key, found[0])
        except JiraRefused as refused:
            if not refused.delivery.permanent and refused.status != HTTPStatus.CONFLICT:
                raise
            log.warning("%s was not moved by %s: %s", key, wanted, refused)
