"""Services by an image of the user's: nginx, from the Dockerfile of tests/servers."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import docker
import pytest
from docker.errors import ImageNotFound

from faultlab.faults import Frozen, Killed, Partition, Status, Stopped
from faultlab.lab.backends.specification import Image, parse
from faultlab.lab.environments.docker.images import Images
from faultlab.lab.environments.docker.lab import DockerLab
from faultlab.lab.environments.docker.labels import LAB, PART, RUN, SERVICE
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.errors import SetupError
from faultlab.lab.history import FaultArmed, Header, RequestReceived, RequestStarted, load

SERVERS = Path(__file__).parents[1] / "servers"
NGINX = os.environ.get("FAULTLAB_NGINX_IMAGE", "nginx:1.27")
GET = b"GET /orders/7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
KEPT = b"GET /orders/7 HTTP/1.1\r\nHost: x\r\n\r\n"
LIMIT = 10.0  # seconds after which what is awaited has not come
SILENCE = 0.3  # seconds without a byte that are silence

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

Open = Callable[[Image], Hosted]


@pytest.fixture(scope="module")
def orders(engine: docker.DockerClient) -> Iterator[str]:
    """The image that a user would build; removed again."""
    try:
        engine.images.get(NGINX)
    except ImageNotFound:
        pytest.skip(f"no image {NGINX}: FAULTLAB_NGINX_IMAGE names one of nginx")
    name = f"faultlab-orders:{uuid.uuid4().hex[:8]}"
    engine.images.build(path=str(SERVERS), tag=name, buildargs={"NGINX": NGINX}, rm=True)
    yield name
    engine.images.remove(name, force=True)


@pytest.fixture(scope="module")
def lab(images: Images) -> Iterator[DockerLab]:
    """One lab for the whole module."""
    with DockerLab(print) as started:
        yield started


@pytest.fixture
def opened(lab: DockerLab, tmp_path: Path) -> Iterator[Open]:
    """Opens runs with orders in it, and closes them."""
    with ExitStack() as stack:

        def open_(image: Image) -> Hosted:
            feed, events = socket.socketpair()
            stack.callback(events.close)
            path = tmp_path / "h.jsonl"
            run = Hosted(lab, {"orders": image}, header=Header(), path=path, feed=feed)
            stack.callback(run.abandon)
            return run

        yield open_


def served(image: str, **more: object) -> Image:
    """The image, in the words of an author."""
    found = parse({"image": image, "port": 80, **more})
    assert isinstance(found, Image)
    return found


def connected(run: Hosted) -> socket.socket:
    """A live connection."""
    host, _, port = run.url("orders").removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=LIMIT)


def get(run: Hosted) -> bytes:
    """A whole answer."""
    with connected(run) as client:
        client.sendall(GET)
        return b"".join(iter(lambda: client.recv(4096), b""))


def test_it_serves_when_it_answers_and_goes_with_its_run(
    opened: Open, engine: docker.DockerClient, lab: DockerLab, orders: str
) -> None:
    """A container of its own for each run, beside one that holds its address."""
    run = opened(served(orders, ready="GET /orders/7", environment={"MODE": "on {port}"}))
    assert get(run).endswith(b'{"id": 7, "sku": "a"}\n')
    ours = engine.api.inspect_container(lab.site.front.id)["Config"]["Labels"][LAB]
    told = {"label": [f"{LAB}={ours}", f"{SERVICE}=orders"]}
    found = engine.api.containers(filters=told)
    assert sorted(one["Labels"][PART] for one in found) == ["backend", "holder"]
    (backend,) = (one for one in found if one["Labels"][PART] == "backend")
    assert "MODE=on 80" in engine.api.inspect_container(backend["Id"])["Config"]["Env"]
    history = run.close()
    assert not any(event.where == "backend" for event in history)


class Orders(BaseHTTPRequestHandler):
    """A server that already runs."""

    def do_GET(self) -> None:
        """Its one answer."""
        body = b'{"id": 7}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_server_on_this_machine_s_loopback_is_reached(lab: DockerLab, tmp_path: Path) -> None:
    """Most run there while they are worked on."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Orders) as server, ExitStack() as stack:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        feed, events = socket.socketpair()
        stack.callback(events.close)
        url = parse(f"http://127.0.0.1:{server.server_port}")
        run = Hosted(lab, {"orders": url}, header=Header(), path=tmp_path / "h.jsonl", feed=feed)
        stack.callback(run.abandon)
        with connected(run) as client:
            client.sendall(GET)
            assert client.recv(4096).startswith(b"HTTP/1.0 200 OK")
        run.inject(1, Status(service="orders", code=503))
        with connected(run) as client:
            client.sendall(GET)
            assert client.recv(4096).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("fault", [Stopped(service="orders"), Killed(service="orders")])
def test_it_ends_and_comes_back(opened: Open, orders: str, fault: Stopped | Killed) -> None:
    """Nobody listens while it is down; what comes back has its address."""
    run = opened(served(orders))
    assert get(run)
    run.inject(1, fault)
    with pytest.raises(ConnectionRefusedError):
        connected(run)
    run.clear(1)
    assert get(run).startswith(b"HTTP/1.1 200")
    (armed,) = [event for event in run.events() if isinstance(event, FaultArmed)]
    assert armed.mechanism.startswith("server's container, SIG")


