"""A stub as a dialogue: what a client sends, what comes back, what is recorded."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.backends.routes import UNHANDLED, Reply, Request, Routes
from faultlab.lab.backends.stub import BODY_LIMIT, Served, Stub, Wire, read_wire
from faultlab.lab.history import EffectApplied, Event, RequestReceived, ResponseSent

ROUTES: dict[str, object] = {
    "GET /orders/{id}": {"id": 7},
    "POST /orders": [201, {"id": 8}],
    "POST /refused": [409, {"id": None}],
    "PATCH /orders/{id}": {"id": 7},
    "PUT /orders/{id}": {"id": 7},
    "DELETE /orders/{id}": [204, None],
    "OPTIONS /orders": {},
}
GET = b"GET /orders/7 HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED = b"POST /orders HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
HEAD_OF_ORDER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n"
ORDER = HEAD_OF_ORDER + b'{"id":7}'
CREATED = (
    b'HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{"id":8}'
)
MALFORMED = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 30\r\nconnection: close\r\n\r\nInvalid HTTP request received."
)


class Played:
    """A stub of these routes on a network in memory, and what it recorded."""

    def __init__(self, net: Any, replies: dict[str, object]) -> None:
        self.net = net
        self.events: list[Event] = []
        self.stub = Stub(net, Routes(replies), self.events.append, 100.0, "orders")

    def client(self) -> Any:
        """A new connection to the stub."""
        return self.net.client()


@pytest.fixture
def orders(new_net: Callable[[], Any]) -> Played:
    """A stub of `ROUTES`."""
    return Played(new_net(), ROUTES)


def tagged(request: bytes, tag: bytes) -> bytes:
    """The request with the proxy's header."""
    return request.replace(b"host: x\r\n", b"host: x\r\nX-Faultlab-Wire: " + tag + b"\r\n", 1)


def bare(method: bytes, target: bytes) -> bytes:
    """A request without a body."""
    return method + b" " + target + b" HTTP/1.1\r\nhost: x\r\n\r\n"


# --- the dialogue --------------------------------------------------------------------------------


def test_answers_a_route_at_once(orders: Played) -> None:
    """A stub that waits would falsify every time that is measured through it."""
    assert orders.client().asks(GET) == ORDER


def test_keeps_the_connection(orders: Played) -> None:
    """Warm connections are what half of the faults act on."""
    client = orders.client()
    assert (client.asks(GET), client.asks(POST), client.finished) == (ORDER, CREATED, False)


def test_answers_pipelined_requests_in_order(orders: Played) -> None:
    """Requests that arrive in one packet are still three requests."""
    assert orders.client().asks(GET + POST + GET) == ORDER + CREATED + ORDER


@given(cuts=st.lists(st.integers(0, 160), max_size=8))
def test_the_network_s_chunks_change_nothing(new_net: Callable[[], Any], cuts: list[int]) -> None:
    """TCP is a stream: a head cut in two is the same head."""
    client = Played(new_net(), ROUTES).client()
    stream = GET + POST + CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"
    places = [0, *sorted(cuts), len(stream)]
    answers = [client.asks(stream[a:b]) for a, b in itertools.pairwise(places) if a < b]
    assert b"".join(answers) == ORDER + CREATED + CREATED


def test_a_chunked_body_arrives_whole(new_net: Callable[[], Any]) -> None:
    """A client that streams its body doesn't know its length."""
    bodies: list[bytes] = []

    def keep(request: Request) -> Reply:
        bodies.append(request.body)
        return Reply(201)

    client = Played(new_net(), {"POST /orders": keep}).client()
    assert client.asks(CHUNKED + b'3\r\n{"a\r\n') == b""
    assert client.asks(b'4\r\n":1}\r\n0\r\n\r\n').startswith(b"HTTP/1.1 201 Created\r\n")
    assert bodies == [b'{"a":1}']


def test_head_is_get_without_its_body(orders: Played) -> None:
    """RFC 9110 9.3.2: the same head, and the connection stays in step."""
    assert orders.client().asks(bare(b"HEAD", b"/orders/7") + GET) == HEAD_OF_ORDER + ORDER


def test_a_204_has_neither_body_nor_length(orders: Played) -> None:
    """RFC 9110 8.6 forbids the length; a client that waits for a body would hang."""
    assert orders.client().asks(bare(b"DELETE", b"/orders/7") + GET) == (
        b"HTTP/1.1 204 No Content\r\n\r\n" + ORDER
    )


