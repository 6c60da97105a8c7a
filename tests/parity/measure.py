"""Takes the figures of the fidelity table, with bare sockets: `make fidelity`.

Every place that this machine has is measured anew; the others keep the figures they had.
"""

from __future__ import annotations

import os
import platform
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from faultlab.faults import KINDS, Fault
from faultlab.lab.backends.specification import parse
from faultlab.lab.environments.docker.building import EngineBuilder
from faultlab.lab.environments.docker.client import connect
from faultlab.lab.environments.docker.images import use_images
from faultlab.lab.environments.host import Host
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.environments.start import start
from faultlab.lab.environments.toxiproxy import found
from faultlab.lab.errors import FaultError, SetupError
from faultlab.lab.history import ConnClosed, Header

from .fidelity import Figures, load, save

SERVICE = "orders"
ROUTES = {"GET /orders/{id}": {"id": 7, "note": "x" * 200}}
ASK = b"GET /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n"

SHORT = 0.5  # seconds after which what has not come is taken for silence
LIMIT = 30.0  # seconds for what must come
CUTS = (1.5, 5.0, 10.0)  # seconds of a partition that is healed
TRIES = 5  # of what is timed

# What a kind needs beside its service.
GIVEN: Mapping[str, Mapping[str, Any]] = {
    "cut": {"at": "request_head"},
    "latency": {"delay": 0.1},
    "throttle": {"rate": 4000},
    "status": {"code": 503},
    "capacity": {"workers": 1},
}

PLACES: Mapping[str, Callable[[], Host]] = {
    "embedded": lambda: start("embedded", print),
    "toxiproxy": lambda: start("embedded", print, "toxiproxy"),
    "docker": lambda: start("docker", print),
}


@dataclass
class Run:
    """One run with one service, whose client is a bare socket."""

    lab: Hosted
    address: tuple[str, int]
    history: Path
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def fault(self, kind: str, **given: Any) -> Iterator[str]:
        """A fault in force; its mechanism. Raises FaultError where it can't be."""
        number = next(self._numbers)
        fault: Fault = KINDS[kind](service=SERVICE, **{**GIVEN.get(kind, {}), **given})
        self.lab.prepare(fault)
        handle = self.lab.inject(number, fault)
        try:
            yield handle.mechanism
        finally:
            self.lab.clear(number)

    def dial(self, seconds: float = LIMIT) -> socket.socket:
        """A connection, or what `connect` raises."""
        return socket.create_connection(self.address, seconds)

    def asked(self) -> socket.socket:
        """A connection on which one request was answered."""
        sock = self.dial()
        assert answered(sock)
        return sock


def answered(sock: socket.socket) -> bool:
    """Whether a request on it gets its whole answer."""
    sock.sendall(ASK)
    return b"x" * 200 in read(sock)[0]


def read(sock: socket.socket, seconds: float = LIMIT) -> tuple[bytes, str]:
    """What comes until a whole answer, or an end: which one, `silence` where neither does."""
    sock.settimeout(seconds)
    data = b""
    try:
        while b"x" * 200 not in data:
            more = sock.recv(65536)
            if not more:
                return data, "FIN"
            data += more
    except ConnectionResetError:
        return data, "RST"
    except TimeoutError:
        return data, "silence"
    return data, "answer"


def connecting(address: tuple[str, int]) -> str:
    """What a connect meets."""
    try:
        sock = socket.create_connection(address, SHORT)
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silence"
    with sock:
        sock.sendall(ASK)
        return f"accepted, then {read(sock)[1]}"


# --- figures -------------------------------------------------------------------------------------


def refused(run: Run) -> str:
    """A connect that should be refused."""
    with run.fault("refused"):
        return connecting(run.address)


def reset_live(run: Run) -> str:
    """How a live connection ends that should be reset."""
    with run.asked() as sock, run.fault("refused", live="reset"):
        return read(sock)[1]


def reset_body(run: Run) -> str:
    """How an answer ends that should be cut by RST."""
    with run.fault("cut", at="response_body", by="rst"), run.dial() as sock:
        sock.sendall(ASK)
        return read(sock)[1]


def half_close(run: Run) -> str:
    """Whether a client that has finished asking is answered."""
    with run.dial() as sock:
        sock.sendall(ASK)
        sock.shutdown(socket.SHUT_WR)
        return {"answer": "comes"}.get(read(sock)[1], "is lost")


def client_reset(run: Run) -> str:
    """How the end of a client that resets its connection is recorded."""
    with run.asked() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    limit = time.monotonic() + LIMIT
    while time.monotonic() < limit:
        run.lab.barrier()
        for event in run.lab.events():
            if isinstance(event, ConnClosed) and event.by == "client":
                return event.how.upper()
    raise AssertionError("it is not recorded")


