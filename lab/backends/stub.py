"""A stub: an HTTP/1.1 server on the `net` port that answers its routes.

h11 reads and writes the messages; decisions are the routes'. What the proxy knows of a request
comes in a header of the lab's own, so that both sides name the same exchange. What is no request that
can be carried out is refused as RFC 9110 and 9112 say, with the reason recorded. Knows no fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

import h11

from ..history import AnyEvent, EffectApplied, RequestReceived, ResponseSent, Starved
from ..methods import IDEMPOTENT, SAFE
from ..net import Connection, Net, Timer
from ..redaction import redacted_target, shortened
from .routes import UNHANDLED, Frames, Reply, Request, Routes

__all__ = ["WIRE_HEADER", "Served", "Stub", "Wire", "read_wire"]

WIRE_HEADER = "X-Faultlab-Wire"
"""`CONN.REQUEST` or `CONN.REQUEST.OP.ATTEMPT`, put in by the proxy and taken off by the stub.

`+FAULT` behind it: a copy of that request, which this fault had the proxy send.
"""

HEAD_LIMIT = 64 * 1024  # bytes of a head, or of a line of chunked framing
BODY_LIMIT = 16 * 1024 * 1024  # bytes of a body

_WIRE_NAME = WIRE_HEADER.lower().encode()
_WIRE = re.compile(
    r"([0-9]{1,9})\.([0-9]{1,9})(?:\.([0-9]{1,12})\.([0-9]{1,9}))?(?:\+([0-9]{1,9}))?"
)
_PLAIN = "text/plain; charset=utf-8"
_MALFORMED = b"Invalid HTTP request received."  # as uvicorn says it
_METHOD = 32  # characters of a method that are recorded
_SLOW_READER = 1.0  # seconds until a peer that didn't read on is looked at again
_TOO_LARGE = f"a body of more than {BODY_LIMIT} bytes"


@dataclass(frozen=True, slots=True)
class Wire:
    """Which exchange of the wire a request is; None: it came past the proxy, or without a tag.

    `fault`: the one whose copy it is, None: it is the client's own.
    """

    conn: int | None = None
    request: int | None = None
    op: int | None = None
    attempt: int | None = None
    fault: int | None = None


def read_wire(text: str) -> Wire:
    """The header's value; what the proxy did not write means nothing."""
    match = _WIRE.fullmatch(text)
    if match is None:
        return Wire()
    return Wire(*(None if number is None else int(number) for number in match.groups()))


@dataclass(frozen=True, slots=True)
class Served:
    """One complete request of the journal. `effect`: it was carried out and isn't idempotent."""

    method: str
    target: str
    op: int | None
    effect: bool


