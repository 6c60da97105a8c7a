"""Which client each connection belongs to that Toxiproxy opens to the gate. Pure.

Toxiproxy accepts a client, dials the gate, and only then accepts the next: the k-th client that it
accepts on a port is the k-th connection that arrives for it. Whoever tells the clients says how sure
their order is: Toxiproxy itself is always right (`log.py`), packets captured on several processors
are not where they lie close together (`handshakes.py`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["Client", "Clients"]

CLOSE = 0.001  # seconds within which the order of packets of two processors is nobody's to know


@dataclass(frozen=True, slots=True)
class Client:
    """One client's connection to Toxiproxy: from where, and to which address of ours.

    `at`: when its handshake was complete, in seconds. `lane`: what orders it; clients of one lane
    are told in the order in which Toxiproxy accepts them.
    """

    address: str
    port: int
    dialled: str = "127.0.0.1"
    at: float = 0.0
    lane: int = 0


class Clients:
    """The clients of one port of Toxiproxy's that have not arrived at the gate yet.

    `doubt`: why some, or from here on all, can't be told; empty: none so far.
    """

    def __init__(self) -> None:
        self.doubt = ""
        self._lost = False
        self._waiting: deque[Client] = deque()
        self._unsure: set[Client] = set()

    @property
    def waiting(self) -> int:
        """How many have been accepted, or will be, and have not arrived."""
        return len(self._waiting)

    def told(self, client: Client) -> None:
        """A client's handshake is complete."""
        place = len(self._waiting)
        while place and self._waiting[place - 1].at > client.at:
            place -= 1
        self._waiting.insert(place, client)

    def failed(self, address: str, port: int) -> None:
        """Toxiproxy has accepted this client and could not dial the gate: it won't arrive."""
        for client in self._waiting:
            if (client.address, client.port) == (address, port):
                self._waiting.remove(client)
                self._unsure.discard(client)
                return

    def arrived(self) -> Client | None:
        """Whose connection has arrived now; None: that can't be told."""
        if not self._waiting:
            self.lose("a connection arrived that no client was seen to open")
        if self._lost:
            self._waiting.clear()
            return None
        first = self._waiting[0]
        rivals = [
            other
            for other in self._waiting
            if other.lane != first.lane and other.at - first.at < CLOSE
        ]
        if rivals:
            self.doubt = "connects of several processors lay too close together to be told apart"
            self._unsure.update((first, *rivals))
        self._waiting.popleft()
        if first in self._unsure:
            self._unsure.discard(first)
            return None
        return first

    def forget(self) -> None:
        """The port was closed: those that Toxiproxy had not accepted yet never arrive."""
        self._waiting.clear()
        self._unsure.clear()

    def lose(self, why: str) -> None:
        """From here on no order is known."""
        if not self._lost:
            self._lost = True
            self.doubt = why
