from faultlab.faults.actions import Answer
from faultlab.faults.bodies import BODIES, Body
from faultlab.lab.proxy.framer import ResponseHead
from faultlab.lab.proxy.made import own, replaced


def answer(status: int, body: bytes = b"no", headers=()) -> Answer:
    """What a fault answers."""
    return Answer(1, status, headers, body)


def test_an_answer_has_a_length_unless_it_was_given_one() -> None:
    """A client must know where it ends."""
    _, head, body = own(answer(503), "GET", closing=False)
    assert head == b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n"
    assert body == b"no"
    shown, head, _ = own(answer(503, headers=(("Content-Length", "9"),)), "GET", closing=True)
    assert head == (
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\nConnection: close\r\n\r\n"
    )
    assert shown.get("content-length") == "9"


def test_an_answer_to_head_and_a_204_have_no_body() -> None:
    """Bytes behind them would be taken for the next answer."""
    assert own(answer(503), "HEAD", closing=False)[2] == b""
    _, head, body = own(answer(204), "GET", closing=False)
    assert (head, body) == (b"HTTP/1.1 204 No Content\r\n\r\n", b"")


def test_a_status_without_a_name_has_one_all_the_same() -> None:
    """The phrase is only for readers."""
    assert own(answer(599), "GET", closing=False)[1].startswith(b"HTTP/1.1 599 Unknown\r\n")


def test_another_body_brings_its_own_length_and_type() -> None:
    """What described the old one would lie; what else the backend said stays."""
    headers = (("content-length", "2"), ("etag", "x"), ("x-served-by", "b"))
    head = ResponseHead(b"HTTP/1.1 200 Fine\r\n...", 200, headers, "length", 2, interim=False)
    shown, length, data = replaced(head, Body(b"{oops", "bad_json"), b"{}")
    assert length == 5
    assert data == (
        b"HTTP/1.1 200 Fine\r\nx-served-by: b\r\ncontent-type: application/json\r\n"
        b"content-length: 5\r\n\r\n{oops"
    )
    assert shown.get("content-type") == "application/json"


def test_a_body_of_wrong_types_is_made_of_the_backends_own() -> None:
    """Its fields are the backend's, its length is the new one."""
    head = ResponseHead(b"HTTP/1.1 200 OK\r\n...", 200, (), "length", 9, interim=False)
    _, length, data = replaced(head, BODIES["wrong_type"], b'{"id": 7}')
    assert data == (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        b'content-length: 28\r\n\r\n{"id": {"unexpected": true}}'
    )
    assert length == 28


def test_a_broken_encoding_is_announced() -> None:
    """Otherwise nobody would try to decode it."""
    head = ResponseHead(b"HTTP/1.1 200 OK\r\n...", 200, (), "length", 2, interim=False)
    assert b"\r\ncontent-encoding: gzip\r\n" in replaced(head, BODIES["bad_gzip"], b"")[2]
    data = replaced(head, BODIES["bad_chunk"], b"")[2]
    assert b"\r\ntransfer-encoding: chunked\r\n" in data
    assert b"content-length" not in data
