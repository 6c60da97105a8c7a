"""A stub in a process of its own, so that it can be stopped, killed or frozen as a server can.

`python -m faultlab.lab.apart FD PARENT`: FD is its end of a pipe to the lab process, over which it
is told what to serve and reports (`backends/process.py`). It ends on SIGTERM, in order; and with
the pipe or the parent, however they end. It serves the stub that the lab process would serve.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from .backends.process import Listening, Ready, Serve, Unable
from .backends.specification import routes_of
from .backends.stub import Stub
from .frames import Batch, Frames, pack
from .history import AnyEvent
from .mortal import die_with
from .sockets import RealNet
from .stamp import run_delay

__all__ = ["main", "serve"]

GRACE = 2.0  # seconds that an orderly end waits for peers that read slowly
_READ = 256 * 1024
_words = msgspec.msgpack.Encoder()
_orders = msgspec.msgpack.Decoder(Serve)


class _Served:
    """The stub of this process, once it is told which, and its pipe to the lab process."""

    def __init__(self, pipe: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._pipe = pipe
        self._loop = loop
        self._frames = Frames()
        self._stub: Stub | None = None
        pipe.setblocking(True)  # a report is in the lab's hands before what it is about happens
        loop.add_reader(pipe, self._told)
        self._say(Ready())

    def finish(self) -> None:
        """Answer what has arrived, end every connection by FIN, and stop."""
        if self._stub is None:
            self._loop.stop()
            return
        self._loop.call_later(GRACE, self._loop.stop)
        self._stub.finish(self._loop.stop)

    def _told(self) -> None:
        try:
            data = self._pipe.recv(_READ)
        except OSError:
            data = b""
        if not data:
            self._loop.stop()
            return
        for body in self._frames.bodies(data):
            self._serve(_orders.decode(body))

    def _serve(self, order: Serve) -> None:
        routes = routes_of(order.specification)
        for request in order.past:
            routes.answer(request)
        net = RealNet(self._loop)
        try:
            self._stub = Stub(net, routes, self._report, order.start, order.service)
        except OSError as error:
            self._say(Unable(str(error)))
        else:
            self._say(Listening(self._stub.port))

    def _report(self, event: AnyEvent) -> None:
        self._say(Batch((msgspec.structs.replace(event, late=run_delay()),)))

    def _say(self, said: Ready | Listening | Unable | Batch) -> None:
        with suppress(OSError):  # the lab process is gone, and so is this one soon
            self._pipe.sendall(pack(_words.encode(said)))


def serve(pipe: socket.socket, loop: asyncio.AbstractEventLoop) -> bool:
    """Serve until the pipe ends or SIGTERM comes.

    False after a mistake of ours, told on standard error: a stub that went on half broken would be
    blamed on the subject.
    """
    mistakes: list[object] = []

    def mistaken(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        mistakes.append(context)
        loop.default_exception_handler(context)
        loop.stop()

    loop.set_exception_handler(mistaken)
    served = _Served(pipe, loop)
    loop.add_signal_handler(signal.SIGTERM, served.finish)
    loop.run_forever()
    return not mistakes


def main(arguments: list[str], exit_: Callable[[int], None] = os._exit) -> None:
    """The process's whole life: FD and PARENT (a process id) are its arguments."""
    descriptor, parent = (int(argument) for argument in arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the conductor's to handle
    die_with(parent)
    fine = serve(socket.socket(fileno=descriptor), asyncio.new_event_loop())
    exit_(0 if fine else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
