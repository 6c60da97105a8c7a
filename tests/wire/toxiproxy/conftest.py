"""A server that speaks Toxiproxy, and bare sockets on both sides of its proxies.

The same bodies run against the lab's server, in both of its ways, and, as slow ones, against the real
one; where they differ on purpose, lab/toxiproxy/differences.py says so as data. The real one is the
program `toxiproxy-server` on PATH, or what the environment variable FAULTLAB_TOXIPROXY names.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import httpx
import pytest

from faultlab.lab.environments.toxiproxy import found
from faultlab.lab.errors import SetupError
from faultlab.lab.mortal import die_with
from faultlab.lab.sockets import RealNet
from faultlab.lab.toxiproxy.api import Api
from faultlab.lab.toxiproxy.differences import Difference, Way
from faultlab.lab.toxiproxy.proxy import Options, Proxies
from faultlab.lab.toxiproxy.server import Server as HttpServer

LIMIT = 10.0  # seconds after which a test that still waits has failed


@dataclass
class Peer:
    """One end of a connection, blocking."""

    sock: socket.socket

    @property
    def port(self) -> int:
        """Its own port."""
        return int(self.sock.getsockname()[1])

    def send(self, data: bytes) -> None:
        """These bytes."""
        self.sock.sendall(data)

    def fin(self) -> None:
        """Half-close."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def take(self, count: int) -> bytes:
        """Exactly so many bytes."""
        data = b""
        while len(data) < count:
            more = self.sock.recv(min(1 << 20, count - len(data)))
            assert more, f"ended after {len(data)} of {count} bytes"
            data += more
        return data

    def rest(self) -> tuple[bytes, str]:
        """Everything until the end, and which end it was."""
        data = b""
        try:
            while more := self.sock.recv(1 << 20):
                data += more
        except ConnectionResetError:
            return data, "rst"
        return data, "fin"

    def silent(self, seconds: float) -> bool:
        """Whether nothing comes for so long, not even an end."""
        self.sock.settimeout(seconds)
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        except ConnectionResetError:
            return False
        finally:
            self.sock.settimeout(LIMIT)
        return False


class Upstream:
    """A listening socket whose connections the test plays by hand."""

    def __init__(self) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.settimeout(LIMIT)
        self.peers: list[Peer] = []

    @property
    def address(self) -> str:
        """For a proxy's `upstream`."""
        return f"127.0.0.1:{self.sock.getsockname()[1]}"

    def accept(self) -> Peer:
        """The next connection."""
        sock, _ = self.sock.accept()
        sock.settimeout(LIMIT)
        self.peers.append(Peer(sock))
        return self.peers[-1]

    def close(self) -> None:
        """All of it."""
        for peer in self.peers:
            peer.sock.close()
        self.sock.close()


@dataclass
class Server:
    """A control API, and clients of its proxies."""

    url: str
    way: Way
    http: httpx.Client
    said: list[str] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    upstreams: list[Upstream] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Of the control API."""
        return int(self.url.rpartition(":")[2])

    def of(self, difference: Difference) -> str:
        """What this server does where they differ."""
        return difference.of(self.way)

    def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """One call that must end in `status`; its JSON, if it has any."""
        raw = {"content": body} if isinstance(body, str | bytes) else {"json": body}
        response = self.http.request(method, path, **({} if body is None else raw))
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def upstream(self) -> Upstream:
        """One more upstream."""
        self.upstreams.append(Upstream())
        return self.upstreams[-1]

    def proxy(self, name: str = "p", upstream: str = "127.0.0.1:1", **fields: Any) -> Any:
        """A new proxy on a port of the system's choosing."""
        body = {"name": name, "listen": "127.0.0.1:0", "upstream": upstream, **fields}
        return self.call("POST", "/proxies", body, 201)

    def toxic(self, type_: str, stream: str = "downstream", **attributes: int) -> Any:
        """A new toxic on proxy `p`, named after its type."""
        body = {"name": type_, "type": type_, "stream": stream, "attributes": attributes}
        return self.call("POST", "/proxies/p/toxics", body)

    def update(self, name: str, **attributes: int) -> Any:
        """Other attributes for a toxic of proxy `p`."""
        return self.call("POST", f"/proxies/p/toxics/{name}", {"attributes": attributes})

    def remove(self, name: str) -> None:
        """A toxic of proxy `p` less."""
        self.call("DELETE", f"/proxies/p/toxics/{name}", status=204)

    def dial(self, proxy: Any) -> Peer:
        """A connection to a proxy, or what connect raises."""
        host, _, port = proxy["listen"].rpartition(":")
        host = "127.0.0.1" if host in ("[::]", "") else host
        self.peers.append(Peer(socket.create_connection((host, int(port)), LIMIT)))
        return self.peers[-1]

    def close(self) -> None:
        """Everything that the test opened."""
        for peer in self.peers:
            peer.sock.close()
        for upstream in self.upstreams:
            upstream.close()


