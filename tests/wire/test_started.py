"""A server that a command starts: it serves, can be ended and halted, and nothing of it outlives the lab."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from faultlab.faults import Frozen, Killed, Latency, Stopped
from faultlab.lab.attempts import read
from faultlab.lab.backends.specification import Command, parse
from faultlab.lab.environments.embedded import LabProcess
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.errors import SetupError
from faultlab.lab.history import FaultArmed, FaultFired, Header

pytestmark = pytest.mark.wire

LIMIT = 10.0  # seconds after which what is awaited has not come
SILENCE = 0.3  # seconds without a byte that are silence
GET = b"GET /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n"

SERVER = """
import http.server, os, subprocess, sys, tempfile, time

class Orders(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        late = self.path == "/late" and not os.path.exists("late")
        open("late", "w").close()
        body = f"{os.getpid()} {os.environ.get('MODE')} {tempfile.gettempdir()}".encode()
        self.send_response(503 if late else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

worker = subprocess.Popen(["sleep", "1000"], start_new_session=True)
with open("pids", "a") as pids:
    print(os.getpid(), worker.pid, file=pids)
print("api_key=abc123def", flush=True)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Orders)
server.serve_forever()
"""


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become so."""
    limit = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.005)


def runs(pid: int) -> bool:
    """Whether a process is there, and not only its number."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in {"Z", "X"}


class Stage:
    """Runs in one lab process, with a folder in which `server.py` lies."""

    def __init__(self, lab: LabProcess, folder: Path, stack: ExitStack) -> None:
        self.lab = lab
        self.folder = folder
        self._stack = stack
        (folder / "server.py").write_text(SERVER)

    def command(self, *words: str, **more: object) -> Command:
        """A command in the folder; the server unless others are given."""
        own = list(words) if words else [sys.executable, "server.py", "{port}"]
        found = parse({"command": own, **more}, folder=self.folder)
        assert isinstance(found, Command)
        return found

    def run(self, command: Command) -> Hosted:
        """A run with orders, which is closed with the test."""
        feed, events = socket.socketpair()
        self._stack.callback(events.close)
        path = self.folder / "h.jsonl"
        run = Hosted(self.lab, {"orders": command}, header=Header(), path=path, feed=feed)
        self._stack.callback(run.close)
        return run

    def pids(self) -> list[int]:
        """All that the servers started were, themselves among them."""
        return [int(word) for word in (self.folder / "pids").read_text().split()]

    def connect(self, run: Hosted) -> socket.socket:
        """A live connection."""
        client = socket.create_connection(("127.0.0.1", run.ports["orders"]), timeout=LIMIT)
        self._stack.callback(client.close)
        return client

    def ask(self, run: Hosted) -> list[str]:
        """The words of an answer on a connection of its own."""
        with self.connect(run) as client:
            client.sendall(GET)
            data = b""
            while data.count(b"\r\n\r\n") == 0 or not data.endswith(b".tmp"):
                more = client.recv(1 << 16)
                assert more
                data += more
        return data.decode().rpartition("\r\n\r\n")[2].split()


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    """One lab process for the whole module."""
    with LabProcess() as started:
        yield started


@pytest.fixture
def stage(lab: LabProcess, tmp_path: Path) -> Iterator[Stage]:
    """A folder and runs of its own for each test."""
    with ExitStack() as stack:
        yield Stage(lab, tmp_path, stack)


def test_it_serves_with_what_it_was_given_and_is_gone_with_the_run(stage: Stage) -> None:
    """Its environment, a folder for its files, its output without secrets; and no process is left."""
    run = stage.run(stage.command(environment={"MODE": "on {port}"}))
    pid, mode, on, scratch = stage.ask(run)
    assert pid == str(stage.pids()[0])
    assert (mode, int(on) > 0) == ("on", True)
    assert Path(scratch).is_dir()
    run.close()
    assert not any(map(runs, stage.pids()))
    assert not Path(scratch).exists()
    assert (stage.folder / "h.orders.log").read_text().startswith("api_key=[redacted]\n")


@pytest.mark.slow
def test_what_it_did_is_not_known(stage: Stage) -> None:
    """No ledger, no journal: its effects are missing evidence, and none are claimed."""
    run = stage.run(stage.command())
    stage.ask(run)
    history = run.close()
    assert not any(event.where == "backend" for event in history)
    assert read(history).operations == ()


@pytest.mark.parametrize("fault", [Stopped(service="orders"), Killed(service="orders")])
def test_all_of_it_ends_and_it_comes_back(stage: Stage, fault: Stopped | Killed) -> None:
    """Refused while it is down, though a process that it had started would live on; then anew."""
    run = stage.run(stage.command())
    before = stage.ask(run)[0]
    live = stage.connect(run)
    live.sendall(GET)
    while not live.recv(1 << 16).endswith(b".tmp"):
        pass
    run.inject(1, fault)
    assert live.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        stage.connect(run)
    assert not any(map(runs, stage.pids()))
    run.clear(1)
    assert stage.ask(run)[0] not in {before, ""}
    (armed,) = [event for event in run.events() if isinstance(event, FaultArmed)]
    signal_ = "SIGTERM" if fault.kind == "stopped" else "SIGKILL"
    assert armed.mechanism == f"the server's processes, {signal_}"
    assert any(isinstance(event, FaultFired) for event in run.events())


def test_all_of_it_is_halted(stage: Stage) -> None:
    """It accepts and is silent; what was late is answered afterwards."""
    run = stage.run(stage.command())
    stage.ask(run)
    run.inject(1, Frozen(service="orders"))
    states = [
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in stage.pids()
    ]
    assert states == ["T", "T"]
    client = stage.connect(run)
    client.sendall(GET)
    assert not select.select([client], [], [], SILENCE)[0]
    run.clear(1)
    assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")


@pytest.mark.slow
def test_one_that_stands_still_ends_with_the_run(stage: Stage) -> None:
    """Whatever state it is in."""
    run = stage.run(stage.command())
    run.inject(1, Frozen(service="orders"))
    run.close()
    assert not any(map(runs, stage.pids()))


@pytest.mark.slow
def test_faults_of_the_wire_are_for_it_too(stage: Stage) -> None:
    """The proxy before it is the same."""
    run = stage.run(stage.command())
    run.inject(1, Latency(service="orders", delay=0.2))
    begun = time.monotonic()
    stage.ask(run)
    assert time.monotonic() - begun >= 0.199


@pytest.mark.slow
def test_it_is_waited_for_until_it_answers_well(stage: Stage) -> None:
    """A port that is open says little; its first answer here is 503."""
    run = stage.run(stage.command(ready="GET /late"))
    assert (stage.folder / "late").exists()
    assert stage.ask(run)


REFUSALS: dict[str, tuple[list[str], Mapping[str, object], str]] = {
    "no program": (["./nowhere"], {}, "the command ./nowhere: there is no program ./nowhere; log:"),
    "not on PATH": (["nowhere-at-all"], {}, "there is no program nowhere-at-all on PATH; log:"),
    "ends": (
        [sys.executable, "-c", "import sys; print('no token=abc123def'); sys.exit('broken')"],
        {},
        "it ended before it served, exit 1; it said: no token=[redacted] | broken; log:",
    ),
    "into the background": (
        ["sh", "-c", "sleep 100 & exit 0"],
        {},
        (
            "it ended before it served, exit 0; a command that goes into the background must be told"
            " not to, so that the lab can end it; log:"
        ),
    ),
    "silent": (
        ["sleep", "100"],
        {"ready_within": 0.3},
        "within 0.3 s; {port} and PORT tell it where to listen; log:",
    ),
    "never ready": (
        [sys.executable, "-m", "http.server", "-b", "127.0.0.1", "{port}"],
        {"ready_within": 1.0, "ready": "GET /nothing-here"},
        "it did not answer `GET /nothing-here` on 127.0.0.1:",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSALS)
def test_one_that_does_not_serve_is_told(stage: Stage, name: str) -> None:
    """With what it said last; nothing was played, and nothing is left."""
    words, more, told = REFUSALS[name]
    with pytest.raises(SetupError) as refused:
        stage.run(stage.command(*words, **more))
    assert str(refused.value).startswith("orders: the command ")
    assert told in str(refused.value)
    until(lambda: not list(stage.folder.glob("*.tmp")))


@pytest.mark.slow
def test_one_that_ends_by_itself_ends_the_run(stage: Stage) -> None:
    """A server that crashed would be blamed on the client."""
    run = stage.run(stage.command())
    os.kill(stage.pids()[0], signal.SIGKILL)

    def over() -> bool:
        with suppress(SetupError):
            run.barrier()
            return False
        return True

    until(over)
    with pytest.raises(SetupError, match=r"orders: .*it ended by itself, signal SIGKILL; it said:"):
        run.close()
    assert not any(map(runs, stage.pids()))


PARENT = """
import socket, sys, time
from pathlib import Path
from faultlab.lab.backends.specification import parse
from faultlab.lab.environments.embedded import LabProcess
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.history import Header

folder = Path(sys.argv[1])
command = parse({"command": [sys.executable, "server.py", "{port}"]}, folder=folder)
feed, events = socket.socketpair()
lab = LabProcess()
run = Hosted(lab, {"orders": command}, header=Header(), path=folder / "h.jsonl", feed=feed)
print(lab.pid, flush=True)
time.sleep(1000)
"""


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["conductor", "lab process", "keeper"])
def test_nothing_of_it_outlives_a_kill(stage: Stage, victim: str) -> None:
    """Of the conductor, of the lab process, of what keeps it: kill -9 each."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(stage.folder)], stdout=subprocess.PIPE
    ) as conductor:
        try:
            assert conductor.stdout is not None
            lab = int(conductor.stdout.readline())
            server, _ = stage.pids()
            keeper = int(Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[1])
            victims = {"conductor": conductor.pid, "lab process": lab, "keeper": keeper}
            os.kill(victims[victim], signal.SIGKILL)
            until(lambda: not any(map(runs, stage.pids())))
        finally:
            conductor.kill()
    until(lambda: not runs(lab) and not runs(keeper))
