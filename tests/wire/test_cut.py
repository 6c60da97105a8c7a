"""`cut` and `lost_answer`: what a naive client sees of an exchange that ends too early."""

import pytest

from faultlab.faults import Cut, LostAnswer
from faultlab.lab.history import (
    ConnClosed,
    FaultCleared,
    FaultFired,
    RequestComplete,
    RequestStarted,
    ResponseComplete,
    ResponseCut,
    ResponseHead,
)

pytestmark = [pytest.mark.wire, pytest.mark.nets]

BODY = b'{"value": "0123456789"}'
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"a\r\n0123456789\r\n4\r\nabcd\r\n0\r\n\r\n"
)


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_cut_at_the_request_head_reaches_no_backend(stage, how) -> None:
    """Nothing was carried out, on a new connection and on a live one alike."""
    live = stage.connect()
    live.ask("GET /before")
    live.answer()
    stage.arm(Cut(service="core", at="request_head", by=how))
    for client in (live, stage.connect()):
        client.ask("POST /query", b"body")
        assert client.rest() == (b"", how)
    assert [request.line for request in stage.backend.requests] == ["GET /before"]
    assert len(stage.see(RequestStarted, 3)) == 3
    assert [(e.by, e.how) for e in stage.see(ConnClosed, 2, by="lab")] == [("lab", how)] * 2
    assert [event.on for event in stage.of(FaultFired)] == ["request", "request"]


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_cut_on_accept_ends_new_connections_and_no_live_one(stage, how) -> None:
    """Before any request: the proxy accepts, and hangs up."""
    live = stage.connect()
    live.ask("GET /before")
    live.answer()
    stage.arm(Cut(service="core", at="accept", by=how, first=1))
    try:
        met = stage.dial().rest()
    except ConnectionResetError:  # by chance the connect itself meets it (design, section 7)
        met = (b"", "rst")
    assert met == (b"", how)
    assert [(e.by, e.how) for e in stage.see(ConnClosed)] == [("lab", how)]
    assert [(event.on, event.conn) for event in stage.of(FaultFired)] == [("connection", 2)]
    for client in (live, stage.connect()):
        client.ask("GET /after")
        assert client.answer()[0] == 200
    assert stage.served(3) == ["GET /before", "GET /after", "GET /after"]


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_cut_at_the_complete_request_waits_for_its_body_and_passes_nothing_on(stage, how) -> None:
    """The client has sent all; whether it was carried out it can't know, and it was not."""
    live = stage.connect()
    live.ask("GET /before")
    live.answer()
    stage.arm(Cut(service="core", at="request_complete", by=how))
    for client in (live, stage.connect()):
        client.send(b"POST /query HTTP/1.1\r\nContent-Length: 4\r\n\r\nbo")
        assert client.silent(0.02)
        client.send(b"dy")
        assert client.rest() == (b"", how)
    assert len(stage.see(RequestComplete, 3)) == 3
    assert [(e.by, e.how) for e in stage.see(ConnClosed, 2, by="lab")] == [("lab", how)] * 2
    assert [request.line for request in stage.backend.requests] == ["GET /before"]
    assert [event.on for event in stage.of(FaultFired)] == ["request", "request"]


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_cut_at_the_answers_head_leaves_the_effect(stage, how) -> None:
    """The backend did the work; not even the status is released."""
    live = stage.connect()
    live.ask("GET /before")
    live.answer()
    stage.arm(Cut(service="core", at="response_head", by=how))
    for client in (live, stage.connect()):
        client.ask("POST /query", b"body")
        assert client.rest() == (b"", how)
    assert stage.served(3) == ["GET /before", "POST /query", "POST /query"]
    assert len(stage.of(ResponseHead)) == 1
    assert [event.on for event in stage.see(FaultFired, 2)] == ["request", "request"]


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_body_is_cut_in_half(stage, how) -> None:
    """The head promised more than came."""
    stage.backend.answers["/state"] = PLAIN
    stage.arm(Cut(service="core", at="response_body", by=how))
    client = stage.connect()
    client.ask()
    data, end = client.rest()
    assert (data, end) == (PLAIN[: -len(BODY)] + BODY[:11], how)
    cut = stage.see(ResponseCut)[0]
    assert (cut.at, cut.how, cut.chunked) == (11, how, False)
    assert stage.of(ResponseComplete) == []
    assert len(stage.of(FaultFired)) == 1


