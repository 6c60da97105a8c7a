"""What is refused in a run, by which name, and from whose line."""

import _thread
import select
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from faultlab.lab.environments.simulated import Escaped, Run
from faultlab.lab.environments.simulated.escapes import audited

REFUSED: dict[str, Callable[[], object]] = {
    "time.sleep": lambda: time.sleep(1),
    "thread start": lambda: _thread.start_new_thread(print, ()),
    "threading.Condition.wait": lambda: threading.Event().wait(1),
    "subprocess.Popen": lambda: subprocess.run([sys.executable, "-V"]),
    "socket.connect": lambda: with_socket(lambda one: one.connect(("127.0.0.1", 9))),
    "socket.getaddrinfo": lambda: socket.create_connection(("localhost", 9)),
    "socket.bind": lambda: with_socket(lambda one: one.bind(("127.0.0.1", 9))),
    "socket.sendto": lambda: with_socket(lambda one: one.sendto(b"x", ("127.0.0.1", 9))),
    "threading.Thread.join": lambda: threading.main_thread().join(),
    "socket.recv": lambda: with_socket(lambda one: one.recv(1)),
    "socket.sendall": lambda: with_socket(lambda one: one.sendall(b"x")),
    "socket.accept": lambda: with_socket(lambda one: one.accept()),
    "select.select": lambda: select.select([], [], [], 1),
    "select.poll": lambda: select.poll().poll(),
    "selectors.SelectSelector.select": lambda: selectors.SelectSelector().select(),
    "selectors.PollSelector.select": lambda: selectors.PollSelector().select(1),
}


def with_socket(act: Callable[[socket.socket], object]) -> None:
    """Do this with a socket that is closed then."""
    with socket.socket() as one:
        act(one)


@pytest.mark.parametrize("call", REFUSED)
def test_what_would_block_or_leave_is_refused_by_name_and_kept(call: str) -> None:
    """A client may swallow every exception: whoever judges asks the run."""
    with Run(lambda: 0.0, seed=0).on() as run:
        with pytest.raises(Escaped) as refused:
            REFUSED[call]()
        assert [one.call for one in run.escapes] == [call]
    assert run.escapes == [refused.value]


def test_a_connect_that_is_refused_leaves_no_socket_open() -> None:
    """`socket.create_connection` closes its own for an OSError only."""
    with socket.socket() as one, Run(lambda: 0.0, seed=0).on():
        with pytest.raises(Escaped):
            one.connect(("127.0.0.1", 9))
        assert one.fileno() == -1


@pytest.mark.parametrize("begun", [False, True])
def test_a_pool_of_threads_is_refused(*, begun: bool) -> None:
    """Also one whose threads wait already, so that none is started."""
    with ThreadPoolExecutor(1) as pool:
        if begun:
            pool.submit(int).result()
        named = pytest.raises(Escaped, match=r"ThreadPoolExecutor\.submit")
        with Run(lambda: 0.0, seed=0).on(), named:
            pool.submit(print)
        assert pool.submit(int).result() == 0


def test_it_is_no_exception_that_a_client_would_retry() -> None:
    """`except Exception` is what clients write."""
    assert not issubclass(Escaped, Exception)


def test_the_line_is_the_authors_not_the_librarys() -> None:
    """The library's line helps nobody to mend it."""
    with Run(lambda: 0.0, seed=0).on(), pytest.raises(Escaped) as refused:
        subprocess.run([sys.executable, "-V"])
    here = sys._getframe().f_code
    place, _, name = refused.value.where.partition(", ")
    path, _, line = place.rpartition(":")
    assert Path(path).name == Path(__file__).name
    assert int(line) > here.co_firstlineno
    assert name == here.co_qualname
    assert str(refused.value) == f"subprocess.Popen, from {refused.value.where}"


@pytest.mark.parametrize(
    "look",
    [
        lambda: time.sleep(0),
        lambda: select.select([], [], [], 0),
        lambda: select.select([], [], [], 0.0),
        lambda: select.poll().poll(0),
        lambda: selectors.SelectSelector().select(0),
        lambda: threading.Condition().acquire(),
        lambda: with_socket(lambda one: one.bind(("127.0.0.1", 0))),
        lambda: socket.getaddrinfo("127.0.0.1", 80),
        lambda: socket.getaddrinfo("::1", 80, flags=socket.AI_NUMERICHOST),
    ],
)
def test_what_only_looks_is_let_through(look: Callable[[], object]) -> None:
    """Pools look at a descriptor before they use a connection again."""
    with Run(lambda: 0.0, seed=0).on() as run:
        look()
    assert run.escapes == []


def test_a_poll_that_only_looks_tells_what_is_ready() -> None:
    """httpcore asks so whether a connection is dead."""
    one, other = socket.socketpair()
    with one, other, Run(lambda: 0.0, seed=0).on():
        poll = select.poll()
        poll.register(one, select.POLLIN)
        assert poll.poll(0) == []
        other.send(b"x")
        assert poll.poll(0) == [(one.fileno(), select.POLLIN)]


def test_a_socket_that_does_not_block_is_let_through() -> None:
    """One end of a pair can stand for a simulated connection's readability."""
    one, other = socket.socketpair()
    with one, other, Run(lambda: 0.0, seed=0).on() as run:
        one.setblocking(False)
        with pytest.raises(BlockingIOError):
            one.recv(1)
        other.send(b"x")
        assert one.recv(1) == b"x"
        with pytest.raises(Escaped, match=r"socket\.recv"):
            other.recv(1)
        assert len(run.escapes) == 1


def test_names_are_asked_of_nobody_where_they_are_numbers() -> None:
    """The connect is what leaves then."""
    assert audited("socket.getaddrinfo", ("127.0.0.1", 80, 0, 0, 0)) is None
    assert audited("socket.getaddrinfo", (b"::1", 80, 0, 0, 0)) is None
    assert audited("socket.getaddrinfo", (None, 80, 0, 0, 0)) is None
    assert audited("socket.getaddrinfo", ("core", 80, 0, 0, 0)) == "socket.getaddrinfo"
    assert audited("open", ("file", "r", 0)) is None
