"""The conductor's side of a subject's process: start it, tell it what to do, end it.

Counterpart of `inside.py`, which runs there. Every method waits at most `limit` seconds, may be
called from any thread, and raises SubjectError for what the adapter's author can mend.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import NoReturn, Self, assert_never

import msgspec

from ..backends.specification import Specification
from ..contract import Contract, named, parse
from ..errors import LabError, SetupError, SubjectError, UsageError
from ..escaped import SUBJECT, kill_marked
from ..frames import FrameError, Frames
from ..tune import FAST, Tune
from .commands import (
    Answer,
    Close,
    Command,
    Declared,
    Describe,
    Described,
    Done,
    Ended,
    Failed,
    Flush,
    Offered,
    Open,
    Operate,
    Place,
    Placed,
    Seen,
    Simulate,
    answers,
    encode,
)
from .elsewhere import Address, went_elsewhere
from .load import read_spec
from .printed import Printed

__all__ = ["Child", "Description"]

_READ = 64 * 1024
_LIMIT = 20.0  # seconds, on a loaded machine
_BARRIER = 5.0
_LAST_WORDS = 0.5  # seconds in which a process ends by itself
_UNPROMISED = "none"  # the name of a contract that promises nothing


@dataclass(frozen=True, slots=True)
class Description:
    """What a subject declares. `tunable`: it asks for `tune`.

    `unserved`: services of which it does not say who serves them.
    """

    name: str
    services: Mapping[str, Specification]
    contract: Contract
    offers: tuple[Offered, ...]
    tunable: bool
    unserved: tuple[str, ...] = ()


@dataclass(slots=True)
class _Asked:
    """A command under way; `unended` are its operations that have not come back."""

    answer: Future[Answer] = field(default_factory=Future)
    unended: dict[int, None] = field(default_factory=dict)


class Child:
    """A process that runs one subject. `events` is the end of the feed that it writes to.

    Raises UsageError where `subject` names none, before anything is started. What the subject
    prints goes to `log`. Start it from a thread that outlives it: the kernel ties it to that
    thread. The caller keeps `events`, and closes it after this.
    """

    def __init__(
        self,
        subject: str,
        events: socket.socket,
        *,
        log: Path | None = None,
        module: str = "faultlab.lab.subjects.inside",
    ) -> None:
        self._spec = str(read_spec(subject))
        self._log = log
        self._mark = token_hex(8)
        self._numbers = count(1)
        self._sending = threading.Lock()
        self._ending = threading.Lock()
        self._asked: dict[int, _Asked] = {}
        self._gone: LabError | None = None
        self._stopped = False
        self._swept = False
        self._urls: dict[str, str] = {}
        self._seen: dict[Address, None] = {}
        self._operating = _Asked()
        self._frames = Frames()
        ours, theirs = socket.socketpair()
        self._socket = ours
        with theirs, contextlib.ExitStack() as files:
            printed: Printed | None = None
            try:
                if log is not None:
                    log.parent.mkdir(parents=True, exist_ok=True)
                    printed = Printed(log)
                    files.callback(printed.close)
            except OSError as error:
                ours.close()
                raise SetupError(
                    f"{log}: can't be written: {error.strerror}",
                    mend="name another folder: --out DIR",
                ) from error
            try:
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        "-P",  # what lies in the current folder must not hide a module of ours
                        "-u",  # what the subject prints is in the log when it is killed
                        "-m",
                        module,
                        str(theirs.fileno()),
                        str(events.fileno()),
                        str(os.getpid()),
                        subject,
                    ],
                    pass_fds=(theirs.fileno(), events.fileno()),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL if printed is None else printed.writer,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is the conductor's to handle
                    env={**os.environ, SUBJECT: self._mark},
                )
            except OSError as error:
                ours.close()
                raise SetupError(f"{self._spec}: its process does not start: {error}") from error
            files.pop_all()
            self._printed = printed
        if printed is not None:
            printed.begin()
        self._reader = threading.Thread(target=self._read, name=f"{self._spec} answers")
        self._reader.daemon = True
        self._reader.start()

    @property
    def is_ready(self) -> bool:
        """Whether it waits for a command: it is there, and has answered all that it was asked."""
        return self._gone is None and not self._asked

    @property
    def pid(self) -> int:
        """Its process id, and its group's."""
        return self._process.pid

    # --- what it is told -------------------------------------------------------------------------

    def describe(
        self, *, tune: Tune | None = FAST, seed: int = 0, limit: float = _LIMIT
    ) -> Description:
        """What the subject declares and offers: entered with dead addresses unless it is open.

        Raises ContractError for a contract that is none.
        """
        answer = self._ask(
            lambda number: Describe(number=number, tune=tune, seed=seed), "describe itself", limit
        )
        assert isinstance(answer, Described)
        return self._description(answer.declared)

    def open(
        self,
        urls: Mapping[str, str],
        *,
        tune: Tune | None,
        seed: int,
        start: float,
        connects: str = "",
        limit: float = _LIMIT,
    ) -> None:
        """Enter its factory; `start` is the run's zero on CLOCK_MONOTONIC.

        `connects`: how the connects of commands are known that the lab counts itself.
        """
        self._urls = dict(urls)
        self._ask(
            lambda number: Open(
                number=number,
                urls=self._urls,
                tune=tune,
                seed=seed,
                start=start,
                connects=connects,
            ),
            "start",
            limit,
        )

    def operate(
        self,
        calls: Sequence[tuple[int, str]],
        *,
        concurrency: int = 1,
        cancel_after: float | None = None,
        limit: float = _LIMIT,
    ) -> tuple[int, ...]:
        """Run operations, as ids and names; the ids of those that have not come back in time.

        Each is cancelled if it still runs `cancel_after` seconds after its begin.
        """
        asked = _Asked(unended=dict.fromkeys(op for op, _ in calls))
        self._operating = asked
        self._send(
            asked,
            lambda number: Operate(
                number=number,
                ops=tuple(calls),
                concurrency=concurrency,
                cancel_after=cancel_after,
            ),
        )
        return self.wait(limit=limit)

    def wait(self, *, limit: float = _LIMIT) -> tuple[int, ...]:
        """Wait again for the last `operate`; the ids of those that still have not come back."""
        asked = self._operating
        try:
            self._result(asked, limit)
        except LateError:
            return tuple(asked.unended)
        return ()

    def close(self, *, limit: float = _LIMIT) -> None:
        """Leave its factory. It may be opened again."""
        answer = self._ask(lambda number: Close(number=number), "close", limit)
        assert isinstance(answer, Seen)
        for host, port, op in answer.addresses:
            self._seen[Address(host, port, op)] = None

    def flush(self, token: int, *, limit: float = _BARRIER) -> None:
        """Have it send all that it recorded, and then this mark, to the recorder."""
        self._ask(lambda number: Flush(number=number, token=token), "send its events", limit)

    def simulate(self, wanted: Simulate, *, limit: float) -> None:
        """Have it play a plan in virtual time, within `limit` seconds of this machine's."""
        self._ask(
            lambda number: msgspec.structs.replace(wanted, number=number),
            "end a play in virtual time, which takes well under a second unless something spins,",
            limit,
        )

    def was_elsewhere(self, op: int) -> bool:
        """Whether it connected elsewhere during this operation; known after `close`."""
        return any(address.op == op for address in self._seen)

    def elsewhere(
        self, operation: str, service: str, *, ended: str = "came back ok"
    ) -> SubjectError:
        """What to tell the author of a subject that does not call us, after `close`."""
        return went_elsewhere(
            self._spec,
            operation=operation,
            ended=ended,
            service=service,
            url=self._urls[service],
            seen=self._seen,
            environment=os.environ,
        )

    def kill(self) -> None:
        """End the process and all that it started, now. More than once does no harm."""
        with self._ending:
            self._stopped = True
            # A half-closed socket ends it in a moment, and lets it send what it has.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_WORDS)
            self._sweep()
            self._process.wait()
            with contextlib.suppress(OSError):  # whoever holds the other end is not waited for
                self._socket.shutdown(socket.SHUT_RD)
        if threading.current_thread() is not self._reader:
            self._reader.join()
        self._socket.close()
        with self._ending:
            printed, self._printed = self._printed, None
            if printed is not None:
                printed.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    # --- asking and answering --------------------------------------------------------------------

    def _ask(self, command: Callable[[int], Command], doing: str, limit: float) -> Answer:
        asked = _Asked()
        self._send(asked, command)
        try:
            return self._result(asked, limit)
        except LateError:
            self._late(doing, limit)

    def _send(self, asked: _Asked, command: Callable[[int], Command]) -> None:
        number = next(self._numbers)
        self._asked[number] = asked
        if self._gone is not None:
            raise self._gone
        try:
            with self._sending:
                self._socket.sendall(encode(command(number)))
        except OSError:
            self._reader.join(_LAST_WORDS)
            raise self._ended() from None

    def _result(self, asked: _Asked, limit: float) -> Answer:
        answer = asked.answer.result(limit)
        if not isinstance(answer, Failed):
            return answer
        match answer.blame:
            case "usage":
                raise UsageError(answer.text, **answer.rows)
            case "setup":
                raise SetupError(answer.text, **answer.rows)
            case "subject":
                raise SubjectError(answer.text, **answer.rows, **self._log_row())
            case _:
                assert_never(answer.blame)

    def _late(self, doing: str, limit: float) -> NoReturn:
        """Raise what an author needs to find where their code hangs."""
        asked, line = _Asked(), ""
        with contextlib.suppress(LateError, LabError):
            self._send(asked, lambda number: Place(number=number))
            answer = self._result(asked, _BARRIER)
            line = answer.line if isinstance(answer, Placed) else ""
        raise SubjectError(
            f"{self._spec}: did not {doing} within {limit:g} s", at=line, **self._log_row()
        )

    def _log_row(self) -> dict[str, str]:
        printed = self._printed
        return {"log": str(self._log)} if printed is not None and printed.catch_up() else {}

    def _read(self) -> None:
        """On the reader's thread: hand each answer to whoever asked."""
        while self._speaks():
            try:
                data = self._socket.recv(_READ)
                received = [answers.decode(body) for body in self._frames.bodies(data)]
            except (OSError, FrameError):
                break
            if not data:
                break
            for answer in received:
                asked = self._asked[answer.number]
                match answer:
                    case Ended():
                        asked.unended.pop(answer.op, None)
                    case Done() | Described() | Seen() | Placed() | Failed():
                        del self._asked[answer.number]
                        asked.answer.set_result(answer)
                    case _:
                        assert_never(answer)
        self._gone = self._ended()
        while self._asked:
            _, asked = self._asked.popitem()
            asked.answer.set_exception(self._gone)

    def _speaks(self) -> bool:
        """Wait for an answer, or for the end of the process, whoever else may hold its socket."""
        with contextlib.ExitStack() as opened:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            with contextlib.suppress(OSError, AttributeError):  # gone already, or not on Linux
                ended = os.pidfd_open(self._process.pid)
                opened.callback(os.close, ended)
                poll.register(ended, select.POLLIN)
            return any(found == self._socket.fileno() for found, _ in poll.poll())

    def _ended(self) -> LabError:
        """Why there is no answer any more."""
        if self._stopped:
            return SetupError(f"{self._spec}: its process was stopped")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WORDS)
        code = self._process.returncode
        self._sweep()
        if code is None:
            how = "closed its command socket"
        elif code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        else:
            how = f"ended by itself with code {code}"
        return SubjectError(f"{self._spec}: its process {how}", **self._log_row())

    def _sweep(self) -> None:
        """Kill what is left of its process group, once: the number may be another's later.

        And what has left the group, which would hold its sockets and go on calling.
        """
        if not self._swept:
            self._swept = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            kill_marked(SUBJECT, self._mark)

    # --- what it declares ------------------------------------------------------------------------

    def _description(self, declared: Declared) -> Description:
        return Description(
            name=declared.name,
            services=declared.services,
            contract=self._contract(declared),
            offers=declared.offers,
            tunable="tune" in declared.asks,
            unserved=declared.unserved,
        )

    def _contract(self, declared: Declared) -> Contract:
        match declared.contract:
            case None:
                return parse({}, _UNPROMISED)
            case str() as name:
                return named(name)
            case mapping:
                return parse(mapping, declared.name)
