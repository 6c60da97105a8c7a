"""A stage for bare sockets: one proxy and one scripted backend on a loop in its own thread."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from faultlab.faults import Fault
from faultlab.faults.decide import keyed
from faultlab.lab.attempts import read
from faultlab.lab.checks import put
from faultlab.lab.contract import builtin
from faultlab.lab.history import AnyEvent, Event, Header, OpFailed, OpInvoked, Raised, numbered
from faultlab.lab.net import Connection, Entrance, Net
from faultlab.lab.proxy.framer import Data, End, Framer, RequestHead
from faultlab.lab.proxy.proxy import Proxy
from faultlab.lab.report.lanes import lanes
from faultlab.lab.sockets import RealNet
from faultlab.lab.virtual import VirtualNet

from .simulation import Clock, SimulatedSocket, network

T = TypeVar("T")
E = TypeVar("E", bound=Event)

TCP_INFO_UNACKED = 24  # where `tcpi_unacked` stands in `struct tcp_info` of <linux/tcp.h>
LIMIT = 10.0  # seconds after which a test that still waits has failed


@dataclass
class Request:
    """What the backend got."""

    head: RequestHead
    body: bytes = b""

    @property
    def line(self) -> str:
        """Method and target."""
        return f"{self.head.method} {self.head.target}"


class _Serving:
    """One connection of the backend."""

    def __init__(self, backend: Backend, connection: Connection) -> None:
        self._backend = backend
        self._connection = connection
        self._framer = Framer("request")
        self._request: Request | None = None
        connection.bind(self)

    def received(self, data: bytes) -> None:
        self._backend.received += data
        for piece in self._framer.feed(data):
            if isinstance(piece, RequestHead):
                self._request = Request(piece)
            elif isinstance(piece, Data) and self._request is not None:
                self._request.body += piece.payload
            elif isinstance(piece, End) and self._request is not None:
                answered = self._backend.serve(self._request, self._connection)
                if answered is None:
                    continue
                answer, how = answered
                self._connection.write(answer)
                if how == "fin":
                    self._connection.close()
                elif how == "rst":
                    self._connection.reset(after_written=True)

    def ended(self) -> None:
        self._connection.close()

    def lost(self, reset: bool) -> None:
        pass

    def drained(self) -> None:
        pass


def response(body: bytes = b'{"ok": true}', status: str = "200 OK", *headers: str) -> bytes:
    """A response with a length."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def chunked(*chunks: bytes) -> bytes:
    """A chunked response."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"


class Backend:
    """Answers by target; `requests` is what it carried out, in order."""

    def __init__(self, net: Net) -> None:
        self.requests: list[Request] = []
        self.received = b""
        self.answers: dict[str, bytes] = {}
        self.then: dict[str, str] = {}  # target -> how the connection ends after the answer
        self.busy: set[str] = set()  # targets that are answered only by `finish`
        self.working: list[tuple[Request, Connection]] = []
        self.listener = net.listen(lambda connection: _Serving(self, connection) and None)

    def serve(self, request: Request, connection: Connection) -> tuple[bytes, str] | None:
        """Carry it out, or begin to."""
        if request.head.target in self.busy:
            self.working.append((request, connection))
            return None
        return self.answer(request)

    def finish(self) -> None:
        """Answer all that it works on."""
        done, self.working = self.working, []
        for request, connection in done:
            connection.write(self.answer(request)[0])

    def answer(self, request: Request) -> tuple[bytes, str]:
        """Carry it out: the answer, and how the connection ends after it."""
        self.requests.append(request)
        target = request.head.target
        return self.answers.get(target, response()), self.then.get(target, "")


@dataclass
class Client:
    """A blocking socket to the proxy; `read` is what came behind the last answer."""

    sock: socket.socket | SimulatedSocket
    read: bytes = b""

    @property
    def port(self) -> int:
        """Its own port."""
        return int(self.sock.getsockname()[1])

    def send(self, data: bytes) -> None:
        """These bytes."""
        self.sock.sendall(data)

    def ask(self, line: str = "GET /state", body: bytes = b"", *headers: str) -> None:
        """One whole request."""
        lines = [f"{line} HTTP/1.1", "Host: lab", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode() + body)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """One whole answer with a length: status, headers, body."""
        while b"\r\n\r\n" not in self.read:
            self._more()
        head, _, self.read = self.read.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        length = int(headers["content-length"])
        while len(self.read) < length:
            self._more()
        body, self.read = self.read[:length], self.read[length:]
        return int(lines[0].split()[1]), headers, body

    def _more(self) -> None:
        data = self.sock.recv(1 << 20)
        assert data, "the connection ended inside an answer"
        self.read += data

    def rest(self) -> tuple[bytes, str]:
        """Everything until the end, and which end it was."""
        data, self.read = self.read, b""
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
            self.sock.recv(1)
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(LIMIT)
        return False

    def close(self) -> None:
        """FIN, or RST if something is unread."""
        self.sock.close()


@dataclass
class Stage:
    """What a wire test acts on."""

    loop: asyncio.AbstractEventLoop | None
    net: RealNet | VirtualNet
    entrance: Entrance
    events: list[AnyEvent] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def start(self) -> None:
        """On the loop: backend and proxy."""
        self.backend = Backend(self.net)
        self.proxy = Proxy(
            self.entrance,
            "core",
            ("127.0.0.1", self.backend.listener.port),
            self._record,
            start=self.net.now(),
            draws=keyed(7),
            conns=itertools.count(1),
        )

    def _record(self, event: AnyEvent) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Run on the loop, as the lab process does."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(function(*args))
            except BaseException as error:  # noqa: BLE001 - handed to the test
                future.set_exception(error)

        assert self.loop is not None
        self.loop.call_soon_threadsafe(run)
        return future.result(LIMIT)

    def arm(self, fault: Fault) -> int:
        """In force on return; gives its number."""
        number = next(self.numbers)
        self.call(self.proxy.arm, number, fault)
        self.settle()
        return number

    def clear(self, number: int) -> None:
        """Over on return."""
        self.call(self.proxy.clear, number)
        self.settle()

    def settle(self) -> None:
        """Wait until listeners are in their modes."""
        settled = threading.Event()
        self.call(self.entrance.when_settled, settled.set)
        assert settled.wait(LIMIT)
        assert self.entrance.problem == ""

    def connect(self) -> Client:
        """A connection that the proxy has accepted."""
        client = self.dial()
        port = client.port
        self.until(lambda: any(getattr(event, "port", None) == port for event in self.events))
        return client

    def dial(self, timeout: float = LIMIT) -> Client:
        """A connection, or what connect raises."""
        sock = self.socket()
        client = Client(sock)
        self.clients.append(client)
        sock.settimeout(timeout)
        sock.connect(("127.0.0.1", self.proxy.port))
        sock.settimeout(LIMIT)
        return client

    def socket(self) -> socket.socket | SimulatedSocket:
        """A client's, blocking."""
        return socket.socket()

    @property
    def means(self) -> dict[str, str]:
        """By which means a listener is in a mode, and a connection unplugged, for the history."""
        return {
            "refusing": "bound, not listening",
            "dark": "minimum TTL 255",
            "unplugged": "minimum TTL",
        }

    def unacknowledged(self, client: Client) -> int:
        """Segments that a client sent and the other side's kernel never answered."""
        info = client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        return int(struct.unpack_from("I", info, TCP_INFO_UNACKED)[0])

    def now(self) -> float:
        """Seconds on the clock by which the network's times are meant."""
        return time.monotonic()

    def rest(self, seconds: float) -> None:
        """Let so much time pass."""
        time.sleep(seconds)

    def until(self, true: Callable[[], bool]) -> None:
        """Wait for the history, or for the backend, to hold something."""
        limit = time.monotonic() + LIMIT
        with self.changed:
            while not true():
                assert time.monotonic() < limit, f"not seen in {LIMIT} s: {self.events}"
                self.changed.wait(0.01)

    def of(self, kind: type[E], **fields: object) -> list[E]:
        """The events of this kind so far, with these field values."""
        with self.changed:
            return [
                event
                for event in self.events
                if isinstance(event, kind)
                and all(getattr(event, name) == value for name, value in fields.items())
            ]

    def see(self, kind: type[E], count: int = 1, **fields: object) -> list[E]:
        """Wait for that many events of this kind."""
        self.until(lambda: len(self.of(kind, **fields)) >= count)
        return self.of(kind, **fields)

    def judged(self) -> set[str]:
        """What the checks say of the history so far, and that it can be drawn.

        An operation stands around it that failed, as if the client had given up on what it met.
        """
        with self.changed:
            events = tuple(self.events)
        begun = OpInvoked(t=0.0, op=1, name="read", service="core", endpoint="GET /x")
        raised = Raised(classes=("builtins.Exception",))
        failed = OpFailed(t=max(e.t for e in events) + 1, op=1, errors=(raised,))
        history = numbered(Header(run="test"), (begun, *events, failed))
        assert lanes(history)
        found = put(read(history), builtin("maximus"))
        assert [(f.check, f.seen) for f in found if f.outcome == "error"] == []
        return {finding.outcome for finding in found}

    def served(self, count: int) -> list[str]:
        """Wait until the backend carried out that many requests; their lines."""
        self.until(lambda: len(self.backend.requests) >= count)
        return [request.line for request in self.backend.requests]


