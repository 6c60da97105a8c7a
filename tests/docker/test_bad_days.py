"""What goes wrong around a lab in containers is an error with its reason, and never a verdict."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import docker
import pytest

from faultlab.faults import Partition, Refused, Stopped
from faultlab.lab.backends.specification import parse
from faultlab.lab.environments.docker.client import place_of
from faultlab.lab.environments.docker.images import Images, Installed
from faultlab.lab.environments.docker.lab import DockerLab
from faultlab.lab.environments.docker.labels import LAB, OWNER, PART
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.environments.start import Lasting
from faultlab.lab.errors import FaultError, SetupError
from faultlab.lab.history import Header

DARK = """\
scenario: Nobody gets through
fault:
  - inject: partition
  - read: connection
  - wait: 3s
"""
ORDERS = {"orders": parse({"GET /orders/{id}": {"id": 7}})}


@contextmanager
def running(path: Path, lab: DockerLab) -> Iterator[Hosted]:
    """A run in a lab."""
    feed, events = socket.socketpair()
    with events:
        run = Hosted(lab, ORDERS, header=Header(), path=path, feed=feed)
        try:
            yield run
        finally:
            run.abandon()


def ask_on(run: Hosted) -> None:
    """Ask until there is no answer: the engine's word takes its time."""
    while True:
        run.barrier()


def kill_front(engine: docker.DockerClient, lab: DockerLab) -> None:
    """Its network goes with it, and clients would only see silence."""
    engine.api.kill(lab.site.front.id)


def kill_toxiproxy(engine: docker.DockerClient, lab: DockerLab) -> None:
    """Every connection ends, and none of the lab's faults did it."""
    (toxiproxy,) = (one for one in lab.site.placed if one.part == "toxiproxy")
    engine.api.kill(toxiproxy.id)


def pause_gate(engine: docker.DockerClient, lab: DockerLab) -> None:
    """It does not even see that it is told to end."""
    engine.api.pause(lab.site.gate.id)


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (kill_front, r"the front \(container \w+\) ended with code 137"),
        (kill_toxiproxy, r"the toxiproxy \(container \w+\) ended with code 137"),
        (pause_gate, r"the gate \(container \w+\) was paused"),
    ],
)
def test_what_somebody_does_to_a_container_ends_every_run_with_its_reason(
    images: Images,
    engine: docker.DockerClient,
    tmp_path: Path,
    act: Callable[[docker.DockerClient, DockerLab], None],
    told: str,
) -> None:
    """Else it would be blamed on the client, or hang."""
    with DockerLab(print) as lab, running(tmp_path / "h.jsonl", lab) as run:
        act(engine, lab)
        with pytest.raises(SetupError, match=told):
            ask_on(run)
        assert not lab.alive
        with pytest.raises(SetupError, match=told):
            run.close()