def test_tells_a_waiting_client_to_go_on(orders: Played) -> None:
    """curl waits a second for this before it sends a large body."""
    client = orders.client()
    head = POST.replace(b"host: x\r\n", b"host: x\r\nexpect: 100-continue\r\n")[:-2]
    assert client.asks(head) == b"HTTP/1.1 100 \r\n\r\n"
    assert client.asks(b"{}") == CREATED


def test_closes_when_the_client_asks_for_it(orders: Played) -> None:
    """`Connection: close` is the client's last word."""
    client = orders.client()
    answer = client.asks(GET.replace(b"host: x\r\n", b"host: x\r\nconnection: close\r\n"))
    assert answer == ORDER.replace(b"8\r\n\r\n", b"8\r\nConnection: close\r\n\r\n")
    assert client.finished


@pytest.mark.parametrize(
    "request_",
    [b"rubbish\r\n\r\n", b"GET /orders/7 HTTP/1.1\r\n\r\n", CHUNKED + b"no number\r\n"],
    ids=["no request line", "no host", "bad chunk"],
)
def test_a_bad_request_gets_400_and_the_end(orders: Played, request_: bytes) -> None:
    """What follows a broken message can't be told from its rest."""
    client = orders.client()
    assert (client.asks(request_), client.finished) == (MALFORMED, True)
    assert orders.stub.journal == ()


def test_requests_before_a_bad_one_are_answered(orders: Played) -> None:
    """Only what is broken is refused."""
    assert orders.client().asks(GET + b"rubbish\r\n\r\n") == ORDER + MALFORMED


def test_a_client_that_ends_after_its_request_is_answered(orders: Played) -> None:
    """A half-closed client still reads."""
    client = orders.client()
    assert client.asks(GET) == ORDER
    client.ends()
    assert client.finished


def test_a_client_that_leaves_in_mid_request_gets_nothing(orders: Played) -> None:
    """An incomplete request is none: no answer, no effect."""
    client = orders.client()
    client.asks(POST[:-1])
    client.ends()
    assert (client.sent, client.finished, orders.events) == (b"", True, [])


def test_waits_for_a_client_that_reads_slowly(orders: Played) -> None:
    """Without back-pressure a client that only asks would fill the lab's memory."""
    client = orders.client()
    client.full = True
    assert client.asks(GET + POST) == ORDER
    assert (client.paused, orders.stub.effects) == (True, 0)
    assert client.reads_on() == CREATED
    assert not client.paused


def test_close_ends_everything(orders: Played) -> None:
    """Everything started is stopped."""
    first, second, gone = orders.client(), orders.client(), orders.client()
    gone.events.lost(True)
    orders.stub.close()
    assert orders.net.listener.closed
    assert [it.finished for it in (first, second, gone)] == [True, True, False]


def test_serves_on_the_port_that_was_asked_for(new_net: Callable[[], Any]) -> None:
    """A story may need a known port."""
    stub = Stub(new_net(), Routes(ROUTES), [].append, 0.0, "orders", port=8154)
    assert stub.port == 8154


# --- what is recorded ----------------------------------------------------------------------------


def test_records_a_read_as_the_wire_names_it(orders: Played) -> None:
    """The lab joins wire and backend by connection and request."""
    orders.net.time = 100.5
    orders.client().asks(tagged(GET, b"3.2.5.1"))
    assert orders.events == [
        RequestReceived(
            t=0.5,
            service="orders",
            op=5,
            conn=3,
            request=2,
            attempt=1,
            method="GET",
            target="/orders/7",
        ),
        ResponseSent(t=0.5, service="orders", op=5, conn=3, request=2, attempt=1, status=200),
    ]


def test_records_the_effect_before_the_answer(orders: Played) -> None:
    """An answer that is lost has still had its effect."""
    orders.client().asks(tagged(POST, b"3.2.5.1"))
    assert [type(event) for event in orders.events] == [
        RequestReceived,
        EffectApplied,
        ResponseSent,
    ]
    assert orders.events[1] == EffectApplied(
        t=0.0, service="orders", op=5, conn=3, request=2, attempt=1, endpoint="POST /orders"
    )


