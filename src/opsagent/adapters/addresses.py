"""Which network addresses an outbound request may reach."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

# Where clouds hand out credentials to whoever asks: AWS, GCP, Azure, OpenStack (the first), ECS tasks and EKS pods,
# AWS over IPv6, Alibaba, Oracle (IMDS over 169.254 too), and the whole link-local range besides.
METADATA = tuple(
    ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "100.100.100.200/32", "168.63.129.16/32")
)
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: the IPv4 address stands in the last 32 bits
_SITE_LOCAL = ip_network("fec0::/10")  # RFC 3879: deprecated, still private where it is used
_COMPATIBLE = ip_network("::/96")  # RFC 4291 2.5.5.1: IPv4-compatible, deprecated


def refused(text: str, *, allow_private: bool, allow_link_local: bool = False) -> str:
    """Why this resolved address may not be reached, in words; empty when it may.

    An address that stands for another (IPv4-mapped, NAT64) is judged as that one; a tunnel (6to4, Teredo) as both its
    ends. Metadata services and link-local addresses are refused unless `allow_link_local`, whatever else is allowed;
    multicast and the unspecified address always.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return "is no address"
    for one in _reached(address):
        if any(one.version == network.version and one in network for network in METADATA):
            if allow_link_local:
                continue
            return "is link-local, or a cloud's metadata service"
        if one.is_multicast or one.is_unspecified or one == IPv4Address("255.255.255.255"):
            return "is multicast, broadcast or unspecified"
        if not allow_private and (not one.is_global or one.is_reserved or one in _SITE_LOCAL):
            return "is private or loopback"
    return ""


def _reached(address: Address) -> tuple[Address, ...]:
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address.sixtofour is not None:
        return (address, address.sixtofour)
    return (address, *(address.teredo or ()))
