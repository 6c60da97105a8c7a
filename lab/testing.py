"""What a test holds: the lab, faults in force, and counts that explain themselves.

The pytest fixture `lab` (`pytest_plugin.py`) makes one `Lab` for each test, with listeners and a
history of its own in the session's one lab process; the test's own process is the subject.
Knows no pytest: what fails here is an AssertionError or an error of `errors.py`.
"""

from __future__ import annotations

import operator
import socket
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from ..faults import Cut, Fault, Latency, Partition, Refused, Status
from .attempts import Attempt, FaultRecord, Reading, read
from .backends.specification import Builtin, parse
from .environments import Environment, Handle
from .environments.embedded import Embedded, LabProcess
from .errors import EvidenceMissing, UsageError
from .history import AnyEvent, EffectApplied, Header, History
from .report.lanes import lanes
from .stamp import Stamp
from .subjects.builtin import SERVICES, MaximusClient, client
from .subjects.channel import Channel
from .subjects.recording import Watch
from .tune import FAST, Tune

__all__ = ["Armed", "Count", "Lab"]

Unfired = Literal["fail", "ok"]

LIMIT = 60.0
"""Seconds after which a test's connections are reset, so that a blocked call returns."""


class Count(int):
    """A number that can say what it counts; compares and calculates as an int."""

    what: str
    why: str

    def __new__(cls, value: int, *, what: str, why: str) -> Self:
        """`what` (its first word in the plural) follows the number; `why` says what was counted."""
        self = super().__new__(cls, value)
        plural, _, rest = what.partition(" ")
        self.what = what if value != 1 else f"{plural.removesuffix('s')} {rest}".rstrip()
        self.why = why
        return self

    def __repr__(self) -> str:
        return str(int(self))

    def explain(self, sign: str, other: object) -> list[str]:
        """The lines that a failed comparison shows."""
        return [f"{int(self)} {self.what} {_NOT.get(sign, sign)} {other!r}", self.why]


_NOT = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


class Armed:
    """Faults in force from when you get it to `clear`, the block's end, or the test's.

    As a context manager it fails its block when a fault never fired, unless the block raised or
    `unfired="ok"` was said.
    """

    def __init__(
        self, lab: Lab, faults: tuple[Fault, ...], handles: tuple[Handle, ...], unfired: Unfired
    ) -> None:
        self._lab = lab
        self._faults = faults
        self._handles = handles
        self._unfired = unfired
        self._place = _place()
        self._judged = unfired == "ok"
        self.cleared = False

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers under which the history knows the faults."""
        return tuple(handle.number for handle in self._handles)

    @property
    def fired(self) -> int:
        """Connects, connections and requests that were hit so far."""
        reading = self._lab.reading()
        return sum(record.fired for record in reading.faults if record.id in self.numbers)

    @property
    def first(self) -> Future[AnyEvent]:
        """Done with the first event in which the (first) fault acted."""
        return self._handles[0].first

    @property
    def attempts(self) -> Count:
        """Attempts on the faults' services while they were in force. Raises EvidenceMissing."""
        reading = self._lab.reading()
        records = [record for record in reading.faults if record.id in self.numbers]
        names = sorted({fault.service for fault in self._faults})

        def during(attempt: Attempt) -> bool:
            return any(
                record.service == attempt.service
                and record.armed <= attempt.begun
                and (record.cleared is None or attempt.begun <= record.cleared)
                for record in records
            )

        kinds = " and ".join(fault.kind for fault in self._faults)
        return Count(
            sum(during(attempt) for attempt in self._lab.counted(reading)),
            what=f"attempts on {', '.join(names)}",
            why=f"while {kinds} was in force, the first attempt included; wire below",
        )

    def clear(self) -> None:
        """End the faults; what was withheld is released. Twice does no harm."""
        if not self.cleared:
            self.cleared = True
            self._lab.end(self)

    def demand_fired(self) -> None:
        """Raise AssertionError for a fault that never acted, once."""
        __tracebackhide__ = True
        if self._judged:
            return
        self._judged = True
        reading = self._lab.reading()
        for record in reading.faults:
            if record.id in self.numbers and not record.fired:
                lasted = (record.cleared or reading.end) - record.armed
                raise AssertionError(_unfired(reading, record, self._place, lasted))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        self.clear()
        if error is None:
            self.demand_fired()
        else:
            self._judged = True  # the block's own error is the one to show

    def __repr__(self) -> str:
        kinds = ", ".join(f"{fault.kind} on {fault.service}" for fault in self._faults)
        return f"<Armed {kinds}{' (cleared)' if self.cleared else ''}>"


