"""The lab process in a container: runs in it, and nothing of it stays."""

from __future__ import annotations

import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import docker
import pytest

from faultlab.faults import Partition, Refused, Status
from faultlab.lab.backends.specification import parse
from faultlab.lab.environments.docker.images import Images
from faultlab.lab.environments.docker.lab import DockerLab
from faultlab.lab.environments.docker.labels import LAB, OWNER, PART
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.errors import SetupError
from faultlab.lab.history import Header

ORDERS = {"orders": parse({"GET /orders/{id}": {"id": 7}})}
Open = Callable[[], Hosted]


@pytest.fixture(scope="module")
def lab(images: Images) -> Iterator[DockerLab]:
    """One lab for the whole module."""
    with DockerLab(print) as started:
        yield started


@pytest.fixture
def opened(lab: DockerLab, tmp_path: Path) -> Iterator[Open]:
    """Opens runs in it, and closes them."""
    with ExitStack() as stack:

        def open_() -> Hosted:
            return made(lab, tmp_path / "h.jsonl", stack)

        yield open_


def made(lab: DockerLab, path: Path, stack: ExitStack) -> Hosted:
    """A run in a lab."""
    feed, events = socket.socketpair()
    stack.callback(events.close)
    run = Hosted(lab, ORDERS, header=Header(), path=path, feed=feed)
    stack.callback(run.abandon)
    return run


def get(run: Hosted) -> bytes:
    """What a bare client reads until the end of the connection."""
    host, _, port = run.url("orders").removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=1) as client:
        client.sendall(b"GET /orders/7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: client.recv(4096), b""))


def left(engine: docker.DockerClient, lab: str) -> list[str]:
    """What an engine has of a lab."""
    told = {"label": f"{LAB}={lab}"}
    containers = engine.api.containers(all=True, filters=told)
    return [one["Id"] for one in (*containers, *engine.api.networks(filters=told))]


def labels(engine: docker.DockerClient, lab: DockerLab) -> dict[str, str]:
    """What the front of a lab is labelled with."""
    found: dict[str, str] = engine.api.inspect_container(lab.site.front.id)["Config"]["Labels"]
    return found


def test_a_refused_connect_is_refused_and_a_dropped_one_is_dropped(opened: Open) -> None:
    """The path of the subject must show the truth, or clients are judged by a proxy of Docker's."""
    run = opened()
    assert get(run).startswith(b"HTTP/1.1 200")
    run.inject(1, Refused(service="orders"))
    with pytest.raises(ConnectionRefusedError):
        get(run)
    run.clear(1)
    run.inject(2, Partition(service="orders"))
    with pytest.raises(TimeoutError):
        get(run)
    run.clear(2)
    run.inject(3, Status(service="orders", code=503))
    assert get(run).startswith(b"HTTP/1.1 503")


def test_the_history_says_how_the_subject_came_and_how_far_the_clocks_agree(opened: Open) -> None:
    """Whoever reads it later has to know what it can show."""
    header = opened().events().header
    assert header.route == "the front's own address, by the bridge of the lab's network"
    assert 0 < header.clock < 0.05


def test_the_history_is_the_user_s(opened: Open, tmp_path: Path) -> None:
    """A file of root's in a run folder could not be removed."""
    run = opened()
    assert (tmp_path / "h.jsonl").owner() == tmp_path.owner()
    assert len(run.close()) > 0


def test_nothing_stays_of_a_closed_lab(images: Images, engine: docker.DockerClient) -> None:
    """No container, no network, no folder, no process."""
    with DockerLab(print) as started:
        name = labels(engine, started)[LAB]
        (mount,) = engine.api.inspect_container(started.site.gate.id)["Mounts"]
        assert len(left(engine, name)) == 4
    assert left(engine, name) == []
    assert not Path(mount["Source"]).exists()
    assert not started.alive


def test_two_labs_do_not_meet(lab: DockerLab, opened: Open, tmp_path: Path) -> None:
    """Each has addresses of its own, and one's end is not the other's."""
    run = opened()
    with DockerLab(print) as other, ExitStack() as stack:
        assert not other.site.subnet.overlaps(lab.site.subnet)
        assert get(made(other, tmp_path / "other.jsonl", stack)).startswith(b"HTTP/1.1 200")
    assert get(run).startswith(b"HTTP/1.1 200")


def test_what_an_ended_lab_left_is_swept_at_the_next_start(
    lab: DockerLab, engine: docker.DockerClient
) -> None:
    """An engine that was stopped keeps what a cleaner could not remove."""
    pid, _, space = labels(engine, lab)[OWNER].split(".")
    image = lab.site.images.lab
    stale = {LAB: "test-stale", OWNER: f"{pid}.1.{space}", PART: "front"}
    engine.api.create_container(image, ["sleep", "9"], labels=stale)
    engine.api.create_network("faultlab-test-stale", labels=stale)
    assert len(left(engine, "test-stale")) == 2
    DockerLab(print).close()
    assert left(engine, "test-stale") == []
    assert lab.alive


def test_a_gate_that_is_killed_is_one_clear_message(
    images: Images, engine: docker.DockerClient, tmp_path: Path
) -> None:
    """Whoever calls next learns what happened, and what was recorded is kept."""
    with DockerLab(print) as started, ExitStack() as stack:
        run = made(started, tmp_path / "h.jsonl", stack)
        run.enter("control")
        engine.api.kill(started.site.gate.id)
        with pytest.raises(SetupError, match=r"^the gate \(container .*\) ended with code 137"):
            run.inject(1, Refused(service="orders"))
        assert not started.alive
        assert len(run.events()) == 2


OWNED = """
import sys
from faultlab.lab.environments.docker.lab import DockerLab
lab = DockerLab(lambda text: None)
print("up", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("delay", [None, 0.6, 0.9, 1.2, 1.5, 2.0])
def test_nothing_survives_the_kill_of_its_owner(
    images: Images, engine: docker.DockerClient, delay: float | None
) -> None:
    """Whenever it comes: in the middle of creation, too, when the engine has more to make."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNED], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    assert owner.stdin is not None
    with owner.stdout, owner.stdin:
        select.select([owner.stdout], [], [], delay)
        owner.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        owner.wait()
        until = killed + 5.0
        empty_since = None
        while time.monotonic() < until:
            found = owned(engine, owner.pid)
            if found:
                empty_since = None
            elif empty_since is None:
                empty_since = time.monotonic()
            time.sleep(0.05)
        assert empty_since is not None, found


def owned(engine: docker.DockerClient, pid: int) -> list[str]:
    """What labs of this process have in the engine."""
    found = [
        *engine.api.containers(all=True, filters={"label": [LAB]}),
        *engine.api.networks(filters={"label": [LAB]}),
    ]
    return [one["Id"] for one in found if one["Labels"].get(OWNER, "").startswith(f"{pid}.")]
