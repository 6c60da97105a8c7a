"""Attempts that sent a head: what each exchange ended with, and when the client could see it.

Counterpart: connects.py has the attempts of which the wire saw no head.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..history import ConnClosed
from ..methods import IDEMPOTENCY_KEYS
from .facts import Attempt, Told
from .gathered import Conn, Exchange, Gathered, Spans


def with_head(gathered: Gathered) -> Iterator[Attempt]:
    """One attempt for each request head that began on the wire; not numbered yet."""
    for conn in gathered.conns.values():
        unheard = gathered.unheard(conn)
        for exchange in conn.exchanges:
            yield _attempt(gathered, conn, exchange, unheard)


def _attempt(gathered: Gathered, conn: Conn, exchange: Exchange, unheard: Spans) -> Attempt:
    start = exchange.start
    last = exchange is conn.exchanges[-1]
    told = gathered.told_of_head(start.op, start.attempt)
    begun, since = _begun(conn, exchange, told, unheard)
    gone = _gone(conn, exchange, told, unheard, gathered.header.clock)
    unread = _unread(conn, exchange)
    observable, seen, gave_up = gone or _outcome(gathered, exchange, conn if last else None)
    if gone is None and unread:
        observable, gave_up = "unknown", False
        seen = None if conn.first is None else conn.first.t
    head = exchange.head
    if gone is not None and head is not None and head.t > gone[1]:
        head = None  # nobody waited for it any more
    call = gathered.calls.get(start.op) if start.op is not None else None
    if gave_up and call is not None and call.cancel is not None and seen is not None:
        before = told.begun is None or told.begun <= call.cancel
        observable = "cancelled" if before and call.cancel <= seen else observable
    return Attempt(
        op=start.op,
        number=0,
        service=start.service,
        method=start.method,
        target=start.target,
        begun=begun,
        sent=begun,
        answered=head.t if head is not None else None,
        seen=seen,
        observable=observable,
        status=head.status if head is not None else None,
        retry_after=head.retry_after if head is not None else None,
        conn=start.conn,
        request=start.request,
        reused=start.reused,
        keyed=not IDEMPOTENCY_KEYS.isdisjoint(start.headers),
        effects=exchange.effects,
        faults=tuple(dict.fromkeys((*exchange.faults, *(conn.faults if last else ())))),
        paced=_paced(gathered, exchange),
        gave_up=gave_up,
        unread=unread,
        reached=_reached(gathered, conn, exchange),
        since=since,
        late=start.late,
        events=tuple(exchange.events + (conn.events[1:] if last else [])),
        told=told,
    )


def _reached(gathered: Gathered, conn: Conn, exchange: Exchange) -> float | None:
    """When its client went for a connection of its own; None: it had one, or nobody knows."""
    start = exchange.start
    if start.reused or exchange is not conn.exchanges[0]:
        return None
    opened = conn.opened.t
    if start.op is None or start.attempt is None:
        return opened
    return min(opened, gathered.connected.get((start.op, start.attempt), opened))


def _begun(
    conn: Conn, exchange: Exchange, told: Told, unheard: Spans
) -> tuple[float, float | None]:
    """When it began, and since when at the earliest where only its arrival is known.

    What is sent on an unplugged connection arrives after the heal; the client's own stamp says
    when it was sent.
    """
    arrived = exchange.start.t
    for since, until in unheard:
        if told.begun is not None:
            if since <= told.begun <= until and told.begun < arrived:
                return told.begun, None
        elif arrived >= until and not any(
            until <= other.start.t < arrived for other in conn.exchanges
        ):
            return arrived, since
    return arrived, None


def _gone(
    conn: Conn, exchange: Exchange, told: Told, unheard: Spans, clock: float
) -> tuple[str, float, bool] | None:
    """What it met if the client says that it gave up before anything that the wire tells of its end.

    Its own end is unheard while its connection is unplugged; and it may come later than an answer
    that was held until then, the more so through a proxy before the lab's.
    """
    gone = told.ended
    if gone is None or not told.raised:
        return None
    done = exchange.complete or exchange.cut
    late = done is not None and done.t > gone + clock
    if not late and not any(since <= gone <= until for since, until in unheard):
        return None
    ends = (exchange.complete, exchange.cut, conn.first)
    if any(end is not None and end.t <= gone for end in ends):
        return None
    answered = exchange.head is not None and exchange.head.t <= gone
    return "read_timeout_body" if answered else "read_timeout_headers", gone, True


def _unread(conn: Conn, exchange: Exchange) -> str:
    """Why its answer was not read to its end; empty: it was."""
    if conn.unread is None or exchange.complete is not None or exchange.cut is not None:
        return ""
    return conn.unread.why


def _paced(gathered: Gathered, exchange: Exchange) -> tuple[str, ...]:
    """The directions in which faults let few of its bytes pass at a time."""
    ways = (way for fault in exchange.faults for way in gathered.paces(fault))
    return tuple(dict.fromkeys(ways))


def _dripped(gathered: Gathered, exchange: Exchange, conn: Conn, end: ConnClosed) -> bool:
    """Whether the answer was coming at a fault's pace when the client left.

    Some of it had come at that pace, and no silence had begun since: neither its body was
    withheld after its head, nor its connection held after its last byte.
    """
    came = end.sent_at
    if came is None or not any(
        at < came and "to_client" in gathered.paces(fault) and gathered.in_force(fault, end.t)
        for fault, at in exchange.faults.items()
    ):
        return False
    silent = [fault for fault in exchange.faults if exchange.head and gathered.stalls(fault)]
    silent += [fault for fault, at in conn.faults.items() if at >= came]
    return not any(gathered.in_force(fault, end.t) for fault in silent)


def _outcome(
    gathered: Gathered, exchange: Exchange, conn: Conn | None
) -> tuple[str, float | None, bool]:
    """Observable, instant seen, and whether the client gave up; `conn` if the end may be its own."""
    start, head, complete, cut = exchange.start, exchange.head, exchange.complete, exchange.cut
    first = conn.first if conn is not None else None
    if complete is not None and (cut is None or complete.t <= cut.t):
        if complete.damaged:
            return complete.damaged, complete.t, False
        status = head.status if head is not None else 0
        done = 200 <= status < 300 or status == 101  # what it asked for, it got
        return ("ok" if done else f"status:{status}"), complete.t, False
    if cut is not None:
        if cut.how == "rst":
            return "reset_mid_body", cut.t, False
        return ("truncated_chunked" if cut.chunked else "truncated_length"), cut.t, False
    if conn is None or first is None:
        return "pending", None, False
    if first.by == "client":
        if _dripped(gathered, exchange, conn, first):
            return "slow_drip", first.t, True
        return ("read_timeout_headers" if head is None else "read_timeout_body"), first.t, True
    if (first.t, first.index) < (start.t, start.index):  # in virtual time both may be at once
        # It had ended before the request came: an idle one, or one that never carried a request.
        end = "eof" if first.how == "fin" else "reset"
        return (f"stale_{end}" if start.reused else f"{end}_on_accept"), start.t, False
    if head is not None:
        return ("reset_mid_body" if first.how == "rst" else "truncated_length"), first.t, False
    point = "eof_before_response" if first.how == "fin" else "reset_before_response"
    return point, max(first.t, start.t), False
