"""Connects as the interpreter's audit event tells them, and tags, on real sockets."""

from __future__ import annotations

import asyncio
import errno
import http.client
import select
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import requests

from faultlab.lab.frames import Batch, Frames
from faultlab.lab.history import AnyEvent, AttemptBegun, ConnectAttempted
from faultlab.lab.stamp import Stamp
from faultlab.lab.subjects.feed import Feed
from faultlab.lab.subjects.listeners import Listeners
from faultlab.lab.subjects.recording import Watch

pytestmark = pytest.mark.wire


class Watched:
    """This process watched: connects to `port`, which refuses until it listens."""

    def __init__(self) -> None:
        self.held = socket.socket()
        self.held.bind(("127.0.0.1", 0))
        self.port: int = self.held.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._ours, theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._frames = Frames()
        self.channel = Feed(theirs)
        self.watch = Watch()
        self.watch.start(
            Listeners({"orders": f"http://127.0.0.1:{self.port}"}), self.channel, Stamp(0.0)
        )

    def events(self) -> list[AnyEvent]:
        """What was recorded since the last time."""
        self.channel.flush()
        events: list[AnyEvent] = []
        try:
            while True:
                for frame in self._frames.feed(self._ours.recv(65536)):
                    if isinstance(frame, Batch):
                        events += frame.events
        except BlockingIOError:
            return events

    def arrives(self) -> bool:
        """Whether something is sent before long."""
        return bool(select.select([self._ours], [], [], 10.0)[0])

    def connects(self) -> list[ConnectAttempted]:
        """The connects among them."""
        return [event for event in self.events() if isinstance(event, ConnectAttempted)]

    def close(self) -> None:
        """Stop watching."""
        self.watch.stop()
        self.channel.close()
        self._ours.close()
        self.held.close()


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Watching, until the test is over."""
    it = Watched()
    yield it
    it.close()


def by_httpx(it: Watched) -> None:
    """A sync client."""
    with httpx.Client(trust_env=False) as client:
        client.get(it.url)


def by_async_httpx(it: Watched) -> None:
    """An async one."""

    async def once() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get(it.url)

    asyncio.run(once())


def by_requests(it: Watched) -> None:
    """urllib3, and so http.client."""
    with requests.Session() as session:
        session.trust_env = False
        session.get(it.url)


def by_http_client(it: Watched) -> None:
    """The standard library's."""
    connection = http.client.HTTPConnection("127.0.0.1", it.port)
    try:
        connection.request("GET", "/")
    finally:
        connection.close()


def by_pool(it: Watched) -> None:
    """In a thread that is not the operation's own."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(by_http_client, it).result()


CLIENTS = [by_httpx, by_async_httpx, by_requests, by_http_client, by_pool]


@pytest.mark.parametrize("call", CLIENTS)
def test_a_refused_connect_is_one_attempt_of_its_operation(
    watched: Watched, call: Callable[[Watched], None]
) -> None:
    """It reaches no proxy: this event is all there is to count."""
    with pytest.raises(Exception, match=r".") as caught, watched.watch.operation(3, "read"):
        call(watched)
    assert isinstance(caught.value, OSError | httpx.ConnectError)
    events = watched.events()
    connects = [event for event in events if isinstance(event, ConnectAttempted)]
    assert [(it.op, it.attempt, it.service, it.port) for it in connects] == [
        (3, 1, "orders", watched.port)
    ]
    assert connects[0].local > 0
    assert len([event for event in events if isinstance(event, AttemptBegun)]) == 1


@pytest.mark.parametrize("call", CLIENTS)
def test_a_tag_reaches_the_wire(watched: Watched, call: Callable[[Watched], None]) -> None:
    """The connect's local port is the one that the other side sees."""
    watched.held.listen()
    seen: list[object] = []

    def serve() -> None:
        accepted, (_, port) = watched.held.accept()
        with accepted:
            head = accepted.recv(65536).decode().lower()
            seen.extend([port, "\r\nx-faultlab-op: 5.1\r\n" in head])
            accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    server = threading.Thread(target=serve)
    server.start()
    with watched.watch.operation(5, "read"):
        call(watched)
    server.join()
    assert seen == [watched.connects()[0].local, True]


def test_outside_an_operation_only_the_connect_is_recorded(watched: Watched) -> None:
    """A test without an adapter counts its attempts too; its requests go out as they are."""
    with pytest.raises(httpx.ConnectError):
        by_httpx(watched)
    events = watched.events()
    assert [(type(it), it.op) for it in events] == [(ConnectAttempted, None)]


def test_a_connect_is_sent_without_being_asked_for(watched: Watched) -> None:
    """A test may wait for the moment in which its fault first acts."""
    with pytest.raises(httpx.ConnectError):
        by_httpx(watched)
    assert watched.arrives()


def test_a_connect_that_is_polled_is_one(watched: Watched) -> None:
    """Asking again how it goes on sends nothing."""
    with socket.socket() as sock:
        sock.setblocking(False)
        codes = [sock.connect_ex(("127.0.0.1", watched.port)) for _ in range(2)]
    assert codes == [errno.EINPROGRESS, errno.ECONNREFUSED]
    assert len(watched.connects()) == 1


def test_a_blocking_socket_that_tries_again_is_two(watched: Watched) -> None:
    """Each call sends its own SYN."""
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", watched.port)) == errno.ECONNREFUSED
        assert sock.connect_ex(("127.0.0.1", watched.port)) == errno.ECONNREFUSED
    assert len(watched.connects()) == 2


def test_ten_operations_at_once_keep_their_connects(watched: Watched) -> None:
    """Each refused connect belongs to the operation that made it."""

    async def one(client: httpx.AsyncClient, op: int) -> None:
        with pytest.raises(httpx.ConnectError), watched.watch.operation(op, "read"):
            await client.get(watched.url)

    async def ten() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            await asyncio.gather(*(one(client, op) for op in range(1, 11)))

    asyncio.run(ten())
    connects = watched.connects()
    assert sorted((it.op, it.attempt) for it in connects) == [(op, 1) for op in range(1, 11)]
    assert len({it.local for it in connects}) == 10


def test_after_the_watch_nothing_is_seen(watched: Watched) -> None:
    """The hook stays for good, and has nobody to tell."""
    watched.watch.stop()
    with pytest.raises(httpx.ConnectError):
        by_httpx(watched)
    assert watched.events() == []
