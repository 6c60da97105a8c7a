"""The control API over HTTP/1.1 on the net port (counterpart: api.py decides, this reads and writes).

h11 reads and writes the messages, as it does for the stubs. Knows no route.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import h11

from ..net import Connection, Net
from .api import Api, Reply, Request

__all__ = ["BODY", "Server"]

BODY = 8 * 1024 * 1024  # bytes of a body that is still read
_MALFORMED = Reply(400, b"400 Bad Request", (("Content-Type", "text/plain; charset=utf-8"),))
_TOO_LARGE = Reply(413, b"", ())


class Server:
    """Serves an API until closed. Raises OSError if the port can't be had."""

    def __init__(self, net: Net, api: Api, port: int, host: str = "127.0.0.1") -> None:
        self._answer = api.answer
        self._open: dict[_Conversation, None] = {}
        self._listener = net.listen(self._accepted, port, host)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._listener.port

    def close(self) -> None:
        """Give the port back and end every connection by FIN."""
        self._listener.close()
        for conversation in tuple(self._open):
            conversation.close()

    def _accepted(self, connection: Connection) -> None:
        conversation = _Conversation(connection, self._answer, self._forget)
        self._open[conversation] = None
        connection.bind(conversation)

    def _forget(self, conversation: _Conversation) -> None:
        self._open.pop(conversation, None)


class _Conversation:
    """One connection of a control client."""

    def __init__(
        self,
        connection: Connection,
        answer: Callable[[Request], Reply],
        gone: Callable[[_Conversation], None],
    ) -> None:
        self._connection = connection
        self._answer = answer
        self._gone = gone
        self._http = h11.Connection(h11.SERVER)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._full = False
        self._over = False

    def received(self, data: bytes) -> None:
        """Bytes arrived."""
        if not self._over:
            self._http.receive_data(data)
            self._proceed()

    def ended(self) -> None:
        """The client asks no more; what it asked before is answered."""
        if not self._over:
            self._http.receive_data(b"")
            self._proceed()

    def lost(self, reset: bool) -> None:  # noqa: ARG002  # the port's signature
        """The connection is over."""
        self._over = True
        self._gone(self)

    def drained(self) -> None:
        """The client has read on."""
        self._full = False
        self._connection.resume()
        self._proceed()

    def close(self) -> None:
        """End it by FIN."""
        self._over = True
        self._connection.close()
        self._gone(self)

    def _proceed(self) -> None:
        while not (self._over or self._full):
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError:
                self._refuse(_MALFORMED)
                return
            match event:
                case h11.Request():
                    self._head = event
                    if self._http.they_are_waiting_for_100_continue:
                        self._send(h11.InformationalResponse(status_code=100, headers=[]))
                case h11.Data():
                    self._body += event.data
                    if len(self._body) > BODY:
                        self._refuse(_TOO_LARGE)
                case h11.EndOfMessage():
                    self._carry_out()
                case h11.ConnectionClosed():
                    self.close()
                case _:
                    return

    def _carry_out(self) -> None:
        assert self._head is not None
        head, body = self._head, bytes(self._body)
        self._head = None
        self._body.clear()
        agent = next((value for name, value in head.headers if name == b"user-agent"), b"")
        method = head.method.decode("ascii")
        reply = self._answer(
            Request(method, head.target.decode("latin-1"), body, agent.decode("latin-1"))
        )
        self._reply(reply, without_body=method == "HEAD")
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.close()

    def _refuse(self, reply: Reply) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            bodiless = self._head is not None and self._head.method == b"HEAD"
            self._reply(reply, without_body=bodiless, closing=True)
        self.close()

    def _reply(self, reply: Reply, *, without_body: bool = False, closing: bool = False) -> None:
        headers = list(reply.headers)
        if reply.status != HTTPStatus.NO_CONTENT:
            headers.append(("Content-Length", str(len(reply.body))))
        if closing:
            headers.append(("Connection", "close"))
        reason = HTTPStatus(reply.status).phrase.encode("ascii")
        response = h11.Response(status_code=reply.status, headers=headers, reason=reason)
        body = [h11.Data(data=reply.body)] if reply.body and not without_body else []
        self._send(response, *body, h11.EndOfMessage())

    def _send(self, *events: h11.Event) -> None:
        data = b"".join(self._http.send(event) or b"" for event in events)
        if not self._connection.write(data) and not self._full:
            self._full = True
            self._connection.pause()