@pytest.mark.parametrize("count", [0, 1, 22])
def test_a_body_is_cut_after_so_many_bytes(stage, count) -> None:
    """Zero is a head without its body; one less than all is the last byte missing."""
    stage.backend.answers["/state"] = PLAIN
    stage.arm(Cut(service="core", at="response_body", bytes=count))
    client = stage.connect()
    client.ask()
    assert client.rest() == (PLAIN[: -len(BODY)] + BODY[:count], "fin")
    assert stage.see(ResponseCut)[0].at == count


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_chunked_body_is_cut_in_half(stage, how) -> None:
    """Half of what can only be known at its end; the last chunk never comes."""
    stage.backend.answers["/state"] = CHUNKED
    stage.arm(Cut(service="core", at="response_body", by=how))
    client = stage.connect()
    client.ask()
    data, end = client.rest()
    assert (data.partition(b"\r\n\r\n")[2], end) == (b"a\r\n0123456", how)
    cut = stage.see(ResponseCut)[0]
    assert (cut.at, cut.chunked) == (7, True)


def test_a_chunked_body_is_cut_after_so_many_bytes_across_chunks(stage) -> None:
    """Bytes of payload are counted, not of framing."""
    stage.backend.answers["/state"] = CHUNKED
    stage.arm(Cut(service="core", at="response_body", bytes=12))
    client = stage.connect()
    client.ask()
    assert client.rest()[0].endswith(b"a\r\n0123456789\r\n4\r\nab")


def test_a_body_shorter_than_the_cut_passes_and_the_fault_has_not_fired(stage) -> None:
    """A fault that changed nothing must not count as one that acted."""
    stage.backend.answers["/state"] = PLAIN
    fault = stage.arm(Cut(service="core", at="response_body", bytes=100))
    client = stage.connect()
    client.ask()
    assert client.answer()[2] == BODY
    stage.clear(fault)
    assert stage.of(FaultFired) == []
    assert stage.of(FaultCleared)[0].fired == 0


def test_a_large_body_is_cut_by_reset_after_all_that_was_released(stage) -> None:
    """A reset must not overtake the bytes before it: the count on the wire is the claim."""
    body = b"x" * 8_000_000
    stage.backend.answers["/big"] = b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n" + body
    stage.arm(Cut(service="core", at="response_body", by="rst"))
    client = stage.connect()
    client.ask("GET /big")
    data, end = client.rest()
    assert (len(data.partition(b"\r\n\r\n")[2]), end) == (4_000_000, "rst")


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_lost_answer_leaves_its_effect(stage, how) -> None:
    """To the client it looks like a cut head; to the backend it is done."""
    stage.arm(LostAnswer(service="core", by=how))
    client = stage.connect()
    client.ask("POST /query", b"body")
    assert client.rest() == (b"", how)
    assert stage.served(1) == ["POST /query"]
    assert stage.of(ResponseHead) == []
    assert len(stage.see(FaultFired)) == 1


def test_only_the_first_requests_in_scope_are_cut(stage) -> None:
    """`first` and `endpoint` leave the others alone, on the same connection too."""
    stage.arm(Cut(service="core", at="request_head", endpoint="GET /sick", first=1))
    client = stage.connect()
    client.ask("GET /well")
    assert client.answer()[0] == 200
    client.ask("GET /sick")
    assert client.rest() == (b"", "fin")
    client = stage.connect()
    client.ask("GET /sick")
    assert client.answer()[0] == 200
