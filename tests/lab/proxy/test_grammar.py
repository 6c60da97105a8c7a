import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.proxy.grammar import (
    LINE_LIMIT,
    Unreadable,
    check_chunk_line,
    check_first_line,
    chunk_size,
    first_line,
    framing,
    headers_of,
)

LINES = {
    "request": [
        b"GET / HTTP/1.1",
        b"M-SEARCH * HTTP/1.0",
        b"CONNECT a:1 HTTP/1.1",
        b"G \xff HTTP/1.1",
    ],
    "response": [b"HTTP/1.1 200 OK", b"HTTP/1.0 404", b"HTTP/1.1 599 \xff?", b"HTTP/1.1 200 "],
}


@given(st.sampled_from(["request", "response"]), st.integers(0, 3), st.integers(0, 30))
def test_every_beginning_of_a_line_may_become_it(side, which: int, length: int) -> None:
    """A head that arrives byte by byte must not be given up on the way."""
    line = LINES[side][which] + b"\r\n"
    check_first_line(side, b"\r\n" + line[:length], 2)


@given(st.sampled_from(["request", "response"]), st.binary(max_size=30))
def test_what_is_given_up_would_never_become_a_line(side, begun: bytes) -> None:
    """The other half: nothing is passed unread that could have been read."""
    try:
        check_first_line(side, begun, 0)
    except Unreadable:
        with pytest.raises(Unreadable):
            first_line(side, begun.partition(b"\n")[0].removesuffix(b"\r"))


@pytest.mark.parametrize(
    ("side", "begun", "why"),
    [
        ("request", b"\x16\x03\x01\x02\x00", "TLS"),
        ("request", b"PRI * HTTP/2.0\r\n", "HTTP/2"),
        ("request", b"\x00", "no HTTP/1 request"),
        ("request", b"hello\n", "no HTTP/1 request"),
        ("request", b"GET  ", "no HTTP/1 request"),
        ("request", b"GET / HTTP/2", "no HTTP/1 request"),
        ("response", b"SSH-2.0", "no HTTP/1 answer"),
        ("response", b"HTTP/1.1 20x", "no HTTP/1 answer"),
        ("response", b"\x15\x03\x01", "no HTTP/1 answer"),
    ],
)
def test_what_begins_otherwise_is_named_at_once(side, begun: bytes, why: str) -> None:
    """A peer that speaks another protocol waits for an answer and sends no line end."""
    with pytest.raises(Unreadable, match=why):
        check_first_line(side, begun, 0)


def test_folded_lines_are_one_header() -> None:
    """RFC 9112, 5.2: old senders still fold."""
    assert headers_of([b"A: b\r", b"\t c\r", b"D:e"]) == (("a", "b c"), ("d", "e"))
    with pytest.raises(Unreadable, match="a header line without a name"):
        headers_of([b" folded onto nothing"])


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ((), (None, None)),
        ((("content-length", "5, 5"),), (None, 5)),
        ((("content-length", "9"), ("transfer-encoding", "chunked")), ("chunked", None)),
        (
            (("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")),
            ("gzip, chunked", None),
        ),
    ],
)
def test_transfer_coding_overrides_a_length(headers, told) -> None:
    """RFC 9112, 6.3; a backend that reads it the other way is the backend's finding."""
    assert framing(headers) == told


@pytest.mark.parametrize("text", ["5, 6", "-1", "+5", "", "5 5", "0x5", "\u0665", "9" * 19])
def test_a_length_that_can_mean_two_things_means_none(text: str) -> None:
    """A guess would make the proxy and the backend see different requests."""
    with pytest.raises(Unreadable):
        framing((("content-length", text),))


@given(st.integers(0, 40))
def test_a_chunk_line_may_arrive_in_parts(length: int) -> None:
    """Its extension may hold anything."""
    line = b'00ff \t;name="a;b \xff";x\r'
    assert chunk_size(line.removesuffix(b"\r")) == 255
    check_chunk_line("size", line[:length])


@pytest.mark.parametrize(
    ("kind", "begun"),
    [("size", b"x"), ("size", b"-1"), ("size", b"5 5"), ("size", b"1" * 16), ("crlf", b"more")],
)
def test_what_is_no_chunk_line_is_told_before_its_end(kind, begun: bytes) -> None:
    """Its rest may never come."""
    with pytest.raises(Unreadable):
        check_chunk_line(kind, begun)


def test_a_line_without_an_end_is_bounded() -> None:
    """What is held back until a line is whole must not grow."""
    check_chunk_line("trailer", bytes(LINE_LIMIT))
    with pytest.raises(Unreadable, match="8192 bytes"):
        check_chunk_line("trailer", bytes(LINE_LIMIT + 1))
