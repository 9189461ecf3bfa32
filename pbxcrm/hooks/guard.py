"""Where we may connect to: decided for each socket, on the address it is about to be connected to.

A name, a redirect or a rebinding DNS answer can say what it likes: aiohttp asks this for every address it tries,
literal ones too (a resolver of our own would not be asked for those).
"""

import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from pbxcrm.crm.webhooks import PORTS

# Addresses that carry an IPv4 address: it is the one that is reached. (RFC 6052 NAT64, RFC 4291 mapped, RFC 3056 6to4)
_NAT64 = IPv6Network("64:ff9b::/96")
_MAPPED = IPv6Network("::ffff:0:0/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_UNICAST = IPv6Network("2000::/3")  # all that is given out (IANA); what else looks global is translation or history
_RELAYS = ip_address("192.88.99.0").packed[:3]  # 6to4 relays, anycast: whoever is near


class ForbiddenAddress(OSError):  # noqa: N818
    """Not public, and not named by the operator. Nothing was sent."""


def public(address: IPv4Address | IPv6Address) -> bool:
    """Whether this is somewhere in the public internet, and reaches nothing of ours by another way of writing it."""
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return public(inner)
        return address in _UNICAST and address.is_global and not address.is_reserved
    if address.packed[:3] == _RELAYS:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64 or address in _MAPPED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour if address in _SIX_TO_FOUR else None


class Guard:
    """Makes the sockets of one connector. `named`: the operator named the receiver, so that it may be a private one."""

    def __init__(self, ports: Collection[int] = PORTS, *, named: bool = False) -> None:
        self._ports = ports
        self._named = named

    def allows(self, host: str, port: int) -> bool:
        """Whether a socket may be connected to this address. One with an interface (`%eth0`) is no public one."""
        if self._named:
            return True
        try:
            return port in self._ports and "%" not in host and public(ip_address(host))
        except ValueError:
            return False

    def __call__(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """A socket for an address that is allowed. Raises ForbiddenAddress, before a packet leaves."""
        family, kind, protocol, _, where = addr_info
        if family not in (socket.AF_INET, socket.AF_INET6) or not self.allows(where[0], where[1]):
            raise ForbiddenAddress("not a public address")
        return socket.socket(family, kind, protocol)
