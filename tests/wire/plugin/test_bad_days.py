"""Sessions that end before their tests do: nothing of the lab outlives them."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Stranger

pytest_plugins = ["pytester"]
pytestmark = [pytest.mark.wire, pytest.mark.slow]

WAITING = """
import os
import socket
import threading
from pathlib import Path

def test_waits(lab):
    lab.down("core")
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    told = f"{os.getpid()} {children}"
    with socket.create_connection(("127.0.0.1", int(os.environ["READY"]))) as outer:
        outer.sendall(told.encode())
    threading.Event().wait()
"""


@dataclass
class Session:
    """A pytest session that waits inside a test."""

    process: subprocess.Popen[bytes]
    watched: list[int]  # pidfds of the test's process and the lab's

    def gone(self, seconds: float) -> bool:
        """Whether both have ended within so long."""
        return all(select.select([fd], [], [], seconds)[0] for fd in self.watched)


@pytest.fixture
def waiting(
    stranger: Stranger,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Session]:
    """A session that has told that its test waits."""
    stranger.writes(WAITING)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        monkeypatch.setenv("READY", str(server.getsockname()[1]))
        options = getattr(request, "param", ("-p", "no:xdist"))
        process = stranger.popen(*options)
        watched: list[int] = []
        try:
            peer, _ = server.accept()
            with peer:
                told = b"".join(iter(lambda: peer.recv(4096), b""))
            watched += [os.pidfd_open(pid) for pid in map(int, told.split())]
            assert len(watched) == 2
            yield Session(process, watched)
        finally:
            process.kill()
            process.communicate()
            for fd in watched:
                os.close(fd)


def test_ctrl_c_ends_the_lab_with_the_session(waiting: Session, stranger: Stranger) -> None:
    """Everything is closed in order; a fault that had no time to fire is no second error."""
    waiting.process.send_signal(signal.SIGINT)
    output, _ = waiting.process.communicate(timeout=30)
    assert waiting.process.returncode == pytest.ExitCode.INTERRUPTED
    assert waiting.gone(0)
    assert b"KeyboardInterrupt" in output
    assert b"never fired" not in output
    assert b"Traceback" not in output
    assert stranger.left_nothing()


def test_a_killed_session_takes_the_lab_with_it(waiting: Session) -> None:
    """Nobody is left to stop it, so it stops itself."""
    waiting.process.kill()
    assert waiting.gone(1.0)


@pytest.mark.parametrize("waiting", [("-n", "1")], indirect=True)
def test_a_killed_xdist_controller_takes_worker_and_lab_with_it(waiting: Session) -> None:
    """The worker would wait for ever in its test, and keep the lab alive."""
    assert waiting.process.pid not in waiting.watched
    waiting.process.kill()
    assert waiting.gone(1.0)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_session_that_ends_takes_the_scenario_that_it_plays_with_it(
    stranger: Stranger, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Its command, that one's lab process and subject: none of them goes on for nobody."""
    stranger.writes(
        orders_lab="""
        import os
        import socket
        import threading
        from faultlab import op, subject

        def hang():
            with socket.create_connection(("127.0.0.1", int(os.environ["READY"]))) as outer:
                outer.sendall(str(os.getpid()).encode())
            threading.Event().wait()

        @subject(services={"orders": {"GET /": {}}})
        def orders(urls):
            yield {"read": op("GET /", hang)}
        """,
        test_orders="def test_run(lab): lab.run('down', 'orders_lab.py:orders')",
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(50)
        monkeypatch.setenv("READY", str(server.getsockname()[1]))
        with stranger.popen("-p", "no:xdist") as session:
            try:
                peer, _ = server.accept()
                with peer:
                    subject = int(b"".join(iter(lambda: peer.recv(4096), b"")))
                watched = os.pidfd_open(subject)
                assert len(stranger.lab_processes()) == 4  # two labs, the command, the subject
                session.send_signal(number)
                output, _ = session.communicate(timeout=30)
            finally:
                session.kill()
    assert (b"KeyboardInterrupt" in output) == (number == signal.SIGINT)
    assert select.select([watched], [], [], 5.0)[0]
    os.close(watched)
    until = time.monotonic() + 5.0
    while stranger.lab_processes():
        assert time.monotonic() < until