@dataclass
class SimulatedStage(Stage):
    """The same on the simulated network: whoever waits lets virtual time pass."""

    clock: Clock = field(default_factory=Clock)

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Run it: there is no other thread."""
        return function(*args)

    def socket(self) -> SimulatedSocket:
        """A client's."""
        assert isinstance(self.net, VirtualNet)
        return SimulatedSocket(self.clock, self.net)

    @property
    def means(self) -> dict[str, str]:
        """Those of the simulation."""
        return {
            "refusing": "answering RST",
            "dark": "dropping SYNs",
            "unplugged": "dropping what the client sends",
        }

    def unacknowledged(self, client: Client) -> int:
        """Bytes, here."""
        assert isinstance(client.sock, SimulatedSocket)
        return client.sock.endpoint.unacknowledged

    def now(self) -> float:
        """Virtual seconds."""
        return self.clock.now()

    def rest(self, seconds: float) -> None:
        """Let so much virtual time pass."""
        self.clock.rest(seconds)

    def until(self, true: Callable[[], bool]) -> None:
        """Let time pass until the history, or the backend, holds something."""
        assert self.clock.wait(true, LIMIT), f"not seen in {LIMIT} s: {self.events}"


@contextlib.contextmanager
def simulated() -> Iterator[Stage]:
    """A stage on the simulated network."""
    clock, net = network()
    stage = SimulatedStage(None, net, net, clock=clock)
    stage.start()
    yield stage
    stage.proxy.close()
    net.close()