def test_everything_is_recorded_before_its_bytes_leave(orders: Played) -> None:
    """A client must not know of an answer that the history doesn't."""
    client = orders.client()
    known: list[int] = []
    write = client.write
    client.write = lambda data: known.append(len(orders.events)) or write(data)
    client.asks(POST)
    assert known == [3]


def test_the_target_is_recorded_without_its_secrets(orders: Played) -> None:
    """Histories are shared; keys in them are not."""
    orders.client().asks(bare(b"GET", b"/orders/7?api_key=abc&x=1"))
    received = orders.events[0]
    assert isinstance(received, RequestReceived)
    assert received.target == "/orders/7?api_key=[redacted]&x=1"


def test_the_lab_s_header_reaches_no_route(new_net: Callable[[], Any]) -> None:
    """A backend must see what the client sent, and nothing else."""
    seen: list[tuple[tuple[str, str], ...]] = []

    def keep(request: Request) -> Reply:
        seen.append(request.headers)
        return Reply(200)

    Played(new_net(), {"GET /orders/{id}": keep}).client().asks(tagged(GET, b"1.1"))
    assert seen == [(("host", "x"),)]


def test_a_bad_request_is_recorded_as_answered_only(orders: Played) -> None:
    """It never became a request; that it was answered is a fact."""
    orders.client().asks(b"rubbish\r\n\r\n")
    assert orders.events == [
        ResponseSent(t=0.0, service="orders", status=400, why="illegal request line")
    ]


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("3.2", Wire(3, 2)),
        ("3.2.5.1", Wire(3, 2, 5, 1)),
        ("3.2.5.1+7", Wire(3, 2, 5, 1, 7)),
        ("3.2+7", Wire(3, 2, fault=7)),
        ("3.2+", Wire()),
        ("3.2+x", Wire()),
        ("3", Wire()),
        ("3.2.5", Wire()),
        ("3.-2", Wire()),
        ("", Wire()),
        ("3.²", Wire()),
        ("1." + "9" * 5000, Wire()),
        ("1.1+x", Wire()),
    ],
)
def test_a_tag_is_read_whole_or_not_at_all(text: str, wire: Wire) -> None:
    """A guess would attribute an effect to the wrong attempt."""
    assert read_wire(text) == wire


def test_all_that_a_copy_did_is_told_as_its_fault_s(orders: Played) -> None:
    """One event without it would be the client's."""
    orders.client().asks(tagged(POST, b"3.2.5.1+7"))
    assert [(type(event).__name__, event.fault, event.op) for event in orders.events] == [
        ("RequestReceived", 7, 5),
        ("EffectApplied", 7, 5),
        ("ResponseSent", 7, 5),
    ]


# --- what can't be carried out -------------------------------------------------------------------

