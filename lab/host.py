"""The lab process: runs proxies, stubs and recorders beside the subject, never inside it.

`python -m faultlab.lab.host FD PARENT [TOXIPROXY]`: FD is its end of a control socket over which each
run's channel (`orders.py`), feed (`frames.py`) and history file are handed to it; TOXIPROXY the binary
of a server to start, through which clients are to come. When the control socket ends, or the parent
dies however it does, everything is closed and the process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, assert_never

import msgspec
from pydantic import ValidationError

from ..faults import fault_adapter
from . import descriptors
from .addresses import TOXIPROXYS
from .asked import Asked
from .backends.making import Making
from .behind import BehindNet, Front, Toxiproxy
from .counting import PACKETS, Counting
from .errors import SetupError
from .frames import FrameError, Frames, Mark, pack
from .history import AnyEvent
from .mortal import die_with
from .net import Entrance
from .orders import (
    CLOCK,
    Acted,
    Answer,
    AnyOrder,
    Barrier,
    Clear,
    Close,
    Done,
    Enter,
    Failed,
    Fired,
    Fit,
    Fresh,
    Inject,
    Note,
    Open,
    Opened,
    Over,
    Own,
    Reset,
    Serve,
)
from .packets import PacketsError
from .recorder import Recorder
from .rig import FaultRefused, Rig
from .sockets import RealNet
from .stamp import run_delay

__all__ = ["main", "serve"]

Entrances = Callable[[asyncio.AbstractEventLoop], Entrance]

_GIVEN = 3  # descriptors of a run: channel, feed, history
_seconds = struct.Struct("d")
_READ = 256 * 1024
_orders = msgspec.msgpack.Decoder(AnyOrder)
_answers = msgspec.msgpack.Encoder()


class _Run:
    """One run's channel and feed, and the rig they drive."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        entrance: Entrances,
        interface: str,
        channel: socket.socket,
        feed: socket.socket,
        history: io.FileIO,
    ) -> None:
        self._loop = loop
        self._entrance = entrance
        self._interface = interface
        self._counting: Counting | None = None
        self._history = history
        self._channel = channel
        self._feed = feed
        self._orders = Frames()
        self._events = Frames()
        self._marks: set[int] = set()
        self._waiting: dict[int, int] = {}  # mark -> number of the barrier that waits for it
        self._rig: Rig | None = None
        self._closed: Rig | None = None
        self._making: Making | None = None
        self._asked = Asked(self._answer)
        channel.setblocking(True)  # answers are small; orders are read only when they are there
        feed.setblocking(False)
        loop.add_reader(channel, self._ordered)
        loop.add_reader(feed, self._fed)

    def close(self) -> None:
        """Stop the rig, finish the history, give back what was handed over."""
        if self._channel.fileno() < 0:
            return
        self._stop_feed()
        if self._counting is not None:
            self._loop.remove_reader(self._counting)
            self._counting.close()
            self._counting = None
        if self._rig is not None:
            self._rig.close()
            self._rig, self._closed = None, self._rig
        self._history.close()
        self._loop.remove_reader(self._channel)
        self._channel.close()

    def wait(self) -> None:
        """After `close`: wait until nothing is left of what it started."""
        if self._closed is not None:
            self._closed.wait()

    def _ordered(self) -> None:
        try:
            data = self._channel.recv(_READ)
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        for body in self._orders.bodies(data):
            order = _orders.decode(body)
            try:
                answer = self._carry_out(order)
            except FaultRefused as error:
                answer = Failed(number=order.number, kind="fault", text=str(error))
            except ValidationError as error:
                answer = Failed(number=order.number, kind="fault", text=_first(error))
            except OSError as error:
                text = error.strerror if error.filename is None else None
                answer = Failed(number=order.number, kind="setup", text=text or str(error))
            except ValueError as error:
                answer = Failed(number=order.number, kind="setup", text=str(error))
            if answer is not None:
                self._answer(self._written(answer))

    def _written(self, answer: Done | Failed) -> Done | Failed:
        """The answer once what the order did is in the file; else why it is not."""
        if self._rig is None:
            return answer
        self._rig.flush()
        if not self._rig.broken:
            return answer
        return Failed(number=answer.number, kind="setup", text=self._rig.broken)

    def _answer(self, answer: Answer) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more; the end of file follows
            self._channel.sendall(pack(_answers.encode(answer)))

    def _carry_out(self, order: AnyOrder) -> Done | Failed | None:
        done = Done(number=order.number)
        if isinstance(order, Open):
            self._open(order)
            return None
        rig = self._rig
        if rig is None:
            raise ValueError("the run is not open")
        match order:
            case Serve():
                if order.place is not None and self._making is not None:
                    self._making.add(order.service, order.place)
                port = rig.serve(order.service, order.specification)
                self._settled(rig, Done(number=order.number, ports={order.service: port}))
                return None
            case Enter():
                rig.enter(order.phase)
            case Own():
                rig.own(order.service, order.kind, again=order.again)
                self._settled(rig, done)
                return None
            case Fit():
                rig.demand_fit([fault_adapter.validate_json(one) for one in order.faults])
            case Inject():
                fault = fault_adapter.validate_json(order.json)
                text = rig.inject(order.fault, fault, order.unfired)
                self._settled(rig, Done(number=order.number, text=text))
                return None
            case Clear():
                rig.clear(order.faults)
                self._settled(rig, done)
                return None
            case Opened():
                rig.opened()
                self._settled(rig, done)
                return None
            case Fresh():
                rig.fresh()
            case Reset():
                rig.reset()
            case Acted():
                self._asked.came(order.wanted, order.came)
            case Barrier():
                self._fed()
                if order.token is not None and order.token not in self._marks:
                    self._waiting[order.token] = order.number
                    return None
                self._arrived(order.number)
                return None
            case Note():
                rig.note(order.event)
            case Close():
                rig.when_quiet(partial(self._close, rig, done))
                return None
            case _:
                assert_never(order)
        return done

    def _close(self, rig: Rig, done: Done) -> None:
        if self._rig is None:
            return  # its channel ended first
        self._fed()
        rig.drain()
        self._stop_feed()
        rig.close()
        self._rig, self._closed = None, rig
        broken = Failed(number=done.number, kind="setup", text=rig.broken)
        rig.when_gone(partial(self._answer, broken if rig.broken else done))

    def _arrived(self, number: int) -> None:
        """Answer when what has arrived until now is recorded, mostly at once."""

        def tell() -> None:
            if self._rig is None:
                self._answer(Failed(number=number, kind="setup", text="the run is over"))
                return
            self._rig.drain()
            self._answer(self._written(Done(number=number)))

        if self._rig is None:
            tell()
        else:
            self._rig.when_arrived(tell)

    def _settled(self, rig: Rig, answer: Done) -> None:
        """Answer when no process is on its way any more, mostly at once."""

        def tell() -> None:
            over = Failed(number=answer.number, kind="setup", text="the run is over")
            self._answer(over if self._rig is None else self._written(answer))

        rig.when_settled(tell)

    def _open(self, order: Open) -> None:
        start = time.monotonic()
        recorder = Recorder(
            self._history,
            order.path,
            order.header,
            start=start,
            soon=self._loop.call_soon,
            delay=run_delay,
        )
        making = Making(self._loop, self._asked, order.places, Path(order.path))
        self._making = making
        self._rig = Rig(
            RealNet(self._loop),
            order.services,
            recorder,
            seed=order.header.seed,
            ports=order.ports,
            fired=self._fired,
            over=self._over,
            shared=making.shared if order.places is not None else None,
            apart=making.apart,
            entrance=self._entrance(self._loop),
            started=making.started,
        )
        done = Done(
            number=order.number,
            start=start,
            ports=self._rig.ports,
            text=self._counted(self._rig, start) if order.counts else "",
        )
        self._settled(self._rig, done)

    def _counted(self, rig: Rig, start: float) -> str:
        """Count the connects of clients from now on; how they are known, empty: not from here."""
        if not self._interface:
            return ""
        services = {port: service for service, port in rig.ports.items()}
        try:
            self._counting = Counting(self._interface, services, start, rig.feed)
        except PacketsError as error:
            return f"none: {error}"
        self._loop.add_reader(self._counting, self._counting.drain)
        return PACKETS

    def _fired(self, fault: int, event: AnyEvent) -> None:
        self._answer(Fired(fault=fault, event=event))

    def _over(self, fault: int, event: AnyEvent) -> None:
        self._answer(Over(fault=fault, event=event))

    def _fed(self) -> None:
        """Take everything that lies in the feed, and what was counted."""
        if self._counting is not None:
            self._counting.drain()
        while self._feed.fileno() >= 0:
            try:
                data = self._feed.recv(_READ)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._stop_feed()
                return
            try:
                for frame in self._events.feed(data):
                    if isinstance(frame, Mark):
                        self._passed(frame.token)
                    elif self._rig is not None:
                        for event in frame.events:
                            self._rig.feed(event)
            except FrameError:
                self._stop_feed()
                return

    def _passed(self, token: int) -> None:
        self._marks.add(token)
        number = self._waiting.pop(token, None)
        if number is not None:
            self._arrived(number)

    def _stop_feed(self) -> None:
        if self._feed.fileno() >= 0:
            self._loop.remove_reader(self._feed)
            self._feed.close()
        for number in self._waiting.values():
            self._answer(Failed(number=number, kind="setup", text="the subject's process is gone"))
        self._waiting.clear()


