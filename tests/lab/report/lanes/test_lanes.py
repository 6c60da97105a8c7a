"""What a history looks like to a reader."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent, indent
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from faultlab.lab.history import (
    KINDS,
    AnyEvent,
    AttemptBegun,
    ConnClosed,
    ConnectAttempted,
    ConnectsHidden,
    ConnFull,
    ConnOpened,
    ConnUnread,
    EffectApplied,
    FaultArmed,
    FaultCleared,
    FaultFired,
    Header,
    History,
    ListenerMode,
    OpFailed,
    OpInvoked,
    OpOk,
    PhaseEntered,
    Raised,
    RequestComplete,
    RequestReceived,
    RequestStarted,
    ResponseComplete,
    ResponseCut,
    ResponseHead,
    ResponseSent,
    Starved,
    SubjectOpened,
    numbered,
)
from faultlab.lab.report.lanes import WIDTH, lanes


def history(*events: AnyEvent) -> History:
    """These events, numbered from 1."""
    return numbered(Header(), events)


def shown(
    *events: AnyEvent, of: list[int] | None = None, marks: dict[int, str] | None = None
) -> str:
    """The lines of these events, as one text."""
    return "\n".join(lanes(history(*events), of, marks=(marks or {}).items())) + "\n"


def golden(text: str) -> str:
    """Lines as they are printed: two columns from the left edge."""
    return indent(dedent(text), "  ")


def invoked(t: float, op: int = 4, name: str = "read") -> OpInvoked:
    """An operation begins."""
    return OpInvoked(t=t, op=op, name=name, service="core", endpoint="GET /health")


def request(
    t: float,
    number: int = 1,
    *,
    op: int | None = 4,
    attempt: int | None = None,
    service: str = "core",
    target: str = "/health",
    conn: int = 1,
) -> RequestStarted:
    """A request head arrives."""
    return RequestStarted(
        t=t,
        op=op,
        attempt=attempt,
        conn=conn,
        request=number,
        service=service,
        method="GET",
        target=target,
        reused=number > 1,
    )


def head(
    t: float,
    number: int = 1,
    status: int = 200,
    *,
    after: str | None = None,
    service: str = "core",
    conn: int = 1,
) -> ResponseHead:
    """An answer's head; the gate makes all but 200."""
    return ResponseHead(
        t=t,
        conn=conn,
        request=number,
        service=service,
        status=status,
        retry_after=after,
        source="backend" if status == 200 else "gate",
    )


def complete(
    t: float,
    number: int = 1,
    length: int = 31,
    *,
    service: str = "core",
    conn: int = 1,
    damaged: str = "",
) -> ResponseComplete:
    """An answer's end."""
    return ResponseComplete(
        t=t, conn=conn, request=number, service=service, length=length, damaged=damaged
    )


def fired(t: float, number: int = 1, *, fault: int = 1, conn: int = 1) -> FaultFired:
    """A fault acts on a request."""
    return FaultFired(t=t, fault=fault, service="core", conn=conn, request=number)


CORE = ConnOpened(t=0.0, conn=1, service="core", port=5001)
PENELOPE = ConnOpened(t=0.0, conn=2, service="penelope", port=5002)
DOWN = (
    ListenerMode(t=0.0, service="orders", mode="open"),
    ConnectAttempted(t=0.0015, service="orders", port=4003, local=5001),
    ConnOpened(t=0.0016, conn=1, service="orders", port=5001),
    request(0.002, op=None, service="orders", target="/orders/7"),
    RequestComplete(t=0.0025, conn=1, request=1, service="orders"),
    RequestReceived(t=0.003, conn=1, request=1, service="orders", method="GET", target="/orders/7"),
    head(0.004, service="orders"),
    complete(0.004, service="orders"),
    ListenerMode(t=0.005, service="orders", mode="refusing", done=False),
    ListenerMode(t=0.0055, service="orders", mode="refusing"),
    FaultArmed(t=0.006, service="orders", fault=1, name="refused", listener="refusing"),
    FaultFired(t=0.0061, service="orders", fault=1, on="connection", conn=1),
    ConnClosed(t=0.0061, service="orders", conn=1, by="lab", how="fin"),
    ConnectAttempted(t=0.009, service="orders", port=4003, local=5002),
    ConnectAttempted(t=0.047, service="orders", port=4003, local=5003),
    ConnectAttempted(t=0.128, service="orders", port=4003, local=5004),
    ConnectAttempted(t=0.297, service="orders", port=4003, local=5005),
    FaultCleared(t=0.299, service="orders", fault=1, name="refused", fired=1),
)


