"""A subject in a process of its own: its author's file, a server, and the recorder's end of its feed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest

from faultlab.lab.frames import Batch, Frames, Mark
from faultlab.lab.history import AnyEvent, OpInvoked
from faultlab.lab.subjects.child import Child
from faultlab.lab.tune import FAST

LIMIT = 20.0

SUBJECTS = """
import asyncio, os, sys, threading, time
import httpx
from faultlab import op, subject

SERVICES = {"orders": {"GET /x": {}, "POST /x": {}}}

class OrdersError(Exception):
    pass

def sync_client(urls):
    return httpx.Client(base_url=urls["orders"], timeout=5, trust_env=False)

def async_client(urls):
    return httpx.AsyncClient(base_url=urls["orders"], timeout=5, trust_env=False)

@subject(services=SERVICES, contract={"attempts": {"max": 1}, "errors": {"connection": OrdersError}})
def orders(urls):
    print("hello from orders")
    with sync_client(urls) as http:
        yield {
            "read": op("GET /x", http.get, "/x"),
            "write": op("POST /x", http.post, "/x", json={}),
        }

def leave(kind):
    raise kind("away")

async def wait(seconds):
    await asyncio.sleep(seconds)

async def swallow():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "swallowed"

@subject(services=SERVICES)
def sync_yields_async(urls, tune, seed):
    http = async_client(urls)
    meeting = asyncio.Barrier(3)
    async def meet():
        await meeting.wait()
    yield {
        "read": op("GET /x", http.get, "/x"),
        "by_lambda": op("GET /x", lambda: http.get("/x")),
        "given": op("GET /x", lambda: (tune.read, seed)),
        "meet": op("GET /x", meet),
        "wait": op("GET /x", wait, 60),
        "swallow": op("GET /x", swallow),
        "block": op("GET /x", time_sleep),
        "exit": op("GET /x", leave, SystemExit),
        "interrupt": op("GET /x", leave, KeyboardInterrupt),
        "stop": op("GET /x", leave, StopIteration),
        "error": op("GET /x", leave, OrdersError),
        "die": op("GET /x", os._exit, 3),
    }

async def time_sleep():
    time.sleep(60)  # blocks the loop

@subject(services=SERVICES)
async def leaves_things(urls):
    async with async_client(urls) as http:
        left = asyncio.create_task(wait(60))
        threading.Thread(target=threading.Event().wait, name="poller", daemon=True).start()
        yield {"read": op("GET /x", http.get, "/x"), "drop": op("GET /x", lambda: str(wait(0)))}

@subject(services=SERVICES)
async def async_yields_sync(urls):
    meeting = threading.Barrier(3)
    with sync_client(urls) as http:
        yield {
            "read": op("GET /x", http.get, "/x"),
            "meet": op("GET /x", meeting.wait, 10),
            "block": op("GET /x", time.sleep, 60),
        }

@subject(services=SERVICES)
def raises_at_start(urls):
    urls["order"]
    yield {}

@subject(services=SERVICES)
def hangs_at_start(urls):
    print("hanging")
    time.sleep(60)
    yield {}

@subject(services=SERVICES)
def raises_at_the_end(urls):
    yield {"read": op("GET /x", print)}
    raise OrdersError("not closed")

@subject(services=SERVICES)
def calls_at_start(urls):
    with sync_client(urls) as http:
        http.get("/x")
        yield {"read": op("GET /x", http.get, "/x")}

@subject(services=SERVICES)
def goes_elsewhere(urls):
    yield {"read": op("GET /x", httpx.get, os.environ["ORDERS_URL_OF_THIS_TEST"])}

@subject(services={"orders": "orders.openapi.yaml"})
def unserved(urls):
    yield {"read": op("GET /x", print)}

@subject(services=SERVICES, contract={"attempts": print})
def unreadable(urls):
    yield {"read": op("GET /x", print)}
"""


class Server:
    """Answers every request with 200, and keeps the tags that came with them."""

    def __init__(self) -> None:
        self.tags: list[str | None] = []
        keep = self.tags.append

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # the library's name
                keep(self.headers.get("X-Faultlab-Op"))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self._thread = threading.Thread(target=self.http.serve_forever)
        self._thread.start()

    def close(self) -> None:
        """Stop, and free the port."""
        self.http.shutdown()
        self._thread.join()
        self.http.server_close()


class Run:
    """A child and the recorder's end of its feed."""

    def __init__(self, subject: str, log: Path) -> None:
        self._feed, self._theirs = socket.socketpair()
        self._feed.settimeout(LIMIT)
        self.child = Child(subject, self._theirs, log=log)
        self.log = log

    def open(self, url: str) -> None:
        """Open the subject on one service, `orders`."""
        self.child.open({"orders": url}, tune=FAST, seed=7, start=time.monotonic(), limit=LIMIT)

    def events(self, token: int = 1) -> list[AnyEvent]:
        """All that was recorded so far."""
        self.child.flush(token)
        frames, events = Frames(), []
        while True:
            for frame in frames.feed(self._feed.recv(65536)):
                match frame:
                    case Batch(batch):
                        events += batch
                    case Mark(passed) if passed == token:
                        return events

    def begun(self, *ops: int) -> None:
        """Wait until these operations run."""
        invoked: set[int | None] = set()
        for token in count(100):
            invoked |= {event.op for event in self.events(token) if isinstance(event, OpInvoked)}
            if invoked >= set(ops):
                return

    def close(self) -> None:
        """End everything."""
        self.child.kill()
        self._theirs.close()
        self._feed.close()


Start = Callable[[str], Run]


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that works."""
    it = Server()
    yield it
    it.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Its author's file, alone in its folder."""
    path = tmp_path / "orders_lab.py"
    path.write_text(SUBJECTS)
    return path


@pytest.fixture
def start(file: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts the subject of this name from its author's file, or one that is named in full."""
    with ExitStack() as stack:

        def started(name: str) -> Run:
            spec = name if ":" in name else f"{file}:{name}"
            run = Run(spec, tmp_path / "subject.log")
            stack.callback(run.close)
            return run

        yield started
