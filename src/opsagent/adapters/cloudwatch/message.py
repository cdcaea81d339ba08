"""Checks the signature of an SNS message, as SNS documents it.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime

from opsagent.errors import InputError

NOTIFICATION = "Notification"
CONFIRMATIONS = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})
_OF_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_OF_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def signed_text(message: Mapping[str, object]) -> bytes:
    """What was signed: name and value of these fields, a line each, in this order; absent ones are left out."""
    names = _OF_NOTIFICATION if message.get("Type") == NOTIFICATION else _OF_CONFIRMATION
    present = ((name, message.get(name)) for name in names)
    return "".join(f"{name}\n{value}\n" for name, value in present if isinstance(value, str)).encode("utf-8", "replace")


def is_signed(message: Mapping[str, object], certificate: bytes, now: float) -> bool:
    """Whether the certificate's key made the signature and the certificate is in its time.

    Version 1 is SHA-1, which AWS still uses by default, version 2 SHA-256. InputError for what is no certificate.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        found = x509.load_pem_x509_certificate(certificate)
        key = found.public_key()
        signature = base64.b64decode(str(message.get("Signature", "")), validate=True)
    except (ValueError, TypeError, binascii.Error, x509.InvalidVersion):
        raise InputError("What SNS signs with could not be read.", fix="Send the message as SNS made it.") from None
    at = datetime.fromtimestamp(now, UTC)
    if not isinstance(key, rsa.RSAPublicKey) or not found.not_valid_before_utc <= at <= found.not_valid_after_utc:
        return False
    version = message.get("SignatureVersion")
    if version not in {"1", "2"}:
        return False
    algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - version 1 of SNS is SHA-1
    try:
        key.verify(signature, signed_text(message), padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True