class Stub:
    """Serves `routes` on `host` until closed. Raises OSError if the port is taken.

    `record` takes its events, stamped in seconds since `start` on the net's clock. `conns` numbers
    the connections of a stub that no proxy stands before.
    """

    def __init__(
        self,
        net: Net,
        routes: Routes,
        record: Callable[[AnyEvent], None],
        start: float,
        service: str,
        port: int = 0,
        conns: Iterator[int] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.problem = ""  # there is none: it serves from its start on
        self.settled = True
        self._net = net
        self._host = host
        self._conns = conns
        self._routes = routes
        self._record = record
        self._start = start
        self._service = service
        self._journal: list[Served] = []
        self._past: list[Request] = []
        self._finished: Callable[[], None] | None = None
        self._open: dict[_Exchange, None] = {}
        self._listener = net.listen(self._accepted, port, host, starved=self._starved)

    def __repr__(self) -> str:
        return f"Stub({self._service}, {len(self._journal)} requests, {self.effects} effects)"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._listener.port

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, host and port."""
        return (self._host, self._listener.port)

    @property
    def journal(self) -> tuple[Served, ...]:
        """Every complete request so far, in order of arrival."""
        return tuple(self._journal)

    @property
    def past(self) -> tuple[Request, ...]:
        """The requests that may have changed what it answers, in order: all but the safe ones."""
        return tuple(self._past)

    @property
    def effects(self) -> int:
        """How many requests had an effect."""
        return sum(served.effect for served in self._journal)

    def recall(self, told: Callable[[tuple[Request, ...]], None]) -> None:
        """Tell `past`, at once."""
        told(self.past)

    def drain(self) -> None:
        """Nothing to take: what it reports stands in the history at once."""

    def finish(self, finished: Callable[[], None]) -> None:
        """Answer what has arrived, give the port back, and end every connection by FIN behind it.

        `finished` is called when all of it has gone out and the peers have ended, too.
        """
        self._finished = finished
        self._listener.drain()
        for exchange in tuple(self._open):
            exchange.finish()
        self._listener.close()
        if not self._open:
            finished()

    def close(self) -> None:
        """Give the port back and end every connection by FIN."""
        self._listener.close()
        for exchange in tuple(self._open):
            exchange.close()

    def _starved(self, why: str) -> None:
        self._record(Starved(t=self._now(), service=self._service, why=why, over=not why))

    def _accepted(self, connection: Connection) -> None:
        number = None if self._conns is None else next(self._conns)
        exchange = _Exchange(connection, self, number)
        self._open[exchange] = None
        connection.bind(exchange)

    def _forget(self, exchange: _Exchange) -> None:
        """A connection is over."""
        self._open.pop(exchange, None)
        if self._finished is not None and not self._open:
            self._finished()

    def _later(self, delay: float, call: Callable[[], None]) -> Timer:
        return self._net.later(delay, call)

    def _carry_out(self, head: h11.Request, body: bytes, wire: Wire) -> tuple[Reply, str]:
        """Carry out one complete request, and record it; the reply, and what went wrong."""
        method, target = head.method.decode("ascii"), head.target.decode("latin-1")
        self._record(
            RequestReceived(
                t=self._now(),
                service=self._service,
                op=wire.op,
                conn=wire.conn,
                request=wire.request,
                attempt=wire.attempt,
                fault=wire.fault,
                method=shortened(method, _METHOD),
                target=redacted_target(target),
            )
        )
        headers = tuple(
            (name.decode("ascii"), value.decode("latin-1"))
            for name, value in head.headers
            if name != _WIRE_NAME
        )
        request = Request(method, target, headers, body)
        why = ""
        try:
            reply = self._routes.answer(request)
        except Exception as error:  # noqa: BLE001 - a route that breaks is a server's 500
            why = f"its route raised {type(error).__name__}"
            reply = UNHANDLED
        else:
            if method not in SAFE:
                self._past.append(request)
        carried_out = 200 <= reply.status <= 299 and not reply.repeated
        effect = method not in IDEMPOTENT and carried_out
        self._journal.append(Served(method, target, wire.op, effect))
        if effect:
            self._record(
                EffectApplied(
                    t=self._now(),
                    service=self._service,
                    op=wire.op,
                    conn=wire.conn,
                    request=wire.request,
                    attempt=wire.attempt,
                    fault=wire.fault,
                    endpoint=self._routes.endpoint_of(method, target) or "",
                )
            )
        return reply, why

    def _refuse(self, status: int, wire: Wire, why: str) -> Reply:
        """The answer to what is no request that can be carried out."""
        self._sent(status, wire, why)
        body = _MALFORMED if status == 400 else f"{_phrase(status).decode()}: {why}".encode()
        return Reply(status, body, _PLAIN)

    def _sent(self, status: int, wire: Wire, why: str) -> None:
        """Record an answer, before the first of its bytes is released."""
        self._record(
            ResponseSent(
                t=self._now(),
                service=self._service,
                op=wire.op,
                conn=wire.conn,
                request=wire.request,
                attempt=wire.attempt,
                fault=wire.fault,
                status=status,
                why=why,
            )
        )

    def _now(self) -> float:
        return self._net.now() - self._start


class _Exchange:
    """One connection: bytes in, requests to the stub, answers out."""

    def __init__(self, connection: Connection, stub: Stub, number: int | None) -> None:
        self._connection = connection
        self._stub = stub
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        self._number = number  # of its own count, where it has one
        self._requests = 0
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._full = False  # the peer reads slower than it asks
        self._peer_ended = False
        self._over = False
        self._timer: Timer | None = None  # runs until the answer, or its next part, is due
        self._due: Callable[[], None] | None = None
        self._ahead = 0  # bytes that came meanwhile
        self._frames: Frames | None = None

    def received(self, data: bytes) -> None:
        """Bytes arrived."""
        self._http.receive_data(data)
        if self._due is not None:
            self._ahead += len(data)
            if self._ahead > BODY_LIMIT:
                self._connection.pause()
        self._proceed()

    def ended(self) -> None:
        """The peer asks no more; what it asked before is answered, unless that has no end."""
        if self._frames is not None:
            self.close()
            return
        self._peer_ended = True
        self._http.receive_data(b"")
        self._proceed()

    def lost(self, reset: bool) -> None:  # noqa: ARG002  # the port's signature
        """The connection is over."""
        self._end()

    def drained(self) -> None:
        """The peer has read on."""
        self._full = False
        self._connection.resume()
        self._proceed()

    def finish(self) -> None:
        """Answer what has arrived of whole requests without further delay, and send FIN behind it."""
        self._connection.drain()
        while self._frames is None and self._due is not None:
            self._fire()
        if not self._over:
            self._stop()
            self._connection.fin()

    def close(self) -> None:
        """End it by FIN."""
        self._connection.close()
        self._end()

    def _end(self) -> None:
        self._stop()
        self._stub._forget(self)

    def _stop(self) -> None:
        """Answer nothing more."""
        self._over = True
        self._due = None
        if self._timer is not None:
            self._timer.cancel()
        if self._frames is not None:
            self._frames.close()

    def _wait(self, seconds: float, due: Callable[[], None]) -> None:
        """Take no further request until `due` has been called."""
        self._due = due
        self._timer = self._stub._later(seconds, self._fire)

    def _fire(self) -> None:
        due, timer, self._due, self._timer = self._due, self._timer, None, None
        if timer is not None:
            timer.cancel()
        if self._ahead > BODY_LIMIT and not self._full:
            self._connection.resume()
        self._ahead = 0
        if due is not None:
            due()

    def _proceed(self) -> None:
        while not (self._over or self._full or self._due is not None):
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                # What h11 quotes of the request stays out of the history.
                self._refuse(error.error_status_hint, str(error).partition(":")[0])
                return
            match event:
                case h11.Request():
                    self._head = event
                    self._requests += 1
                    self._begin(event)
                case h11.Data():
                    self._body += event.data
                    if len(self._body) > BODY_LIMIT:
                        self._refuse(413, _TOO_LARGE)
                case h11.EndOfMessage():
                    self._answer()
                case h11.ConnectionClosed():
                    self.close()
                case _:
                    return

    def _begin(self, head: h11.Request) -> None:
        """Refuse what its head already tells against; else let the body come."""
        length = _first(head, b"content-length")
        expected = (_first(head, b"expect") or b"").lower()
        if not head.http_version.startswith(b"1."):
            self._refuse(505, "a version of HTTP other than 1.1 and 1.0")
        elif length is not None and int(length) > BODY_LIMIT:
            self._refuse(413, _TOO_LARGE)
        elif expected not in (b"", b"100-continue"):
            self._refuse(417, "an expectation other than 100-continue")
        elif self._http.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[]))

    def _answer(self) -> None:
        assert self._head is not None
        head, body = self._head, bytes(self._body)
        self._head = None
        self._body.clear()
        # Who sends both lengths may mean another end than this one (RFC 9112, 6.1).
        both = _first(head, b"transfer-encoding") and _first(head, b"content-length")
        wire = self._wire_of(head)
        reply, why = self._stub._carry_out(head, body, wire)
        release = partial(self._release, head, reply, wire, why, closing=both is not None)
        if reply.after > 0:
            self._wait(reply.after, partial(self._on_time, release))
        else:
            release()

    def _wire_of(self, head: h11.Request | None) -> Wire:
        value = None if head is None else _first(head, _WIRE_NAME)
        if value is not None:
            return read_wire(value.decode("latin-1"))
        if self._number is None:
            return Wire()
        return Wire(self._number, self._requests + (head is None))

    def _on_time(self, release: Callable[[], None]) -> None:
        release()
        self._proceed()

    def _release(
        self, head: h11.Request, reply: Reply, wire: Wire, why: str, *, closing: bool
    ) -> None:
        """Send a reply: all of it, or all but the parts that are made later."""
        self._stub._sent(reply.status, wire, why)
        without_body = head.method == b"HEAD"
        if reply.frames is not None and not without_body:
            self._reply_in_parts(reply, reply.frames())
            return
        self._reply(reply, without_body=without_body, closing=closing)
        self._next(reply)

    def _next(self, reply: Reply) -> None:
        """A reply has been sent whole: go on with the next request, or hang up."""
        done = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if done and not reply.closes:
            self._http.start_next_cycle()
        else:
            self.close()

    def _refuse(self, status: int, why: str) -> None:
        # A peer that went away in the middle of its request asks for nothing.
        if not self._peer_ended and self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            head = self._head
            bodiless = head is not None and head.method == b"HEAD"
            reply = self._stub._refuse(status, self._wire_of(head), why)
            self._reply(reply, without_body=bodiless, closing=True)
        self.close()

    def _reply_in_parts(self, reply: Reply, frames: Frames) -> None:
        self._frames = frames
        self._send(_head(reply, _headers(reply)))
        self._part(reply, frames)

    def _part(self, reply: Reply, frames: Frames) -> None:
        """Send the next part, unless the peer reads slower than they come; then wait for one more."""
        wait = _SLOW_READER
        if not self._full:
            part = next(frames, None)
            if part is None:
                self._frames = None
                self._send(h11.EndOfMessage())
                self._next(reply)
                self._proceed()
                return
            data, wait = part
            self._send(h11.Data(data=data))
        self._wait(wait, partial(self._part, reply, frames))

    def _reply(self, reply: Reply, *, without_body: bool = False, closing: bool = False) -> None:
        headers = _headers(reply)
        if reply.status not in (204, 304):  # RFC 9110 8.6
            headers.append(("content-length", str(len(reply.body))))
        if closing:
            headers.append(("connection", "close"))
        events: list[h11.Event] = [_head(reply, headers)]
        if reply.body and not without_body:
            events.append(h11.Data(data=reply.body))
        self._send(*events, h11.EndOfMessage())

    def _send(self, *events: h11.Event) -> None:
        data = b"".join(self._http.send(event) or b"" for event in events)
        if not self._connection.write(data) and not self._full:
            self._full = True
            self._connection.pause()


def _headers(reply: Reply) -> list[tuple[str, str]]:
    kind = reply.content_type
    return [*reply.headers, *([] if kind is None else [("content-type", kind)])]


def _head(reply: Reply, headers: list[tuple[str, str]]) -> h11.Response:
    return h11.Response(status_code=reply.status, headers=headers, reason=_phrase(reply.status))


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""


def _first(head: h11.Request, wanted: bytes) -> bytes | None:
    """The first value of this header (lower case)."""
    return next((bytes(value) for name, value in head.headers if name == wanted), None)
