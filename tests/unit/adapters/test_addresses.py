from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.addresses import refused


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses_may_be_reached(address: str) -> None:
    assert refused(address, allow_private=False) == ""


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "0.1.2.3",
            "240.0.0.1",
        ),
        *("fd12::1", "fec0::1", "192.0.2.1", "2001:db8::1", "198.18.0.1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1"),
    ],
)
def test_private_addresses_need_leave(address: str) -> None:
    assert refused(address, allow_private=False)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "100.64.0.1", "fd12::1", "::ffff:192.168.0.1"])
def test_private_addresses_may_be_reached_with_leave(address: str) -> None:
    assert refused(address, allow_private=True) == ""


@pytest.mark.parametrize(
    "address",
    [
        *(
            "169.254.169.254",
            "169.254.170.2",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fd00:ec2::254",
            "fe80::1%eth0",
        ),
        *(
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "0.0.0.0",  # noqa: S104 - refused here, not bound
            "::",
            "localhost",
            "",
        ),
    ],
)
def test_metadata_multicast_and_nonsense_are_never_reached(address: str) -> None:
    assert refused(address, allow_private=True)
    assert refused(address, allow_private=False)


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="127.0.0.0/8"))
def test_a_private_address_in_disguise_is_still_private(address: IPv4Address) -> None:
    number = int(address)
    disguises = [
        IPv6Address((0xFFFF << 32) | number),
        IPv6Address((0x0064FF9B << 96) | number),
        IPv6Address((0x2002 << 112) | (number << 80)),
    ]
    for disguise in disguises:
        assert refused(str(disguise), allow_private=False)


@pytest.mark.parametrize(
    "text", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "::ffff:169.254.0.1"]
)
def test_link_local_and_metadata_have_a_switch_of_their_own(text: str) -> None:
    assert refused(text, allow_private=True)
    assert not refused(text, allow_private=False, allow_link_local=True)
    assert refused("10.0.0.1", allow_private=False, allow_link_local=True)
    assert refused("0.0.0.0", allow_private=True, allow_link_local=True)  # noqa: S104 - the very address