def dark(run: Run) -> str:
    """A connect that should stay unanswered."""
    with run.fault("partition"):
        return connecting(run.address)


def _each(heal: Callable[[float], float]) -> str:
    """What it takes after cuts of each length."""
    return ", ".join(f"{heal(cut):.1f}" for cut in CUTS) + " s"


def heal_new(run: Run) -> str:
    """How long a connect that waits needs after the heal."""

    def heal(cut: float) -> float:
        done: list[float] = []

        def wait() -> None:
            with run.dial():
                done.append(time.monotonic())

        waiting = threading.Thread(target=wait)
        with run.fault("partition"):
            waiting.start()
            time.sleep(cut)
            began = time.monotonic()
        waiting.join()
        return done[0] - began

    return _each(heal)


def _heal_live(run: Run, live: str) -> str:
    def heal(cut: float) -> float:
        with run.asked() as sock:
            with run.fault("partition", live=live):
                sock.sendall(ASK)
                time.sleep(cut)
                began = time.monotonic()
            assert read(sock)[1] == "answer"
            return time.monotonic() - began

    return _each(heal)


def heal_held(run: Run) -> str:
    """The same of a request on a connection that the lab holds."""
    return _heal_live(run, "hold")


def heal_unplugged(run: Run) -> str:
    """The same where nothing gets through in either direction."""
    return _heal_live(run, "unplugged")


def arming(run: Run) -> str:
    """The median of some."""
    times = []
    for _ in range(TRIES):
        began = time.monotonic()
        with run.fault("refused"):
            times.append(time.monotonic() - began)
    return f"{median(times) * 1000:.0f} ms"


MEASURES: Mapping[str, Callable[[Run], str]] = {
    one.__name__: one
    for one in (
        *(refused, reset_live, reset_body, client_reset, half_close),
        *(dark, heal_new, heal_held, heal_unplugged, arming),
    )
}


def mechanisms(run: Run) -> dict[str, str]:
    """By which means each kind is done that can be."""
    means = {}
    for kind in KINDS:
        try:
            with run.fault(kind) as mechanism:
                means[kind] = mechanism
        except FaultError:
            continue
    return means


@contextmanager
def running(host: Host) -> Iterator[Run]:
    """A run of its own in this lab process."""
    feed, events = socket.socketpair()
    with tempfile.TemporaryDirectory() as folder, events:
        path = Path(folder) / "history.jsonl"
        lab = Hosted(
            host,
            {SERVICE: parse(ROUTES)},
            header=Header(scenario="fidelity"),
            path=path,
            feed=feed,
        )
        try:
            yield Run(lab, (host.address, lab.ports[SERVICE]), path)
        finally:
            lab.close()


def figure(host: Host, name: str) -> str:
    """One figure, or that the fault is refused there."""
    with running(host) as run:
        try:
            return MEASURES[name](run)
        except FaultError:
            return "refused by name"


def measured(host: Host, by: str) -> Figures:
    """All figures of a place."""
    rows = {name: figure(host, name) for name in MEASURES}
    with running(host) as run:
        return Figures(by=by, rows=rows, mechanisms=mechanisms(run))


def published() -> str:
    """A connect to a published port behind which nobody listens."""
    engine = connect(os.environ)
    image = use_images(EngineBuilder(engine), os.environ, print).lab
    idle = engine.containers.run(
        image,
        ["sleep", str(LIMIT)],
        entrypoint="",
        ports={"80/tcp": ("127.0.0.1", 0)},
        detach=True,
        auto_remove=True,
    )
    try:
        idle.reload()
        ((bound,),) = (it for it in idle.ports.values() if it)
        port = int(bound["HostPort"])
        met = connecting(("127.0.0.1", port))
        return "accepted, then ended" if met.startswith("accepted") else met  # by either, by chance
    finally:
        idle.remove(force=True)
        engine.close()


def machine(place: str) -> str:
    """On what; no name of it."""
    kernel = ".".join(platform.release().split(".")[:2])
    told = [f"{platform.system()} {kernel}"]
    if place == "docker":
        engine = connect(os.environ)
        told.append(f"Docker {engine.version()['Version'].partition('+')[0]}")
        engine.close()
    elif place == "toxiproxy":
        told.append(str(found(os.environ)).replace(" git", " built from source"))
    return ", ".join(told)


def main() -> None:
    """Measure what can be, and write it down."""
    try:
        figures = load()
    except FileNotFoundError:
        figures = {}
    for place, opened in PLACES.items():
        try:
            with opened() as host:
                taken = measured(host, machine(place))
            if place == "docker":
                taken.rows["published"] = published()
        except SetupError as error:
            print(f"{place}: not measured ({error.text}); its figures are those of before")
        else:
            figures[place] = taken
            print(f"{place}: measured")
    save({place: figures[place] for place in PLACES if place in figures})


if __name__ == "__main__":
    main()
