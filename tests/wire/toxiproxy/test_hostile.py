"""What must not stop the control API, or crash it."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from faultlab.lab.toxiproxy import differences

if TYPE_CHECKING:
    from .conftest import Server  # type: ignore[import-not-found]

pytestmark = pytest.mark.wire

PROMPT = 2.0  # seconds within which an answer has waited for nothing
PATIENCE = 1.0  # seconds after which one that has not come waits for something


@pytest.mark.conformance("H01", "H02", "H03", "H04")
@pytest.mark.parametrize(
    ("type_", "attributes"),
    [
        ("bandwidth", {"rate": -1}),
        ("slicer", {"average_size": 0}),
        ("slicer", {"average_size": 10, "size_variation": 10}),
        ("slicer", {"average_size": 10, "size_variation": -1}),
        ("packet_loss", {"loss_rate": 2}),
    ],
)
def test_values_that_crash_the_original_are_refused(
    better: Server, type_: str, attributes: dict[str, int]
) -> None:
    """New, and over a sound toxic, which stays as it was; and the server lives."""
    better.proxy("p")
    body = {"type": type_, "attributes": attributes}
    told = better.call("POST", "/proxies/p/toxics", body, 400)
    assert told["error"].startswith("bad request body: attributes: ")
    sound = {"slicer": {"average_size": 5}}.get(type_, {})
    made = better.toxic(type_, **sound)
    better.call("POST", f"/proxies/p/toxics/{type_}", {"attributes": attributes}, 400)
    assert better.call("GET", f"/proxies/p/toxics/{type_}") == made


@pytest.mark.conformance("H01")
def test_a_value_that_crashes_the_original_harms_nobody_here(server: Server) -> None:
    """With --strict-compat it is taken, and means nothing."""
    upstream = server.upstream()
    proxy = server.proxy("p", upstream.address)
    body = {"type": "bandwidth", "attributes": {"rate": -1}}
    if server.http.post("/proxies/p/toxics", json=body).status_code == 400:
        told = "refused before"
    else:
        client = server.dial(proxy)
        upstream.accept().send(b"x" * 1000)
        told = "nothing passes" if client.silent(0.5) else "the server dies"
        with pytest.raises(httpx.TransportError) if told == "the server dies" else nullcontext():
            server.call("GET", "/proxies")
    assert told == server.of(differences.CRASH)


def test_values_that_mean_nothing_cut_nothing_when_taken(strict: Server) -> None:
    """With --strict-compat they are taken, too."""
    upstream = strict.upstream()
    proxy = strict.proxy("p", upstream.address)
    strict.toxic("slicer", average_size=0)
    client = strict.dial(proxy)
    upstream.accept().send(b"whole")
    assert client.take(5) == b"whole"


@contextmanager
def black_hole() -> Iterator[str]:
    """An address that answers no connect: a full backlog."""
    with socket.socket() as hole, closing(socket.socket()) as one, closing(socket.socket()) as two:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for filler in (one, two):
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
        yield f"127.0.0.1:{hole.getsockname()[1]}"


def promptly(server: Server, method: str, path: str, body: Any = None) -> bool:
    """Whether a call is answered before it has waited for something."""
    try:
        return server.http.request(method, path, json=body, timeout=PATIENCE).is_success
    except httpx.ReadTimeout:
        return False


@pytest.mark.conformance("H05")
def test_a_black_holed_upstream_blocks_nobody_here(server: Server) -> None:
    """In the original, one client is enough to stop all calls about its proxy."""
    with black_hole() as address:
        proxy = server.proxy("p", address)
        clients = [server.dial(proxy) for _ in range(3)]
        prompt = promptly(server, "POST", "/proxies/p", {"enabled": False})
        told = "answered at once" if prompt else "wait"
        assert told == server.of(differences.BLACK_HOLE)
        if prompt:
            assert list(server.call("GET", "/proxies")) == ["p"]
            assert [client.rest()[0] for client in clients] == [b""] * 3


@pytest.mark.conformance("H06")
def test_a_removal_cuts_a_long_reset_short_here(server: Server) -> None:
    """A link that has lost bytes can't go on: it is reset at once."""
    upstream = server.upstream()
    proxy = server.proxy("p", upstream.address)
    server.toxic("reset_peer", timeout=60_000)
    client = server.dial(proxy)
    upstream.accept().send(b"lost")
    assert client.silent(0.1)
    prompt = promptly(server, "DELETE", "/proxies/p/toxics/reset_peer")
    assert ("answered at once" if prompt else "waits too") == server.of(differences.LONG_RESET)
    if prompt:
        assert client.rest() == (b"", "rst")


