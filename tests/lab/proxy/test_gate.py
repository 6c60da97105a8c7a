import itertools

from hypothesis import given
from hypothesis import strategies as st

from faultlab.faults import Status
from faultlab.lab.history import (
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
