"""The subject's process on the command line: one event loop, and the subject in it.

Started by `child.py` as `python -m faultlab.lab.subjects.inside COMMANDS EVENTS PARENT SUBJECT`, with two
inherited sockets. It dies with its parent: by the kernel, and at the end of the command socket,
even while the subject blocks the loop. Runs code of the subject's author; judges nothing.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import NoReturn, assert_never

from ..addresses import address_of, confines
from ..errors import LabError, SetupError, SubjectError
from ..mortal import die_with
from ..stamp import Stamp
from .command_line import CommandLine
from .commands import (
    Answer,
    Close,
    Command,
    Describe,
    Described,
    Done,
    Ended,
    Flush,
    Open,
    Operate,
    Place,
    Placed,
    Seen,
    Simulate,
    describe,
    encode,
)
from .connects import known_on
from .declaration import Op, Subject
from .feed import Feed
from .leftovers import OURS, Leftovers
from .line import Inbox, Line
from .listeners import LOOPBACK, Listeners
from .load import Spec, executing, file_of, load, read_spec
from .opened import Opened
from .recording import Watch
from .spawning import Spawning, demand_program

__all__ = ["main"]

_CLOCK = time.monotonic  # before the author's code has run
_THREADS = 256  # sync operations at once


class _Child:
    """Obeys commands, one after the other or side by side, on the one loop."""

    def __init__(self, spec: Spec, line: Line, channel: Feed) -> None:
        self._spec = spec
        self._line = line
        self._channel = channel
        self._watch = Watch()
        self._spawning = Spawning(_without_spawner)
        self._listeners = Listeners()
        self._addressed = confines()  # an operation can have an address of its own on the loopback
        self._inbox = Inbox()
        self._subject: Subject | None = None
        self._unloaded: LabError | None = None
        self._entered: Opened | None = None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"{OURS}operation")
        self._obeying: set[asyncio.Task[None]] = set()
        self._leftovers = Leftovers(self._obeying)
        self._alone = True  # no process of a command is beside the subject
        self._asked: set[int] = set()  # numbers of commands that are not answered yet

    def take(self, command: Command) -> None:
        """On the listening thread: what must be answered while the subject blocks the loop."""
        match command:
            case Flush(number=number, token=token):
                self._watch.drain()
                self._channel.mark(token)
                self._line.answer(Done(number=number))
            case Place(number=number):
                self._line.answer(Placed(number=number, line=self._place()))
            case _:
                self._inbox.put(command)

    def end(self) -> None:
        """On the listening thread: what the end of this process would leave running."""
        self._spawning.end()

    def load(self) -> None:
        """Run the author's file; what goes wrong is the answer to every command."""
        try:
            self._subject = load(self._spec)
        except LabError as error:
            self._unloaded = error

    async def serve(self) -> NoReturn:
        """Obey until the process is ended from outside."""
        # The loop's own threads outlive every client; by this name they are known to be no client's.
        pool = ThreadPoolExecutor(thread_name_prefix=f"{OURS}loop")
        loop = asyncio.get_running_loop()
        loop.set_default_executor(pool)
        # Whoever patches `time` stops their own clock, and not the one that everything here waits by.
        loop.time = _CLOCK  # type: ignore[method-assign]  # of this one loop
        with self._leftovers.watching():
            while True:
                command = await self._inbox.take()
                task = asyncio.create_task(self._obey(command))
                self._obeying.add(task)
                task.add_done_callback(self._obeying.discard)

    def lost_its_loop(self, error: BaseException) -> None:
        """Answer what can't be answered any more."""
        for number in tuple(self._asked):
            self._line.fail(
                number,
                SubjectError(
                    f"{self._spec}: what it ran ended the event loop that it runs on",
                    seen=f"{type(error).__name__}: {error}".removesuffix(": "),
                    mend="a client stops its own tasks and loops only",
                ),
            )

    async def _obey(self, command: Command) -> None:
        self._asked.add(command.number)
        try:
            if self._unloaded is not None or self._subject is None:
                raise self._unloaded or SetupError(f"{self._spec} is not loaded")
            answer: Answer
            match command:
                case Describe():
                    answer = await self._describe(self._subject, command)
                case Open():
                    answer = await self._open(self._subject, command)
                case Operate():
                    answer = await self._operate(command)
                case Close():
                    answer = await self._close(command)
                case Flush() | Place() | Simulate():
                    raise AssertionError(command)  # answered on the listening thread, or elsewhere
                case _:
                    assert_never(command)
        except LabError as error:
            self._asked.discard(command.number)
            self._line.fail(command.number, error)
        except Exception as error:
            traceback.print_exc()
            self._asked.discard(command.number)
            self._line.fail(
                command.number, SetupError(f"{self._spec}: the subject's process failed: {error!r}")
            )
            raise
        else:
            self._asked.discard(command.number)
            self._line.answer(answer)

    # --- entering and leaving --------------------------------------------------------------------

    async def _describe(self, subject: Subject, command: Describe) -> Described:
        offers = self._entered.offers if self._entered is not None else None
        if offers is None:
            with _dead_addresses(subject.services) as urls:
                held = self._opening(subject)
                await held.enter(urls, command.tune, command.seed)
                offers = held.offers
                await held.leave()
        for name, offer in offers.items():
            if isinstance(offer.call, CommandLine):
                demand_program(offer.call, SubjectError, f"{self._spec}: `{name}`")
        try:
            answer = Described(number=command.number, declared=describe(subject, offers))
        except ValueError as error:
            raise SubjectError(f"{self._spec}: {error}") from error
        try:
            encode(answer)
        except (TypeError, ValueError) as error:
            raise SubjectError(
                f"{self._spec}: its contract can't be read: {error}",
                expected="numbers, texts, exception classes, and mappings and lists of them",
            ) from error
        return answer

    async def _open(self, subject: Subject, command: Open) -> Done:
        if self._entered is not None:
            raise SetupError(f"{self._spec} is open already")
        self._listeners = Listeners(command.urls)
        self._watch.start(self._listeners, self._channel, Stamp(command.start))
        began = self._watch.now()
        before = self._leftovers.begin()
        try:
            opening = self._opening(subject)
            await opening.enter(command.urls, command.tune, command.seed)
            self._entered = opening
            calls = [offer.call for offer in self._entered.offers.values()]
            connects = await self._counted(calls, command.connects)
        except LabError:
            self._watch.stop()
            raise
        self._watch.opened(began, connects=connects, tags=_tags(calls))
        self._alone = not any(isinstance(call, CommandLine) for call in calls)
        if self._alone:
            self._watch.holds(began, before)
        return Done(number=command.number)

    def _opening(self, subject: Subject) -> Opened:
        return Opened(self._spec, subject, self._watch, self._call)

    async def _counted(self, calls: Sequence[object], by_the_lab: str) -> str:
        """Make ready for these calls; how their connects are known."""
        commands = [call for call in calls if isinstance(call, CommandLine)]
        if not commands:
            return known_on(asyncio.get_running_loop())
        await self._spawning.start()
        if len(commands) < len(calls):
            return "none: commands and functions of one subject are not told apart"
        return by_the_lab or await asyncio.to_thread(self._watch.capture)

    async def _close(self, command: Close) -> Seen:
        opened, self._entered = self._entered, None
        if opened is not None:
            try:
                await opened.leave()
            finally:
                self._watch.closed()
                if self._alone:
                    self._watch.kept(*await self._leftovers.behind(self._watch.ports))
                self._watch.stop()
        seen = tuple((it.host, it.port, it.op) for it in self._watch.elsewhere())
        return Seen(number=command.number, addresses=seen)

    # --- operations ------------------------------------------------------------------------------

    async def _operate(self, command: Operate) -> Done:
        if self._entered is None:
            raise SetupError(f"{self._spec} is not open")
        await self._entered.operate(
            command.ops,
            concurrency=command.concurrency,
            cancel_after=command.cancel_after,
            ended=lambda op: self._line.answer(Ended(number=command.number, op=op)),
        )
        return Done(number=command.number)

    async def _call(self, op: int, offer: Op) -> object:
        if isinstance(offer.call, CommandLine):
            host = address_of(op) if self._addressed else LOOPBACK
            running = offer.call.calling(host, self._listeners.by_port)
            return await self._spawning.run(op, running)
        value = offer.call() if offer.is_async else await self._in_thread(offer.call)
        return await value if inspect.isawaitable(value) else value

    async def _in_thread(self, call: Callable[[], object]) -> object:
        context = contextvars.copy_context()

        def run() -> tuple[object, BaseException | None]:
            # As a value: a future refuses some exceptions, and a loop ends at others.
            try:
                return context.run(call), None
            except BaseException as error:  # noqa: BLE001  # raised again by whoever waits
                return None, error

        value, error = await asyncio.get_running_loop().run_in_executor(self._threads, run)
        if error is not None:
            raise error
        return value

    def _place(self) -> str:
        """The author's line that is being executed."""
        return executing(file_of(self._spec) if self._subject is None else self._subject.file)


