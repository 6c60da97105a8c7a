"""Which subnet a lab's network gets: an explicit one, since only then an address can be kept.

Pure. Out of 198.18.0.0/15, which is set aside for tests of networks (RFC 2544) and so is nobody's
route.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

__all__ = ["POOL", "free", "routed"]

POOL = IPv4Network("198.18.0.0/15")
_LENGTH = 24  # bits of a lab's subnet: as many containers as a lab can have


def free(taken: Iterable[IPv4Network], first: int) -> Iterator[IPv4Network]:
    """The subnets of the pool that overlap with none of these, from the `first`-th on, around."""
    known = tuple(taken)
    every = tuple(POOL.subnets(new_prefix=_LENGTH))
    begin = first % len(every)
    for one in (*every[begin:], *every[:begin]):
        if not any(one.overlaps(other) for other in known):
            yield one


def routed(table: str) -> Iterator[IPv4Network]:
    """The networks that this machine has routes to, from the text of /proc/net/route."""
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) < 8:
            continue
        address, mask = (int.from_bytes(bytes.fromhex(words[n]), "little") for n in (1, 7))
        if mask:  # the default route goes everywhere
            yield IPv4Network((address, mask.bit_count()))
