"""Which Internet addresses may be asked for an image: public ones, and no other."""

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from blip2core.errors import IntakeError
from blip2core.file_names import safe_name

Resolve = Callable[[str], Sequence[str]]
"""Host name -> its IPv4 and IPv6 addresses."""
NAT64 = IPv6Network("64:ff9b::/96")
TUNNELS = (
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("2001::/32"),  # Teredo
    IPv6Network("64:ff9b:1::/48"),  # NAT64 inside one network
)
"""Addresses that carry another one inside, which a gateway would open."""


def resolve(host: str) -> list[str]:
    """Return the addresses that the system knows of a host. Raises OSError for an unknown one."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def public_addresses(host: str, resolve: Resolve = resolve) -> list[str]:
    """Return all addresses of a host. Raises IntakeError where one of them is not public, or there
    is none.

    One private address among public ones refuses the host: whoever wrote such a record means harm
    or the inside of a network.
    """
    try:
        found = list(resolve(host))
    except (OSError, UnicodeError) as error:
        raise IntakeError(f"The host {safe_name(host)} is not known; check the address.") from error
    if not found:
        raise IntakeError(f"The host {safe_name(host)} is not known; check the address.")
    if not all(is_public(address) for address in found):
        raise IntakeError(
            f"The host {safe_name(host)} is not on the public Internet; nothing is fetched from "
            "inside a network."
        )
    return found


def is_public(text: str) -> bool:
    """Return whether an address belongs to the public Internet, whatever way it is written."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if any(address in network for network in TUNNELS):
            return False
        if address in NAT64:
            return _is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.ipv4_mapped is not None:
            return _is_public(address.ipv4_mapped)
        if address.is_site_local:
            return False
    return _is_public(address)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)
