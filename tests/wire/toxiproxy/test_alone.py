"""`faultlab proxy`, as a process of its own."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.wire

LIMIT = 30.0


@contextmanager
def running(*options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, on a port of the system's choosing."""
    with subprocess.Popen(
        [sys.executable, "-m", "faultlab", "proxy", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A job in the background of a shell would inherit that it is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def address(process: subprocess.Popen[str]) -> str:
    """Where its control API is, from its first line."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found is not None, line
    return found[0]


def line_with(process: subprocess.Popen[str], text: str) -> str:
    """The next line of the listing that holds this."""
    assert process.stdout is not None
    limit = time.monotonic() + LIMIT
    while time.monotonic() < limit:
        if text in (line := process.stdout.readline()):
            return line
    raise AssertionError(text)


def test_ctrl_c_ends_it_with_nothing_left(tmp_path: Path) -> None:
    """A config with a toxic, one connection, the listing, and the end."""
    config = tmp_path / "toxiproxy.json"
    config.write_text(
        '[{"name": "db", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1",'
        ' "toxics": [{"type": "latency", "attributes": {"latency": 5}}]}]'
    )
    with running("--config", str(config), "--seed", "7") as process:
        url = address(process)
        assert " for 127.0.0.1:1" in line_with(process, "db: listens on ")
        assert "latency=5" in line_with(process, "latency_downstream")
        told = httpx.get(f"{url}/proxies/db", trust_env=False).json()
        assert [one["name"] for one in told["toxics"]] == ["latency_downstream"]
        port = int(told["listen"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            assert client.recv(1) == b""
        line_with(process, "db: connection 1 over: upstream: ")
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=LIMIT)
    assert (process.returncode, error) == (130, "interrupted; everything is closed (exit 130)\n")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 10)


def test_a_polite_end_is_a_success() -> None:
    """As the original answers SIGTERM, which containers send."""
    with running() as process:
        address(process)
        process.terminate()
        assert process.wait(LIMIT) == 0


def test_mistakes_are_addressed_to_who_made_them(tmp_path: Path) -> None:
    """The command line's are 2, the machine's are 3."""
    bad = tmp_path / "bad.json"
    bad.write_text('[{"name": "db"}]')
    with running("--config", str(bad)) as process:
        _, error = process.communicate(timeout=LIMIT)
    assert process.returncode == 2
    assert "--config: missing required field: upstream at proxy 1" in error
    with running("--host", "example.invalid") as process:
        _, error = process.communicate(timeout=LIMIT)
    assert process.returncode == 2
    assert "--host example.invalid" in error
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        running("--port", str(other.getsockname()[1])) as process,
    ):
        _, error = process.communicate(timeout=LIMIT)
    assert process.returncode == 3
    assert "Address already in use" in error
