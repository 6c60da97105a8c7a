"""A stub behind the proxy answers what is odd or broken as it does without one."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from faultlab.faults import BadBody, Cut, Latency, Status
from faultlab.faults.decide import keyed
from faultlab.lab.backends.routes import Routes
from faultlab.lab.backends.stub import Stub
from faultlab.lab.history import RequestReceived, ResponseSent
from faultlab.lab.proxy.proxy import Proxy

pytestmark = pytest.mark.wire

FOR_OTHERS = (
    Status(service="core", code=503, endpoint="GET /elsewhere"),
    Cut(service="core", at="response_body", endpoint="GET /elsewhere/*"),
    Latency(service="core", delay=0.5, endpoint="POST /elsewhere"),
    BadBody(service="core", body="html", endpoint="PUT /elsewhere"),
)
LAST = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\n"
INPUTS: dict[str, tuple[bytes, list[int]]] = {
    "three in one packet": (
        b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n" + POST + b"Content-Length: 2\r\n\r\n{}" + LAST,
        [200, 201, 200],
    ),
    "bare line feeds": (LAST.replace(b"\r\n", b"\n"), [200]),
    "a folded line": (LAST[:-2] + b"X: a\r\n b\r\n\r\n", [200]),
    "HTTP/1.0": (b"GET /x HTTP/1.0\r\n\r\n", [200]),
    "HEAD": (LAST.replace(b"GET", b"HEAD"), [200]),
    "chunk extensions and trailers": (
        POST + b'Transfer-Encoding: chunked\r\n\r\n2;a="b"\r\n{}\r\n0\r\nT: x\r\n\r\n' + LAST,
        [201, 200],
    ),
    "both lengths": (
        POST + b"Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [201],
    ),
    "an expectation": (
        POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}" + LAST,
        [201, 200],
    ),
    "an upgrade": (
        b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" + LAST,
        [200, 200],
    ),
    "a tunnel": (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n" + LAST, [404, 200]),
    "a head of 60,000 bytes": (LAST[:-2] + b"X: " + b"x" * 60_000 + b"\r\n\r\n", [200]),
    "a target of 30,000 bytes": (LAST.replace(b"/x", b"/x?" + b"a-" * 15_000), [200]),
    "a method of 3,000 letters": (LAST.replace(b"GET", b"G" * 3000), [405]),
    "TLS": (b"\x16\x03\x01\x00\x2f\x01\x00\x00", [400]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
    "no host": (b"GET /x HTTP/1.1\r\n\r\n", [400]),
    "a space before the colon": (b"GET /x HTTP/1.1\r\nHost : a\r\n\r\n", [400]),
    "a huge head": (b"GET /x HTTP/1.1\r\nX: " + b"x" * 100_000, [431]),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", [400]),
    "a broken chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}{}\r\n0\r\n\r\n", [400]),
    "another transfer coding": (POST + b"Transfer-Encoding: gzip\r\n\r\n", [501]),
    "another expectation": (POST + b"Expect: 42\r\nContent-Length: 2\r\n\r\n{}", [417]),
    "too large a body": (POST + b"Content-Length: 99999999\r\n\r\n", [413]),
}


@pytest.fixture
def stubbed(stage: Any) -> Iterator[tuple[Any, Stub]]:
    """A stage whose proxy stands before a stub; and the stub."""

    def start() -> Stub:
        routes = Routes({"GET /x": {"x": "y" * 2000}, "POST /x": [201, {}]})
        stub = Stub(stage.net, routes, stage._record, stage.net.now(), "core")
        stage.proxy.close()
        stage.proxy = Proxy(
            stage.net,
            "core",
            ("127.0.0.1", stub.port),
            stage._record,
            start=stage.net.now(),
            draws=keyed(7),
            conns=itertools.count(1),
            tag_upstream=True,
        )
        return stub

    stub = stage.call(start)
    yield stage, stub
    stage.call(stub.close)


def said(port: int, data: bytes) -> tuple[bytes, str]:
    """What is answered to these bytes until the end, and which end it is."""
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.sendall(data)
        seen = b""
        try:
            while more := sock.recv(1 << 20):
                seen += more
        except ConnectionResetError:
            return seen, "rst"
        return seen, "fin"


@pytest.mark.parametrize("faults", [(), FOR_OTHERS], ids=["no fault", "faults for others"])
@pytest.mark.parametrize("name", INPUTS)
def test_the_answers_are_those_of_the_stub_alone(
    stubbed: tuple[Any, Stub], name: str, faults: tuple[Any, ...]
) -> None:
    """Byte for byte, to the same end; and each of them is in the history."""
    stage, stub = stubbed
    for fault in faults:
        stage.arm(fault)
    data, statuses = INPUTS[name]
    direct = said(stub.port, data)
    assert said(stage.proxy.port, data) == direct
    assert direct[1] == "fin"
    sent = stage.of(ResponseSent)
    assert [event.status for event in sent] == statuses * 2
    assert all(
        bool(event.why) == (event.status >= 400 and event.status not in {404, 405})
        for event in sent
    )
    shown = [f"{event.method} {event.target}" for event in stage.of(RequestReceived)]
    assert max(map(len, shown), default=0) < 2200
    stage.judged()
