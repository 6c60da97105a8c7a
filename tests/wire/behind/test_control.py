"""The control of a real Toxiproxy: every call, and a server that errs, hangs or is not there."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from faultlab.lab.behind import Control, Toxiproxy
from faultlab.lab.behind.control import Made, Toxic
from faultlab.lab.errors import SetupError

pytestmark = pytest.mark.wire


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


@contextlib.contextmanager
def answering(status: int, body: bytes) -> Iterator[Control]:
    """A server that says the same to every call."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that the base class calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Control("127.0.0.1", server.server_port)
        finally:
            server.shutdown()
            thread.join()


def test_a_proxy_lives_from_its_making_to_its_end(started: Toxiproxy, monkeypatch) -> None:
    """What the library can do, whatever proxies the environment names."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    control = started.control
    made = control.create("one", "127.0.0.1:0", "127.0.0.1:9")
    assert (made.name, made.upstream, made.enabled) == ("one", "127.0.0.1:9", True)
    assert control.proxies() == {"one": made}
    control.disable("one")
    assert not control.proxies()["one"].enabled
    control.enable("one")
    assert control.proxies() == {"one": made}
    control.remove("one")
    assert control.proxies() == {}
    assert control.version() == started.version


def test_a_toxic_can_be_changed(started: Toxiproxy) -> None:
    """What the library has no call for, or keeps to itself."""
    control = started.control
    control.create("one", "127.0.0.1:0", "127.0.0.1:9")
    toxic = Toxic("slow", "latency", "upstream", {"latency": 5, "jitter": 0})
    assert control.add("one", toxic) == toxic
    changed = control.update("one", "slow", {"latency": 7})
    assert changed.attributes == {"latency": 7, "jitter": 0}
    assert control.toxics("one") == {"slow": changed}
    control.drop("one", "slow")
    assert control.toxics("one") == {}


def test_proxies_are_put_back(started: Toxiproxy) -> None:
    """After a restart; those that are there are left alone."""
    control = started.control
    made = [control.create(name, "127.0.0.1:0", "127.0.0.1:9") for name in ("one", "two")]
    control.remove("two")
    control.populate(made)
    assert control.proxies() == {one.name: one for one in made}


def test_a_port_that_is_taken_is_said_in_the_servers_words(started: Toxiproxy, taken: int) -> None:
    """The library would say KeyError: 'name'."""
    with pytest.raises(
        SetupError, match=r"refused `POST /proxies`: .*address already in use \(500"
    ):
        started.control.create("one", f"127.0.0.1:{taken}", "127.0.0.1:9")


def test_what_is_not_there_is_an_error(started: Toxiproxy) -> None:
    """Its name has been forgotten, or was never right."""
    with pytest.raises(SetupError, match=r"proxy not found \(404\)"):
        started.control.disable("a b")
    made = started.control.create("one", "127.0.0.1:0", "127.0.0.1:9")
    with pytest.raises(SetupError, match="already exists"):
        started.control.create("one", "127.0.0.1:0", made.upstream)


def test_a_time_out_of_the_servers_is_an_error() -> None:
    """It comes as a page for people."""
    page = b"<html><head><title>Timeout</title></head></html>"
    with answering(503, page) as control, pytest.raises(SetupError, match=r"Timeout.* \(503\)"):
        control.disable("one")


def test_two_controls_speak_to_two_servers() -> None:
    """The library has one address for a process."""
    with answering(200, b'{"version": "2.9.0"}') as one, answering(200, b"{}") as other:
        assert (one.version(), other.version(), one.version()) == ("2.9.0", "unknown", "2.9.0")
        assert other.proxies() == {}


def test_a_server_that_hangs_is_an_error_in_bounded_time(taken: int) -> None:
    """A wedged control must not hang a run."""
    control = Control("127.0.0.1", taken, limit=0.05)
    with pytest.raises(SetupError, match=r"did not answer `POST /proxies/one` within 0\.05 s"):
        control.enable("one")


def test_nobody_there_is_an_error() -> None:
    """It says where."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        with pytest.raises(SetupError, match=f"127.0.0.1:{port} can't be reached: Connection ref"):
            Control("127.0.0.1", port).proxies()


def test_the_same_proxy_is_made_of_the_same_values() -> None:
    """Values, so that two lists can be compared."""
    assert Made("a", "b", "c", enabled=True) == Made("a", "b", "c", enabled=True)