def test_a_toxiproxy_that_was_restarted_has_forgotten_nothing_that_a_later_run_needs(
    images: Images, engine: docker.DockerClient, tmp_path: Path
) -> None:
    """The run that it took with it is an error; the next one begins with all its proxies."""
    lasting = Lasting(lambda: DockerLab(print))
    with ExitStack() as stack:
        stack.callback(lasting.close)
        lab = lasting.host()
        assert isinstance(lab, DockerLab)
        with running(tmp_path / "h.jsonl", lab) as run:
            (toxiproxy,) = (one for one in lab.site.placed if one.part == "toxiproxy")
            engine.api.restart(toxiproxy.id, timeout=0)
            told = r"the toxiproxy \(container \w+\) ended with code \d+"
            with pytest.raises(SetupError, match=told):
                ask_on(run)
            after = lasting.host()
            with pytest.raises(SetupError, match=told):
                run.close()
        assert after is not lab
        with (
            running(tmp_path / "after.jsonl", after) as run,
            socket.create_connection((after.address, run.ports["orders"]), 5) as client,
        ):
            client.sendall(b"GET /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(15) == b"HTTP/1.1 200 OK"


def test_a_gate_that_does_not_start_is_told_with_its_last_lines(
    images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They mostly say why; here the image is not the lab's."""
    monkeypatch.setenv("FAULTLAB_IMAGE", Installed.here().base(os.environ))
    with pytest.raises(SetupError, match="the lab's containers do not start") as raised:
        DockerLab(print)
    assert "the gate (container" in str(raised.value)
    assert "No module named 'faultlab'" in str(raised.value)


@pytest.fixture
def filterless(
    images: Images, engine: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The lab's image is one without a packet filter; it is removed again."""
    (tmp_path / "Dockerfile").write_text(f"FROM {images.lab}\nRUN rm $(command -v nft)\n")
    name = f"faultlab-filterless:{uuid.uuid4().hex[:8]}"
    engine.images.build(path=str(tmp_path), tag=name, rm=True)
    monkeypatch.setenv("FAULTLAB_IMAGE", name)
    yield
    engine.images.remove(name, force=True)


@pytest.mark.usefixtures("filterless")
def test_what_needs_a_packet_filter_is_refused_before_it_is_armed(tmp_path: Path) -> None:
    """With what to do about it; what needs none is played all the same."""
    with DockerLab(print) as lab, running(tmp_path / "h.jsonl", lab) as run:
        for fault in (
            Partition(service="orders"),
            Partition(service="orders", between="proxy"),
            Stopped(service="orders"),
        ):
            with pytest.raises(FaultError, match=r"`nft`\) is installed; the lab's image must"):
                run.demand_fit(fault)
        run.demand_fit(Partition(service="orders", between="network"))
        run.demand_fit(Refused(service="orders"))


class Gateway:
    """A socket that passes everything on to the engine's, until it is shut."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        path.unlink(missing_ok=True)
        self._listener.bind(str(path))
        self._listener.listen()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def shut(self) -> None:
        """As an engine that was stopped: what is open ends, and nobody answers."""
        for sock in (self._listener, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in tuple(self._threads):
            thread.join()
        for sock in (self._listener, *self._open):
            sock.close()

    def _start(self, call: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=call, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                theirs = socket.socket(socket.AF_UNIX)
                theirs.connect(place_of({}))
                self._open += [ours, theirs]
                self._start(self._pass, ours, theirs)
                self._start(self._pass, theirs, ours)

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


# The SDK leaves its socket open where nobody answers.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_goes_away_ends_every_run_with_its_reason(
    images: Images, engine: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was started anew, say; what could not be removed goes as soon as it is back."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine")
    gateway = Gateway(tmp_path / "engine")
    lab = DockerLab(print)
    try:
        with running(tmp_path / "h.jsonl", lab) as run:
            gateway.shut()
            with pytest.raises(SetupError, match="the Docker engine went away in the middle"):
                ask_on(run)
        with pytest.raises(SetupError, match="the Docker engine is gone or does not answer"):
            lab.close()
    finally:
        gateway = Gateway(tmp_path / "engine")
    try:
        gone_within(engine, os.getpid(), 15.0, lab.site.front.id)
    finally:
        gateway.shut()
        gc.collect()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_an_interrupted_run_leaves_nothing(
    images: Images,
    engine: docker.DockerClient,
    tmp_path: Path,
    number: signal.Signals,
    code: int,
) -> None:
    """Whatever interrupts it in the middle of a story."""
    out = tmp_path / "run"
    command = [sys.executable, "-m", "faultlab", "run", "partition", "--env", "docker"]
    process = subprocess.Popen(
        [*command, "--out", str(out)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    with process.stderr:
        until_there(out / "partition" / "baseline.jsonl")
        process.send_signal(number)
        assert process.wait(30) == code
    gone_within(engine, process.pid, 5.0)


RULES = ("nft", "list", "ruleset")


def filtered(address: str) -> bool:
    """Whether this machine, outside of containers, filters what is sent there."""
    if shutil.which("nft") is None:
        return False
    listed = subprocess.run(RULES, capture_output=True, text=True, check=False)
    return f"{address} . " in listed.stdout


def test_a_lab_killed_while_nobody_gets_through_leaves_no_filter_and_no_process(
    images: Images, engine: docker.DockerClient, tmp_path: Path
) -> None:
    """Its packet filter stands in the front's network, and goes with it; this machine has none."""
    (tmp_path / "dark.yaml").write_text(DARK)
    out = tmp_path / "run"
    command = [sys.executable, "-m", "faultlab", "run", "dark.yaml", "--env", "docker"]
    process = subprocess.Popen(
        [*command, "--out", str(out)],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until_there(out / "dark" / "armed.jsonl", holding='"fault.armed"')
        parts = {
            one["Labels"][PART]: engine.api.inspect_container(one["Id"])
            for one in engine.api.containers(filters={"label": [LAB]})
            if one["Labels"].get(OWNER, "").startswith(f"{process.pid}.")
        }
        ((_, network),) = parts["front"]["NetworkSettings"]["Networks"].items()
        address = network["IPAddress"]
        asked = engine.api.exec_create(parts["gate"]["Id"], RULES)
        assert f"{address} . " in engine.api.exec_start(asked["Id"]).decode()
        assert not filtered(address)
    finally:
        process.kill()
        process.wait(10)
    gone_within(engine, process.pid, 5.0)
    assert not filtered(address)
    left = {name: Path("/proc", str(one["State"]["Pid"])) for name, one in parts.items()}
    assert [name for name, place in left.items() if place.exists()] == []


def until_there(path: Path, holding: str = "") -> None:
    """Wait for a file that holds something."""
    limit = threading.Event()
    for _ in range(1200):
        if path.exists() and path.stat().st_size and holding in path.read_text():
            return
        limit.wait(0.05)
    raise AssertionError(f"{path} never came")


def gone_within(
    engine: docker.DockerClient, pid: int, seconds: float, front: str | None = None
) -> None:
    """Wait until the engine has nothing of this owner's, or of the lab with this front."""
    limit = threading.Event()
    lab = None if front is None else lab_of(engine, front)
    for _ in range(int(seconds / 0.05)):
        found = [
            one
            for one in (
                *engine.api.containers(all=True, filters={"label": [LAB]}),
                *engine.api.networks(filters={"label": [LAB]}),
            )
            if one["Labels"].get(OWNER, "").startswith(f"{pid}.")
            and lab in (None, one["Labels"][LAB])
        ]
        if not found:
            return
        limit.wait(0.05)
    raise AssertionError(found)


def lab_of(engine: docker.DockerClient, front: str) -> str | None:
    """The lab of a front, if that is there."""
    try:
        told: str = engine.api.inspect_container(front)["Config"]["Labels"][LAB]
    except docker.errors.NotFound:
        return None
    return told
