"""Attempts without a head: connects that no proxy accepted, or that were closed before one, and
what was sent on unplugged connections and has not arrived.

Counterpart: exchanges.py has those that sent a head. Pure derivation: a connect that vanished
met the listener mode then in force, and is `unknown` where that can't be told.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Collection, Iterator
from math import inf
from typing import TypeAlias

from ..history import ConnectAttempted, Mode
from .facts import Attempt, Told
from .gathered import Gathered
from .spans import Spans

# A refusal reaches the client in microseconds (measured 26-40 us). A connect that no proxy
# accepted is matched against the modes in force from its call on for this long, unless the
# instrumented client says sooner that the attempt ended.
_REFUSAL = 0.05


Joined: TypeAlias = tuple[dict[int, ConnectAttempted], list[ConnectAttempted]]
"""The connect of each accepted connection, by its id, and the connects that came to nothing."""


def without_head(gathered: Gathered, joined: Joined) -> Iterator[Attempt]:
    """Connects that no proxy accepted, and accepted ones that ended or went on without a head.

    One that the client ended is no attempt; one whose bytes could not be read met what nobody knows.
    """
    accepted, vanished = joined
    shutting = _Shutting(gathered)
    for connect in vanished:
        yield _vanished(gathered, shutting, connect)
    for conn in gathered.conns.values():
        if conn.exchanges:
            continue
        if conn.unread is not None:
            observable = "unknown"
        elif conn.first is None or conn.first.by == "client":
            continue
        else:
            observable = "eof_on_accept" if conn.first.how == "fin" else "reset_on_accept"
        owner = accepted.get(conn.opened.conn or 0)
        yield Attempt(
            op=owner.op if owner is not None else conn.opened.op,
            number=0,
            service=conn.opened.service,
            method="",
            target="",
            begun=owner.t if owner is not None else conn.opened.t,
            sent=None if conn.unread is None else conn.unread.t,
            seen=None if conn.first is None else conn.first.t,
            observable=observable,
            unread="" if conn.unread is None else conn.unread.why,
            conn=conn.opened.conn,
            faults=tuple(conn.faults),
            late=conn.opened.late,
            events=tuple(conn.events),
            told=Told() if owner is None else gathered.told_of(owner),
        )


def unheard(gathered: Gathered) -> Iterator[Attempt]:
    """Attempts that a client began while connections were unplugged, and of which nothing came.

    What they met can't be told: the request may still be under way, or never have been sent.
    """
    spans = Spans(
        (conn.opened.service, since, until)
        for conn in gathered.conns.values()
        for since, until in gathered.unheard(conn)
    )
    seen = {
        (exchange.start.op, exchange.start.attempt)
        for conn in gathered.conns.values()
        for exchange in conn.exchanges
    }
    seen |= {(connect.op, connect.attempt) for connect in gathered.connects}
    for (op, number), begun in gathered.begun.items():
        if (op, number) in seen or not spans.touch(begun.service, begun.t, begun.t):
            continue
        ended = gathered.ended.get((op, number))
        yield Attempt(
            op=op,
            number=0,
            service=begun.service,
            method="",
            target="",
            begun=begun.t,
            seen=None if ended is None else ended.t,
            observable="unknown",
            late=begun.late,
            events=(begun.index,) if ended is None else (begun.index, ended.index),
            told=gathered.told(op, number),
        )


def unaccounted(gathered: Gathered, joined: Joined, services: Collection[str]) -> bool:
    """Whether these services accepted a connection that the subject was not seen to make."""
    if not gathered.opened:
        return False
    accepted, _ = joined
    since = gathered.opened[0].t
    return any(
        known.opened.service in services and known.opened.t >= since and conn not in accepted
        for conn, known in gathered.conns.items()
    )


def join(gathered: Gathered) -> Joined:
    """Which connect each accepted connection came of, and those that came to nothing.

    It is the last one from the same port before it was accepted: a kernel gives a port again, at
    once, to a connect that is refused as to one that is accepted.
    """
    by_port: dict[tuple[str, int], deque[ConnectAttempted]] = defaultdict(deque)
    for connect in gathered.connects:
        if connect.local:
            by_port[connect.service, connect.local].append(connect)
    accepted: dict[int, ConnectAttempted] = {}
    taken: set[int] = set()
    open_to: dict[tuple[str, int], list[ConnectAttempted]] = defaultdict(list)
    for conn in sorted(gathered.conns.values(), key=lambda conn: conn.opened.t):
        port = conn.opened.service, conn.opened.port
        coming, before = by_port[port], open_to[port]
        while coming and coming[0].t <= conn.opened.t:
            before.append(coming.popleft())
        if before and conn.opened.conn is not None:
            accepted[conn.opened.conn] = connect = before.pop()
            taken.add(connect.index)
    for number, connect in _from_nobody(gathered, taken):
        if number is not None:
            accepted[number] = connect
        taken.add(connect.index)
    vanished = [
        connect for connect in gathered.connects if connect.local and connect.index not in taken
    ]
    return accepted, vanished


def _from_nobody(
    gathered: Gathered, taken: Collection[int]
) -> Iterator[tuple[int | None, ConnectAttempted]]:
    """The connects behind accepted connections of which the port is not known.

    The attempt that made it and was sent on it names it. Of the others one that met no other mode
    than open was accepted, as whichever of them; it came to something, and no more is told.
    """
    unknown = [
        conn
        for conn in gathered.conns.values()
        if not conn.opened.port and conn.opened.conn is not None
    ]
    if not unknown:
        return
    left = [one for one in gathered.connects if one.local and one.index not in taken]
    named = {(one.service, one.op, one.attempt): one for one in left}
    others: dict[str, int] = defaultdict(int)
    found: set[int] = set()
    for conn in sorted(unknown, key=lambda conn: conn.opened.t):
        head = conn.exchanges[0].start if conn.exchanges else conn.opened
        own = named.get((head.service, head.op, head.attempt))
        if (
            own is not None
            and own.op is not None
            and own.t <= conn.opened.t
            and own.index not in found
        ):
            found.add(own.index)
            yield conn.opened.conn, own
        else:
            others[conn.opened.service] += 1
    last = {conn.opened.service: conn.opened.t for conn in unknown}
    for connect in sorted(left, key=lambda one: one.t):
        service = connect.service
        if connect.index in found or not others[service] or connect.t > last[service]:
            continue
        if gathered.modes[service].between(connect.t, connect.t + _REFUSAL) == {"open"}:
            others[service] -= 1
            yield None, connect


_SHOWN: dict[str, Mode] = {"connect_refused": "refusing", "connect_timeout": "dark"}


class _Shutting:
    """The faults that shut listeners, to be asked by service, mode and time."""

    def __init__(self, gathered: Gathered) -> None:
        # armed, number, cleared, and until when any so far was in force
        self._spans: dict[tuple[str, Mode], list[tuple[float, int, float, float]]] = {}
        for number, fault in gathered.armed.items():
            if fault.listener is None:
                continue
            cleared = gathered.cleared[number].t if number in gathered.cleared else inf
            spans = self._spans.setdefault((fault.service, fault.listener), [])
            longest = max(cleared, spans[-1][3]) if spans else cleared
            spans.append((fault.t, number, cleared, longest))

    def between(self, service: str, mode: Mode, start: float, end: float) -> tuple[int, ...]:
        """Those in force at some time in this span, in the order in which they were armed."""
        spans = self._spans.get((service, mode), [])
        found: list[int] = []
        for at in range(bisect_right(spans, end, key=lambda span: span[0]) - 1, -1, -1):
            _, number, cleared, longest = spans[at]
            if longest < start:
                break
            if cleared >= start:
                found.append(number)
        return tuple(reversed(found))


def _vanished(gathered: Gathered, shutting: _Shutting, connect: ConnectAttempted) -> Attempt:
    told, again = None, gathered.again(connect)
    if again is None and connect.op is not None and connect.attempt is not None:
        told = gathered.ended.get((connect.op, connect.attempt))
    modes = gathered.modes[connect.service]
    over = [one.t for one in (told, again) if one is not None]
    until = min(*over, connect.t + _REFUSAL) if over else connect.t + _REFUSAL
    shut = modes.between(connect.t, until) - {"open"}  # it was not accepted, so never met it
    if shut == {"dark"} and told is not None:
        # A pending connect learns of a refusal with its next SYN.
        shut |= modes.between(connect.t, told.t) & {"refusing"}
    seen: float | None
    match sorted(shut):
        case ["refusing"]:
            observable, seen = "connect_refused", told.t if told is not None else connect.t
        case ["dark"]:
            observable, seen = "connect_timeout", told.t if told is not None else None
        case _:
            observable, seen = "unknown", told.t if told is not None else None
    mode = _SHOWN.get(observable)
    faults = () if mode is None else shutting.between(connect.service, mode, connect.t, until)
    return Attempt(
        op=connect.op,
        number=0,
        service=connect.service,
        method="",
        target="",
        begun=connect.t,
        seen=seen,
        observable=observable,
        faults=faults,
        gave_up=observable == "connect_timeout",
        late=connect.late,
        events=(connect.index,) if told is None else (connect.index, told.index),
        told=gathered.told_of(connect),
    )
