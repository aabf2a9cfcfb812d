"""Which addresses of the internet belong to one customer of a provider."""

from __future__ import annotations

import ipaddress

WIDER = 5
"""How many times what one network may do may be done from the wider one around it."""
_CUSTOMER, _SITE = 64, 48
"""Bits of the smallest network that a provider gives away in IPv6, and of the largest that it gives
to one site (RFC 6177): who has a /48 has 65,536 of the smallest.
"""


def network_of(address: str) -> str:
    """Return what a customer of a provider has: an IPv4 address, or an IPv6 network of 64 bits."""
    return networks_of(address)[0]


def networks_of(address: str) -> tuple[str, ...]:
    """Return `network_of`, and for IPv6 the network of 48 bits around it.

    What is counted for one network is counted for the wider one too, up to `WIDER` times as much:
    there may be other customers in it.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return (address,)
    if isinstance(found, ipaddress.IPv4Address):
        return (str(found),)
    if found.ipv4_mapped is not None:
        return (str(found.ipv4_mapped),)
    bare = int(found)  # without the name of an interface, as in fe80::1%eth0
    return tuple(str(ipaddress.IPv6Network((bare, bits), False)) for bits in (_CUSTOMER, _SITE))
