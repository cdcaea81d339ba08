"""Everything Apprise can write to (Telegram, ntfy, Teams, Pushover ...), by the name of an address that is a secret."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from opsagent.adapters.notify.wording import Letter, Wording
from opsagent.domain.message import message_of
from opsagent.domain.notice import Notice
from opsagent.domain.visible import one_line
from opsagent.errors import ConfigurationError
from opsagent.ports.notify import Delivery

CHANNEL = "apprise"
_WITHIN_S = 30.0
# `@everyone`, `<@U1>`, `<!channel>` and `[words](address)`: chat services act on them, and Apprise promotes mentions.
_ACTED_ON = re.compile(r"(?<![\w.+-])@(?=\w)|<(?=[@!#&])|\](?=\()")
_ZERO_WIDTH_SPACE = "\u200b"
_MISSING = "Apprise is not installed. Install it: pip install 'opsagent[apprise]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseConfig:
    """Addresses by name, in lower case. They hold tokens: nothing shows more of them than the name."""

    urls: Mapping[str, str] = field(default_factory=dict, repr=False)


class AppriseChannel:
    """Fulfils `ports.notify.Channel`: `Notice.address` is a name of the settings, never an address itself."""

    def __init__(self, config: AppriseConfig, wording: Wording) -> None:
        self._config = config
        self._wording = wording

    @property
    def name(self) -> str:
        """`apprise`."""
        return CHANNEL

    @property
    def about(self) -> str:
        """The names it knows."""
        return f"Apprise: {', '.join(sorted(self._config.urls))}"

    def shown(self, address: str) -> str:
        """The name."""
        return one_line(address, 100)

    @property
    def changes(self) -> bool:
        """What was sent stays."""
        return False

    def destination(self, address: str) -> str:
        """The name as it is looked up."""
        return address.lower()

    async def check(self, address: str) -> str:
        """Whether the name is known, Apprise is there, and it understands the address. Nothing is sent."""
        url = self._config.urls.get(address.lower(), "")
        if not url:
            return f"There is no address {self.shown(address)!r}. Set OPSAGENT_APPRISE_URL_{address.upper()}."
        if importlib.util.find_spec("apprise") is None:
            return _MISSING
        understood = await asyncio.to_thread(_understood, url)
        return "" if understood else f"Apprise does not understand the address {self.shown(address)!r}."

    async def send(self, notice: Notice, *, earlier: str = "") -> Delivery:  # noqa: ARG002 - the port's
        """Try once, in a thread. Apprise says only yes or no, so that after a no it may have arrived."""
        problem = await self.check(notice.address)
        if problem:
            return Delivery(delivered=False, error=problem)
        try:
            letter = self._wording.letter(message_of(notice.body), repeat=notice.possible_repeat)
        except ValueError as odd:
            return Delivery(delivered=False, permanent=True, error=f"This cannot be sent: {odd}.")
        except ConfigurationError as broken:
            return Delivery(delivered=False, error=f"{broken.message} {broken.fix}")
        if await asyncio.to_thread(_send, self._config.urls[notice.address.lower()], letter):
            return Delivery(delivered=True)
        error = f"The service behind {self.shown(notice.address)!r} did not take it; Apprise does not say why."
        return Delivery(delivered=False, error=error, uncertain=True)


def _inert(words: str) -> str:
    """The same to the eye, and nothing that calls people or shows one address as another: a ticket is in it."""
    return _ACTED_ON.sub(lambda found: found.group() + _ZERO_WIDTH_SPACE, words)


def _understood(url: str) -> bool:
    _quiet()
    from apprise import Apprise

    return Apprise.instantiate(url, suppress_exceptions=True) is not None


def _send(url: str, letter: Letter) -> bool:
    _quiet()
    from apprise import Apprise, AppriseAsset, NotifyFormat, PersistentStoreMode

    # In memory: it would keep files of its own elsewhere.
    asset = AppriseAsset(
        app_id="OpsAgent",
        app_desc="OpsAgent",
        secure_logging=True,
        storage_mode=PersistentStoreMode.MEMORY,
        service_timeout=_WITHIN_S,
        result_log_memory_size=0,
        result_log_disk_size=0,
    )
    service = Apprise(asset=asset)
    return service.add(url) is True and bool(
        service.notify(title=_inert(letter.subject), body=_inert(letter.text), body_format=NotifyFormat.TEXT)
    )


def _quiet() -> None:
    """Apprise and what it sends by log addresses, with what is secret in their paths: no such line goes anywhere."""
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    logger = logging.getLogger("apprise")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
