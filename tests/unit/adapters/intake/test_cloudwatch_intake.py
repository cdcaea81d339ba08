"""CloudWatch by SNS: only what SNS signed for one of our topics, and only SNS' own addresses are visited."""

from __future__ import annotations

import base64
import datetime as dt
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.clock import SystemIds
from opsagent.adapters.cloudwatch.addresses import is_certificate, is_of_sns
from opsagent.adapters.cloudwatch.config import CloudWatchConfig
from opsagent.adapters.cloudwatch.source import CloudWatchSource
from opsagent.domain.priority import Priority
from opsagent.domain.ticket import SignalStatus
from opsagent.errors import InputError, Unauthenticated, UnavailableError

FIXTURES = Path(__file__).parents[3] / "fixtures" / "cloudwatch"
NOW = 1_795_217_000.0
TOPIC = "arn:aws:sns:eu-central-1:123456789012:opsagent"
CERTIFICATE = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NOTIFIED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMED = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, days: int = 30) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    at = dt.datetime.fromtimestamp(NOW, dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(at - dt.timedelta(days=60))
        .not_valid_after(at + dt.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


@dataclass
class Sns:
    """What SNS has at its addresses, and which were visited."""

    pages: dict[str, bytes] = field(default_factory=lambda: {CERTIFICATE: certificate(KEY)})
    visited: list[str] = field(default_factory=list)

    async def __call__(self, address: str) -> bytes:
        self.visited.append(address)
        if address not in self.pages:
            raise UnavailableError("SNS answered 404.", fix="Look.")
        return self.pages[address]


def source(sns: Sns | None = None, *topics: str) -> CloudWatchSource:
    return CloudWatchSource(CloudWatchConfig(topics=topics or (TOPIC,)), SystemIds(), sns or Sns())


def message(file: str, **changes: object) -> dict[str, object]:
    return json.loads((FIXTURES / file).read_text()) | changes


def signed(found: dict[str, object], key: rsa.RSAPrivateKey = KEY) -> bytes:
    """Signs as SNS does, written anew here from its documentation."""
    names = NOTIFIED if found["Type"] == "Notification" else CONFIRMED
    text = "".join(f"{name}\n{found[name]}\n" for name in names if found.get(name) is not None)
    algorithm = hashes.SHA256() if found["SignatureVersion"] == "2" else hashes.SHA1()  # noqa: S303 - version 1
    found["Signature"] = base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), algorithm)).decode()
    return json.dumps(found).encode()


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("file", ["alarm.json", "confirmation.json"])
async def test_what_sns_signed_is_proven_and_its_certificate_is_kept(file: str, version: str) -> None:
    sns = Sns()
    way_in = source(sns)
    assert way_in.proves
    raw = signed(message(file, SignatureVersion=version))
    assert await way_in.verify({}, raw, NOW)
    assert await way_in.verify({}, raw, NOW)
    assert sns.visited == [CERTIFICATE]


async def test_a_message_without_a_subject_is_signed_without_it() -> None:
    found = message("alarm.json")
    del found["Subject"]
    assert await source().verify({}, signed(found), NOW)


@pytest.mark.parametrize("name", ["Message", "MessageId", "Subject", "Timestamp", "Type"])
async def test_any_change_undoes_the_proof(name: str) -> None:
    found = json.loads(signed(message("alarm.json")))
    found[name] = f"{found[name]}x"
    assert not await source().verify({}, json.dumps(found).encode(), NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"TopicArn": TOPIC.replace("opsagent", "somebody-elses")},
        {"TopicArn": [TOPIC]},
        {"SigningCertURL": "https://sns.eu-central-1.amazonaws.com.evil.example/x.pem"},
        {"SigningCertURL": None},
        {"SignatureVersion": "3"},
        {"SignatureVersion": 2},
    ],
)
async def test_what_is_not_ours_is_not_proven_and_nothing_is_fetched(changes: dict[str, object]) -> None:
    sns = Sns()
    raw = signed(message("alarm.json", **changes))
    assert not await source(sns).verify({}, raw, NOW)
    assert "SignatureVersion" in changes or not sns.visited


async def test_another_key_or_an_old_certificate_proves_nothing() -> None:
    raw = signed(message("alarm.json"), OTHER)
    assert not await source().verify({}, raw, NOW)
    raw = signed(message("alarm.json"))
    for page in (certificate(KEY, days=-1), certificate(ec.generate_private_key(ec.SECP256R1())), b"", b"no PEM"):
        assert not await source(Sns({CERTIFICATE: page})).verify({}, raw, NOW)
    unknown = signed(message("alarm.json"))
    assert not await CloudWatchSource(CloudWatchConfig(), SystemIds(), Sns()).verify({}, unknown, NOW)


async def test_what_proved_nothing_is_not_kept() -> None:
    sns = Sns({CERTIFICATE: b"an error page"})
    way_in, raw = source(sns), signed(message("alarm.json"))
    assert not await way_in.verify({}, raw, NOW)
    sns.pages[CERTIFICATE] = certificate(KEY)
    assert await way_in.verify({}, raw, NOW)