def _place() -> str:
    """File and line of the first caller outside this module."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def _unfired(reading: Reading, record: FaultRecord, place: str, lasted: float) -> str:
    kind, service = record.kind, record.service
    seen: dict[str, list[Attempt]] = {service: []}
    for attempt in _all(reading):
        seen.setdefault(attempt.service, []).append(attempt)
    calls = ", ".join(f"{len(found)} attempts on {name}" for name, found in seen.items())
    return (
        f"`{kind}` on {service} ({place}) was in force {lasted:.3f} s and never fired\n"
        f"  meanwhile  {calls}, since the test began\n"
        "  mend       arm it where the client calls; if no call is meant, say so:\n"
        '             unfired="ok"'
    )


def _all(reading: Reading) -> tuple[Attempt, ...]:
    mine = [attempt for operation in reading.operations for attempt in operation.attempts]
    return tuple(sorted((*mine, *reading.strays), key=operator.attrgetter("begun")))


class Lab:
    """One test's lab. Every method is synchronous and may be used in sync and async tests.

    `process` is the session's lab process, `folder` holds this test's history.
    """

    def __init__(self, process: LabProcess, *, name: str, folder: Path, seed: int) -> None:
        self.env = "embedded"
        self.seed = seed
        self.tune: Tune | None = FAST
        self._numbers = count(1)
        self._armed: list[Armed] = []
        feed, events = socket.socketpair()
        self._path = folder / "history.jsonl"
        header = Header(
            scenario=name, seed=seed, environment=self.env, tune="fast", subject="test", run="test"
        )
        try:
            self._environment: Environment = Embedded(
                process, {}, header=header, path=self._path, feed=feed
            )
        except BaseException:
            events.close()
            raise
        self._urls: dict[str, str] = {}
        self._channel = Channel(events)
        self._watch = Watch()
        self._watch.start({}, self._channel, Stamp(time.monotonic() - self._environment.clock()))
        self._watch.opened()
        self._limit = threading.Timer(LIMIT, self._environment.reset)
        self._limit.daemon = True
        self._limit.start()

    @property
    def history(self) -> History:
        """Everything that happened so far, on the test's side, the wire and the backends."""
        self._environment.barrier(self._channel.mark)
        return self._environment.events()

    def url(self, service: str) -> str:
        """This test's own listener before a service; the built-in ones start when first asked for.

        Raises UsageError for a service that is neither built in nor served.
        """
        if service not in self._urls:
            if service not in SERVICES:
                raise UsageError(
                    f"{service!r} is not served in this test",
                    expected=", ".join(sorted({*SERVICES, *self._urls})),
                    mend=f'lab.serve({service!r}, {{"GET /path": {{...}}}})',
                )
            self._start(service, Builtin(service))
        return self._urls[service]

    def serve(self, service: str, routes: Mapping[str, object] | str) -> str:
        """A stub from routes, `{"GET /orders/{id}": {...}}`, or a server's URL; gives its url.

        Raises UsageError for what can't be served.
        """
        if service in self._urls:
            raise UsageError(f"{service!r} is served already in this test")
        try:
            specification = parse(routes)
        except ValueError as error:
            raise UsageError(f"lab.serve({service!r}, ...): {error}") from error
        self._start(service, specification)
        return self._urls[service]

    def client(self, **options: Any) -> MaximusClient:
        """The reference client for this test's core and penelope, with the lab's tune and seed."""
        urls = {service: self.url(service) for service in SERVICES}
        return client(urls, self.tune, self.seed, **options)

    def down(
        self,
        service: str,
        *,
        live: Literal["close", "reset", "keep"] = "close",
        unfired: Unfired = "fail",
    ) -> Armed:
        """Every connect is refused; `live` says what happens to live connections."""
        return self.inject(Refused(service=service, live=live), unfired=unfired)

    def slow(
        self,
        service: str,
        delay: float,
        *,
        jitter: float = 0.0,
        endpoint: str | None = None,
        first: int | None = None,
        unfired: Unfired = "fail",
    ) -> Armed:
        """Answers come `delay` seconds late."""
        return self.inject(
            Latency(service=service, delay=delay, jitter=jitter, endpoint=endpoint, first=first),
            unfired=unfired,
        )

    def status(
        self,
        service: str,
        code: int,
        *,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        endpoint: str | None = None,
        first: int | None = None,
        unfired: Unfired = "fail",
    ) -> Armed:
        """Answers carry this status; the backend is not asked."""
        pairs = tuple((name, str(value)) for name, value in (headers or {}).items())
        fault = Status(
            service=service, code=code, headers=pairs, body=body, endpoint=endpoint, first=first
        )
        return self.inject(fault, unfired=unfired)

    def partition(
        self, service: str, *, live: Literal["hold"] = "hold", unfired: Unfired = "fail"
    ) -> Armed:
        """Nothing passes: connects stay unanswered, live connections fall silent until cleared."""
        return self.inject(Partition(service=service, live=live), unfired=unfired)

    def cut(
        self,
        service: str,
        at: Literal["request_head", "response_body"],
        *,
        by: Literal["fin", "rst"] = "fin",
        endpoint: str | None = None,
        first: int | None = None,
        unfired: Unfired = "fail",
    ) -> Armed:
        """The connection ends at this point of the exchange."""
        fault = Cut(service=service, at=at, by=by, endpoint=endpoint, first=first)
        return self.inject(fault, unfired=unfired)

    def inject(self, *faults: Fault, unfired: Unfired = "fail") -> Armed:
        """Arm faults of any kind; in force on return. Raises FaultError."""
        if not faults:
            raise UsageError("lab.inject() arms nothing", expected="at least one fault")
        for fault in faults:
            self.url(fault.service)
        handles: list[Handle] = []
        try:
            for fault in faults:
                number = next(self._numbers)
                handles.append(self._environment.inject(number, fault, unfired=unfired))
        except BaseException:
            if handles:
                self._environment.clear(*(handle.number for handle in handles))
            raise
        armed = Armed(self, faults, tuple(handles), unfired)
        self._armed.append(armed)
        return armed

    def attempts(self, service: str | None = None) -> Count:
        """Attempts since the test began, on one service or on all.

        A request head begun, or a connect that was refused or stayed unanswered. Raises
        EvidenceMissing where a count would be a guess.
        """
        reading = self.reading()
        found = [a for a in self.counted(reading) if service in (None, a.service)]
        return Count(
            len(found),
            what="attempts" if service is None else f"attempts on {service}",
            why="since the test began, the first attempt included; wire below",
        )

    def effects(self, service: str | None = None) -> Count:
        """What the backends really did: complete requests carried out that aren't idempotent.

        Raises EvidenceMissing for a server of your own: it keeps no ledger.
        """
        history = self.history
        gap = read(history).lacks("effects")
        if gap is not None:
            raise EvidenceMissing(f"effects are not known: {gap}")
        found = [
            event
            for event in history
            if isinstance(event, EffectApplied) and service in (None, event.service)
        ]
        return Count(
            len(found),
            what="effects" if service is None else f"effects on {service}",
            why="since the test began, late requests included; backend below",
        )

    # --- for Armed and the plugin ----------------------------------------------------------------

    def reading(self) -> Reading:
        """The history so far, read."""
        return read(self.history)

    def counted(self, reading: Reading) -> tuple[Attempt, ...]:
        """Every attempt of a reading. Raises EvidenceMissing where some may not have been seen."""
        hidden = self._watch.connects.removeprefix("none: ")
        gap = hidden if hidden != "audit" else reading.lacks("connects")
        shut = any(record.kind in ("refused", "partition") for record in reading.faults)
        if gap is not None and shut:
            raise EvidenceMissing(
                "refused connects are not known: they reach no proxy",
                seen=gap,
                mend="run the client on asyncio's own loop",
            )
        return _all(reading)

    def end(self, armed: Armed) -> None:
        """Clear what an `Armed` holds."""
        self._environment.clear(*armed.numbers)

    def timeline(self) -> str:
        """The history in lanes, for a failed test's report."""
        return "\n".join(lanes(self.history))

    def close(self, keep: Path | None = None) -> None:
        """End every fault, stop listeners, undo the instrumentation; keep the history if asked.

        Raises AssertionError for a fault that never fired and was in no block.
        """
        __tracebackhide__ = True
        self._limit.cancel()
        problem: AssertionError | None = None
        try:
            for armed in self._armed:
                armed.clear()
                try:
                    armed.demand_fired()
                except AssertionError as error:
                    problem = problem or error
            self._watch.closed()
        finally:
            self._watch.stop()
            self._channel.close()
            history = self._environment.close()
        if keep is not None:
            keep.parent.mkdir(parents=True, exist_ok=True)
            history.save(keep)
        if problem is not None:
            raise problem

    def _start(self, service: str, specification: object) -> None:
        url = self._environment.serve(service, parse(specification))
        self._urls[service] = url
        self._watch.add(int(url.rpartition(":")[2]), service)