HEAD_LINES = b"POST /orders HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize(
    ("request_", "status", "why"),
    [
        (b"\x16\x03\x01", 400, "illegal request line"),
        (b"GET /orders/7 HTTP/2\r\n\r\n", 400, "illegal request line"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "a version of HTTP other than 1.1"),
        (b"GET /orders/7 HTTP/1.1\r\nhost : x\r\n\r\n", 400, "illegal header line"),
        (HEAD_LINES + b"content-length: 5\r\ncontent-length: 6\r\n\r\n", 400, "conflicting"),
        (HEAD_LINES + b"content-length: " + b"9" * 5000 + b"\r\n\r\n", 400, "bad Content-Length"),
        (
            HEAD_LINES + b"content-length: 16777217\r\n\r\n",
            413,
            "a body of more than 16777216 bytes",
        ),
        (HEAD_LINES + b"transfer-encoding: gzip\r\n\r\n", 501, "Only Transfer-Encoding"),
        (HEAD_LINES + b"expect: 200-ok\r\n\r\n", 417, "an expectation other than 100-continue"),
        (b"GET /orders/7 HTTP/1.1\r\nx: " + b"y" * 66_000, 431, "Receive buffer too long"),
        (b"HEAD / HTTP/1.1\r\nhost: x\r\nexpect: x\r\n\r\n", 417, "an expectation"),
    ],
)
def test_what_it_can_not_carry_out_it_refuses_and_closes(
    orders: Played, request_: bytes, status: int, why: str
) -> None:
    """RFC 9110, 15.5 and RFC 9112, 6.1: an answer that says so, and never a guess at the rest."""
    client = orders.client()
    answer = client.asks(request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close\r\n" in answer.lower()
    assert client.finished
    sent = orders.events[-1]
    assert isinstance(sent, ResponseSent)
    assert sent.status == status
    assert sent.why.startswith(why)
    assert orders.stub.journal == ()


def test_an_endless_body_is_refused_where_it_gets_too_large(orders: Played) -> None:
    """Its head said nothing of its length."""
    client = orders.client()
    assert client.asks(CHUNKED) == b""
    chunk = b"100000\r\n" + bytes(0x100000) + b"\r\n"
    for _ in range(16):
        assert client.asks(chunk) == b""
    assert client.asks(chunk).startswith(b"HTTP/1.1 413 ")
    assert client.finished


def test_a_request_with_both_lengths_is_carried_out_and_the_last(orders: Played) -> None:
    """RFC 9112, 6.1: who sent it may take another place for its end."""
    client = orders.client()
    both = b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    answer = client.asks(HEAD_LINES + both + GET)
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert b"connection: close\r\n" in answer.lower()
    assert (client.finished, len(orders.stub.journal)) == (True, 1)


def test_an_upgrade_is_answered_as_if_it_were_not_asked_for(orders: Played) -> None:
    """RFC 9110, 7.8: a server may ignore it."""
    upgrade = b"connection: upgrade\r\nupgrade: websocket\r\n\r\n"
    assert orders.client().asks(GET[:-2] + upgrade + GET) == ORDER + ORDER


def test_a_route_that_breaks_is_a_500(new_net: Callable[[], Any]) -> None:
    """An exception there would end the lab, and be blamed on the client."""
    played = Played(new_net(), {"GET /broken": lambda _: 1 / 0})
    assert played.client().asks(bare(b"GET", b"/broken")).startswith(b"HTTP/1.1 500 ")
    sent = played.events[-1]
    assert isinstance(sent, ResponseSent)
    assert (sent.status, sent.why) == (500, "its route raised ZeroDivisionError")


PARTS = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [GET, POST, CHUNKED, HEAD_LINES, b"\r\n", b"\n", b": ", b"2\r\n{}\r\n", b"0\r\n\r\n"]
    ),
    st.sampled_from(
        [b"content-length: ", b"transfer-encoding: chunked\r\n", b"expect: 100-continue\r\n"]
    ),
    st.sampled_from(
        [b"HEAD /orders/%ff HTTP/1.0\r\n", b"CONNECT a:1 HTTP/1.1\r\nhost: x\r\n\r\n", b"7", b"-"]
    ),
)


@given(st.lists(PARTS, max_size=20))
def test_no_noise_breaks_it(new_net: Callable[[], Any], parts: list[bytes]) -> None:
    """Whatever arrives, it answers or closes, and each answer is recorded."""
    played = Played(new_net(), ROUTES)
    client = played.client()
    for part in parts:
        if part and not client.finished:
            client.asks(part)
    if not client.finished:
        client.ends()
    recorded = sum(isinstance(event, ResponseSent) for event in played.events)
    interim = client.sent.count(b"HTTP/1.1 100 ")
    assert client.sent.count(b"HTTP/1.1 ") - interim == recorded


# --- ledger and journal --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "effects"),
    [
        (GET, 0),
        (POST, 1),
        (bare(b"PATCH", b"/orders/7"), 1),
        (bare(b"PUT", b"/orders/7"), 0),
        (bare(b"DELETE", b"/orders/7"), 0),
        (bare(b"OPTIONS", b"/orders"), 0),
        (bare(b"HEAD", b"/orders/7"), 0),
        (bare(b"POST", b"/refused"), 0),
        (bare(b"POST", b"/nowhere"), 0),
        (bare(b"POST", b"/orders/7"), 0),
        (POST[:-1], 0),
        (POST + POST, 2),
    ],
)
def test_an_effect_is_a_write_that_was_carried_out(
    orders: Played, request_: bytes, effects: int
) -> None:
    """Duplicated orders are found by counting these, so the count must mean one thing."""
    orders.client().asks(request_)
    recorded = sum(isinstance(event, EffectApplied) for event in orders.events)
    assert (orders.stub.effects, recorded) == (effects, effects)


def test_the_journal_holds_what_was_asked_in_order(orders: Played) -> None:
    """A test reads here what really reached the backend."""
    client = orders.client()
    client.asks(tagged(GET, b"1.1.4.1"))
    client.asks(POST)
    assert orders.stub.journal == (
        Served("GET", "/orders/7", 4, effect=False),
        Served("POST", "/orders", None, effect=True),
    )
    assert repr(orders.stub) == "Stub(orders, 2 requests, 1 effects)"


