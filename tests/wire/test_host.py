"""The lab process: in force on return, one history, and gone with its parent."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from faultlab.faults import Latency, Refused, Status
from faultlab.lab.backends.specification import parse
from faultlab.lab.environments.embedded import LabProcess
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.errors import FaultError, SetupError
from faultlab.lab.history import ConnectAttempted, FaultFired, Header, RequestStarted, load
from faultlab.lab.host import serve
from faultlab.lab.orders import CLOCK
from faultlab.lab.subjects.channel import Channel

pytestmark = pytest.mark.wire

ORDERS = {"orders": parse({"GET /orders/{id}": {"id": 7}})}
Open = Callable[..., tuple[Hosted, Channel]]


@pytest.fixture(scope="module")
def process() -> Iterator[LabProcess]:
    """One lab process for the whole module."""
    with LabProcess() as started:
        yield started


@pytest.fixture
def opened(process: LabProcess, tmp_path: Path) -> Iterator[Open]:
    """Opens runs in it, and closes them."""
    with ExitStack() as stack:

        def open_(name: str = "h", **options: object) -> tuple[Hosted, Channel]:
            feed, events = socket.socketpair()
            stack.callback(events.close)
            run = Hosted(
                process,
                ORDERS,
                header=Header(scenario=name),
                path=tmp_path / f"{name}.jsonl",
                feed=feed,
                **options,  # type: ignore[arg-type]
            )
            stack.callback(run.close)
            return run, Channel(events)

        yield open_


def get(port: int) -> bytes:
    """What a bare client reads until the end of the answer's body, or of the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"GET /orders/7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: client.recv(4096), b""))


def test_a_fault_is_in_force_on_return_and_over_on_return(opened: Open) -> None:
    """No wait is needed between injecting and calling, nor after clearing."""
    run, _ = opened()
    for number in range(1, 21):
        run.inject(number, Refused(service="orders"))
        with pytest.raises(ConnectionRefusedError):
            get(run.ports["orders"])
        run.clear(number)
        assert get(run.ports["orders"]).startswith(b"HTTP/1.1 200")


def test_a_barrier_returns_after_the_subject_s_records_are_in(opened: Open) -> None:
    """What was sent before the mark is in the history after it."""
    run, channel = opened()
    for number in range(500):
        channel.record(ConnectAttempted(t=number / 1000, port=1, local=2))
    run.barrier(channel.mark)
    assert sum(isinstance(event, ConnectAttempted) for event in run.events()) == 500


def test_a_barrier_finds_what_has_arrived_but_was_not_read(opened: Open) -> None:
    """A request in the kernel's buffers counts as having happened."""
    run, _ = opened()
    with socket.create_connection(("127.0.0.1", run.ports["orders"]), timeout=5) as client:
        client.sendall(b"GET /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n")
        run.barrier()
        assert sum(isinstance(event, RequestStarted) for event in run.events()) == 1


def test_two_runs_do_not_meet(opened: Open) -> None:
    """Each test has listeners, faults and a history of its own."""
    one, _ = opened("one")
    other, _ = opened("other")
    one.inject(1, Refused(service="orders"))
    assert get(other.ports["orders"]).startswith(b"HTTP/1.1 200")
    other.barrier()
    assert {event.fault for event in other.events()} == {None}


def test_the_first_hit_of_a_fault_is_told(opened: Open) -> None:
    """A test waits for it instead of sleeping."""
    run, _ = opened()
    handle = run.inject(1, Status(service="orders", code=503))
    assert not handle.first.done()
    get(run.ports["orders"])
    assert isinstance(handle.first.result(5), FaultFired)


def test_a_fault_that_cannot_be_is_refused_by_name(opened: Open) -> None:
    """And nothing is half done: the service still works."""
    run, _ = opened()
    with pytest.raises(FaultError, match="no such service; here: orders"):
        run.inject(1, Refused(service="payments"))
    run.inject(2, Latency(service="orders", delay=0.0))
    assert get(run.ports["orders"]).startswith(b"HTTP/1.1 200")


