import itertools

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.proxy.framer import (
    Begun,
    Data,
    End,
    Framer,
    Lost,
    RequestHead,
    ResponseHead,
)

REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
    (
        b"PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;ext=1\r\nabc\r\n0a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
    ),
    b"\r\n\r\nHEAD /y?q=1 HTTP/1.1\nHost: a\n\n",
    b"DELETE /z HTTP/1.0\r\nHost: a\r\nFolded: a\r\n b\r\n\r\n",
]
BODY = st.binary(max_size=40)


@st.composite
def request_bytes(draw: st.DrawFn) -> bytes:
    """A valid request."""
    body = draw(BODY)
    method = draw(st.sampled_from(["GET", "POST", "PATCH"]))
    head = f"{method} /p?q=1 HTTP/1.1\r\nHost: lab\r\nX-Any: {draw(st.integers())}\r\n".encode()
    if draw(st.booleans()):
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=3)))
    parts = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    chunks = b"".join(b"%X\r\n%b\r\n" % (len(p), p) for p in parts if p)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def in_parts(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data, cut at these places."""
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


def merged(pieces: list) -> list:
    """Pieces without the marks of how the bytes came: neighbours of one kind are one."""
    out: list = []
    for piece in pieces:
        match piece:
            case Data():
                kind, value = "data", piece.payload
            case Lost():
                kind, value = "lost", piece.raw
            case _:
                out.append(piece)
                continue
        if out and type(out[-1]) is tuple and out[-1][0] == kind:
            out[-1] = (kind, out[-1][1] + value)
        elif value:
            out.append((kind, value))
    return out


def raw(pieces: list) -> bytes:
    """All bytes of the pieces."""
    return b"".join(getattr(piece, "raw", b"") for piece in pieces)


@given(
    st.lists(st.one_of(request_bytes(), st.sampled_from(REQUESTS)), min_size=1, max_size=3),
    st.lists(st.integers(0, 400), max_size=8),
)
def test_how_the_bytes_are_cut_changes_nothing(requests: list[bytes], cuts: list[int]) -> None:
    """TCP keeps no message boundaries; a gate that needed them would misjudge at random."""
    data = b"".join(requests)
    whole, parts = Framer("request"), Framer("request")
    together = [*whole.feed(data), *whole.eof()]
    apart = [piece for part in in_parts(data, cuts) for piece in parts.feed(part)]
    apart += parts.eof()
    assert merged(apart) == merged(together)
    assert raw(apart) == data
    assert sum(isinstance(piece, RequestHead) for piece in together) == len(requests)


MUTATIONS = (b"", b"\r\n", b"\n", b"\0", b" ", b":", b";", b"\r", b"0", b"HTTP/1.1 ", b"x" * 9000)


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A request with something put in, or in the place of something."""
    data = draw(st.one_of(request_bytes(), st.sampled_from(REQUESTS)))
    for _ in range(draw(st.integers(1, 3))):
        at, taken = draw(st.integers(0, len(data))), draw(st.integers(0, 4))
        data = data[:at] + draw(st.sampled_from(MUTATIONS)) + data[at + taken :]
    return data


@given(
    st.lists(st.one_of(spoilt(), request_bytes()), min_size=1, max_size=3),
    st.lists(st.integers(0, 9999), max_size=12),
)
def test_how_spoilt_requests_are_cut_changes_nothing(parts: list[bytes], cuts: list[int]) -> None:
    """Not even where they can't be followed any more, nor the reason."""
    data = b"".join(parts)
    whole, apart = Framer("request"), Framer("request")
    together = [*whole.feed(data), *whole.eof()]
    pieces = [piece for part in in_parts(data, cuts) for piece in apart.feed(part)]
    pieces += apart.eof()
    assert merged(pieces) == merged(together)
    assert (raw(pieces), apart.why) == (data, whole.why)


@pytest.mark.parametrize("size", [64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1])
def test_a_huge_head_is_followed_up_to_a_limit(size: int) -> None:
    """However it arrives; beyond, the lab would have to hold what may have no end."""
    head = b"GET / HTTP/1.1\r\nX: "
    data = head + b"x" * (size - len(head) - 4) + b"\r\n\r\n"
    for step in (len(data), 1000):
        framer = Framer("request")
        for part in in_parts(data, list(range(0, len(data), step))):
            framer.feed(part)
        assert framer.why == ("" if size <= 64 * 1024 else "a head of more than 65536 bytes")


@pytest.mark.parametrize(
    ("side", "data", "why"),
    [
        ("request", b"\x16\x03\x01\x02\x00\x01\x00", "TLS"),
        ("response", b"SSH-2.0-OpenSSH", "no HTTP/1 answer"),
    ],
)
def test_another_protocol_is_passed_before_it_ends_a_line(side, data: bytes, why: str) -> None:
    """Its peer waits for an answer; a proxy that waits for more would silence both."""
    framer = Framer(side)
    framer.expect("GET")
    assert framer.feed(data) == [Begun(), Lost(data)]
    assert framer.why == why


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_no_byte_of_garbage_is_lost(data: bytes, cuts: list[int]) -> None:
    """What can't be followed must still pass unchanged."""
    framer = Framer("request")
    pieces = [piece for part in in_parts(data, cuts) for piece in framer.feed(part)]
    assert raw([*pieces, *framer.eof()]) == data


@given(st.lists(st.one_of(request_bytes(), st.sampled_from(REQUESTS)), min_size=1, max_size=2))
def test_it_frames_requests_as_h11_does(requests: list[bytes]) -> None:
    """A second, independent reader of the same rules."""
    ours = Framer("request")
    mine = [
        (piece.method, piece.target) if isinstance(piece, RequestHead) else piece.payload
        for request in requests
        for piece in ours.feed(request)
        if isinstance(piece, RequestHead) or (isinstance(piece, Data) and piece.payload)
    ]
    theirs: list = []
    for request in requests:
        reader = h11.Connection(h11.SERVER)
        reader.receive_data(request.lstrip(b"\r\n"))
        body = b""
        while not isinstance(event := reader.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Request):
                theirs.append((event.method.decode(), event.target.decode()))
            else:
                assert isinstance(event, h11.Data)
                body += event.data
        theirs += [body] if body else []
    assert mine == theirs


@given(BODY, st.sampled_from(["length", "chunked", "close"]), st.lists(st.integers(0, 150)))
def test_it_frames_answers_as_h11_does(body: bytes, framing: str, cuts: list[int]) -> None:
    """Every way in which the end of a body is told."""
    head, data = {
        "length": (b"Content-Length: %d\r\n" % len(body), body),
        "chunked": (
            b"Transfer-Encoding: chunked\r\n",
            (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n",
        ),
        "close": (b"", body),
    }[framing]
    ours = Framer("response")
    ours.expect("GET")
    theirs = h11.Connection(h11.CLIENT)
    theirs.send(h11.Request(method="GET", target="/", headers=[("Host", "lab")]))
    theirs.send(h11.EndOfMessage())
    pieces: list = []
    for part in in_parts(b"HTTP/1.1 206 Part\r\n" + head + b"\r\n" + data, cuts):
        pieces += ours.feed(part)
        theirs.receive_data(part)
    pieces += ours.eof()
    theirs.receive_data(b"")
    answer = theirs.next_event()
    assert isinstance(answer, h11.Response)
    expected = b""
    while isinstance(event := theirs.next_event(), h11.Data):
        expected += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert pieces[1].status == answer.status_code
    assert b"".join(piece.payload for piece in pieces if isinstance(piece, Data)) == expected
    assert pieces[-1] == End()


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/2\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nspace : before\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"\x16\x03\x01\n\n",
    ],
)
def test_what_it_can_not_frame_is_lost_whole(head: bytes) -> None:
    """A guess here would make the proxy and the backend see different requests."""
    framer = Framer("request")
    assert framer.feed(head + b"more") == [Begun(), Lost(head + b"more")]
    assert framer.lost