# --- in another process --------------------------------------------------------------------------


def test_it_remembers_what_may_have_changed_its_answers(orders: Played) -> None:
    """Where it moves, those requests are carried out again; what only reads is not."""
    orders.client().asks(GET + POST + GET)
    assert [(request.method, request.target) for request in orders.stub.past] == [
        ("POST", "/orders")
    ]


def test_an_orderly_end_closes_port_and_connections(orders: Played) -> None:
    """Of half a request nothing is answered; it has ended when its peers have, too."""
    client, finished = orders.client(), list[str]()
    client.asks(POST[:-1])
    orders.stub.finish(lambda: finished.append("finished"))
    assert (client.sent, client.finished, finished) == (b"", True, [])
    assert orders.net.listener.closed
    client.events.lost(False)
    assert finished == ["finished"]


def test_an_orderly_end_carries_out_nothing_more(orders: Played) -> None:
    """The client would never get the answer."""
    client = orders.client()
    client.asks(GET)
    orders.stub.finish(print)
    assert client.asks(POST) == b""
    assert orders.stub.effects == 0


def test_an_orderly_end_without_connections_is_one_at_once(orders: Played) -> None:
    """Nobody is waited for."""
    finished: list[str] = []
    orders.stub.finish(lambda: finished.append("finished"))
    assert finished == ["finished"]


# --- answers that take their time ----------------------------------------------------------------


def slow(request: Request) -> Reply:
    """Two seconds after the request, in the words of its target."""
    return Reply(200, request.path.encode(), "text/plain", after=2.0)


def told(first: bytes) -> Any:
    """An answer in three parts, a second apart."""

    def frames() -> Any:
        yield first, 1.0
        yield b"", 1.0
        yield b"end", 0.0

    return lambda _request: Reply(200, content_type="text/event-stream", frames=frames)


LATE: dict[str, object] = {
    "GET /slow": slow,
    "GET /stream": told(b"begin"),
    "GET /broken": lambda _request: UNHANDLED,
    "GET /at-once": {},
}
HEAD_OF_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture
def late(new_net: Callable[[], Any]) -> Played:
    """A stub of `LATE`."""
    return Played(new_net(), LATE)


def test_an_answer_waits_for_its_time(late: Played) -> None:
    """Not before; and recorded when it is sent, with the request when it came."""
    client = late.client()
    assert client.asks(bare(b"GET", b"/slow")) == b""
    late.net.passes(1.9)
    assert client.sent == b""
    late.net.passes(0.2)
    assert client.sent.endswith(b"/slow")
    seen = [(type(event), round(event.t, 6)) for event in late.events]
    assert seen == [(RequestReceived, 0.0), (ResponseSent, 2.0)]


def test_the_next_request_waits_for_the_one_before(late: Played) -> None:
    """Pipelined requests are answered in order."""
    client = late.client()
    client.asks(bare(b"GET", b"/slow") + bare(b"GET", b"/at-once"))
    assert client.sent == b""
    late.net.passes(2.0)
    assert client.sent.endswith(b"{}")
    assert [served.target for served in late.stub.journal] == ["/slow", "/at-once"]


def test_a_flood_behind_a_slow_answer_is_not_kept(late: Played) -> None:
    """The peer is stopped instead, and heard again with the answer."""
    client = late.client()
    client.asks(bare(b"GET", b"/slow"))
    client.asks(b"POST /at-once HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n")
    assert not client.paused
    client.asks(b"x" * (BODY_LIMIT + 1))
    assert client.paused
    late.net.passes(2.0)
    assert not client.paused


@pytest.mark.parametrize("how", ["close", "lost"])
def test_nothing_is_left_of_a_connection_that_ended(late: Played, how: str) -> None:
    """Neither a timer nor an answer into the void."""
    slow_one, stream = late.client(), late.client()
    slow_one.asks(bare(b"GET", b"/slow"))
    stream.asks(bare(b"GET", b"/stream"))
    assert late.net.waits == 2
    if how == "close":
        late.stub.close()
    else:
        slow_one.events.lost(True)
        stream.events.lost(True)
    assert late.net.waits == 0


