"""Which addresses a host name stands for, and whether they may be asked."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6052: the last 32 bits are an IPv4 address. (RFC 8215's local prefix 64:ff9b:1::/48 is private as a whole.)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# RFC 4291 section 2.5.5.1: the deprecated form of IPv4 within IPv6.
COMPATIBLE = ipaddress.IPv6Network("::/96")


class AddressError(Exception):
    """No address that may be asked; `reason` is a short phrase to count by."""

    def __init__(self, reason: str, words: str):
        super().__init__(f"{reason}: {words}")
        self.reason, self.words = reason, words


def addresses_of(host: str, port: int, *, allow_private: bool) -> list[str]:
    """Addresses to connect to, IPv4 first, in numeric order; none when any of the host's may not be asked.

    The resolver reads 2130706433, 0x7f.1 and 0177.0.0.1 as connecting would, so such spellings are judged by what they mean.

    Raises:
        AddressError: the host has no address, or one that is not public.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise AddressError("unknown host", f"{host}: {error}") from error
    addresses = sorted(
        {ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found}, key=lambda address: (address.version, int(address))
    )
    for address in addresses:
        if not allow_private and not all(is_public(meant) for meant in _meanings(address)):
            raise AddressError("private address", f"{host} is {address}")
    return [str(address) for address in addresses]


def is_public(address: Address) -> bool:
    """Whether an address is of the public Internet and of one machine (the IANA special-purpose registries, by `ipaddress`)."""
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _meanings(address: Address) -> Iterator[Address]:
    """The address, or the IPv4 addresses that it stands for or leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    elif address.sixtofour:
        yield address.sixtofour
    elif address.teredo:
        yield from address.teredo
    elif address in NAT64 or address in COMPATIBLE:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    else:
        yield address
