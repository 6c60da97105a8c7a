"""The ways from the bench's client to its backend: direct, the lab's proxy, and two that are alone.

Each proxy is a process of its own. The real Toxiproxy is built once, from its Go module, into
`.bench/` of the checkout.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from faultlab.lab.backends.specification import Url
from faultlab.lab.environments.embedded import LabProcess
from faultlab.lab.environments.hosted import Hosted
from faultlab.lab.environments.toxiproxy import found
from faultlab.lab.errors import SetupError
from faultlab.lab.history import Header
from faultlab.lab.mortal import die_with

HERE = Path(__file__).parent
VERSION = "2.12.0"
MODULE = f"github.com/Shopify/toxiproxy/v2/cmd/server@v{VERSION}"
BUILT = HERE.parents[1] / ".bench" / f"toxiproxy-{VERSION}"
BUILDING = 60.0  # seconds for the build, its downloads included
STARTING = 15.0  # seconds for a proxy to answer


class NotMeasuredError(Exception):
    """The real Toxiproxy can't be had here; the message says why."""


def _with_us() -> Callable[[], None]:
    """For a process to run as it starts, so that it ends with this one, even by SIGKILL."""
    return partial(die_with, os.getpid())


@contextmanager
def script(name: str) -> Iterator[subprocess.Popen[str]]:
    """One of the bench's own processes, with its standard streams."""
    command = [sys.executable, str(HERE / name)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, preexec_fn=_with_us()
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def recorded(backend: int) -> Iterator[int]:
    """The port of the lab's proxy, which writes a history."""
    with ExitStack() as stack:
        process = stack.enter_context(LabProcess())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        feed, events = socket.socketpair()
        stack.enter_context(events)
        lab = Hosted(
            process,
            {"orders": Url(f"http://127.0.0.1:{backend}")},
            header=Header(scenario="bench"),
            path=Path(folder) / "bench.jsonl",
            feed=feed,
        )
        stack.callback(lab.close)
        yield lab.ports["orders"]


def toxiproxy() -> list[str]:
    """The command of the real one: the machine's own, or built. Raises NotMeasuredError."""
    with contextlib.suppress(SetupError):
        return [found(os.environ).path]
    built = BUILT / "server"
    if not built.exists():
        go = shutil.which("go")
        if go is None:
            raise NotMeasuredError("no go")
        print(f"building Toxiproxy {VERSION} into {BUILT.parent.name}/", flush=True)
        # In a folder that has no module of its own.
        _quietly([go, "install", MODULE], cwd=tempfile.gettempdir(), GOBIN=str(BUILT))
    _quietly([str(built), "-version"])
    return [str(built)]


def _quietly(command: list[str], *, cwd: str | None = None, **environment: str) -> None:
    """Run it. Raises NotMeasuredError with its last word."""
    name = " ".join([Path(command[0]).name, *command[1:2]])
    try:
        subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **environment},
            capture_output=True,
            check=True,
            text=True,
            timeout=BUILDING,
        )
    except subprocess.TimeoutExpired:
        raise NotMeasuredError(f"{name} took more than {BUILDING:g} s") from None
    except subprocess.CalledProcessError as error:
        said = str(error.stderr).strip() or str(error)
        raise NotMeasuredError(f"{name}: {said.splitlines()[-1]}") from None
    except OSError as error:
        raise NotMeasuredError(f"{name}: {error.strerror}") from None


def faultlab() -> list[str]:
    """The command of the lab's own that speaks Toxiproxy's API."""
    return [sys.executable, "-P", "-m", "faultlab", "proxy"]


@contextmanager
def alone(command: list[str], backend: int) -> Iterator[tuple[int, int]]:
    """Two ports of a proxy in a process of its own: without toxics, and with one each way."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        api = free.getsockname()[1]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(api)],
        stdout=quiet,
        stderr=quiet,
        preexec_fn=_with_us(),
    ) as process:
        try:
            _await(api, process)
            ports = [_proxy(api, name, backend) for name in ("bare", "toxic")]
            for stream in ("upstream", "downstream"):
                toxic = {"type": "latency", "stream": stream, "attributes": {"latency": 0}}
                _post(api, "/proxies/toxic/toxics", toxic)
            yield ports[0], ports[1]
        finally:
            process.kill()


def _await(api: int, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + STARTING
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", api), timeout=1).close()
            return
        if process.poll() is not None or time.monotonic() > limit:
            raise RuntimeError(f"{process.args!r} does not listen")
        time.sleep(0.02)


def _proxy(api: int, name: str, backend: int) -> int:
    asked = {"name": name, "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{backend}"}
    answer = _post(api, "/proxies", asked)
    return int(str(answer["listen"]).rpartition(":")[2])


def _post(api: int, path: str, body: Mapping[str, object]) -> dict[str, object]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{api}{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "User-Agent": "faultlab-bench"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=STARTING) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"POST {path}: {error.code} {error.read()!r}") from None
