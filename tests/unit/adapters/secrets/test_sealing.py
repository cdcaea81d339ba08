"""A sealed credential opens under its own name, id and version, and under a key that is here; nothing else."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.secrets.sealing import Sealing
from opsagent.domain.credential import Credential, CredentialKind
from opsagent.errors import ConfigurationError

KEY = os.urandom(32)
ROW = Credential(id="c1", tenant="acme", name="db", kind=CredentialKind.TOKEN)
VALUES = {"token": "hunter2-s3cret"}


def test_it_opens_what_it_sealed() -> None:
    sealed = Sealing([KEY]).seal(ROW, VALUES)
    assert b"hunter2" not in sealed
    assert Sealing([KEY]).unseal(ROW, sealed) == VALUES


@pytest.mark.parametrize("other", [{"id": "c2"}, {"tenant": "evil"}, {"version": 2}])
def test_a_value_moved_to_another_row_does_not_open(other: dict[str, object]) -> None:
    sealed = Sealing([KEY]).seal(ROW, VALUES)
    with pytest.raises(ConfigurationError, match="not its own"):
        Sealing([KEY]).unseal(replace(ROW, **other), sealed)


def test_a_former_key_opens_and_the_present_one_seals() -> None:
    sealed = Sealing([KEY]).seal(ROW, VALUES)
    both = Sealing([os.urandom(32), KEY])
    assert both.unseal(ROW, sealed) == VALUES
    assert not both.is_current(sealed)
    assert both.is_current(both.seal(ROW, VALUES))


def test_without_its_key_it_stays_closed() -> None:
    sealed = Sealing([KEY]).seal(ROW, VALUES)
    with pytest.raises(ConfigurationError, match="a key that is not here"):
        Sealing([os.urandom(32)]).unseal(ROW, sealed)
    with pytest.raises(ConfigurationError, match="without an encryption key"):
        Sealing([]).seal(ROW, VALUES)


def test_a_fernet_key_is_key_material() -> None:
    import base64

    key = base64.urlsafe_b64decode(Fernet.generate_key())
    assert Sealing([key]).unseal(ROW, Sealing([key]).seal(ROW, VALUES)) == VALUES


@given(st.integers(min_value=0, max_value=10_000), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_is_noticed(position: int, flip: int) -> None:
    sealed = bytearray(Sealing([KEY]).seal(ROW, VALUES))
    sealed[position % len(sealed)] ^= flip
    with pytest.raises(ConfigurationError):
        Sealing([KEY]).unseal(ROW, bytes(sealed))