def test_what_it_prints_lies_beside_the_history(opened: Open, orders: str, tmp_path: Path) -> None:
    """Of those before a restart, too; its containers are gone by the time that somebody reads."""
    run = opened(served(orders))
    assert get(run)
    run.inject(1, Killed(service="orders"))
    run.clear(1)
    assert get(run)
    run.close()
    log = (tmp_path / "h.orders.log").read_text()
    assert log.count('"GET /orders/7 HTTP/1.1" 200') == 2


def test_all_of_it_is_halted(opened: Open, orders: str) -> None:
    """It is silent; what was late is answered afterwards."""
    run = opened(served(orders))
    run.inject(1, Frozen(service="orders"))
    with connected(run) as client:
        client.sendall(GET)
        assert not select.select([client], [], [], SILENCE)[0]
        run.clear(1)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("between", "direction", "said"),
    [
        ("proxy", "both", "packet filter before server's container, cut from proxy"),
        (
            "proxy",
            "to_client",
            "packet filter before server's container, cut from proxy, to_client",
        ),
        ("network", "both", "server's container, disconnected from its network"),
    ],
)
def test_it_is_cut_off_and_answers_what_was_late(
    opened: Open, orders: str, between: str, direction: Literal["both", "to_client"], said: str
) -> None:
    """Its image needs no packet filter: what holds its address has one."""
    run = opened(served(orders))
    with connected(run) as client:
        client.sendall(KEPT)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
        run.inject(1, Partition(service="orders", between=between, direction=direction))
        client.sendall(KEPT)
        assert not select.select([client], [], [], SILENCE)[0]
        run.clear(1)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200"), "on the connection that was live"
    assert get(run).startswith(b"HTTP/1.1 200"), "at the address that it had"
    (armed,) = [event for event in run.events() if isinstance(event, FaultArmed)]
    assert armed.mechanism == said


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"image": "faultlab-nowhere:1"}, "it is not here and can't be fetched"),
        ({"command": "-g nonsense"}, "it ended before it served"),
        ({"port": 81, "ready_within": 1}, "it did not answer a connection on port 81 within 1 s"),
        (
            {"ready": "/none", "ready_within": 1},
            "it did not answer `GET /none` on port 80 within 1 s",
        ),
    ],
)
def test_one_that_does_not_serve_is_told(
    opened: Open, orders: str, words: dict[str, object], problem: str
) -> None:
    """With what it said last."""
    with pytest.raises(SetupError) as refused:
        opened(served(**{"image": orders, **words}))  # type: ignore[arg-type]
    assert problem in str(refused.value)
    assert str(refused.value).startswith("orders: the image ")
    if "command" in words:
        assert "unexpected end of parameter" in str(refused.value)


def test_one_that_is_killed_from_outside_ends_its_run_alone(
    opened: Open, engine: docker.DockerClient, lab: DockerLab, orders: str
) -> None:
    """With what it said last; others play on."""
    run, other = opened(served(orders)), opened(served(orders))
    ours = engine.api.inspect_container(lab.site.front.id)["Config"]["Labels"][LAB]
    told = {"label": [f"{LAB}={ours}", f"{RUN}={run.number}", f"{PART}=backend"]}
    (backend,) = engine.api.containers(filters=told)
    engine.api.kill(backend["Id"])
    with pytest.raises(SetupError, match=r"the backend of orders .*ended with code 137"):
        run.close()
    assert get(other).startswith(b"HTTP/1.1 200")
    other.close()


def test_stories_play_on_it(tmp_path: Path, orders: str) -> None:
    """The same files and the same subject as in `embedded`; the command line names the image."""
    arguments = ("--env", "docker", "--subject", "servers_lab.py:orders", "--seed", "7")
    run = subprocess.run(
        [
            *(sys.executable, "-m", "faultlab", "run", *arguments, "--out", str(tmp_path / "out")),
            *("--service", f"orders=image:{orders}@80", "ends.yaml", "partial"),
        ],
        cwd=SERVERS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture
def maximus(engine: docker.DockerClient, images: Images, tmp_path: Path) -> Iterator[str]:
    """An image that serves core as MAXIMUS's own does, on the field's port; removed again."""
    serving = '["python3", "-m", "faultlab", "stubs", "core", "--host", "0.0.0.0", "--own-ports"]'
    (tmp_path / "Dockerfile").write_text(f"FROM {images.lab}\nENTRYPOINT []\nCMD {serving}\n")
    name = f"faultlab-core:{uuid.uuid4().hex[:8]}"
    engine.images.build(path=str(tmp_path), tag=name, rm=True)
    yield name
    engine.images.remove(name, force=True)


def test_maximus_itself_takes_the_place_of_a_stub(tmp_path: Path, maximus: str) -> None:
    """A variable names its image; the story and the subject are the same."""
    out = tmp_path / "out"
    run = subprocess.run(
        [
            *(sys.executable, "-m", "faultlab", "run", "--env", "docker", "--seed", "7"),
            *("--out", str(out), "slow"),
        ],
        env={**os.environ, "MAXIMUS_CORE_IMAGE": maximus},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    history = load(out / "slow" / "armed.jsonl")
    assert {event.service for event in history if isinstance(event, RequestStarted)} >= {"core"}
    assert "core" not in {event.service for event in history if isinstance(event, RequestReceived)}
