"""Seals a credential's value: AES-256-GCM, bound to the row it belongs to, under the first of several keys.

A sealed value moved to another row, or kept from an earlier version, does not open: tenant, id and version are its
associated data (a Fernet token has none, so it would open anywhere). A Fernet key is taken as key material: it is 32
bytes in URL-safe base64, and all of them are used.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from opsagent.domain.credential import Credential
from opsagent.errors import ConfigurationError

_FORMAT = b"\x01"
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12  # NIST SP 800-38D, 8.2
_NO_KEY = "Set CREDENTIAL_ENCRYPTION_KEY: 32 random bytes in URL-safe base64 (openssl rand -base64 32 | tr +/ -_)."


class Sealing:
    """`keys` are 32 bytes each: the first one seals, every one opens."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._first = _key_id(keys[0]) if keys else b""

    def seal(self, credential: Credential, values: Mapping[str, str]) -> bytes:
        """The encrypted values. ConfigurationError without a key."""
        if not self._ciphers:
            raise ConfigurationError("No credential is stored without an encryption key.", fix=_NO_KEY)
        nonce = os.urandom(_NONCE_BYTES)
        text = json.dumps(dict(values)).encode()
        sealed = self._ciphers[self._first].encrypt(nonce, text, _bound_to(credential))
        return _FORMAT + self._first + nonce + sealed

    def unseal(self, credential: Credential, sealed: bytes) -> dict[str, str]:
        """The values. ConfigurationError: no key here opens it, or it belongs to another credential."""
        start = 1 + _KEY_ID_BYTES
        cipher = self._ciphers.get(sealed[1:start])
        if cipher is None or sealed[:1] != _FORMAT:
            raise ConfigurationError(
                f"The credential {credential.name} is sealed with a key that is not here.",
                fix="Give the former key in credential_decryption_keys, or store the value again.",
            )
        nonce, text = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
        try:
            found: dict[str, str] = json.loads(cipher.decrypt(nonce, text, _bound_to(credential)))
        except InvalidTag as error:
            raise ConfigurationError(
                f"The stored value of {credential.name} is not its own, or was changed.",
                fix="Somebody wrote into the database. Look at the audit record, and store the value again.",
            ) from error
        return found

    def is_current(self, sealed: bytes) -> bool:
        """Whether it is sealed with the first key."""
        return sealed[1 : 1 + _KEY_ID_BYTES] == self._first


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"opsagent key id" + key).digest()[:_KEY_ID_BYTES]


def _bound_to(credential: Credential) -> bytes:
    return json.dumps(["credential", credential.tenant, credential.id, credential.version]).encode()
