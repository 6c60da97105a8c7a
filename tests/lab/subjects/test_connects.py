import asyncio
import socket
from typing import Any, cast

import pytest
import uvloop

from faultlab.lab.history import AnyEvent, ConnectAttempted
from faultlab.lab.stamp import Stamp
from faultlab.lab.subjects.attribution import Current, attempt, current
from faultlab.lab.subjects.connects import UVLOOP, Connects, _Hook, known_on
from faultlab.lab.subjects.elsewhere import Address
from faultlab.lab.subjects.listeners import Listeners

OURS = ("127.0.0.1", 4000)


class Sock:
    """A socket that goes nowhere: `state` is its TCP state's number, 7 is closed."""

    def __init__(
        self,
        *,
        family: int = socket.AF_INET,
        kind: int = socket.SOCK_STREAM,
        timeout: float | None = None,
    ) -> None:
        self.family, self.type, self.timeout = family, kind, timeout
        self.state = 7
        self.port = 0

    def gettimeout(self) -> float | None:
        """None: blocking."""
        return self.timeout

    def getsockopt(self, level: int, option: int, length: int) -> bytes:
        """The first byte of TCP_INFO."""
        return bytes([self.state])

    def getsockname(self) -> tuple[str, int]:
        """Where it is bound."""
        return ("127.0.0.1", self.port)

    def bind(self, address: tuple[str, int]) -> None:
        """The kernel's choice."""
        if address != ("127.0.0.1", 0):
            raise OSError(address)
        self.port = 50001


def sock(**kinds: Any) -> Any:
    """A socket for the type checker."""
    return Sock(**kinds)


@pytest.fixture
def events() -> list[AnyEvent]:
    """What was noted."""
    return []


@pytest.fixture
def connects(events: list[AnyEvent]) -> Connects:
    """Connects to core on port 4000, at second 1."""
    stamp = Stamp(0.0, clock=lambda: 1.0, delay=lambda: 0.0)
    return Connects(Listeners({"core": "http://127.0.0.1:4000"}), stamp, events.append)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_connect_is_noted_with_its_local_port(
    connects: Connects, events: list[AnyEvent], host: str
) -> None:
    """By its port it is found, or missed, among what the proxy accepted."""
    connects.connecting(sock(), (host, 4000))
    assert events == [ConnectAttempted(t=1.0, service="core", port=4000, local=50001)]


def test_a_connect_belongs_to_the_operation_that_makes_it(
    connects: Connects, events: list[AnyEvent]
) -> None:
    """A refused connect has no header that could say so."""
    tokens = current.set(Current(3)), attempt.set(2)
    connects.connecting(sock(), OURS)
    current.reset(tokens[0])
    attempt.reset(tokens[1])
    assert [(event.op, event.attempt) for event in events] == [(3, 2)]


@pytest.mark.parametrize(
    ("other", "address"),
    [
        (sock(), ("127.0.0.1", 4001)),
        (sock(), ("10.0.0.1", 4000)),
        (sock(family=socket.AF_UNIX), "/run/x"),
        (sock(family=socket.AF_INET6), ("::1", 4000, 0, 0)),
        (sock(kind=socket.SOCK_DGRAM), OURS),
    ],
)
def test_other_connects_are_none(
    connects: Connects, events: list[AnyEvent], other: Any, address: object
) -> None:
    """Datagrams, Unix sockets and other addresses send no SYN to a service."""
    connects.connecting(other, address)
    assert events == []


def test_a_polled_connect_is_one(connects: Connects, events: list[AnyEvent]) -> None:
    """Five calls on a socket that is connecting are one SYN."""
    polled = sock(timeout=0.0)
    connects.connecting(polled, OURS)
    polled.state = 2  # SYN sent
    connects.connecting(polled, OURS)
    connects.connecting(polled, OURS)
    polled.state = 1  # established
    connects.connecting(polled, OURS)
    assert len(events) == 1


def test_the_call_that_fetches_a_refusal_is_no_new_connect(
    connects: Connects, events: list[AnyEvent]
) -> None:
    """Only the one after it tries again."""
    polled = sock(timeout=0.0)
    connects.connecting(polled, OURS)
    connects.connecting(polled, OURS)
    assert len(events) == 1
    connects.connecting(polled, OURS)
    assert len(events) == 2


def test_a_blocking_socket_connects_each_time(connects: Connects, events: list[AnyEvent]) -> None:
    """Its error was fetched by the call itself."""
    blocking = sock()
    connects.connecting(blocking, OURS)
    connects.connecting(blocking, OURS)
    assert len(events) == 2


def test_other_addresses_are_remembered(connects: Connects) -> None:
    """So that a client that ignores its URL can be told where it went."""
    connects.connecting(sock(), ("127.0.0.1", 8080))
    connects.connecting(sock(), ("127.0.0.1", 8080))
    connects.looked_up("orders.prod", 443)
    connects.looked_up(b"orders.test", 80)
    connects.looked_up("127.0.0.1", 80)
    connects.looked_up("localhost", 80)
    assert connects.elsewhere() == (
        Address("127.0.0.1", 8080),
        Address("orders.prod", 443),
        Address("orders.test", 80),
    )


def test_the_hook_raises_nothing(events: list[AnyEvent]) -> None:
    """What it raised would be raised by the subject's own connect."""

    def broken(_event: AnyEvent) -> None:
        raise ZeroDivisionError

    hook = _Hook(
        watches=(Connects(Listeners({"core": "http://127.0.0.1:4000"}), Stamp(0.0), broken),)
    )
    hook("socket.connect", (cast("Any", object()), OURS))
    hook("socket.connect", (sock(), OURS))
    hook("socket.getaddrinfo", ())
    hook("open", ("/dev/null", "r", 0))


def test_uvloop_hides_connects() -> None:
    """Then their number is unknown, and is never taken for none."""
    for kind, known in ((asyncio, "audit"), (uvloop, UVLOOP)):
        loop = kind.new_event_loop()
        loop.close()
        assert known_on(loop) == known


def test_a_connect_that_the_event_can_not_see_is_noted_without_a_port(
    connects: Connects, events: list[AnyEvent]
) -> None:
    """It is known that it was made, and not what it met."""
    connects.unseen("127.0.0.1", None)
    connects.unseen("127.0.0.1", 4001)
    assert (events, connects.known) == ([], "audit")
    connects.unseen("127.0.0.1", 4000)
    assert events == [ConnectAttempted(t=1.0, service="core", port=4000)]
    assert connects.known == UVLOOP
    assert connects.elsewhere() == (Address("127.0.0.1", 4001),)
