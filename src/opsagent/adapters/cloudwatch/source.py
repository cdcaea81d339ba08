"""CloudWatch alarms by SNS: the signature is checked, a subscription to one of our topics is confirmed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

from opsagent.adapters.cloudwatch.addresses import is_certificate, is_of_sns
from opsagent.adapters.cloudwatch.alarm import said_of
from opsagent.adapters.cloudwatch.config import CloudWatchConfig
from opsagent.adapters.cloudwatch.message import CONFIRMATIONS, NOTIFICATION, is_signed
from opsagent.adapters.intake.document import Value, read_json
from opsagent.adapters.intake.saying import Receipt, apart
from opsagent.errors import InputError, Unauthenticated
from opsagent.ports.clock import Ids
from opsagent.ports.intake import Parsed

Fetch = Callable[[str], Awaitable[bytes]]
MAX_CERTIFICATES = 16  # AWS has one per region at a time


class CloudWatchSource:
    """Fulfils `ports.intake.SignalSource`. `fetch` gets a page of SNS itself: a certificate, a confirmation."""

    def __init__(self, config: CloudWatchConfig, ids: Ids, fetch: Fetch) -> None:
        self._config = config
        self._ids = ids
        self._fetch = fetch
        self._certificates: OrderedDict[str, bytes] = OrderedDict()

    @property
    def name(self) -> str:
        """`cloudwatch`."""
        return "cloudwatch"

    @property
    def proves(self) -> bool:
        """Whether a topic is named."""
        return bool(self._config.topics)

    async def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:  # noqa: ARG002 - the port's
        """Whether it comes from one of our topics and SNS signed it. UnavailableError: the certificate did not come."""
        try:
            message = read_json(raw).object()
            if message.get("TopicArn") not in self._config.topics:
                return False
            address = message.get("SigningCertURL") or message.get("SigningCertUrl")
            if not isinstance(address, str) or not is_certificate(address):
                return False
            certificate = self._certificates.get(address) or await self._fetch(address)
            signed = is_signed(message, certificate, now)
        except InputError:
            return False
        if signed:
            self._keep(address, certificate)
        return signed

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Parsed:
        """The signal of an alarm, or the confirmation of a subscription as what is to be done. InputError."""
        message = read_json(raw)
        kind = message["Type"].text()
        if kind in CONFIRMATIONS:
            return self._confirmation(message, kind, headers, raw, now)
        if kind != NOTIFICATION:
            raise message["Type"].refused(
                "is no type of SNS message", "Subscribe this address to a topic, without raw message delivery."
            )
        said = said_of(_alarm(message["Message"]))
        if said is None:
            return Parsed(words="The alarm has too little data to say anything; nothing is done.")
        receipt = Receipt(source=self.name, tenant=tenant, now=now, new_id=self._ids.uuid)
        return apart([receipt.signal(said)])

    def _confirmation(self, message: Value, kind: str, headers: Mapping[str, str], raw: bytes, now: float) -> Parsed:
        topic, address = message["TopicArn"].text()[:300], message["SubscribeURL"].text()
        if kind != "SubscriptionConfirmation":
            return Parsed(words=f"The subscription to {topic} was ended.")
        if not is_of_sns(address):
            raise message["SubscribeURL"].refused(
                "is no address of SNS", "It is sns.<region>.amazonaws.com over https; nothing else is visited."
            )

        async def confirm() -> None:
            if not await self.verify(headers, raw, now):
                raise Unauthenticated(
                    f"The subscription to {topic} was not confirmed: SNS did not sign it, or the topic is not ours.",
                    fix="Add the topic's ARN to sns_topics, then request the confirmation again in SNS.",
                )
            await self._fetch(address)

        return Parsed(words=f"The subscription to {topic} is confirmed.", then=confirm)

    def _keep(self, address: str, certificate: bytes) -> None:
        self._certificates[address] = certificate
        self._certificates.move_to_end(address)
        while len(self._certificates) > MAX_CERTIFICATES:
            self._certificates.popitem(last=False)


def _alarm(message: Value) -> Value:
    """The alarm is JSON in a text; its fields stand below /Message."""
    text = message.text()
    try:
        alarm = read_json(text.encode("utf-8", "replace"))
    except InputError:
        raise message.refused(
            "is not the JSON of an alarm", "Let only CloudWatch alarms publish to this topic."
        ) from None
    return Value(alarm.content, "/Message")