Seeded: TypeAlias = Callable[[int], contextlib.AbstractContextManager[Server]]


@contextlib.contextmanager
def embedded(**options: Any) -> Iterator[Server]:
    """The lab's server on a loop in a thread of its own, with everything closed at its end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="toxiproxy")
    thread.start()
    net = RealNet(loop)
    said: list[str] = []
    proxies = Proxies(net, Options(**options), said.append)

    def call(function: Callable[[], Any]) -> Any:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - handed to the test
                future.set_exception(error)

        loop.call_soon_threadsafe(run)
        return future.result(LIMIT)

    crashes: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: crashes.append(context))
    try:
        port = call(lambda: HttpServer(net, Api(proxies), 0)).port
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=LIMIT, trust_env=False) as http:
            server = Server(url, "strict" if options.get("strict") else "embedded", http, said)
            try:
                yield server
            finally:
                server.close()
    finally:
        call(proxies.close)
        call(net.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LIMIT)
        loop.close()
    assert crashes == []


@contextlib.contextmanager
def original(seed: int = 0, *flags: str) -> Iterator[Server]:
    """The real server, a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [found(os.environ).path, "-host", "127.0.0.1", "-port", str(port), "-seed", str(seed)]
    command += flags
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=partial(die_with, os.getpid()),
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            with httpx.Client(base_url=url, timeout=LIMIT, trust_env=False) as http:
                until(lambda: process.poll() is not None or answers(http))
                assert process.returncode is None, "it ended at once"
                server = Server(url, "original", http)
                try:
                    yield server
                finally:
                    server.close()
        finally:
            process.kill()


def answers(http: httpx.Client) -> bool:
    """Whether a control API does."""
    try:
        return http.get("/version").is_success
    except httpx.TransportError:
        return False


def until(true: Callable[[], bool]) -> None:
    """Wait for something that another thread or process brings about."""
    limit = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.005)


ALL = {
    "embedded": embedded,
    "strict": partial(embedded, strict=True),
    "original": original,
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Where there is no real server: from here rather than from a fixture, so that it is one line."""
    if "original" in getattr(getattr(item, "callspec", None), "params", {}).values():
        try:
            found(os.environ)
        except SetupError as error:
            if "docker" in os.environ.get("FAULTLAB_REQUIRE", "").split(","):
                pytest.fail(error.text)
            pytest.skip(error.text)


@pytest.fixture(params=["embedded", "strict", pytest.param("original", marks=pytest.mark.slow)])
def seeded(request: pytest.FixtureRequest) -> Seeded:
    """A server without proxies for each seed."""
    return lambda seed: ALL[request.param](seed=seed)


@pytest.fixture
def server(seeded: Seeded) -> Iterator[Server]:
    """A server without proxies: the lab's, in both of its ways, and the real one."""
    with seeded(0) as server:
        yield server


@pytest.fixture(params=["embedded", "strict", pytest.param("original", marks=pytest.mark.slow)])
def metered(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that was told to count, where it can be told."""
    start = ALL[request.param]
    flags = (0, "-proxy-metrics") if request.param == "original" else ()
    with start(*flags) as server:
        yield server


@pytest.fixture
def better() -> Iterator[Server]:
    """The lab's server as it is by default."""
    with embedded() as server:
        yield server


@pytest.fixture
def strict() -> Iterator[Server]:
    """The lab's server with --strict-compat."""
    with embedded(strict=True) as server:
        yield server


@pytest.fixture(name="until")
def waiting() -> Callable[[Callable[[], bool]], None]:
    """Wait for something that another thread brings about."""
    return until