async def test_a_certificate_that_does_not_come_is_said_so_that_sns_tries_again() -> None:
    with pytest.raises(UnavailableError):
        await source(Sns({})).verify({}, signed(message("alarm.json")), NOW)


def test_an_alarm_and_its_end() -> None:
    (fired,) = source().parse("acme", {}, (FIXTURES / "alarm.json").read_bytes(), NOW).signals
    (over,) = source().parse("acme", {}, (FIXTURES / "ok.json").read_bytes(), NOW).signals
    assert (fired.name, fired.priority, fired.status) == ("orders-queue-depth", Priority.HIGH, SignalStatus.FIRING)
    assert fired.labels["QueueName"] == "orders"
    assert fired.labels["account"] == "123456789012"
    assert "812.0" in fired.description
    assert over.status is SignalStatus.RESOLVED
    assert over.fingerprint == fired.fingerprint
    assert over.delivery != fired.delivery
    assert not source().parse("acme", {}, (FIXTURES / "insufficient.json").read_bytes(), NOW).signals


async def test_a_subscription_is_confirmed_at_sns_and_only_when_sns_asks_for_our_topic() -> None:
    raw = signed(message("confirmation.json"))
    address = str(message("confirmation.json")["SubscribeURL"])
    sns = Sns({CERTIFICATE: certificate(KEY), address: b"<ConfirmSubscriptionResponse/>"})
    parsed = source(sns).parse("acme", {}, raw, NOW)
    assert not sns.visited, "reading visits nothing"
    assert parsed.then is not None
    await parsed.then()
    assert sns.visited == [CERTIFICATE, address]
    elsewhere = source(sns, TOPIC.replace("opsagent", "other")).parse("acme", {}, raw, NOW)
    assert elsewhere.then is not None
    with pytest.raises(Unauthenticated):
        await elsewhere.then()
    unsigned = source(sns).parse("acme", {}, (FIXTURES / "confirmation.json").read_bytes(), NOW)
    assert unsigned.then is not None
    with pytest.raises(Unauthenticated):
        await unsigned.then()
    assert sns.visited.count(address) == 1


@pytest.mark.parametrize(
    ("found", "pointer"),
    [
        (message("confirmation.json", SubscribeURL="https://sns.eu-central-1.amazonaws.com.evil.example/"),
         "/SubscribeURL"),
        (message("confirmation.json", SubscribeURL="http://169.254.169.254/latest/meta-data"), "/SubscribeURL"),
        (message("alarm.json", Message="Hello"), "/Message"),
        (message("alarm.json", Message="{}"), "/Message/AlarmName"),
        (message("alarm.json", Message='{"AlarmName": "x", "NewStateValue": "odd"}'), "/Message/NewStateValue"),
        (message("alarm.json", Type="Odd"), "/Type"),
        ({"AlarmName": "x"}, "/Type"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(found: dict[str, object], pointer: str) -> None:
    with pytest.raises(InputError) as caught:
        source().parse("acme", {}, json.dumps(found).encode(), NOW)
    assert caught.value.extra["pointer"] == pointer


GOOD = "https://sns.us-gov-west-1.amazonaws.com/x.pem", "https://sns.cn-north-1.amazonaws.com.cn/a/b.pem"
BAD = (
    "http://sns.eu-central-1.amazonaws.com/x.pem",
    "https://sns.eu-central-1.amazonaws.com:8443/x.pem",
    "https://me@sns.eu-central-1.amazonaws.com/x.pem",
    "https://sns.eu-central-1.amazonaws.com.cn.evil.example/x.pem",
    "https://evil.example/sns.eu-central-1.amazonaws.com/x.pem",
    "https://sns.eu-central-1.amazonaws.com@evil.example/x.pem",
    "https://evil.example\\@sns.eu-central-1.amazonaws.com/x.pem",
    "https://evil.example#@sns.eu-central-1.amazonaws.com/x.pem",
    "https://s3.eu-central-1.amazonaws.com/x.pem",
    "https://sns.x.amazonaws.com/x.pem",
    "https://SNS.eu-central-1.amazonaws.com\n/x.pem",
    "https://[::1]/x.pem",
    "https://[x.pem",
    "",
)


@pytest.mark.parametrize("address", GOOD)
def test_addresses_of_sns(address: str) -> None:
    assert is_certificate(address)
    assert is_of_sns(address.replace(".pem", "?Action=ConfirmSubscription"))
    assert not is_certificate(address.replace(".pem", ".html"))


@pytest.mark.parametrize("address", BAD)
def test_addresses_of_others(address: str) -> None:
    assert not is_of_sns(address)


@given(st.text(max_size=60) | st.text(max_size=20).map(lambda part: f"https://{part}.amazonaws.com/x.pem"))
def test_any_address_is_judged(address: str) -> None:
    if is_of_sns(address):
        assert address.startswith("https://sns.")
