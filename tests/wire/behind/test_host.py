"""The lab process with a Toxiproxy before it: the same promises as without."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from faultlab.faults import Partition, Refused, Status
from faultlab.lab.addresses import TOXIPROXYS
from faultlab.lab.backends.specification import parse
from faultlab.lab.environments.embedded import LabProcess
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.environments.toxiproxy import Server
from faultlab.lab.errors import SetupError
from faultlab.lab.history import ConnClosed, ConnectsHidden, Header, RequestStarted, load

pytestmark = pytest.mark.wire

ORDERS = {"orders": parse({"GET /orders/{id}": {"id": 7}})}
Open = Callable[..., Hosted]


@pytest.fixture(scope="module")
def process(server: str) -> Iterator[LabProcess]:
    """One lab process for the whole module."""
    with LabProcess(Server(server, "2.12.0")) as started:
        yield started


@pytest.fixture
def opened(process: LabProcess, tmp_path: Path) -> Iterator[Open]:
    """Opens runs in it, or in another, and abandons them."""
    with ExitStack() as stack:

        def open_(name: str = "h", host: LabProcess = process, **ports: int) -> Hosted:
            feed, events = socket.socketpair()
            stack.callback(events.close)
            path = tmp_path / f"{name}.jsonl"
            run = Hosted(
                host, ORDERS, header=Header(scenario=name), path=path, feed=feed, ports=ports
            )
            stack.callback(run.abandon)
            return run

        yield open_


def get(port: int) -> bytes:
    """What a bare client reads until the end."""
    with socket.create_connection((TOXIPROXYS, port), timeout=5) as client:
        client.sendall(b"GET /orders/7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: client.recv(4096), b""))


def children(pid: int) -> list[int]:
    """Processes whose parent this is."""
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in told.split()]


def test_a_fault_is_in_force_on_return_and_over_on_return(opened: Open) -> None:
    """Whatever time Toxiproxy takes for it."""
    run = opened()
    assert load(run._path).header.route == "loopback, through Toxiproxy 2.12.0"
    for number in range(1, 11):
        live = "keep" if number % 2 else "close"
        run.inject(number, Refused(service="orders", live=live))
        with pytest.raises(ConnectionRefusedError):
            get(run.ports["orders"])
        run.clear(number)
        assert get(run.ports["orders"]).startswith(b"HTTP/1.1 200")
    run.close()


def test_a_barrier_finds_what_is_still_in_toxiproxy(opened: Open) -> None:
    """What a client has sent has happened, wherever it is."""
    run = opened()
    for number in range(1, 11):
        with socket.create_connection((TOXIPROXYS, run.ports["orders"]), timeout=5) as client:
            client.sendall(b"GET /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n")
            run.barrier()
            assert sum(isinstance(event, RequestStarted) for event in run.events()) == number
        limit = time.monotonic() + 5.0  # a busy kernel may take its time to carry a FIN
        while sum(isinstance(event, ConnClosed) for event in run.events()) < number:
            run.barrier()
            assert time.monotonic() < limit
    assert not any(isinstance(event, ConnectsHidden) for event in run.events())


def test_two_runs_do_not_meet(opened: Open) -> None:
    """One Toxiproxy, and a proxy for each."""
    one, other = opened("one"), opened("other")
    one.inject(1, Status(service="orders", code=503))
    assert get(one.ports["orders"]).startswith(b"HTTP/1.1 503")
    assert get(other.ports["orders"]).startswith(b"HTTP/1.1 200")
    other.barrier()
    assert sum(isinstance(event, RequestStarted) for event in other.events()) == 1


def test_a_port_that_is_taken_is_said(opened: Open) -> None:
    """Before anything runs."""
    with socket.create_server((TOXIPROXYS, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=f"port {port} of orders can't be had"):
            opened("taken", orders=port)


def test_a_toxiproxy_that_dies_in_the_middle_ends_the_run(opened: Open, server: str) -> None:
    """Its clients met an end that no fault had ordered: nothing can be judged."""
    with LabProcess(Server(server, "2.12.0")) as process:
        _dies(opened, process)


def _dies(opened: Open, process: LabProcess) -> None:
    run = opened("first", process)
    assert get(run.ports["orders"]).startswith(b"HTTP/1.1 200")
    (toxiproxy,) = children(process.pid)
    died = rf"Toxiproxy \(pid {toxiproxy}\) ended with code -9"
    gone = os.pidfd_open(toxiproxy)
    os.kill(toxiproxy, signal.SIGKILL)
    select.select([gone], [], [])
    os.close(gone)
    with pytest.raises(SetupError, match=died):
        run.barrier()
    with pytest.raises(SetupError, match=died):
        run.close()
    after = opened("next", process)
    assert get(after.ports["orders"]).startswith(b"HTTP/1.1 200"), "through a new one"
    assert children(process.pid) not in ([], [toxiproxy])
    after.close()


def test_a_server_that_does_not_serve_is_told_to_each_run(tmp_path: Path) -> None:
    """The lab process lives on to say so."""
    feed, events = socket.socketpair()
    with (
        events,
        LabProcess(Server("/bin/false", "2.12.0")) as process,
        pytest.raises(SetupError, match="/bin/false does not serve"),
    ):
        Hosted(process, ORDERS, header=Header(), path=tmp_path / "h.jsonl", feed=feed)


def tables() -> set[str]:
    """The packet filters of this machine."""
    nft = shutil.which("nft")
    if nft is None:
        pytest.skip("no packet filter (`nft`) is installed")
    listed = subprocess.run([nft, "list", "tables"], capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("it takes the right to filter packets")
    return set(listed.stdout.splitlines())


def test_no_packet_filter_survives_a_lab_process_that_is_killed(opened: Open, server: str) -> None:
    """It would drop the connects of whoever gets the port next."""
    before = tables()
    with LabProcess(Server(server, "2.12.0")) as process:
        run = opened("dark", process)
        run.inject(1, Partition(service="orders"))
        assert tables() - before
        os.kill(process.pid, signal.SIGKILL)
        limit = time.monotonic() + 5.0
        while tables() - before:
            assert time.monotonic() < limit, "it is still there"
            time.sleep(0.01)