def test_a_taken_port_is_said_with_the_port(opened: Open) -> None:
    """The message is for whoever can free it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            SetupError, match=f"^port {port} of orders can't be had: Address already in use"
        ):
            opened(ports={"orders": port})


def test_a_full_disk_is_told_with_the_file(process: LabProcess) -> None:
    """The next order learns it; the lab process goes on for the other runs."""
    feed, events = socket.socketpair()
    with events, pytest.raises(SetupError, match=r"^/dev/full: can't be written: No space left"):
        Hosted(process, ORDERS, header=Header(), path=Path("/dev/full"), feed=feed)
    assert process.alive


def test_a_server_that_does_not_run_is_said_before_anything_is_blamed_on_the_client(
    opened: Open,
) -> None:
    """The client would only see its connection close."""
    run, _ = opened()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SetupError, match=f"^pay: no server answers at http://127.0.0.1:{port}: "):
        run.serve("pay", parse(f"http://127.0.0.1:{port}"))


def test_many_threads_may_drive_one_run(opened: Open) -> None:
    """The interface is thread-safe: every call gets its own answer."""
    run, _ = opened()

    def drive(number: int) -> None:
        for step in range(25):
            ident = number * 100 + step
            run.inject(ident, Latency(service="orders", delay=0.0, endpoint=f"GET /{ident}"))
            run.clear(ident)

    threads = [threading.Thread(target=drive, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.barrier()
    assert sum(event.fault is not None for event in run.events()) == 200


PARENT = """
import os, socket, sys
from pathlib import Path
from faultlab.lab.backends.specification import parse
from faultlab.lab.environments.embedded import LabProcess
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.history import Header

process = LabProcess()
feed, events = socket.socketpair()
run = Hosted(
    process,
    {"orders": parse({"GET /orders/{id}": {"id": 7}})},
    header=Header(),
    path=Path(sys.argv[1]),
    feed=feed,
)
run.enter("control")
print(process.pid, run.ports["orders"], flush=True)
if sys.argv[2] == "fork" and os.fork() == 0:
    sys.stdin.read()  # holds every socket of the lab open
    os._exit(0)
sys.stdin.read()
"""


@pytest.mark.parametrize("fork", ["alone", "fork"])
def test_it_is_gone_within_a_second_of_its_parent_s_kill(tmp_path: Path, fork: str) -> None:
    """Also where a fork of the parent still holds the control socket; the history is readable."""
    path = tmp_path / "h.jsonl"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(path), fork],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    pid, port = (int(word) for word in parent.stdout.readline().split())
    lab = os.pidfd_open(pid)
    try:
        assert get(port).startswith(b"HTTP/1.1 200")
        parent.kill()
        assert parent.wait(5) == -signal.SIGKILL
        assert select.select([lab], [], [], 1.0)[0] == [lab]
    finally:
        os.close(lab)
        parent.stdin.close()
        parent.stdout.close()
    with pytest.raises(ConnectionRefusedError):
        get(port)
    assert len(load(path)) > 5


def test_a_killed_lab_process_is_one_clear_message(tmp_path: Path) -> None:
    """Whoever calls next learns what happened, and what was recorded is kept."""
    feed, events = socket.socketpair()
    with events, LabProcess() as process:
        path = tmp_path / "h.jsonl"
        run = Hosted(process, ORDERS, header=Header(), path=path, feed=feed)
        run.enter("control")
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(SetupError, match=r"ended with code -9; what it had recorded is kept"):
            run.inject(1, Refused(service="orders"))
        run.abandon()
    assert len(load(path)) == 2


def test_a_mistake_of_the_lab_s_own_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    """A proxy that went on half broken would be blamed on the subject."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    loop = asyncio.new_event_loop()
    with ours:
        loop.call_soon(lambda: 1 / 0)
        assert not serve(theirs, loop)
        assert theirs.fileno() < 0
    loop.close()
    assert "ZeroDivisionError" in caplog.text


def test_a_run_that_finds_no_descriptor_ends_alone() -> None:
    """The runs that are open have theirs."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel, end = socket.socketpair()
    loop = asyncio.new_event_loop()
    with ours, channel, end:
        socket.send_fds(ours, [b"run"], [end.fileno()])  # what the kernel leaves of two
        end.close()
        loop.call_later(0.05, ours.close)
        assert serve(theirs, loop)
        assert channel.recv(1) == b""
    loop.close()


def test_it_tells_its_clock() -> None:
    """Whoever talks to it from another place has to know how far the stamps agree."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    loop = asyncio.new_event_loop()
    with ours:
        ours.send(CLOCK)
        loop.call_later(0.05, ours.shutdown, socket.SHUT_WR)
        before = time.monotonic()
        assert serve(theirs, loop)
        assert before <= struct.unpack("d", ours.recv(64))[0] <= time.monotonic()
    loop.close()


def test_it_serves_until_its_parent_lets_go() -> None:
    """An end without a mistake is none."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    loop = asyncio.new_event_loop()
    ours.close()
    assert serve(theirs, loop)
    loop.close()
