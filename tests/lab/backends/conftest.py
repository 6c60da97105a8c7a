"""A network in memory: what a stub does to it is read back as bytes."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator

import msgspec
import pytest

from faultlab.lab.backends.pipe import Said, Told
from faultlab.lab.frames import Frames, pack
from faultlab.lab.net import Connection, Events, Listener, Mode, Timer


class FakeConnection:
    """One accepted connection; the test plays the client."""

    local = 4000
    peer = 50000
    dialled = "127.0.0.1"

    def __init__(self) -> None:
        self.events: Events | None = None
        self.sent = b""
        self.paused = False
        self.finished = False
        self.full = False

    def bind(self, events: Events) -> None:
        """Set the owner."""
        self.events = events

    def write(self, data: bytes) -> bool:
        """Keep what is sent."""
        assert not self.finished
        self.sent += data
        return not self.full

    def fin(self) -> None:
        """Half-close."""
        self.finished = True

    def reset(self, *, after_written: bool = False) -> None:
        """A stub never resets."""
        raise AssertionError

    def close(self) -> None:
        """FIN, and let go."""
        self.finished = True

    def pause(self) -> None:
        """Stop reading."""
        self.paused = True

    def resume(self) -> None:
        """Read again."""
        self.paused = False

    def drain(self) -> None:
        """Nothing is queued here."""

    def asks(self, data: bytes) -> bytes:
        """The client sends; what the stub has answered since then."""
        assert self.events is not None
        assert not self.paused
        before = len(self.sent)
        self.events.received(data)
        return self.sent[before:]

    def ends(self) -> None:
        """The client sends FIN."""
        assert self.events is not None
        self.events.ended()

    def reads_on(self) -> bytes:
        """The client has read what was sent; what the stub has answered since then."""
        assert self.events is not None
        before = len(self.sent)
        self.full = False
        self.events.drained()
        return self.sent[before:]


class FakeListener:
    """A port that is open until closed."""

    mode: Mode = "open"
    mechanism = "in memory"

    def __init__(self, port: int) -> None:
        self.port = port
        self.closed = False

    def switch(self, mode: Mode) -> None:
        """A stub's own listener is never switched."""
        raise AssertionError

    def drain(self) -> None:
        """Nothing is queued here."""

    def close(self) -> None:
        """Give the port back."""
        self.closed = True


class FakeTimer:
    """A call that is due at some time, until cancelled."""

    def __init__(self, due: float, call: Callable[[], None]) -> None:
        self.due = due
        self.call = call
        self.over = False

    def cancel(self) -> None:
        """Never make it."""
        self.over = True


class FakeNet:
    """One listener, and a clock that the test moves."""

    def __init__(self) -> None:
        self.time = 100.0
        self.timers: list[FakeTimer] = []
        self.accepted: Callable[[Connection], None] | None = None
        self.listener: FakeListener | None = None

    def now(self) -> float:
        """The test's time."""
        return self.time

    def later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Due when the test has let that much time pass."""
        self.timers.append(FakeTimer(self.time + delay, call))
        return self.timers[-1]

    def passes(self, seconds: float) -> None:
        """Time passes; what is due in it is called, in order."""
        until = self.time + seconds
        while due := [it for it in self.timers if not it.over and it.due <= until]:
            first = min(due, key=lambda it: it.due)
            first.over = True
            self.time = max(self.time, first.due)
            first.call()
        self.time = until

    @property
    def waits(self) -> int:
        """How many calls are still to be made."""
        return sum(not it.over for it in self.timers)

    def listen(
        self,
        accepted: Callable[[Connection], None],
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        starved: Callable[[str], None] | None = None,
    ) -> Listener:
        """Take the listener's callback."""
        self.accepted = accepted
        self.listener = FakeListener(port or 4000)
        return self.listener

    def connect(
        self, host: str, port: int, done: Callable[[Connection | OSError], None], limit: float = 5.0
    ) -> None:
        """A stub calls nobody."""
        raise AssertionError

    def client(self) -> FakeConnection:
        """A new connection to the stub."""
        assert self.accepted is not None
        connection = FakeConnection()
        self.accepted(connection)
        return connection


class FakeProcess:
    """A process that is none: the test plays it, at its end of the pipe."""

    def __init__(self, pipe: socket.socket, pid: int) -> None:
        self.pid = pid
        self.pipe = pipe.dup()
        self.pipe.setblocking(False)
        self.returncode: int | None = None
        self.signals: list[int] = []

    def poll(self) -> int | None:
        """How it ended, if it has."""
        return self.returncode

    def wait(self) -> int | None:
        """How it ended."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Remember it."""
        self.signals.append(number)

    def kill(self) -> None:
        """It is gone at once."""
        self.send_signal(signal.SIGKILL)
        self.ends(-signal.SIGKILL)

    def says(self, *said: Said) -> None:
        """To the lab process."""
        for one in said:
            self.pipe.sendall(pack(msgspec.msgpack.encode(one)))

    def told(self) -> list[Told]:
        """What it was told since it was asked last."""
        try:
            data = self.pipe.recv(1 << 16)
        except BlockingIOError:
            return []
        return [msgspec.msgpack.decode(body, type=Told) for body in Frames().bodies(data)]

    def ends(self, code: int) -> None:
        """With its pipe."""
        if self.returncode is None:
            self.returncode = code
            self.pipe.close()


class Launcher:
    """Starts processes that are none, on a loop that the test turns."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.started: list[FakeProcess] = []
        self.refuses = False

    def __call__(self, pipe: socket.socket) -> FakeProcess:
        """Start one."""
        if self.refuses:
            raise OSError("Cannot allocate memory")
        self.started.append(FakeProcess(pipe, 100 + len(self.started)))
        return self.started[-1]

    def turn(self) -> None:
        """Let everything happen that is due."""
        for _ in range(5):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    """A launcher of this test's own."""
    launcher = Launcher()
    yield launcher
    for process in launcher.started:
        process.ends(0)
    launcher.loop.close()


@pytest.fixture(scope="session")
def new_net() -> Callable[[], FakeNet]:
    """Makes networks in memory; of the session, so that a property may ask for many."""
    return FakeNet
