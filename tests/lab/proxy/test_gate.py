import itertools
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from faultlab.faults import BadBody, Cut, LostAnswer, Partition, Stall, Status
from faultlab.lab.history import (
    ConnFull,
    ConnUnread,
    RequestComplete,
    RequestStarted,
    ResponseComplete,
    ResponseHead,
)

GET = b"GET /x HTTP/1.1\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"


def cut_up(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces."""
    at = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(at)]


@given(
    st.lists(st.sampled_from([GET, POST]), min_size=1, max_size=3),
    st.sampled_from([OK, CHUNKED]),
    st.lists(st.integers(0, 150), max_size=5),
    st.lists(st.integers(0, 150), max_size=5),
)
def test_without_a_fault_a_link_is_the_identity(
    new_house, requests: list[bytes], answer: bytes, up: list[int], down: list[int]
) -> None:
    """However the bytes are cut, both sides get what the other sent, and all of it is recorded."""
    house = new_house()
    client, backend = house.connect()
    for part in cut_up(b"".join(requests), up):
        client.says(part)
    answered = 0
    while answered < len(requests):
        for part in cut_up(answer, down):
            backend.says(part)
        answered += 1
    assert backend.took() == b"".join(requests)
    assert client.took() == answer * len(requests)
    for kind in (RequestStarted, RequestComplete, ResponseHead, ResponseComplete):
        found = [event.request for event in house.events if isinstance(event, kind)]
        assert found == list(range(1, len(requests) + 1))


@pytest.mark.parametrize(
    "request_",
    [
        POST,
        b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
    ],
    ids=["length", "chunked"],
)
def test_a_body_has_one_digest_however_it_is_framed_and_cut(house, request_: bytes) -> None:
    """Two attempts with the same body can be told from two with different ones."""
    client, _ = house.connect()
    for byte in request_:
        client.says(bytes([byte]))
    (complete,) = (event for event in house.events if isinstance(event, RequestComplete))
    assert (complete.length, complete.digest) == (4, sha256(b"body").hexdigest()[:16])


def test_garbage_behind_a_request_waits_for_its_answer(house) -> None:
    """The order of the bytes is the client's."""
    client, backend = house.connect()
    client.says(GET + b"\x00\x01garbage\n\n")
    assert backend.took() == GET
    backend.says(OK)
    assert backend.took() == b"\x00\x01garbage\n\n"
    backend.says(b"anything")
    assert client.took() == OK + b"anything"


def test_a_stub_gets_the_ids_of_the_wire(stub_house) -> None:
    """Its events are joined to the wire's by them."""
    client, backend = stub_house.connect()
    client.says(b"GET /x HTTP/1.1\r\nX-Faultlab-Op: 5.2\r\n\r\n")
    assert backend.took() == b"GET /x HTTP/1.1\r\nX-Faultlab-Wire: 1.1.5.2\r\n\r\n"


def test_the_gate_answers_behind_the_answer_before_it(house) -> None:
    """Pipelined requests are answered in order, whoever answers."""
    house.arm(Status(service="core", code=503, endpoint="POST /x", body="no"))
    client, backend = house.connect()
    client.says(GET + POST + GET)
    assert backend.took() == GET
    assert client.took() == b""
    backend.says(OK)
    data = client.took()
    assert data.startswith(OK + b"HTTP/1.1 503 Service Unavailable\r\n")
    assert data.endswith(b"\r\n\r\nno")
    assert backend.took() == GET


def test_a_gates_answer_waits_for_the_whole_request(house) -> None:
    """Answering earlier would make it a cut upload for some clients."""
    house.arm(Status(service="core", code=503))
    client, backend = house.connect()
    client.says(POST[:-1])
    assert client.took() == b""
    client.says(POST[-1:])
    assert client.took().startswith(b"HTTP/1.1 503")
    assert backend.took() == b""


def test_expect_100_is_answered_before_a_body_is_awaited(house) -> None:
    """A client that waits for leave would never send the rest."""
    house.arm(Status(service="core", code=503))
    client, _ = house.connect()
    client.says(
        b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
    )
    assert client.took() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.says(b"body")
    assert client.took().startswith(b"HTTP/1.1 503")


def test_an_early_answer_of_the_backend_does_not_end_the_request(house) -> None:
    """413 may come while the client still sends; the next request is the next one."""
    client, backend = house.connect()
    client.says(POST[:-2])
    backend.says(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    assert client.took().startswith(b"HTTP/1.1 413")
    client.says(POST[-2:] + GET)
    assert backend.took() == POST + GET


def test_requests_that_wait_count_for_more_than_their_bytes(house) -> None:
    """A thousand small ones are a thousand exchanges in memory."""
    house.arm(Partition(service="core"))
    client, _ = house.connect()
    sent = 0
    while not client.paused and sent < 10_000:
        client.says(GET * 100)
        sent += 100
    assert sent < 4096
    assert [event.toward for event in house.events if isinstance(event, ConnFull)] == ["backend"]


def test_a_client_that_reads_nothing_is_answered_so_much_and_no_more(house) -> None:
    """The gate's own answers need no backend to wait for, so nothing else would stop them."""
    house.arm(Status(service="core", code=503))
    client, _ = house.connect()
    client.room = 5000
    for _ in range(100):
        if not client.paused:
            client.says(GET * 100)
    assert len(client.written) < 6000
    answered = client.took()
    client.room = None
    client.events.drained()
    assert not client.paused
    assert (answered + client.took()).count(b"HTTP/1.1 503") == sum(
        isinstance(event, RequestStarted) for event in house.events
    )


def test_requests_of_a_client_that_left_without_reading_are_carried_out(house) -> None:
    """They were asked for; that nobody reads the answers is the finding."""
    house.arm(Status(service="core", code=503, endpoint="POST /x"))
    client, backend = house.connect()
    client.room = 1
    client.says(POST + GET)
    assert backend.took() == b""
    client.ends()
    assert backend.took() == GET


def test_an_answer_without_an_end_that_nobody_waits_for_is_given_up(house) -> None:
    """Its backend learns that the client has gone; else both would send and drop for ever."""
    client, backend = house.connect()
    client.says(GET)
    backend.says(b"HTTP/1.1 200 OK\r\n\r\nevent 1")
    assert backend.end == ""
    client.ends()
    assert backend.end == "fin"


def test_an_answer_without_an_end_is_given_up_behind_its_cut(house) -> None:
    """The same, where a fault has ended the client's connection."""
    house.arm(Cut(service="core", at="response_body", bytes=3))
    client, backend = house.connect()
    client.says(GET)
    backend.says(b"HTTP/1.1 200 OK\r\n\r\nevent 1")
    assert (client.end, backend.end) == ("fin", "fin")


@pytest.mark.parametrize(
    "fault", [LostAnswer(service="core"), Stall(service="core", at="response_head")]
)
def test_leave_to_send_the_body_is_no_answer(house, fault) -> None:
    """A client that waits for 100 must get it, or its request is never complete."""
    house.arm(fault)
    client, backend = house.connect()
    client.says(b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
    backend.took()
    backend.says(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert client.took() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.says(b"body")
    backend.says(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)
    assert (backend.took(), client.took()) == (b"body", b"")


UP = st.sampled_from(
    [
        GET,
        POST,
        GET[:9],
        GET[9:],
        POST[:-2],
        POST[-2:],
        b"\r\n",
        GET + POST,
        b"PUT / HTTP/1.1\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"5;x\r\nhello\r",
        b"\n0\r\n",
        b"Content-Length: 2\r\n",
    ]
)
DOWN = st.sampled_from(
    [
        OK,
        CHUNKED,
        OK[:20],
        OK[20:],
        CHUNKED[:-3],
        CHUNKED[-3:],
        b"HTTP/1.1 100 X\r\n\r\n",
        b"{}",
        b"HTTP/1.1 101 X\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"2;y\r\nab",
        b"\r\n",
        b"0\r\nT: x\r",
    ]
)
NOISE = st.binary(min_size=1, max_size=20)
SAID = st.lists(
    st.one_of(
        *[st.tuples(st.just(True), UP)] * 4,
        *[st.tuples(st.just(False), DOWN)] * 4,
        st.tuples(st.booleans(), NOISE),
    ),
    max_size=30,
)


@given(SAID)
@example([(True, GET), (False, CHUNKED[:-3])])
def test_whatever_both_sides_say_reaches_the_other_in_order(
    new_house, said: list[tuple[bool, bytes]]
) -> None:
    """Valid or not, however it is cut: what has passed is a beginning of what was sent.

    All of the backend's has passed when it ends; of the client's, when nothing is followed any more.
    """
    house = new_house()
    client, backend = house.connect()
    sent = {True: b"", False: b""}
    for up, data in said:
        (client if up else backend).says(data)
        sent[up] += data
        assert sent[True].startswith(backend.written)
        assert sent[False].startswith(client.written)
    unread = any(isinstance(event, ConnUnread) for event in house.events)
    if unread:
        assert backend.written == sent[True]
    backend.ends()
    assert (client.written, client.end) == (sent[False], "fin")


@given(
    SAID,
    st.lists(st.sampled_from(["GET /x", "POST /x", "GET /y"]), max_size=3),
)
def test_no_noise_breaks_the_gate_under_any_fault(
    new_house, said: list[tuple[bool, bytes]], endpoints: list[str]
) -> None:
    """A mistake there would end the lab, and be blamed on the client."""
    house = new_house()
    kinds = [
        lambda at: Status(service="core", code=503, endpoint=at),
        lambda at: Cut(service="core", at="response_body", endpoint=at),
        lambda at: BadBody(service="core", body="wrong_type", endpoint=at),
        lambda at: LostAnswer(service="core", endpoint=at),
        lambda at: Stall(service="core", at="response_head", endpoint=at),
    ]
    for number, (make, at) in enumerate(zip(kinds, endpoints, strict=False), 1):
        house.arm(make(at), number)
    client, backend = house.connect()
    for up, data in said:
        if not (up and client.end):
            (client if up else backend).says(data)
    client.breaks()
    backend.breaks()
    house.proxy.close()
