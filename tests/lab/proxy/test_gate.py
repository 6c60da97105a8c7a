import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.faults import BadBody, Cut, Latency, LostAnswer, Stall, Status
from faultlab.lab.history import (
    FaultFired,
    RequestComplete,
    RequestStarted,
    ResponseComplete,
    ResponseCut,
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


def test_a_chunked_body_of_one_byte_is_cut_before_it(house) -> None:
    """Half of one, rounded down."""
    house.arm(Cut(service="core", at="response_body"))
    client, backend = house.connect()
    client.says(GET)
    backend.says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n")
    assert client.took().endswith(b"\r\n\r\n1\r\n")
    assert client.end == "fin"


def test_an_empty_chunked_body_is_not_cut(house) -> None:
    """There is no half of nothing; the fault hasn't acted."""
    house.arm(Cut(service="core", at="response_body"))
    client, backend = house.connect()
    client.says(GET)
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    backend.says(answer)
    assert (client.took(), client.end) == (answer, "")
    assert FaultFired.__name__ not in house.kinds()


def test_a_chunked_body_too_large_to_keep_is_cut_where_it_got_too_large(house) -> None:
    """Memory is bounded."""
    house.arm(Cut(service="core", at="response_body"))
    client, backend = house.connect()
    client.says(GET)
    backend.says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    backend.says(b"100000\r\n" + b"x" * 0x100000)
    assert client.end == ""
    backend.says(b"\r\n1\r\nx")
    assert client.end == "fin"
    cut = next(event for event in house.events if isinstance(event, ResponseCut))
    assert cut.at == (0x100000 + 1) // 2


def test_a_broken_backend_is_not_taken_for_a_fault(house) -> None:
    """Invalid JSON replaces a whole answer; half of one is the backend's own failure."""
    house.arm(BadBody(service="core"))
    client, backend = house.connect()
    client.says(GET)
    backend.says(OK[:-1])
    backend.ends()
    assert client.end == "fin"
    assert FaultFired.__name__ not in house.kinds()


def test_a_lost_answer_is_lost_also_when_the_backend_closes(house) -> None:
    """The end of the connection may be the end of the answer."""
    house.arm(LostAnswer(service="core", by="rst"))
    client, backend = house.connect()
    client.says(GET)
    backend.says(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
    assert client.end == ""
    backend.ends()
    assert (client.took(), client.end) == (b"", "rst")


def test_a_stall_holds_the_backends_end_too(house) -> None:
    """Silence, then everything in order."""
    house.arm(Stall(service="core"))
    client, backend = house.connect()
    client.says(GET)
    backend.says(OK)
    backend.ends()
    assert (client.took(), client.end) == (b"", "")
    house.proxy.clear(1)
    assert (client.took(), client.end) == (OK, "fin")


def test_jitter_is_the_same_for_the_same_attempt(new_house) -> None:
    """Concurrency must not reorder draws: two runs, the attempts in another order."""
    seen = []
    for order in ((1, 2), (2, 1)):
        house = new_house()
        house.arm(Latency(service="core", delay=1.0, jitter=0.5))
        heads = {}
        for attempt in order:
            client, backend = house.connect()
            client.says(b"GET /x HTTP/1.1\r\nX-Faultlab-Op: 1.%d\r\n\r\n" % attempt)
            asked = house.net.now()
            backend.says(OK)
            house.net.move(2.0)
            heads[attempt] = house.events[-2].t - asked
        seen.append(heads)
    assert seen[0] == pytest.approx(seen[1])
    assert seen[0][1] != pytest.approx(seen[0][2])
    assert all(0.5 <= delay < 1.5 for delay in seen[0].values())