def test_transfer_encoding_overrides_a_length() -> None:
    """RFC 9112, 6.3; a backend that reads it the other way is the backend's finding."""
    framer = Framer("request")
    pieces = framer.feed(
        b"POST / HTTP/1.1\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    assert pieces[-1] == End()


def test_a_broken_chunk_is_lost_from_there_on() -> None:
    """What was framed before it stands."""
    framer = Framer("request")
    framer.feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    pieces = framer.feed(b"2\r\nab\r\nxyz\r\n")
    assert pieces == [Data(b"2\r\nab\r\n", ((3, 5),)), Lost(b"xyz\r\n")]


def answers(data: bytes, *methods: str) -> list:
    """The pieces of these answers."""
    framer = Framer("response")
    for method in methods:
        framer.expect(method)
    return [*framer.feed(data), *framer.eof()]


def test_answers_without_a_body_end_with_their_head() -> None:
    """HEAD, 204, 304 and interim answers carry a length that says nothing."""
    for status, method in ((200, "HEAD"), (204, "GET"), (304, "GET")):
        pieces = answers(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status, method)
        assert [type(piece) for piece in pieces] == [Begun, ResponseHead, End]


def test_an_interim_answer_is_followed_by_the_real_one() -> None:
    """100 and 103 end nothing."""
    pieces = answers(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "POST"
    )
    heads = [piece for piece in pieces if isinstance(piece, ResponseHead)]
    assert [(head.status, head.interim) for head in heads] == [(100, True), (200, False)]
    assert pieces[-1] == End()


def test_a_body_without_a_length_ends_with_the_stream() -> None:
    """HTTP/1.0 style: only the end of the connection tells."""
    pieces = answers(b"HTTP/1.0 200 OK\r\n\r\nabc", "GET")
    assert merged(pieces)[2:] == [("data", b"abc"), End()]


def test_a_stream_that_ends_inside_a_body_is_a_cut() -> None:
    """The difference between a whole answer and half of one."""
    for head in (b"Content-Length: 9", b"Transfer-Encoding: chunked"):
        pieces = answers(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n3\r\nab", "GET")
        assert pieces[-1] == End(cut=True)


def test_bytes_that_answer_nothing_are_lost() -> None:
    """A server that talks first speaks no HTTP that the gate can follow."""
    assert answers(b"220 mail ready\r\n") == [Lost(b"220 mail ready\r\n")]


def test_a_tunnel_is_passed_unread() -> None:
    """After 101, and after CONNECT was granted, the bytes belong to somebody else."""
    for status, method in ((101, "GET"), (200, "CONNECT")):
        pieces = answers(b"HTTP/1.1 %d X\r\n\r\nHTTP/1.1 500 no" % status, method)
        assert pieces[-1] == Lost(b"HTTP/1.1 500 no")


@given(st.integers(0, 14), st.lists(st.integers(0, 60), max_size=5))
def test_upto_counts_payload_and_not_framing(count: int, cuts: list[int]) -> None:
    """A cut after n bytes means n bytes of the body, however they are framed."""
    framer = Framer("response")
    framer.expect("GET")
    framer.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    out, left = b"", count
    for part in in_parts(b"a\r\n0123456789\r\n4\r\nabcd\r\n0\r\n\r\n", cuts):
        for piece in framer.feed(part):
            if isinstance(piece, Data) and left >= 0:
                out += piece.upto(left)
                left = left - piece.length if piece.length < left else -1
    reader = Framer("response")
    reader.expect("GET")
    pieces = reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + out)
    payload = b"".join(piece.payload for piece in pieces if isinstance(piece, Data))
    assert payload == b"0123456789abcd"[:count]
