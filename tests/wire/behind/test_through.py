"""A real Toxiproxy before the gate: bytes pass, connects are refused, and clients keep their names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from faultlab.faults import Refused
from faultlab.lab.history import (
    ConnClosed,
    ConnOpened,
    FaultArmed,
    ListenerMode,
    RequestStarted,
    ResponseComplete,
)

pytestmark = pytest.mark.wire


def test_a_request_passes_and_its_connection_is_the_clients(stage) -> None:
    """Attempts are joined to connections by the client's port, and Toxiproxy has one of its own."""
    client = stage.connect()
    client.ask()
    assert client.answer()[0] == 200
    assert [event.port for event in stage.of(ConnOpened)] == [client.port]
    client.close()
    assert [event.by for event in stage.see(ConnClosed)] == ["client"]


@pytest.mark.parametrize(
    ("live", "said"),
    [("close", "disabled in Toxiproxy"), ("keep", "packet filter: reject with RST")],
)
def test_a_new_connection_is_refused_until_the_fault_is_over(stage, live: str, said: str) -> None:
    """The port stays ours, and the heal is on the same port."""
    fault = stage.arm(Refused(service="core", live=live))
    assert stage.of(FaultArmed)[0].mechanism.startswith(f"listener {said}; ")
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            stage.dial()
    stage.clear(fault)
    client = stage.connect()
    client.ask()
    assert client.answer()[0] == 200
    assert [(event.mode, event.done) for event in stage.of(ListenerMode)] == [
        ("open", True),
        ("refusing", False),
        ("refusing", True),
        ("open", False),
        ("open", True),
    ]


def test_a_live_connection_is_closed(stage) -> None:
    """The lab's FIN is recorded before Toxiproxy passes it on."""
    client = stage.connect()
    client.ask()
    client.answer()
    stage.arm(Refused(service="core"))
    assert client.rest() == (b"", "fin")
    assert next((event.by, event.how) for event in stage.of(ConnClosed)) == ("lab", "fin")


def test_what_was_answered_arrives_before_toxiproxy_is_told_to_refuse(stage) -> None:
    """It drops what it still has, and the history has it as released."""
    body = b"x" * 200_000
    stage.backend.answers["/big"] = (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    client = stage.connect()
    client.ask("GET /big")
    stage.see(ResponseComplete)
    stage.arm(Refused(service="core"))
    data, end = client.rest()
    assert (data.partition(b"\r\n\r\n")[2], end) == (body, "fin")


def test_a_live_connection_is_kept(stage) -> None:
    """Toxiproxy's own way to refuse would end it."""
    client = stage.connect()
    stage.arm(Refused(service="core", live="keep"))
    client.ask()
    assert client.answer()[0] == 200


def test_a_waiting_client_is_reset(stage) -> None:
    """Toxiproxy would make a FIN of it."""
    client = stage.connect()
    stage.arm(Refused(service="core", live="reset"))
    assert client.rest() == (b"", "rst")


def test_two_hundred_connects_at_once_are_told_apart(stage) -> None:
    """Each answer says which client's connection the gate took it for."""
    clients = 200
    with ThreadPoolExecutor(16) as pool:
        dialled = [*pool.map(lambda _: stage.dial(), range(clients))]
    for number, client in enumerate(dialled):
        client.ask(f"GET /{number}")
    assert stage.served(clients)
    opened = {event.conn: event.port for event in stage.of(ConnOpened)}
    asked = {event.conn: event.target for event in stage.see(RequestStarted, clients)}
    told = [conn for conn, port in opened.items() if port]
    assert all(dialled[int(asked[conn][1:])].port == opened[conn] for conn in told)
    stage.call(stage.proxy.drain)
    # By their packets those of two processors may be nobody's to order; then it is said.
    assert len(told) == clients or stage.entrance.doubt.startswith("connects of several processors")
    assert len(told) == clients or not stage.told_by_output
