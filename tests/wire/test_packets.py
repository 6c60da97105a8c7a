"""Connects counted by the packets of the loopback: each once, whoever makes it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from faultlab.lab.history import AnyEvent, ConnectAttempted
from faultlab.lab.packets import PacketsError
from faultlab.lab.sockets.ttl import hear_nobody
from faultlab.lab.subjects.packets import Packets

pytestmark = pytest.mark.wire

CONNECTS = """
import socket, sys
for _ in range(int(sys.argv[2])):
    with socket.socket() as sock:
        sock.connect_ex(("127.0.0.1", int(sys.argv[1])))
"""


@pytest.fixture
def port() -> Iterator[socket.socket]:
    """A port of ours that refuses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


def number(port: socket.socket) -> int:
    """Of the port."""
    value: int = port.getsockname()[1]
    return value


class Counted:
    """The connects to one port."""

    def __init__(self, port: int) -> None:
        self.events: list[AnyEvent] = []
        self.start = time.monotonic()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            try:
                self.packets = Packets(
                    {port: "core"}, self.start, self.events.append, number(probe)
                )
            except PacketsError as error:
                pytest.skip(f"packets can't be captured here: {error}")

    def taken(self) -> list[AnyEvent]:
        """All so far."""
        self.packets.drain()
        return self.events


@pytest.fixture
def counted(port: socket.socket) -> Iterator[Counted]:
    """Its connects."""
    counted = Counted(number(port))
    with counted.packets.watching():
        yield counted


def test_a_refused_connect_of_another_process_is_seen_once(
    port: socket.socket, counted: Counted
) -> None:
    """No audit event tells of it, and no proxy."""
    before = time.monotonic() - counted.start
    run = [sys.executable, "-c", CONNECTS, str(number(port)), "3"]
    subprocess.run(run, check=True)
    events = counted.taken()
    assert [type(event) for event in events] == [ConnectAttempted] * 3
    times = [event.t for event in events]
    assert before < times[0] < times[1] < times[2] < time.monotonic() - counted.start


def test_a_connect_is_stamped_before_it_is_accepted(port: socket.socket, counted: Counted) -> None:
    """Its port joins it to what the proxy accepted, which is later."""
    port.listen()
    with socket.create_connection(("127.0.0.1", number(port))) as ours:
        accepted, _ = port.accept()
        at = time.monotonic() - counted.start
        accepted.close()
        (event,) = counted.taken()
        assert isinstance(event, ConnectAttempted)
        assert (event.service, event.port, event.local) == (
            "core",
            number(port),
            ours.getsockname()[1],
        )
        assert event.t < at


@pytest.mark.slow
def test_a_connect_in_the_dark_is_one_however_often_it_is_sent(
    port: socket.socket, counted: Counted
) -> None:
    """The kernel repeats a SYN that nobody answers after a second."""
    port.listen()
    hear_nobody(port)
    with socket.socket() as ours:
        ours.settimeout(1.2)
        with pytest.raises(TimeoutError):
            ours.connect(("127.0.0.1", number(port)))
    assert len(counted.taken()) == 1


def test_connects_to_other_ports_are_nobody_s_business(
    port: socket.socket, counted: Counted
) -> None:
    """Nor is what others do on this machine meanwhile."""
    with closing(socket.socket()) as other, socket.socket() as ours:
        other.bind(("127.0.0.1", 0))
        ours.connect_ex(other.getsockname())
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(b"x", ("127.0.0.1", number(port)))
    assert counted.taken() == []


@pytest.mark.slow
def test_a_storm_is_counted_to_the_last(port: socket.socket, counted: Counted) -> None:
    """A count that is nearly right is a guess."""
    runs = [
        subprocess.Popen([sys.executable, "-c", CONNECTS, str(number(port)), "2000"])
        for _ in range(2)
    ]
    assert [run.wait(60) for run in runs] == [0, 0]
    events = counted.taken()
    assert [type(event) for event in events] == [ConnectAttempted] * 4000
