"""The Compose file, brought up and taken down by the Compose that this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import httpx
import pytest
from docker.models.containers import Container
from toxiproxy import Toxiproxy

from faultlab.lab.backends.maximus import PORTS
from faultlab.lab.environments.docker.compose import compose_file
from faultlab.lab.environments.docker.images import Images

pytestmark = pytest.mark.timeout(240)

FRONT, BACKENDS = "198.19.252.0/24", "198.19.253.0/24"  # not those of a lab that somebody pokes at
LIMIT = 150.0


def compose() -> list[str]:
    """The command."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    pytest.skip("neither docker-compose nor the Compose plugin is here")


class Stack:
    """The file's containers under a name of their own, on ports of the system's choosing."""

    def __init__(self, engine: docker.DockerClient, images: Images) -> None:
        self._engine = engine
        project = f"faultlab-test-{uuid.uuid4().hex[:8]}"
        self.mine = f"com.docker.compose.project={project}"
        self._command = [*compose(), "-p", project, "-f", str(compose_file())]
        ports = {f"FAULTLAB_{name.upper()}_PORT": "0" for name in ("toxiproxy", *PORTS)}
        self._environment = os.environ | ports
        self._environment |= {
            "FAULTLAB_IMAGE": images.lab,
            "FAULTLAB_TOXIPROXY_IMAGE": images.toxiproxy,
            "FAULTLAB_FRONT_SUBNET": FRONT,
            "FAULTLAB_BACKENDS_SUBNET": BACKENDS,
        }

    def do(self, *what: str) -> str:
        """What Compose prints; a failure with its words otherwise."""
        done = subprocess.run(
            [*self._command, *what],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def toxiproxy(self) -> Container:
        """Its container, as it is now."""
        service = "com.docker.compose.service=toxiproxy"
        (found,) = self._engine.containers.list(filters={"label": [self.mine, service]})
        return found

    def port(self, inside: int) -> int:
        """Where a port of Toxiproxy's is published."""
        (bound,) = self.toxiproxy.ports[f"{inside}/tcp"]
        assert bound["HostIp"] == "127.0.0.1"
        return int(bound["HostPort"])

    def left(self) -> list[object]:
        """What the engine has of it, running or not."""
        mine = {"label": self.mine}
        return [
            *self._engine.containers.list(all=True, filters=mine),
            *self._engine.networks.list(filters=mine),
            *self._engine.volumes.list(filters=mine),
        ]


@pytest.fixture(scope="module")
def stack(engine: docker.DockerClient, images: Images) -> Iterator[Stack]:
    """Up, with Toxiproxy healthy: it waits for the eight stubs, and then says so of itself."""
    stack = Stack(engine, images)
    try:
        stack.do("up", "-d")
        until = time.monotonic() + LIMIT
        while stack.toxiproxy.attrs["State"]["Health"]["Status"] != "healthy":
            assert time.monotonic() < until, stack.do("logs")
            time.sleep(0.1)
        yield stack
    finally:
        stack.do("down", "--timeout", "1")


def test_compose_takes_the_file(engine: docker.DockerClient, images: Images) -> None:
    """Whichever Compose it is; an old one refuses the whole file for a key that it doesn't know."""
    written = Stack(engine, images).do("config")
    assert images.lab in written
    assert FRONT in written


def test_all_eight_answer_through_toxiproxy(stack: Stack) -> None:
    """Each in its own words, on loopback."""
    for service, port in PORTS.items():
        answer = httpx.get(f"http://127.0.0.1:{stack.port(port)}/health", trust_env=False)
        assert answer.status_code == 200, service


def test_a_toxic_added_by_hand_works_and_goes(stack: Stack) -> None:
    """As the README tells: with any client of Toxiproxy's, here the one of PyPI."""
    control = Toxiproxy()
    control.update_api_consumer("127.0.0.1", stack.port(8474))
    assert sorted(control.proxies()) == sorted(PORTS)
    core = control.get_proxy("core")
    core.add_toxic(name="late", type="latency", attributes={"latency": 300})
    url = f"http://127.0.0.1:{stack.port(PORTS['core'])}/health"
    began = time.monotonic()
    assert httpx.get(url, trust_env=False).status_code == 200
    assert time.monotonic() - began >= 0.3
    core.destroy_toxic("late")
    with core.down(), pytest.raises(httpx.TransportError):
        httpx.get(url, trust_env=False)
    assert httpx.get(url, trust_env=False).status_code == 200


def test_toxiproxy_has_its_proxies_again_after_a_restart(stack: Stack) -> None:
    """It keeps nothing by itself; they stand in a file that it reads at its start."""
    stack.do("restart", "--timeout", "1", "toxiproxy")
    url = f"http://127.0.0.1:{stack.port(8474)}/proxies"
    until = time.monotonic() + LIMIT
    while True:
        try:
            proxies = httpx.get(url, trust_env=False).json()
            break
        except httpx.TransportError:
            assert time.monotonic() < until
            time.sleep(0.05)
    assert sorted(proxies) == sorted(PORTS)


def test_only_toxiproxy_is_published_and_on_loopback_only(
    engine: docker.DockerClient, stack: Stack
) -> None:
    """A lab must not be reached from another machine."""
    bound: dict[str, set[str]] = {}
    for container in engine.containers.list(filters={"label": stack.mine}):
        bindings = container.attrs["HostConfig"]["PortBindings"] or {}
        hosts = {one["HostIp"] for entry in bindings.values() for one in entry}
        bound[container.labels["com.docker.compose.service"]] = hosts
        assert container.labels["faultlab.part"] in {"toxiproxy", "backend"}
    assert bound == {"toxiproxy": {"127.0.0.1"}} | {service: set() for service in PORTS}


def test_down_leaves_nothing(engine: docker.DockerClient, images: Images) -> None:
    """No container, no network, no volume."""
    stack = Stack(engine, images)
    stack._environment |= {
        "FAULTLAB_FRONT_SUBNET": "198.19.250.0/24",
        "FAULTLAB_BACKENDS_SUBNET": "198.19.251.0/24",
    }
    try:
        stack.do("up", "-d", "nis")
        assert len(stack.left()) >= 2
    finally:
        stack.do("down", "--timeout", "1")
    assert stack.left() == []


def test_the_file_names_what_is_mounted() -> None:
    """Compose would make a missing file a folder, and Toxiproxy would not start."""
    assert Path(compose_file().parent, "lab/environments/docker/proxies.json").is_file()
