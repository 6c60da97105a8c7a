"""The networks of stubs that have hosts of their own, cut and joined (twin: the engine's part in docker).

`Cuts` of `backends/container.py` is the promise; `process.py` beside this file makes those hosts.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..backends.container import Contained, Told, Way
from ..environments.simulated.network import Network
from .soon import Soon

__all__ = ["VirtualCuts", "host_of"]

_PROXY = "proxy"
_NETWORK = "network"  # everybody else


def host_of(service: str) -> str:
    """The name of the host on which a service's stub has its processes."""
    return f"stub {service}"


class VirtualCuts:
    """What is cut in `network`. `proxies`: the name of the host on which the proxies are.

    `soon` tells when it is done.
    """

    def __init__(self, network: Network, proxies: str, soon: Soon) -> None:
        self._network = network
        self._soon = soon
        self._proxies = proxies
        self._cut: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
        self._before: dict[tuple[str, str], int] = {}

    def cut(self, service: str, peer: str, ways: tuple[Way, ...], told: Told) -> None:
        """Lose all between the service's host and this peer's, in these ways, from now on."""
        pairs = tuple(self._pairs(host_of(service), peer, ways))
        for source, target in pairs:
            self._network.partition(source, target, one_way=True)
        self._cut[service, peer] = pairs
        self._before[service, peer] = self._lost(pairs)
        self._soon(lambda: told(Contained()))

    def join(self, service: str, peer: str, told: Told) -> None:
        """Lose it no more."""
        pairs = self._cut.pop((service, peer), ())
        for source, target in pairs:
            self._network.heal(source, target, one_way=True)
        lost = self._lost(pairs) - self._before.pop((service, peer), 0)
        self._soon(lambda: told(Contained(lost=lost)))

    def _lost(self, pairs: tuple[tuple[str, str], ...]) -> int:
        return sum(self._network.lost(source, target) for source, target in pairs)

    def _pairs(self, host: str, peer: str, ways: tuple[Way, ...]) -> Iterator[tuple[str, str]]:
        others = [self._proxies] if peer == _PROXY else [host_of(peer)]
        if peer == _NETWORK:
            others = [name for name in self._network.hosts if name != host]
        for other in others:
            if "to_backend" in ways:
                yield (other, host)
            if "to_client" in ways:
                yield (host, other)