def test_an_orderly_end_waits_for_no_time(late: Played) -> None:
    """What was asked is answered at once; a stream just ends."""
    slow_one, stream = late.client(), late.client()
    slow_one.asks(bare(b"GET", b"/slow"))
    stream.asks(bare(b"GET", b"/stream"))
    late.stub.finish(lambda: None)
    assert slow_one.sent.endswith(b"/slow")
    assert stream.sent == HEAD_OF_STREAM + b"5\r\nbegin\r\n"
    assert (slow_one.finished, stream.finished, late.net.waits) == (True, True, 0)


def test_a_stream_comes_in_parts(late: Played) -> None:
    """Each when it is due, an empty one not at all, and then the connection goes on."""
    client = late.client()
    assert client.asks(bare(b"GET", b"/stream")) == HEAD_OF_STREAM + b"5\r\nbegin\r\n"
    sent = len(client.sent)
    late.net.passes(1.0)
    assert client.sent[sent:] == b""
    late.net.passes(1.0)
    assert client.sent[sent:] == b"3\r\nend\r\n0\r\n\r\n"
    assert client.asks(bare(b"GET", b"/at-once")).endswith(b"{}")


def test_a_stream_waits_for_its_reader(late: Played) -> None:
    """What isn't read isn't made either: a stub must not fill its memory for who sleeps."""
    client = late.client()
    client.full = True
    client.asks(bare(b"GET", b"/stream"))
    sent = client.sent
    late.net.passes(30.0)
    assert client.sent == sent
    client.reads_on()
    late.net.passes(3.0)
    assert client.sent.endswith(b"end\r\n0\r\n\r\n")


def test_a_stream_ends_with_its_reader(late: Played) -> None:
    """One that asks no more wants no more either."""
    client = late.client()
    client.asks(bare(b"GET", b"/stream"))
    client.ends()
    assert (client.finished, late.net.waits) == (True, 0)


def test_head_of_a_stream_is_its_head(late: Played) -> None:
    """A method without a body gets none, and no timer runs for it."""
    late.client().asks(bare(b"HEAD", b"/stream"))
    assert late.net.waits == 0


def test_a_service_that_broke_hangs_up_unannounced(late: Played) -> None:
    """No `Connection: close`: the next request on it finds the end of file."""
    client = late.client()
    answer = client.asks(bare(b"GET", b"/broken"))
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"connection: close" not in answer
    assert client.finished


def test_a_repeated_request_has_no_second_effect(new_net: Callable[[], Any]) -> None:
    """Received and answered as the first one, and no effect is recorded of it."""
    net, events = new_net(), list[Event]()
    routes = Routes({"POST /orders": [201, {"id": 8}]}, honours_idempotency_key=True)
    stub = Stub(net, routes, events.append, 100.0, "orders")
    keyed = POST.replace(b"host: x\r\n", b"host: x\r\nIdempotency-Key: k\r\n")
    client = net.client()
    assert [client.asks(keyed), client.asks(keyed)] == [CREATED, CREATED]
    assert stub.effects == 1
    assert [type(event) for event in events] == [
        RequestReceived,
        EffectApplied,
        ResponseSent,
        RequestReceived,
        ResponseSent,
    ]


# --- a stub alone --------------------------------------------------------------------------------


def test_a_stub_alone_numbers_its_connections_and_requests(new_net: Callable[[], Any]) -> None:
    """No proxy does it there; a request that is refused counts, too."""
    net = new_net()
    events: list[Event] = []
    Stub(net, Routes(ROUTES), events.append, 100.0, "orders", conns=itertools.count(5))
    first, second = net.client(), net.client()
    first.asks(GET + POST)
    second.asks(b"nonsense\r\n\r\n")
    first.asks(GET)
    sent = [event for event in events if isinstance(event, ResponseSent)]
    assert [(it.conn, it.request, it.status) for it in sent] == [
        (5, 1, 200),
        (5, 2, 201),
        (6, 1, 400),
        (5, 3, 200),
    ]


def test_what_a_proxy_says_goes_before_a_stub_s_own_count(new_net: Callable[[], Any]) -> None:
    """One exchange has one name."""
    net = new_net()
    events: list[Event] = []
    Stub(net, Routes(ROUTES), events.append, 100.0, "orders", conns=itertools.count(1))
    net.client().asks(tagged(GET, b"7.3"))
    assert [(it.conn, it.request) for it in events] == [(7, 3), (7, 3)]