def _without_spawner() -> None:
    """End this process too: an operation that was lost with it must not look like a failed one."""
    os._exit(1)


def _tags(calls: Iterable[object]) -> str:
    """How the requests of these calls are attributed."""
    if any(isinstance(call, CommandLine) for call in calls):
        return "none: what a command sends can't be tagged"
    return "exact"


@contextmanager
def _dead_addresses(services: Mapping[str, object]) -> Iterator[dict[str, str]]:
    """Addresses that are ours and refuse: bound, never listening."""
    with ExitStack() as held:
        urls = {}
        for service in services:
            sock = held.enter_context(socket.socket())
            sock.bind((LOOPBACK, 0))
            urls[service] = f"http://{LOOPBACK}:{sock.getsockname()[1]}"
        yield urls


def main(arguments: list[str]) -> NoReturn:
    """Serve one subject until the parent is gone."""
    orders, events, parent, name = arguments
    die_with(int(parent))
    for descriptor in (orders, events):
        os.set_inheritable(int(descriptor), False)  # what the subject starts has no part in them
    line = Line(socket.socket(fileno=int(orders)))
    channel = Feed(socket.socket(fileno=int(events)))
    child = _Child(read_spec(name), line, channel)
    threading.Thread(target=line.listen, args=(child.take, child.end), daemon=True).start()
    child.load()
    try:
        asyncio.run(child.serve())
    except BaseException as error:  # noqa: BLE001  # whatever the author's code did to the loop
        traceback.print_exception(error)
        child.lost_its_loop(error)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
