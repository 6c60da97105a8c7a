"""Stubs in a process of their own, so that it can be stopped, killed or frozen as a server can.

`python -m faultlab.lab.apart FD PARENT`: one stub. FD is its end of a pipe to the lab process, over
which it is told what to serve and reports (`backends/pipe.py`). It ends on SIGTERM, in order; and with
the pipe or the parent, however they end.

`python -m faultlab.lab.apart PATH`: as many as are ordered. It listens on a unix socket at PATH, where
each connection is such a pipe, whose stub ends with it. It ends on SIGTERM, every stub in order; what
started it, a container mostly, sees to the rest.

Each serves the stub that the lab process would serve.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol, assert_never

import msgspec

from . import descriptors
from .backends.pipe import Listening, Past, Ready, Recall, Said, Serve, Told, Unable
from .backends.served import routes_of
from .backends.stub import Stub
from .frames import Batch, Frames, pack
from .history import AnyEvent
from .mortal import die_with
from .sockets import RealNet
from .stamp import run_delay

__all__ = ["main"]

GRACE = 2.0  # seconds that an orderly end waits for peers that read slowly
BACKLOG = 1024
_READ = 256 * 1024
_words = msgspec.msgpack.Encoder()
_orders = msgspec.msgpack.Decoder(Told)


class _Served:
    """One stub, once it is told which, and its pipe to the lab process.

    `over` is called when the pipe has ended, and with it the stub.
    """

    def __init__(
        self, pipe: socket.socket, loop: asyncio.AbstractEventLoop, over: Callable[[], None]
    ) -> None:
        self._pipe = pipe
        self._loop = loop
        self._over = over
        self._frames = Frames()
        self._stub: Stub | None = None
        pipe.setblocking(True)  # a report is in the lab's hands before what it is about happens
        loop.add_reader(pipe, self._told)
        self._say(Ready())

    def finish(self, finished: Callable[[], None]) -> None:
        """Answer what has arrived, end every connection by FIN; `finished` is called then."""
        if self._stub is None:
            finished()
        else:
            self._stub.finish(finished)

    def _told(self) -> None:
        try:
            data = self._pipe.recv(_READ)
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        for body in self._frames.bodies(data):
            match _orders.decode(body):
                case Serve() as order:
                    self._serve(order)
                case Recall():
                    self._say(Past(() if self._stub is None else self._stub.past))
                case other:
                    assert_never(other)

    def _serve(self, order: Serve) -> None:
        routes = routes_of(order.specification)
        for request in order.past:
            routes.answer(request)
        net = RealNet(self._loop)
        try:
            stub = Stub(net, routes, self._report, order.start, order.service, host=order.host)
        except OSError as error:
            self._say(Unable(error.strerror or str(error)))
        else:
            self._stub = stub
            self._say(Listening(stub.port))

    def _report(self, event: AnyEvent) -> None:
        self._say(Batch((msgspec.structs.replace(event, late=run_delay()),)))

    def _say(self, said: Said) -> None:
        with suppress(OSError):  # the lab process is gone, and so is this stub soon
            self._pipe.sendall(pack(_words.encode(said)))

    def _end(self) -> None:
        self._loop.remove_reader(self._pipe)
        self._pipe.close()
        if self._stub is not None:
            self._stub.close()
        self._over()


class _Many:
    """The stubs that are ordered at one listening socket."""

    def __init__(self, listener: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._listener = listener
        self._loop = loop
        self._served: dict[socket.socket, _Served] = {}
        listener.setblocking(False)
        loop.add_reader(listener, self._come)

    def finish(self, finished: Callable[[], None]) -> None:
        """Finish every stub; `finished` is called when all are."""
        self._loop.remove_reader(self._listener)
        left = set(self._served)

        def one_less(pipe: socket.socket) -> None:
            left.discard(pipe)
            if not left:
                finished()

        if not left:
            finished()
        for pipe, served in tuple(self._served.items()):
            served.finish(partial(one_less, pipe))

    def _come(self) -> None:
        try:
            pipe, _ = self._listener.accept()
        except (
            OSError
        ):  # it left again, or there is no descriptor for it: its lab process sees that
            return
        self._served[pipe] = _Served(pipe, self._loop, partial(self._forget, pipe))

    def _forget(self, pipe: socket.socket) -> None:
        self._served.pop(pipe, None)


class _Serves(Protocol):
    def finish(self, finished: Callable[[], None]) -> None: ...


def _run(loop: asyncio.AbstractEventLoop, serves: _Serves) -> bool:
    """Serve until the loop is stopped, or SIGTERM comes.

    False after a mistake of ours, told on standard error: a stub that went on half broken would be
    blamed on the subject.
    """
    mistakes: list[object] = []

    def mistaken(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        mistakes.append(context)
        loop.default_exception_handler(context)
        loop.stop()

    def ends() -> None:
        loop.call_later(GRACE, loop.stop)
        serves.finish(loop.stop)

    loop.set_exception_handler(mistaken)
    loop.add_signal_handler(signal.SIGTERM, ends)
    loop.run_forever()
    return not mistakes


def _listening(path: Path) -> socket.socket:
    """A socket at `path`, in the place of what an earlier process left there."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(BACKLOG)
    return listener


def main(arguments: list[str], exit_: Callable[[int], None] = os._exit) -> None:
    """The process's whole life: FD and PARENT (a process id), or PATH, are its arguments."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the conductor's to handle
    loop = asyncio.new_event_loop()
    serves: _Serves
    match arguments:
        case [path]:
            descriptors.take()
            serves = _Many(_listening(Path(path)), loop)
        case [descriptor, parent]:
            die_with(int(parent))
            serves = _Served(socket.socket(fileno=int(descriptor)), loop, loop.stop)
        case _:
            sys.exit("expected FD PARENT, or PATH")
    exit_(0 if _run(loop, serves) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
