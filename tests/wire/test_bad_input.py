"""What is odd, huge, or no HTTP at all passes unchanged both ways, or the history says why not.

Each dialogue is what two bare sockets say to each other. Without a proxy each side receives what
the other sent, and so it must be with one: without a fault, and with faults that are for others.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from faultlab.faults import BadBody, Cut, Latency, LostAnswer, Refused, Status
from faultlab.faults.decide import keyed
from faultlab.lab.history import (
    ConnClosed,
    ConnUnread,
    RequestStarted,
    ResponseComplete,
    ResponseHead,
)
from faultlab.lab.proxy.proxy import Proxy

pytestmark = pytest.mark.wire

LIMIT = 10.0
ELSEWHERE = "GET /elsewhere"
FOR_OTHERS = (
    Status(service="core", code=503, endpoint=ELSEWHERE),
    Cut(service="core", at="response_body", bytes=1, endpoint="GET /elsewhere/*"),
    Latency(service="core", delay=0.5, endpoint="POST /elsewhere"),
    BadBody(service="core", body="html", endpoint="PUT /elsewhere"),
    LostAnswer(service="core", endpoint="PATCH /elsewhere"),
)

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HELLO = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + bytes(range(100, 132)) + b"\x00\x00\x02"


@dataclass
class Pair:
    """Both ends of one connection through the proxy."""

    client: socket.socket
    server: socket.socket

    def say(self, who: str, data: bytes) -> None:
        """`client` or `server` says this, and the other hears exactly this; b"" is FIN."""
        one, other = self.client, self.server
        if who == "server":
            one, other = other, one
        if not data:
            one.shutdown(socket.SHUT_WR)
            assert other.recv(1) == b"", f"what the {who} ended goes on"
            return
        one.sendall(data)
        assert took(other, len(data)) == data, f"what the {who} said"


def took(sock: socket.socket, length: int) -> bytes:
    """So many bytes; fewer if they end or stop."""
    data = b""
    while len(data) < length:
        try:
            more = sock.recv(length - len(data))
        except TimeoutError:
            break
        if not more:
            break
        data += more
    return data


@pytest.fixture
def pair(stage: Any) -> Iterator[Callable[[], Pair]]:
    """Makes connections through the proxy to a bare server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)
        servers: list[socket.socket] = []
        before = stage.proxy

        def start() -> Proxy:
            return Proxy(
                stage.net,
                "core",
                listener.getsockname(),
                stage._record,
                start=stage.net.now(),
                draws=keyed(7),
                conns=itertools.count(1),
            )

        stage.proxy = stage.call(start)
        stage.call(before.close)

        def connect() -> Pair:
            client = stage.dial().sock
            server = listener.accept()[0]
            server.settimeout(LIMIT)
            servers.append(server)
            return Pair(client, server)

        yield connect
        for server in servers:
            server.close()


def head(line: bytes, *headers: bytes) -> bytes:
    """A head with these lines."""
    return b"\r\n".join([line, *headers, b"", b""])