@pytest.mark.conformance("H07")
def test_a_stuck_link_blocks_no_call(better: Server) -> None:
    """A client that never reads, behind a toxic that is then removed."""
    upstream = better.upstream()
    proxy = better.proxy("p", upstream.address)
    better.toxic("latency", latency=1)
    better.dial(proxy)
    backend = upstream.accept()

    def flood() -> None:
        try:
            while True:
                backend.send(bytes(1 << 16))
        except OSError:
            return

    backend.sock.settimeout(0.5)
    thread = threading.Thread(target=flood)
    thread.start()
    thread.join()
    began = time.monotonic()
    better.remove("latency")
    assert better.call("GET", "/proxies")["p"]["toxics"] == []
    better.call("DELETE", "/proxies/p", status=204)
    assert time.monotonic() - began < PROMPT


def raw(server: Server, data: bytes) -> bytes:
    """What a server answers to these bytes until it ends the connection, or rests."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        seen = b""
        while more := sock.recv(1 << 16):
            seen += more
        return seen


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff\x16\x03",
        b"GET / SPDY\r\n\r\n",
        b"GET /proxies HTTP/1.1\r\n\r\n",
        b"POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"GET /proxies HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000,
        b"HEAD /proxies HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n",
    ],
)
def test_what_is_no_request_is_a_400(better: Server, data: bytes) -> None:
    """And the next request is answered."""
    assert raw(better, data).startswith(b"HTTP/1.1 400 ")
    assert better.call("GET", "/proxies") == {}


_PARTS = (
    *(
        b"GET /proxies HTTP/1.1\r\nHost: x\r\n",
        b"POST /proxies HTTP/1.1\r\nHost: x\r\n",
        b"HEAD /x HTTP/1.0",
    ),
    *(
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b"Content-Length: 2\r\n",
        b"Content-Length: ",
        b"{}",
        b"0\r\n\r\n",
    ),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"\0",
        b"\xff",
        b": ",
        b"2\r\n{}\r\n",
    ),
    *(b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n", b"Upgrade: websocket\r\nConnection: upgrade\r\n"),
)


def test_300_random_messages_break_no_conversation_but_their_own(better: Server) -> None:
    """Each is answered or ended; what is raised inside would end as a warning, and fail this."""
    chance = random.Random(5)
    for _ in range(300):
        data = b"".join(chance.choices(_PARTS, k=chance.randrange(1, 9)))
        answer = raw(better, data)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 "), data
    assert better.call("GET", "/proxies") == {}


def test_an_endless_body_is_cut_off(better: Server) -> None:
    """Memory is finite."""
    head = b"POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", better.port), 10) as sock:
        sock.sendall(head)
        sent = 0
        try:
            while sent < 64 << 20:
                sent += sock.send(bytes(1 << 16))
                if sent > 8 << 20 and (seen := peeked(sock)):
                    break
        except (BrokenPipeError, ConnectionResetError):
            seen = b"cut"
    assert seen == b"cut" or seen.startswith(b"HTTP/1.1 413 ")
    assert better.call("GET", "/proxies") == {}


def peeked(sock: socket.socket) -> bytes:
    """What has arrived, without a wait."""
    try:
        return sock.recv(64, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""


def test_pipelined_requests_are_answered_in_order(better: Server) -> None:
    """Some proxies send them so."""
    ask = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
    assert raw(better, ask * 200).count(b'{"version": ') == 200


def test_hundreds_of_idle_connections(better: Server) -> None:
    """They cost descriptors and nothing else."""
    upstream = better.upstream()
    proxy = better.proxy("p", upstream.address)
    peers = [(better.dial(proxy), upstream.accept()) for _ in range(200)]
    better.toxic("noop")
    for client, backend in peers[::20]:
        client.send(b"?")
        assert backend.take(1) == b"?"
    better.call("POST", "/proxies/p", {"enabled": False})
    assert peers[0][0].rest() == (b"", "fin")


# --- fuzz ----------------------------------------------------------------------------------------

_TYPES = ("latency", "bandwidth", "slicer", "timeout", "limit_data", "reset_peer", "noop", "no", 7)
_VALUES: tuple[Any, ...] = (0, 1, -1, 1.5, "x", None, True, [], {}, 1 << 62, 1 << 64, -(1 << 70))
_KEYS = (
    *("name", "NAME", "upstream", "listen", "enabled", "type", "stream", "toxicity", "toxics"),
    *("attributes", "latency", "jitter", "rate", "average_size", "size_variation", "bytes", "x"),
)
_LISTENS = (
    *("127.0.0.1:0", "localhost:0", "nonsense", "", "127.0.0.1:99999", "[::1]:0", "a.b:0", ":x"),
    *("192.0.2.1:0", "[:0", "127.0.0.1:0\x00", "\ud800:0"),
)
_SHAPES = (
    *("/proxies", "/proxies", "/proxies/*", "/proxies/*", "/proxies/*/toxics", "/populate"),
    *("/proxies/*/toxics/*", "/proxies/a/toxics/noop_downstream", "/reset", "/x", "/proxies//*"),
)
_NAMES = ("a", "b", "c", "a b", "é", "", "a/b", "%")
_RAW = (
    b"",
    b"{",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"\xff\xfe",
    b"NaN",
    b"1e999",
    b'"\\ud800"',
    b"9" * 10_000,
    b"[{}]",
    b"null",
    b'{"name": "a", "name": "b", "upstream": "u"}',
)


def value(chance: random.Random, depth: int = 0) -> Any:
    """Something that is JSON, more or less to the point."""
    if depth < 3 and chance.random() < 0.5:
        return {chance.choice(_KEYS): field(chance, depth) for _ in range(chance.randrange(6))}
    if depth < 3 and chance.random() < 0.2:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return chance.choice(_VALUES)


def field(chance: random.Random, depth: int) -> Any:
    """The value of some key."""
    pools: tuple[tuple[Any, ...], ...] = (_NAMES, _TYPES, _LISTENS, _VALUES)
    return (
        value(chance, depth + 1) if chance.random() < 0.4 else chance.choice(chance.choice(pools))
    )


def sound(chance: random.Random) -> Any:
    """A body that may well be taken."""
    kind = {
        "type": chance.choice(_TYPES),
        "attributes": {chance.choice(_KEYS): chance.choice(_VALUES)},
    }
    named = {"name": chance.choice(_NAMES), "upstream": "u:1", "listen": chance.choice(_LISTENS)}
    return chance.choice((kind, named, [named], [{**named, "toxics": [kind]}], {"enabled": True}))


def fuzz(server: Server, calls: int, seed: int) -> set[int]:
    """That many random calls; the statuses seen."""
    chance = random.Random(seed)
    seen: set[int] = set()
    for _ in range(calls):
        shape = chance.choice(_SHAPES)
        path = "/".join(chance.choice(_NAMES) if part == "*" else part for part in shape.split("/"))
        method = chance.choice(("GET", "POST", "POST", "POST", "PATCH", "DELETE", "PUT", "HEAD"))
        made = sound(chance) if chance.random() < 0.5 else value(chance)
        body = chance.choice(_RAW) if chance.random() < 0.1 else json.dumps(made).encode()
        response = server.http.request(method, path.replace("%", "%25"), content=body)
        assert response.status_code < 500, (method, path, body, response.text)
        seen.add(response.status_code)
    assert server.http.get("/proxies").status_code == 200
    return seen


def test_2000_random_calls_crash_nothing(better: Server) -> None:
    """Every kind of answer, and never a 5xx."""
    assert {200, 201, 204, 400, 404, 405, 409} <= fuzz(better, 2000, 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [2, 3])
def test_10000_random_calls_crash_nothing(better: Server, seed: int) -> None:
    """The same, longer."""
    fuzz(better, 10_000, seed)


def test_a_conversation_that_is_abandoned_leaves_nothing(
    better: Server, until: Callable[..., None]
) -> None:
    """Control clients are killed in the middle of a call, too."""
    with socket.create_connection(("127.0.0.1", better.port), 10) as sock:
        sock.sendall(b"POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    with httpx.Client(base_url=better.url, trust_env=False) as other:
        assert other.get("/proxies").json() == {}