def test_a_test_without_operations_has_a_wire_and_a_backend_lane() -> None:
    """It is what a stranger reads first: her own client, and one failed assertion."""
    opened = SubjectOpened(t=0.0)
    assert shown(opened, *DOWN, of=list(range(2, 20))) == golden("""\
          t (s)  wire to orders                                 backend
          0.002  > GET /orders/7     attempt 1, new connection
          0.003                                                 GET /orders/7
          0.004  < 200, 31 bytes
          0.006  -- refused in force on orders; 1 live connection closed by FIN --
          0.009  connect refused     attempt 1
          0.047  connect refused     attempt 2   +0.038
          0.128  connect refused     attempt 3   +0.081
          0.297  connect refused     attempt 4   +0.169
          0.299  -- refused cleared; it fired on 4 connects --
        """)


RETRY_AFTER = (
    FaultArmed(t=0.1, service="core", fault=1, name="status", text="code: 503, first: 2"),
    invoked(0.131),
    request(0.132),
    fired(0.1325),
    head(0.133, status=503, after="1"),
    complete(0.133),
    request(0.175, 2),
    fired(0.1755, 2),
    head(0.176, 2, status=503, after="1"),
    complete(0.176, 2),
    request(0.254, 3),
    RequestReceived(t=0.255, conn=1, request=3, service="core", method="GET", target="/health"),
    head(0.256, 3),
    complete(0.256, 3, 212),
    OpOk(t=0.257, op=4, type="Health"),
)


def test_a_witness_has_three_lanes_and_an_arrow_where_the_promise_breaks() -> None:
    """The reader must see the broken promise without reading a log."""
    marks = {8: "0.042 s, not 1", 12: "<- 0.078 s, not 1"}
    assert shown(CORE, *RETRY_AFTER, of=list(range(3, 17)), marks=marks) == golden("""\
          t (s)  subject         wire to core                       backend
          0.131  read begins
          0.132                  > GET /health         attempt 1
          0.133                  < 503 Retry-After: 1  status
          0.175                  > GET /health         attempt 2    <- 0.042 s, not 1
          0.176                  < 503 Retry-After: 1  status
          0.254                  > GET /health         attempt 3    <- 0.078 s, not 1
          0.255                                                     GET /health
          0.256                  < 200, 212 bytes
          0.257  read ok
        """)


def test_rows_of_several_services_and_operations_name_them() -> None:
    """Concurrent operations would be one tangle without their numbers."""
    assert shown(
        invoked(0.1, 1),
        OpInvoked(t=0.101, op=2, name="read.elsewhere", service="penelope"),
        request(0.102, op=1),
        request(0.103, op=2, service="penelope", conn=2),
        head(0.104, service="penelope", conn=2),
        complete(0.104, service="penelope", conn=2),
        OpOk(t=0.105, op=2),
        head(0.106),
        complete(0.106),
        OpOk(t=0.107, op=1),
        CORE,
        PENELOPE,
        of=list(range(1, 11)),
    ) == golden("""\
          t (s)  subject         wire                                     backend
          0.100  1 read begins
          0.101  2 read.elsewhere begins
          0.102                  > core GET /health      op 1, attempt 1
          0.103                  > penelope GET /health  op 2, attempt 1
          0.104                  < penelope 200, 31 bytes
          0.105  2 read.elsewhere ok
          0.106                  < core 200, 31 bytes
          0.107  1 read ok
        """)


