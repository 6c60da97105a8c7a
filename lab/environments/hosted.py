"""One run in a lab process, wherever that runs: its orders, their answers, its history.

Counterpart of `lab/host.py`; a `Host` (`embedded.py`, `docker/lab.py`) is that process.
"""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

import msgspec

from ...faults import Fault
from ...faults.actions import EndProcess
from ...faults.arming import on_process
from ..backends.served import Specification, stubbed
from ..backends.servers import Command, Image, Url
from ..errors import FaultError, SetupError
from ..frames import Frames, pack
from ..history import AnyEvent, Header, History, load
from ..orders import (
    Acted,
    Answer,
    Barrier,
    Clear,
    Close,
    Done,
    Enter,
    Failed,
    Fired,
    Fit,
    Fresh,
    Inject,
    Note,
    Open,
    Opened,
    Order,
    Over,
    Own,
    Reset,
    Serve,
    Wanted,
)
from ..programs import log_beside
from .host import Host

__all__ = ["Armed", "Hosted"]

__tracebackhide__ = True  # pytest: the line to show is the test's own

_READ = 64 * 1024
_PATIENCE = 30.0  # seconds that the lab process may take for one order, on a loaded machine
_ACTING = 4  # threads for a run's own containers
_DIAL = 2.0  # seconds for a server of the user's to take a connection

_encoder = msgspec.msgpack.Encoder()
_answers = msgspec.msgpack.Decoder(Answer)


def _running() -> Future[AnyEvent]:
    """A future that a waiter who gives up can't cancel for the others."""
    future: Future[AnyEvent] = Future()
    future.set_running_or_notify_cancel()
    return future


@dataclass(slots=True)
class Armed:
    """One armed fault (the interface's `Handle`)."""

    number: int
    mechanism: str = ""
    first: Future[AnyEvent] = field(default_factory=_running)
    over: Future[AnyEvent] = field(default_factory=_running)