@contextlib.contextmanager
def running(
    through: Callable[[RealNet], Entrance] | None = None, **options: bool
) -> Iterator[Stage]:
    """A stage, with everything closed at its end; `through` makes what clients come through."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="stage")
    net = RealNet(loop, **options)
    stage = Stage(loop, net, net if through is None else through(net))
    thread.start()
    try:
        stage.call(stage.start)
        stage.settle()
        yield stage
    finally:
        for client in stage.clients:
            client.close()
        stage.call(stage.proxy.close)
        stage.call(stage.net.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LIMIT)
        loop.close()


@pytest.fixture
def stages() -> Callable[..., contextlib.AbstractContextManager[Stage]]:
    """Stages of another make."""
    return running


NETS = {"loopback": running, "simulated": simulated}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked `nets` is played on both, unless it needs a kernel (`loopback`)."""
    marked = metafunc.definition.get_closest_marker
    if "stage" in metafunc.fixturenames and marked("nets") and not marked("loopback"):
        metafunc.parametrize("stage", list(NETS), indirect=True)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Proxy and backend, running; on the loopback, or on each net of a test marked `nets`."""
    with NETS[getattr(request, "param", "loopback")]() as stage:
        yield stage


@pytest.fixture
def stage_without_ttl() -> Iterator[Stage]:
    """Where the minimum TTL can't be set."""
    with running(minimum_ttl=False) as stage:
        yield stage