def test_silence_ends_where_the_client_gives_up() -> None:
    """A time-out is seen as the client's own end of a connection, never as the lab's."""
    opened = ConnOpened(t=0.1, conn=1, service="core")
    closed = ConnClosed(t=0.802, conn=1, service="core", by="client", how="fin")
    stall = FaultArmed(t=0.05, service="core", fault=1, name="stall", text="at: response_head")
    down = OpFailed(
        t=0.803, op=4, errors=(Raised(classes=("maximus.errors.MaximusTimeoutError",)),)
    )
    cleared = FaultCleared(t=0.9, service="core", fault=1, name="stall", fired=1)
    assert shown(
        stall, invoked(0.099), opened, request(0.101), fired(0.102), closed, down, cleared
    ) == golden("""\
          t (s)  subject         wire to core                                   backend
          0.050  -- stall in force on core: at: response_head --
          0.099  read begins
          0.101                  > GET /health       attempt 1, new connection
          0.802                  client gave up      stall
          0.803  read raises MaximusTimeoutError
          0.900  -- stall cleared; it fired on 1 request --
        """)


def test_connections_that_a_fault_ended_later_are_told_beside_requests() -> None:
    """The row of its arming could not count them, so that a part would be missing."""
    stale = FaultArmed(t=0.1, service="core", fault=1, name="stale", text="at: idle")
    ended = FaultFired(t=0.2, service="core", fault=1, on="connection", conn=1)
    cleared = FaultCleared(t=0.9, service="core", fault=1, name="stale", fired=2)
    text = shown(stale, ended, request(0.3), fired(0.3), cleared)
    assert "-- stale cleared; it fired on 1 connection, 1 request --" in text


def test_a_connection_that_passes_unread_says_why_and_so_does_its_end() -> None:
    """Neither what follows nor what does not is a mystery."""
    why = "the client sent TLS"
    assert shown(
        ConnOpened(t=0.1, conn=1, service="core"),
        ConnUnread(t=0.101, conn=1, service="core", why=why),
        ConnClosed(t=0.2, conn=1, service="core", by="lab", how="fin", why=why),
    ) == golden("""\
          t (s)  wire to core                     backend
          0.100  connect             attempt 1
          0.101  -- core: bytes pass unread from here on; the client sent TLS --
          0.200  < closed by FIN                  <- the client sent TLS
        """)


def test_what_a_stub_refuses_is_told_with_the_reason() -> None:
    """No request of the wire explains a 400."""
    refused = ResponseSent(t=0.1, service="core", status=431, why="Receive buffer too long")
    assert shown(refused, ResponseSent(t=0.2, service="core", status=200)) == golden("""\
          t (s)  wire to core                     backend
          0.100                                   refuses: 431
                 <- Receive buffer too long
        """)


def test_nothing_that_a_terminal_would_obey_is_printed() -> None:
    """A target and a header are a peer's bytes, and lanes are read in terminals."""
    lines = shown(
        ConnOpened(t=0.1, conn=1, service="core"),
        RequestStarted(t=0.1, conn=1, request=1, service="core", method="GET", target="/\x9b31m"),
        ResponseHead(
            t=0.9, conn=1, request=1, service="core", status=503, retry_after="\x1b]0;x\x07"
        ),
    )
    assert "> GET /\\x9b31m" in lines
    assert "< 503 Retry-After: \\x1b]0;x\\x07" in lines
    assert all(line.isprintable() for line in lines.splitlines())


def test_what_the_lab_itself_lacks_is_told() -> None:
    """A wait that no fault made must not look like one."""
    assert shown(
        Starved(t=0.1, service="core", why="Too many open files"),
        Starved(t=0.2, service="core", over=True),
        ConnFull(t=0.3, conn=1, service="core", toward="client", size=4096),
        ConnectsHidden(t=0.4, why="a buffer was full"),
    ) == golden("""\
          t (s)  wire                             backend
          0.100  -- core can accept no connection: Too many open files --
          0.200  -- core accepts connections again --
          0.300  -- core: 4096 bytes wait for the client; the backend is read no further
                    until some have left --
          0.400  -- connects may be missing from here on: a buffer was full --
        """)


