"""What has no end, or is never read, or uses up the process: bounded, told, and got over."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from faultlab.faults import Latency, Partition, Status
from faultlab.lab.history import ConnClosed, ConnFull, ConnOpened, RequestStarted, Starved

pytestmark = pytest.mark.wire

KERNEL = 16 << 20  # bytes that the kernel's own buffers of both connections may take at most
HEAD = b"POST /x HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n"
GET = b"GET /state HTTP/1.1\r\n\r\n"


def flood(sock: socket.socket, data: bytes, most: int) -> int:
    """Send until nothing more is taken for a while; the bytes that were."""
    sock.settimeout(1.0)
    sent = 0
    try:
        while sent < most:
            sent += sock.send(data)
    except TimeoutError:
        pass
    return sent


@contextmanager
def descriptors(left: int) -> Iterator[None]:
    """So many more can be had in this process."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    probes = [os.dup(0) for _ in range(left + 1)]
    for probe in probes:
        os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(probes), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    "fault", [None, Latency(service="core", delay=60.0, direction="to_backend")]
)
def test_an_endless_request_is_taken_no_faster_than_it_goes_on(stage: Any, fault: Any) -> None:
    """A backend that reads nothing, or a delay: the client is held up, not the lab filled."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        stage.call(setattr, stage.proxy, "_upstream", deaf.getsockname())
        if fault is not None:
            stage.arm(fault)
        client = stage.connect().sock
        client.sendall(HEAD)
        assert flood(client, bytes(1 << 16), 64 << 20) < KERNEL + (8 << 20)
    assert [event.toward for event in stage.of(ConnFull)] == ["backend"] * (fault is not None)


@pytest.mark.parametrize("fault", [None, Latency(service="core", delay=60.0)])
def test_an_endless_answer_is_taken_no_faster_than_it_is_read(stage: Any, fault: Any) -> None:
    """The other way round."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stage.call(setattr, stage.proxy, "_upstream", listener.getsockname())
        if fault is not None:
            stage.arm(fault)
        stage.connect().send(GET)
        with listener.accept()[0] as server:
            assert server.recv(1 << 16) == GET
            server.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            assert flood(server, bytes(1 << 16), 64 << 20) < KERNEL + (8 << 20)
    assert [event.toward for event in stage.of(ConnFull)] == ["client"] * (fault is not None)


def test_a_partition_holds_so_much_and_no_more(stage: Any) -> None:
    """What is held is delivered after the heal, so it must be kept; the limit is told."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stage.call(setattr, stage.proxy, "_upstream", listener.getsockname())
        client = stage.connect()
        with listener.accept()[0] as server:
            number = stage.arm(Partition(service="core"))
            client.send(HEAD)
            sent = flood(client.sock, bytes(1 << 16), 64 << 20)
            assert sent < KERNEL + (8 << 20)
            assert [event.size for event in stage.see(ConnFull)] == [4 << 20]
            stage.clear(number)
            server.settimeout(10)
            arrived = 0
            while arrived < len(HEAD) + sent:
                arrived += len(server.recv(1 << 20))


def test_a_client_that_only_asks_is_answered_so_much_and_no_more(stage: Any) -> None:
    """The gate's own answers need no backend; they are made as the client reads them."""
    stage.arm(Status(service="core", code=503, body="x" * 1000))
    client = stage.connect()
    flood(client.sock, GET * 500, 32 << 20)
    assert len(stage.of(RequestStarted)) < 100_000
    client.sock.settimeout(10)
    assert client.answer()[0] == 503


def test_a_slow_reader_gets_all_of_an_answer_on_a_closing_connection(stage: Any) -> None:
    """The backend has closed long before; nothing of what it wrote may be dropped."""
    body = bytes(32 << 20)  # more than all buffers on the way
    stage.backend.answers["/big"] = b"HTTP/1.0 200 OK\r\n\r\n" + body
    stage.backend.then["/big"] = "fin"
    client = stage.connect()
    client.send(b"GET /big HTTP/1.0\r\n\r\n")
    assert client.sock.recv(10)
    time.sleep(3.0)  # longer than a closed connection lingers
    data, end = client.rest()
    assert (len(data), end) == (len(b"HTTP/1.0 200 OK\r\n\r\n") + len(body) - 10, "fin")


def test_without_descriptors_connections_wait_and_are_told_of(stage: Any) -> None:
    """The kernel has accepted them, so the client can't know; the history must."""
    before = stage.connect()
    before.ask()
    before.answer()
    later = socket.socket()
    later.settimeout(10)
    with descriptors(0):
        later.connect(("127.0.0.1", stage.proxy.port))
        short = stage.see(Starved)[0]
        assert (short.service, short.why, short.over) == ("core", "Too many open files", False)
        before.ask()
        assert before.answer()[0] == 200
    with later:
        later.sendall(GET)
        assert later.recv(1 << 16).startswith(b"HTTP/1.1 200")
    assert [event.over for event in stage.of(Starved, service="core")] == [False, True]


def test_without_a_descriptor_for_the_backend_the_connection_ends_with_the_reason(
    stage: Any,
) -> None:
    """It must not hang; the next one, when there are descriptors again, is served."""
    before = stage.connect()
    before.ask()
    before.answer()
    later = socket.socket()
    later.settimeout(10)
    with descriptors(1):
        later.connect(("127.0.0.1", stage.proxy.port))
        assert later.recv(1) == b""
    later.close()
    closed = stage.see(ConnClosed)[0]
    assert closed.why == "no connection to the backend: Too many open files"
    client = stage.connect()
    client.ask()
    assert client.answer()[0] == 200


def test_a_thousand_idle_connections_cost_nothing_but_descriptors(stage: Any) -> None:
    """Pools are kept open by many clients at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4500:
        pytest.skip(f"this process may have {soft} descriptors; 1,000 connections take 4,000")
    clients = [stage.dial() for _ in range(1000)]
    stage.see(ConnOpened, 1000)
    for client in clients[::100]:
        client.ask()
        assert client.answer()[0] == 200
    began = time.monotonic()
    stage.call(stage.proxy.fresh)
    assert clients[0].rest() == (b"", "fin")
    assert clients[-1].rest() == (b"", "fin")
    assert time.monotonic() - began < 5