class Hosted:
    """One run in a lab process. Thread-safe.

    `path` is where its history goes, `feed` the lab's end of the subject's event channel. `counts`: for a
    subject that can't count its connects; `connects` says how they are known then, empty: not from
    here. Raises
    SetupError when a port is taken, a file can't be written, a server doesn't answer, or the lab
    process is gone. `number` is its own in its lab process.
    """

    def __init__(
        self,
        host: Host,
        services: Mapping[str, Specification],
        *,
        header: Header,
        path: Path,
        feed: socket.socket,
        ports: Mapping[str, int] | None = None,
        counts: bool = False,
    ) -> None:
        self.name = host.environment
        self._host = host
        self._path = path
        self._numbers = count(1)
        self._answers: dict[int, Future[Done | Failed]] = {}
        self._handles: dict[int, Armed] = {}
        self._lock = threading.Lock()
        self._acting: ThreadPoolExecutor | None = None  # for what takes its time with them
        self._patience = _PATIENCE
        self._began = time.time()  # as engines date what is printed
        self._over = False
        self._ended = False  # by us, so that the lab process is not to blame
        self._channel, theirs = socket.socketpair()
        try:
            with theirs, feed, _made(path) as history:
                self.number = host.hand_over(theirs, feed, history)
        except SetupError:
            self._channel.close()
            raise
        self._reader = threading.Thread(target=self._listen, name="faultlab-lab", daemon=True)
        self._reader.start()
        ports = {name: (ports or {}).get(name, 0) for name in services}
        try:
            for name, specification in services.items():
                self._expect(name, specification)
            done = self._tell(
                Open(
                    services={name: host.within(who) for name, who in services.items()},
                    header=msgspec.structs.replace(header, route=host.route, clock=host.clock),
                    path=str(path.absolute()),
                    ports=ports,
                    counts=counts,
                    places=host.places(stubbed(services)),
                )
            )
        except BaseException:
            self._keep_printed()
            self._end()
            raise
        self.start = done.start
        self.connects = done.text
        self.ports = dict(done.ports)

    def url(self, service: str) -> str:
        """Where the subject reaches the service. Raises KeyError."""
        return f"http://{self._host.address}:{self.ports[service]}"

    def serve(self, service: str, specification: Specification) -> str:
        """One more service; its url. Raises SetupError for a server that doesn't answer."""
        self._expect(service, specification)
        place = (self._host.places(stubbed({service: specification})) or {}).get(service)
        within = self._host.within(specification)
        done = self._tell(Serve(service=service, specification=within, place=place))
        self.ports.update(done.ports)
        return self.url(service)

    def prepare(self, *faults: Fault) -> None:
        """Make ready what these faults need. Raises FaultError and SetupError."""
        for fault in faults:
            act = on_process(fault)
            if act is not None:
                ends = isinstance(act, EndProcess)
                self._tell(Own(service=fault.service, kind=fault.kind, again=ends))

    def demand_fit(self, *faults: Fault) -> None:
        """Raise FaultError where these can't be armed one after the other; nothing is changed."""
        self.prepare(*faults)
        self._tell(Fit(faults=tuple(fault.model_dump_json().encode() for fault in faults)))

    def inject(
        self, number: int, fault: Fault, *, unfired: Literal["fail", "ok"] = "fail"
    ) -> Armed:
        """Arm a fault; in force on return. Raises FaultError."""
        self.prepare(fault)
        armed = self._handles[number] = Armed(number)
        try:
            done = self._tell(
                Inject(fault=number, json=fault.model_dump_json().encode(), unfired=unfired)
            )
        except BaseException:
            del self._handles[number]
            raise
        armed.mechanism = done.text
        return armed

    def clear(self, *numbers: int) -> None:
        """End these faults; without a number, all."""
        self._tell(Clear(faults=numbers or None))

    def opened(self) -> None:
        """A breaker has opened: faults that wait for it come into force."""
        self._tell(Opened())

    def fresh(self) -> None:
        """Close idle client connections by FIN."""
        self._tell(Fresh())

    def reset(self) -> None:
        """RST on every client connection, so that a blocked call returns."""
        self._tell(Reset())

    def enter(self, phase: str) -> None:
        """A phase begins. Call `barrier` first, so that nothing older counts to it."""
        self._tell(Enter(phase=phase))

    def note(self, event: AnyEvent) -> None:
        """Record an event of the conductor's."""
        self._tell(Note(event=event))

    def clock(self) -> float:
        """Seconds since the run's start."""
        return time.monotonic() - self.start

    def barrier(self, flush: Callable[[int], None] | None = None) -> None:
        """Return when everything that happened is recorded."""
        token = None
        if flush is not None:
            token = next(self._numbers)
            flush(token)
        self._tell(Barrier(token=token))
        self._demand_servers()

    def events(self) -> History:
        """The history so far."""
        return load(self._path)

    def close(self) -> History:
        """Stop everything; the whole history. Raises SetupError where it is not to be believed."""
        try:
            if not self._over:
                self._tell(Close())
            if self._host.problem:
                raise SetupError(self._host.gone())
            self._demand_servers()
        finally:
            self._keep_printed()
            self._end()
        return load(self._path)

    def abandon(self) -> None:
        """Let go without waiting: the lab process closes the run when its channel ends."""
        self._end()

    def _demand_servers(self) -> None:
        """Raise SetupError where a server of this run's has ended: the client would be blamed."""
        lost = self._host.lost(self.number)
        if lost:
            raise SetupError(lost)

    def _keep_printed(self) -> None:
        """Lay what servers in containers have printed beside the history: they are gone soon."""
        for name, text in self._host.printed(self.number, self._began).items():
            with contextlib.suppress(OSError):  # a full disk: the run has its history or an error
                log_beside(self._path, name).write_bytes(text)

    def _expect(self, service: str, specification: Specification) -> None:
        """A server that runs must answer; for one that is to be started there is time."""
        _demand_running(service, specification)
        if isinstance(specification, Command | Image):
            self._patience = max(self._patience, _PATIENCE + specification.ready_within)

    def _tell(self, order: Order) -> Done:
        number = next(self._numbers)
        answer: Future[Done | Failed] = Future()
        with self._lock:
            if self._over:
                raise SetupError(self._gone())
            self._answers[number] = answer
            data = pack(_encoder.encode(msgspec.structs.replace(order, number=number)))
            try:
                self._channel.sendall(data)
            except OSError as error:
                raise SetupError(self._gone()) from error
        try:
            told = answer.result(self._patience)
        except FutureTimeout:
            raise SetupError(
                f"{self._host.who} did not answer `{_verb(order)}` within {self._patience:g} s"
            ) from None
        if isinstance(told, Done):
            return told
        if told.kind == "fault":
            raise FaultError(told.text)
        ended = self._host.ended()
        raise SetupError(told.text if ended in told.text else f"{told.text}\n{ended}")

    def _listen(self) -> None:
        frames = Frames()
        while True:
            try:
                data = self._channel.recv(_READ)
            except OSError:
                data = b""
            if not data:
                break
            for body in frames.bodies(data):
                self._hear(_answers.decode(body))
        with self._lock:
            self._over = True
            waiting = list(self._answers.items())
            self._answers.clear()
        for number, answer in waiting:
            answer.set_result(Failed(number=number, kind="setup", text=self._gone()))
        for handle in tuple(self._handles.values()):
            for future in (handle.first, handle.over):
                if not future.done():
                    future.set_exception(SetupError("the run is over: this fault acts no more"))

    def _hear(self, answer: Answer) -> None:
        if isinstance(answer, Fired | Over):
            handle = self._handles.get(answer.fault)
            if handle is not None:
                future = handle.first if isinstance(answer, Fired) else handle.over
                if not future.done():
                    future.set_result(answer.event)
            return
        if isinstance(answer, Wanted):
            self._contain(answer)
            return
        waiting = self._answers.pop(answer.number, None)
        if waiting is not None:
            waiting.set_result(answer)

    def _contain(self, wanted: Wanted) -> None:
        """Have it done on a thread, and tell the lab process what came of it."""
        if self._acting is None:
            self._acting = ThreadPoolExecutor(_ACTING, "faultlab-containers")
        with contextlib.suppress(RuntimeError):  # the run has ended: all of its own is removed
            self._acting.submit(self._carry_out, wanted)

    def _carry_out(self, wanted: Wanted) -> None:
        came = self._host.contain(self.number, wanted)
        with contextlib.suppress(SetupError):  # nobody waits for it any more
            self._tell(Acted(wanted=wanted.wanted, came=came))

    def _gone(self) -> str:
        return "the run was stopped" if self._ended else self._host.gone()

    def _end(self) -> None:
        self._over = self._ended = True
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        if self._reader is not threading.current_thread():
            self._reader.join()
        self._channel.close()
        if self._acting is not None:
            self._host.release(self.number)  # what is waited for in a container is given up
            self._acting.shutdown()
            self._host.release(self.number)


def _made(path: Path) -> io.FileIO:
    """The history's file, made here: so it is the user's, whoever writes it. Raises SetupError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb", buffering=0)
    except OSError as error:
        raise SetupError(f"{path}: can't be written: {error.strerror}") from error


def _verb(order: Order) -> str:
    return str(type(order).__struct_config__.tag)


def _demand_running(service: str, specification: Specification) -> None:
    """Dial a server of the user's: a dead one would be blamed on the client. Raises SetupError."""
    if not isinstance(specification, Url):
        return
    try:
        socket.create_connection((specification.host, specification.port), _DIAL).close()
    except OSError as error:
        raise SetupError(
            f"{service}: no server answers at {specification.url}: {error.strerror or error}",
            mend="start it, or serve routes: {'GET /path': {...}}",
        ) from error