def test_an_unanswered_connect_shows_when_it_was_given_up() -> None:
    """No proxy sees it; the audit event and the listener's mode do."""
    assert shown(
        SubjectOpened(t=0.0),
        ListenerMode(t=0.0, service="core", mode="open"),
        ListenerMode(t=0.1, service="core", mode="dark", done=False),
        ListenerMode(t=0.1, service="core", mode="dark"),
        FaultArmed(t=0.1, service="core", fault=1, name="partition"),
        invoked(0.2),
        AttemptBegun(t=0.201, op=4, attempt=1, service="core"),
        ConnectAttempted(t=0.202, op=4, attempt=1, service="core", port=4001, local=5001),
        OpFailed(t=0.503, op=4, errors=(Raised(classes=("x.Down",)),)),
    ) == golden("""\
          t (s)  subject         wire to core                     backend
          0.100  -- partition in force on core --
          0.200  read begins
          0.202                  connect unanswered  attempt 1
          0.503                  client gave up
          0.503  read raises Down
        """)


def test_a_cut_answer_shows_how_far_it_came() -> None:
    """FIN in the body and RST in the body are two faults; the close that follows is none."""
    assert shown(
        CORE,
        FaultArmed(t=0.05, service="core", fault=1, name="cut"),
        invoked(0.1),
        request(0.101),
        head(0.102),
        fired(0.103),
        ResponseCut(t=0.103, conn=1, request=1, service="core", at=106, how="rst"),
        ConnClosed(t=0.103, conn=1, service="core", by="lab", how="rst"),
        of=list(range(3, 9)),
    ) == golden("""\
          t (s)  subject         wire to core                             backend
          0.100  read begins
          0.101                  > GET /health               attempt 1
          0.102                  < 200                       cut
          0.103                  < cut after 106 bytes, RST  cut
        """)


def test_a_lost_answer_shows_its_effect() -> None:
    """The backend's lane is what tells a lost answer from a lost request."""
    assert shown(
        CORE,
        FaultArmed(t=0.05, service="core", fault=1, name="lost_answer"),
        invoked(0.1, name="write"),
        request(0.101),
        RequestReceived(t=0.102, conn=1, request=1, service="core", method="POST", target="/query"),
        EffectApplied(t=0.103, op=4, conn=1, request=1, service="core"),
        fired(0.104),
        ConnClosed(t=0.104, conn=1, service="core", by="lab", how="fin"),
        of=list(range(3, 9)),
    ) == golden("""\
          t (s)  subject         wire to core                     backend
          0.100  write begins
          0.101                  > GET /health       attempt 1
          0.102                                                   POST /query
          0.103                                                   effect applied
          0.104                  < closed by FIN     lost_answer
        """)


def test_nothing_to_show_is_no_line() -> None:
    """A heading over nothing would look like lost evidence."""
    assert lanes(history(*DOWN), []) == ()


def test_a_remark_on_an_event_without_a_row_is_kept() -> None:
    """An arrow is the finding's point; it may stand one row early, but never be lost."""
    lines = lanes(history(*DOWN), [4], marks=[(5, "the whole request")])
    assert lines[-1] == "  0.002  > GET /orders/7     attempt 1    <- the whole request"


def test_a_long_remark_gets_lines_of_its_own() -> None:
    """80 columns hold everything, whatever a check has to say."""
    lines = lanes(history(*RETRY_AFTER), [3], marks=[(7, "word " * 30)])
    assert [len(line) <= WIDTH for line in lines] == [True] * len(lines)
    assert lines[-1].strip().startswith("word")


@given(st.sets(st.integers(1, 60)), st.booleans())
def test_no_line_is_wider_than_promised_nor_shows_a_representation(
    chosen: set[int], long: bool
) -> None:
    """A terminal of 80 columns is what everybody has, and a repr is nobody's language."""
    path = "/" + "segment/" * (12 if long else 1)
    events = [
        replace(event, **({"target": path} if hasattr(event, "target") else {}))
        for event in (*DOWN, *RETRY_AFTER, PhaseEntered(t=0.3, phase="recovery"))
    ]
    lines = lanes(history(*events), chosen)
    assert max(map(len, lines), default=0) <= WIDTH
    assert not any(kind.__name__ in line for kind in KINDS for line in lines)


def test_every_kind_of_event_can_be_shown() -> None:
    """A history is read whole when something is odd; nothing in it may stop the reader."""
    plain = {"errors": (), "value": 3.0, "seconds": 3.0, "fault": 1}
    for kind in KINDS:
        required = {
            field.name: plain.get(field.name, 1 if field.type is int else "open")
            for field in fields(kind)
            if field.required and field.name != "t"
        }
        lanes(history(kind(t=0.0, **required)))