def _first(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place}: {problem['msg']}"


def serve(
    control: socket.socket,
    loop: asyncio.AbstractEventLoop,
    entrance: Entrances = RealNet,
    interface: str = "",
) -> bool:
    """Take runs from the control socket until it ends; then close what is left.

    `entrance` makes the network through which clients come, of each run; `interface`: where their
    connects are counted, for subjects that can't. Whoever asks for the clock
    (`CLOCK`) is told it. False after a mistake of ours, told on standard error: what went on would be
    blamed on the subject.
    """
    runs: list[_Run] = []
    mistakes: list[object] = []

    def mistaken(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        mistakes.append(context)
        loop.default_exception_handler(context)
        loop.stop()

    def arrived() -> None:
        try:
            data, numbers, _, _ = socket.recv_fds(control, 64, _GIVEN)
        except OSError:
            data, numbers = b"", []
        if not data:
            loop.stop()
            return
        if data == CLOCK:
            control.send(_seconds.pack(time.monotonic()))
            return
        if len(numbers) < _GIVEN:  # no descriptor was left for it; its conductor sees it end
            for number in numbers:
                os.close(number)
            return
        channel, feed = (socket.socket(fileno=number) for number in numbers[:2])
        runs.append(_Run(loop, entrance, interface, channel, feed, io.FileIO(numbers[2], "wb")))

    loop.set_exception_handler(mistaken)
    loop.add_reader(control, arrived)
    try:
        loop.run_forever()
    finally:
        loop.remove_reader(control)
        for run in runs:
            run.close()
        for run in runs:
            run.wait()
        control.close()
    return not mistakes


def main(arguments: list[str], exit_: Callable[[int], None] = os._exit) -> None:
    """The process's whole life: FD and PARENT (a process id) are its arguments, and TOXIPROXY."""
    descriptor, parent = (int(argument) for argument in arguments[:2])
    descriptors.take()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the conductor's to handle
    die_with(parent)
    loop = asyncio.new_event_loop()
    try:
        with contextlib.ExitStack() as stack:
            through: Entrances = RealNet
            if len(arguments) > 2:
                through = own = _Through(arguments[2])
                stack.callback(own.close)
            fine = serve(socket.socket(fileno=descriptor), loop, through)
    finally:
        loop.close()
    exit_(0 if fine else 1)


class _Through:
    """The way through a Toxiproxy of our own, at `path`; where that has ended, through a new one.

    The runs that came through the one that ended are lost, and each new one begins with its own proxies,
    so that nothing has to be put back. If none starts, each run is told why.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._started: Toxiproxy | None = None
        self._front: Front | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop) -> Entrance:
        """The network of one more run. Raises ValueError where Toxiproxy does not start."""
        if self._front is not None and self._front.problem:
            self.close()
        if self._front is None:
            try:
                self._started = began = Toxiproxy(self._path)
            except SetupError as error:
                raise ValueError(str(error)) from error
            self._front = Front(
                loop, began.control, TOXIPROXYS, output=began.output, gone=began.gone
            )
        return BehindNet(self._front, RealNet(loop))

    def close(self) -> None:
        """End it."""
        if self._started is not None:
            self._started.close()  # first, so that no call waits for it
        if self._front is not None:
            self._front.close()
        self._started = self._front = None


if __name__ == "__main__":
    main(sys.argv[1:])
