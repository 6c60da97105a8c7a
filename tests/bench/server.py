"""The bench's backend, a process of its own: `python server.py` prints its port, then serves.

Small answers come from one loop; a body of many bytes is sent or taken by a thread of its own with
large blocking calls, so that what lies before this server is what limits the rate.
"""

from __future__ import annotations

import re
import selectors
import socket
import threading
from collections.abc import Callable

BLOCK = 1024 * 1024  # bytes of one call of a large body
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
SMALL = HEAD + b'8\r\n\r\n{"id":7}'
_GET = re.compile(rb"GET /bytes/(\d+) ")
_POST = re.compile(rb"POST [^\n]*\r\n(?:[^\n]+\r\n)*?Content-Length: (\d+)\r\n")


def send(sock: socket.socket, size: int) -> None:
    """An answer with so many bytes of body."""
    block = memoryview(bytes(BLOCK))
    sock.sendall(HEAD + b"%d\r\n\r\n" % size)
    while size:
        part = min(size, BLOCK)
        sock.sendall(block[:part])
        size -= part


def take(sock: socket.socket, size: int) -> None:
    """The rest of a request's body, then the answer."""
    block = bytearray(BLOCK)
    while size > 0:
        got = sock.recv_into(block)
        if not got:
            return
        size -= got
    sock.sendall(SMALL)


class Server:
    """One loop for small requests; large bodies leave it for as long as they last."""

    def __init__(self) -> None:
        self._ready = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._ready.register(self._listener, selectors.EVENT_READ)
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Until the process is killed."""
        while True:
            for key, _ in self._ready.select():
                if key.fileobj is self._listener:
                    sock, _ = self._listener.accept()
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._ready.register(sock, selectors.EVENT_READ)
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._readable(key.fileobj)

    def _readable(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._ready.unregister(sock)
            sock.close()
            return
        if (wanted := _GET.match(data)) is not None:
            self._aside(sock, send, int(wanted[1]))
        elif (given := _POST.match(data)) is not None:
            head = data.index(b"\r\n\r\n") + 4
            self._aside(sock, take, int(given[1]) - (len(data) - head))
        else:
            sock.sendall(SMALL)

    def _aside(
        self, sock: socket.socket, work: Callable[[socket.socket, int], None], size: int
    ) -> None:
        """The connection belongs to a thread, and ends with its body."""
        self._ready.unregister(sock)

        def run() -> None:
            with sock:
                work(sock, size)

        threading.Thread(target=run, daemon=True).start()


if __name__ == "__main__":
    server = Server()
    print(server.port, flush=True)
    server.serve()