HUGE = head(b"GET /x HTTP/1.1", b"X: " + b"x" * 200_000)
UPGRADE = head(b"GET /ws HTTP/1.1", b"Upgrade: websocket", b"Connection: Upgrade")
SWITCHED = head(b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade")
CHUNKED = head(b"POST /x HTTP/1.1", b"Transfer-Encoding: chunked")
STREAM = head(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked")
CHUNKS = (
    b'5;name="a;b";x\r\nhello\r\n0A\r\n0123456789\r\n0;last\r\nTrailer: x\r\nAnother: y\r\n\r\n'
)
EXPECT = head(b"PUT /x HTTP/1.1", b"Content-Length: 4", b"Expect: 100-continue")
C, S = "client", "server"

FOLLOWED: dict[str, list[tuple[str, bytes]]] = {
    "a head of just 64 KiB": [(C, head(b"GET /x HTTP/1.1", b"X: " + b"x" * 65_510)), (S, OK)],
    "chunk extensions and trailers": [
        (C, CHUNKED + CHUNKS),
        (S, STREAM + CHUNKS),
        (C, GET),
        (S, OK),
    ],
    "both length headers": [
        (
            C,
            head(b"POST /x HTTP/1.1", b"Content-Length: 99", b"Transfer-Encoding: chunked")
            + CHUNKS,
        ),
        (S, head(b"HTTP/1.1 200 OK", b"Content-Length: 1", b"Transfer-Encoding: chunked") + CHUNKS),
        (C, GET),
        (S, OK),
    ],
    "expect and 100": [(C, EXPECT), (S, head(b"HTTP/1.1 100 Continue")), (C, b"body"), (S, OK)],
    "early hints": [
        (C, GET),
        (
            S,
            head(b"HTTP/1.1 103 Early Hints", b"Link: </a>") * 2 + head(b"HTTP/1.1 102 Processing"),
        ),
        (S, OK),
    ],
    "an answer in mid-request": [
        (C, head(b"POST /x HTTP/1.1", b"Content-Length: 9") + b"half"),
        (S, head(b"HTTP/1.1 413 Too Large", b"Content-Length: 0")),
        (C, b"other"),
        (C, GET),
        (S, OK),
    ],
    "HTTP/1.0 and an answer that ends with the connection": [
        (C, b"GET /x HTTP/1.0\r\n\r\n"),
        (S, b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\n" + b"text" * 1000),
        (S, b""),
    ],
    "HTTP/1.0 that keeps the connection": [
        (C, head(b"GET /x HTTP/1.0", b"Connection: keep-alive")),
        (S, head(b"HTTP/1.0 200 OK", b"Connection: keep-alive", b"Content-Length: 2") + b"ok"),
        (C, head(b"GET /x HTTP/1.0", b"Connection: keep-alive")),
        (S, head(b"HTTP/1.0 200 OK", b"Content-Length: 2") + b"ok"),
        (S, b""),
    ],
    "answers without a body": [
        (C, head(b"HEAD /x HTTP/1.1")),
        (S, head(b"HTTP/1.1 200 OK", b"Content-Length: 500")),
        (C, GET),
        (S, head(b"HTTP/1.1 204 No Content")),
        (C, GET),
        (S, head(b"HTTP/1.1 304 Not Modified", b"Content-Length: 500")),
        (C, head(b"HEAD /x HTTP/1.1")),
        (S, head(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked")),
        (C, GET),
        (S, OK),
    ],
    "folded lines, bare line feeds, empty lines before": [
        (C, b"\r\n\nGET /x HTTP/1.1\nHost: a\nX: b\n c\n\n"),
        (S, b"HTTP/1.1 200 \nX: b\n\tc\nContent-Length: 2\n\nok"),
        (C, b"\r\n" + GET),
        (S, OK),
    ],
    "strange but allowed": [
        (C, b"M-SEARCH * HTTP/1.1\r\nX: \xff\x01\r\nempty:\r\n\r\n"),
        (S, OK),
    ],
    "no reason, no status of ours": [(C, GET), (S, b"HTTP/1.1 799\r\nContent-Length: 1\r\n\r\n!")],
}

LOST: dict[str, tuple[str, list[tuple[str, bytes]]]] = {
    "a huge head": (
        "the client sent a head of more than 65536 bytes",
        [(C, HUGE), (S, OK), (C, GET), (S, OK)],
    ),
    "a huge head of an answer": (
        "the backend sent a head of more than 65536 bytes",
        [(C, GET), (S, HUGE.replace(b"GET /x HTTP/1.1", b"HTTP/1.1 200 OK")), (C, GET), (S, OK)],
    ),
    "a WebSocket": (
        "the backend answered 101 and went on in websocket",
        [
            *((C, UPGRADE), (S, SWITCHED), (C, b"\x81\x85abcdhello"), (S, b"\x81\x02hi")),
            *((C, b""), (S, b"\x88\x00"), (S, b"")),
        ],
    ),
    "a tunnel": (
        "the backend answered 200 and went on in another protocol",
        [(C, head(b"CONNECT a:1 HTTP/1.1")), (S, head(b"HTTP/1.1 200 OK")), (C, HELLO), (S, HELLO)],
    ),
    "TLS": ("the client sent TLS", [(C, HELLO), (S, b"\x15\x03\x03\x00\x02\x02\x46"), (S, b"")]),
    "HTTP/2": (
        "the client sent HTTP/2",
        [
            (C, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04"),
            (S, b"\x00\x00\x00\x04\x00"),
            (C, b""),
        ],
    ),
    "garbage": (
        "the client sent no HTTP/1 request",
        [(C, b"\x00\xff"), (S, b"\x01"), (C, b"\n\n")],
    ),
    "a line that is none": (
        "the client sent no HTTP/1 request",
        [(C, b"hello\r\n"), (S, b"HTTP/1.1 400 Bad Request\r\n\r\n"), (S, b"")],
    ),
    "a server that talks first": (
        "the backend sent bytes that answer no request",
        [(S, b"220 mail ready\r\n"), (C, b"QUIT\r\n"), (S, b"221 bye\r\n"), (S, b"")],
    ),
    "a farewell to an idle connection": (
        "the backend sent bytes that answer no request",
        [
            (C, GET),
            (S, OK),
            (S, head(b"HTTP/1.1 408 Request Timeout", b"Content-Length: 0")),
            (S, b""),
        ],
    ),
    "no head in the answer": (
        "the backend sent no HTTP/1 answer",
        [(C, GET), (S, b"SSH-2.0-x"), (C, b"SSH-2.0-y\r\n")],
    ),
    "two lengths": (
        "the client sent content lengths that differ",
        [
            (C, head(b"POST /x HTTP/1.1", b"Content-Length: 5", b"Content-Length: 6") + b"12345"),
            (S, OK),
        ],
    ),
    "two lengths in the answer": (
        "the backend sent content lengths that differ",
        [(C, GET), (S, head(b"HTTP/1.1 200 OK", b"Content-Length: 5, 6") + b"12345")],
    ),
    "a broken chunk": (
        "the client sent a chunk that doesn't end where its size says",
        [(C, CHUNKED + b"2\r\nab"), (C, b"cd"), (S, head(b"HTTP/1.1 400 Bad Request")), (S, b"")],
    ),
    "a broken chunk in the answer": (
        "the backend sent a chunk size that is no number",
        [(C, GET), (S, STREAM + b"2\r\nab\r\n"), (S, b"xyz"), (C, GET), (S, OK)],
    ),
    "a transfer coding of another kind": (
        "the client sent a request whose transfer coding doesn't end in chunked",
        [(C, head(b"POST /x HTTP/1.1", b"Transfer-Encoding: gzip") + b"abc"), (S, OK)],
    ),
}


@pytest.mark.parametrize("faults", [(), FOR_OTHERS], ids=["no fault", "faults for others"])
@pytest.mark.parametrize("name", FOLLOWED)
def test_it_passes_unchanged_and_is_followed(
    stage: Any, pair: Callable[[], Pair], name: str, faults: tuple[Any, ...]
) -> None:
    """An odd message is a message: both sides are served, and the history has its exchange."""
    for fault in faults:
        stage.arm(fault)
    both = pair()
    for who, data in FOLLOWED[name]:
        both.say(who, data)
    heads = sum(who == S and data.startswith(b"HTTP/1.") for who, data in FOLLOWED[name])
    stage.see(ResponseComplete, heads - (name in {"expect and 100", "early hints"}))
    assert stage.of(ConnUnread) == []
    stage.judged()


@pytest.mark.parametrize("faults", [(), FOR_OTHERS], ids=["no fault", "faults for others"])
@pytest.mark.parametrize("name", LOST)
def test_it_passes_unread_and_the_history_says_why(
    stage: Any, pair: Callable[[], Pair], name: str, faults: tuple[Any, ...]
) -> None:
    """A protocol that the lab can't follow must not be harmed by it, nor be a mystery."""
    for fault in faults:
        stage.arm(fault)
    why, dialogue = LOST[name]
    both = pair()
    for who, data in dialogue:
        both.say(who, data)
    assert [event.why for event in stage.of(ConnUnread)] == [why]
    stage.judged()


def test_an_attempt_that_nobody_could_read_is_judged_by_nobody(
    stage: Any, pair: Callable[[], Pair]
) -> None:
    """A client that speaks TLS to a plain port is no client that never tries again."""
    both = pair()
    both.say(C, HELLO)
    both.say(S, b"")
    assert "fail" not in stage.judged()


@pytest.mark.parametrize("name", [*FOLLOWED, *LOST])
def test_byte_by_byte_it_is_the_same(stage: Any, pair: Callable[[], Pair], name: str) -> None:
    """TCP keeps no message boundaries. Here each byte is a message of its own."""
    why, dialogue = LOST[name] if name in LOST else ("", FOLLOWED[name])
    both = pair()
    for who, data in dialogue:
        if len(data) > 5000:
            both.say(who, data)
            continue
        sender, receiver = (both.client, both.server) if who == C else (both.server, both.client)
        if not data:
            both.say(who, data)
        for byte in data:
            sender.send(bytes((byte,)))
        assert took(receiver, len(data)) == data
    assert [event.why for event in stage.of(ConnUnread)] == [why] * bool(why)


def test_pipelined_requests_wait_their_turn(stage: Any, pair: Callable[[], Pair]) -> None:
    """A fault may be for the second alone, so it is decided when the first is answered."""
    both = pair()
    both.client.sendall(GET * 3 + b"\x00rest")
    for _ in range(3):
        assert took(both.server, len(GET)) == GET
        both.say(S, OK)
    assert took(both.server, 5) == b"\x00rest"
    assert [event.why for event in stage.see(ConnUnread)] == ["the client sent no HTTP/1 request"]


def test_a_websocket_is_cut_and_slowed_by_faults_of_whole_streams(
    stage: Any, pair: Callable[[], Pair]
) -> None:
    """Reading stops at 101; latency, refusal and their proof of firing do not."""
    both = pair()
    both.say(C, UPGRADE)
    both.say(S, SWITCHED)
    number = stage.arm(Latency(service="core", delay=0.2, direction="to_backend"))
    before = stage.call(stage.net.now)
    both.say(C, b"\x81\x80ping")
    assert stage.call(stage.net.now) - before >= 0.2
    stage.clear(number)
    stage.arm(Refused(service="core", live="reset"))
    with pytest.raises(ConnectionResetError):
        both.client.recv(1)
    started, head_ = stage.of(RequestStarted), stage.of(ResponseHead)
    assert ([one.target for one in started], [one.status for one in head_]) == (["/ws"], [101])
    assert len(stage.of(ResponseComplete)) == 1


def test_a_dead_backend_is_the_reason_of_the_end(stage: Any) -> None:
    """The port answers, so the client can't know."""
    stage.call(stage.backend.listener.close)
    assert stage.dial().rest() == (b"", "fin")
    assert stage.see(ConnClosed)[0].why == "no connection to the backend: Connection refused"


def test_a_half_close_is_the_end_of_an_http_client(stage: Any, pair: Callable[[], Pair]) -> None:
    """The one odd thing that is not passed on: who gave up looks the same, and that must be told."""
    both = pair()
    both.say(C, GET)
    both.client.shutdown(socket.SHUT_WR)
    closed = stage.see(ConnClosed)[0]
    assert (closed.by, closed.how) == ("client", "fin")
    both.server.sendall(OK)
    assert both.client.recv(1) == b""
    assert stage.of(ResponseHead) == []


def test_what_breaks_off_a_request_that_the_lab_answers_is_cut_off(
    stage: Any, pair: Callable[[], Pair]
) -> None:
    """The backend has no part in it, so the rest can't go there; the history says what happened."""
    stage.arm(Status(service="core", code=503))
    both = pair()
    both.client.sendall(CHUNKED + b"2\r\nabcd")
    assert both.client.recv(1) == b""
    assert stage.see(ConnClosed)[0].why == (
        "the client sent a chunk that doesn't end where its size says"
    )


def test_an_upgrade_whose_answer_is_lost_opens_no_tunnel(
    stage: Any, pair: Callable[[], Pair]
) -> None:
    """Bytes of the other protocol without the answer that announces it would be a new fault."""
    stage.arm(LostAnswer(service="core"))
    both = pair()
    both.say(C, UPGRADE)
    both.server.sendall(SWITCHED + b"\x81\x02hi")
    assert both.client.recv(1) == b""
    assert stage.of(ConnUnread) == []
