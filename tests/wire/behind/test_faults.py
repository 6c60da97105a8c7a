"""Faults that Toxiproxy would make something else of: what a naive client sees of them behind it."""

from __future__ import annotations

import socket
import struct

import pytest

from faultlab.faults import Cut, Partition, Stale, Stall
from faultlab.lab.history import ConnClosed, ConnOpened, FaultArmed, FaultFired, ListenerMode
from faultlab.lab.proxy.proxy import FaultRefused

pytestmark = pytest.mark.wire

TCP_INFO_UNACKED = 24  # where `tcpi_unacked` stands in `struct tcp_info` of <linux/tcp.h>
BODY = b"x" * 300_000


def unacknowledged(client) -> int:
    """Segments that the client sent and the other side's kernel never answered."""
    info = client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int(struct.unpack_from("I", info, TCP_INFO_UNACKED)[0])


@pytest.mark.parametrize(
    "fault",
    [
        Partition(service="core"),
        Partition(service="core", live="keep"),
        Stall(service="core", at="connect"),
    ],
)
def test_a_new_connection_stays_unanswered_until_the_heal(stage, fault) -> None:
    """Toxiproxy itself would accept it."""
    number = stage.arm(fault)
    with pytest.raises(TimeoutError):
        stage.dial(0.1)
    assert stage.of(FaultArmed)[0].mechanism.startswith("listener packet filter: drop; ")
    stage.clear(number)
    client = stage.connect()
    client.ask()
    assert client.answer()[0] == 200
    assert [event.port for event in stage.of(ConnOpened)] == [client.port]


def test_an_unplugged_connection_is_silent_to_its_kernel_too(stage) -> None:
    """Not even an ACK; after the heal what was sent arrives."""
    client = stage.connect()
    client.ask("GET /before")
    client.answer()
    fault = stage.arm(Partition(service="core", live="unplugged"))
    client.ask("GET /lost")
    assert client.silent(0.05)
    assert unacknowledged(client) == 1
    assert stage.of(FaultFired)[0].heard is False
    stage.clear(fault)
    assert client.answer()[0] == 200
    assert stage.served(2) == ["GET /before", "GET /lost"]


def test_a_body_is_cut_by_rst_behind_what_was_delivered(stage) -> None:
    """The client has the bytes that the history says it has, and then a true RST."""
    stage.backend.answers["/big"] = (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
    )
    stage.arm(Cut(service="core", at="response_body", bytes=200_000, by="rst"))
    client = stage.connect()
    client.ask("GET /big")
    data, end = client.rest()
    assert end == "rst"
    assert len(data.partition(b"\r\n\r\n")[2]) == 200_000
    closed = stage.see(ConnClosed)[0]
    assert (closed.by, closed.how, closed.sent) == ("lab", "rst", len(data))


@pytest.mark.parametrize(("by", "end"), [("rst", "rst"), ("fin", "fin")])
def test_a_request_is_cut(stage, by, end: str) -> None:
    """The end is the fault's, and not Toxiproxy's."""
    stage.arm(Cut(service="core", at="request_complete", by=by))
    client = stage.connect()
    client.ask()
    assert client.rest() == (b"", end)
    assert stage.backend.requests == []


def test_a_stale_connection_is_reset(stage) -> None:
    """While nothing is under way on it."""
    client = stage.connect()
    client.ask()
    client.answer()
    stage.arm(Stale(service="core", at="idle", idle=0.0, by="rst"))
    assert client.rest() == (b"", "rst")


def test_one_fault_after_the_other_never_opens_the_port_in_between(stage) -> None:
    """Each mode is told, before and after."""
    first = stage.arm(Stall(service="core", at="connect"))
    stage.clear(first)
    stage.arm(Partition(service="core"))
    with pytest.raises(TimeoutError):
        stage.dial(0.05)
    modes = [(event.mode, event.done) for event in stage.of(ListenerMode)]
    assert modes == [
        ("open", True),
        *[("dark", False), ("dark", True), ("open", False), ("open", True)],
        *[("dark", False), ("dark", True)],
    ]


def test_what_needs_a_right_that_is_missing_is_refused_by_name(stage) -> None:
    """Done by other means it would be another fault."""
    stage.fronts[0].missing = {"reset": "no right", "filter": "no filter"}
    for fault, why in [
        (Partition(service="core"), "`partition`: connects can't be left unanswered .*: no filter"),
        (
            Cut(service="core", at="accept", by="rst"),
            "`cut`: no connection can be reset .*: no right",
        ),
    ]:
        with pytest.raises(FaultRefused, match=why):
            stage.arm(fault)
    stage.arm(Cut(service="core", at="accept"))