def test_a_copy_that_the_lab_sent_is_told_from_the_client_s_own_request() -> None:
    """Two effects of one attempt would look like the client's doing."""
    own = {"service": "core", "op": 4, "conn": 1, "request": 1}
    text = shown(
        RequestReceived(t=0.1, method="POST", target="/query", **own),
        EffectApplied(t=0.1, **own),
        RequestReceived(t=0.2, method="POST", target="/query", fault=3, **own),
        EffectApplied(t=0.2, fault=3, **own),
    )
    rows = [line.split("  ")[-1].strip() for line in text.splitlines()[1:]]
    assert rows == ["POST /query", "effect applied", "POST /query (copy)", "effect applied (copy)"]


def test_what_a_fault_ends_later_is_not_told_at_its_arming() -> None:
    """The connection lived on until its next request, and the reader must see when it ended."""
    on = {"service": "core", "conn": 1}
    text = shown(
        ConnOpened(t=0.1, port=5001, **on),
        RequestStarted(t=0.1, request=1, method="GET", target="/a", **on),
        ResponseHead(t=0.2, request=1, status=200, **on),
        ResponseComplete(t=0.2, request=1, **on),
        FaultArmed(t=0.3, service="core", fault=1, name="stale"),
        OpInvoked(t=0.4, op=4, name="read", service="core", endpoint="GET /b"),
        FaultFired(t=0.5, on="connection", fault=1, **on),
        ConnClosed(t=0.5, by="lab", how="rst", **on),
        RequestStarted(t=0.5, request=2, op=4, method="GET", target="/b", reused=True, **on),
        FaultFired(t=0.5, on="request", fault=1, request=2, op=4, **on),
    )
    rows = [line[9:].strip() for line in text.splitlines()[1:]]
    assert rows[2:] == [
        "-- stale in force on core --",
        "read begins",
        "reset               idle connection",
        "> GET /b            attempt 1",
    ]


def asked(t: float, conn: int, target: str, status: int) -> Iterator[AnyEvent]:
    """A request that no operation claims, on a connection of its own, and its answer."""
    on: dict[str, Any] = {"service": "core", "conn": conn}
    yield ConnOpened(t=t, port=5000 + conn, **on)
    yield RequestStarted(t=t, request=1, method="GET", target=target, **on)
    yield ResponseHead(t=t + 0.001, request=1, status=status, **on)
    yield ResponseComplete(t=t + 0.001, request=1, **on)


def test_without_operations_an_attempt_goes_on_from_one_that_it_may_repeat() -> None:
    """The same request after a failure; not another one, and none after a success."""
    text = shown(
        SubjectOpened(t=0.0),
        *asked(0.1, 1, "/a", 200),
        *asked(0.2, 2, "/a", 503),
        *asked(0.3, 3, "/b", 503),
        *asked(0.4, 4, "/a", 200),
        *asked(0.5, 5, "/a", 200),
        *asked(0.6, 6, "/b", 200),
    )
    rows = [line[9:].split() for line in text.splitlines() if "attempt" in line]
    assert [(row[2], *row[4:]) for row in rows] == [
        ("/a", "1,", "new", "connection"),
        ("/a", "1,", "new", "connection"),
        ("/b", "1,", "new", "connection"),
        ("/a", "2,", "new", "connection", "+0.199"),
        ("/a", "1,", "new", "connection"),
        ("/b", "2,", "new", "connection", "+0.299"),
    ]


def test_without_operations_a_request_goes_on_from_connects_that_carried_none() -> None:
    """A connect that was cut on its way has no target, and is tried again by the next request."""
    cut = {"service": "core", "conn": 1}
    text = shown(
        SubjectOpened(t=0.0),
        FaultArmed(t=0.05, service="core", fault=1, name="cut"),
        ConnOpened(t=0.1, port=5001, **cut),
        ConnClosed(t=0.1, by="lab", how="fin", **cut),
        *asked(0.2, 2, "/a", 200),
    )
    assert [line[9:] for line in text.splitlines() if "attempt" in line] == [
        "connect             attempt 1",
        "> GET /a            attempt 2, new connection +0.100",
    ]
