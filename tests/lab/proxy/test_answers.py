import pytest

from faultlab.faults import BadBody, Cut, LostAnswer
from faultlab.lab.history import FaultFired, ResponseCut

GET = b"GET /x HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


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


def test_a_chunk_without_a_size_ends_the_connection(house) -> None:
    """Nothing behind it can be told from it; the backend's side is let go as well."""
    house.arm(BadBody(service="core", body="bad_chunk"))
    client, backend = house.connect()
    client.says(GET)
    backend.says(OK)
    assert b"\r\nZZZ\r\n" in client.took()
    assert client.end == "fin"
    client.ends()
    assert house.proxy._links == {}


def test_a_body_too_large_to_keep_is_mistyped_as_a_list(house) -> None:
    """Memory is bounded, and the fault acts all the same."""
    house.arm(BadBody(service="core", body="wrong_type"))
    client, backend = house.connect()
    client.says(GET)
    backend.says(b"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n")
    backend.says(b"{" + b" " * 0x100000)
    assert client.took().endswith(b"\r\n\r\n[]")


@pytest.mark.parametrize("at", ["half", "replaced"])
def test_framing_without_a_body_is_kept_no_longer_than_a_body(house, at: str) -> None:
    """An endless trailer has no payload, and fills the memory all the same."""
    if at == "half":
        house.arm(Cut(service="core", at="response_body"))
    else:
        house.arm(BadBody(service="core", body="html"))
    client, backend = house.connect()
    client.says(GET)
    backend.says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n")
    for _ in range(2000):
        backend.says(b"x: " + b"y" * 4000 + b"\r\n")
    gate = next(iter(house.proxy._links.values()))._gate
    kept = [] if gate._current is None else gate._current.kept
    assert sum(len(data.raw) for data in kept) <= 2 * 1024 * 1024
    assert (client.end == "fin") == (at == "half")
