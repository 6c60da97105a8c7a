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
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import count
from pathlib import Path
from platform import python_version
from queue import SimpleQueue
from textwrap import wrap
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from pydantic import ValidationError
from typing_extensions import override

from ..faults import KINDS, Cut, Fault, Latency, Partition, Refused, Status
from .attempts import Attempt, FaultRecord, Reading, read
from .backends.specification import Builtin, Specification, Url, parse
from .environments import Environment, Handle
from .errors import EvidenceMissing, FaultError, LabError, UsageError
from .history import AnyEvent, EffectApplied, Header, History
from .report.lanes import WIDTH, lanes
from .stamp import Stamp
from .subjects.builtin import SERVICES, MaximusClient, client
from .subjects.channel import Channel
from .subjects.recording import Watch
from .tune import FAST, Tune

__all__ = ["LIMIT", "Armed", "Count", "Lab", "Place"]

__tracebackhide__ = True  # pytest: the line to show is the test's own

Unfired = Literal["fail", "ok"]

LIMIT = 60.0
"""Seconds after which the lab takes a test's services away, so that a blocked call returns."""

_FIRST_ROWS = 20
_LAST_ROWS = 40  # what went wrong mostly stands at the end


class Count(int):
    """A number that can say what it counts; compares, calculates, hashes and pickles as an int."""

    what: str
    why: str

    def __new__(cls, value: int, *, what: str, why: str) -> Self:
        """`what` (its first word in the plural) follows the number; `why` says what was counted."""
        self = super().__new__(cls, value)
        self.what = what
        self.why = why
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[int], dict[str, str]]:
        return (int(self),), {"what": self.what, "why": self.why}

    @override
    def __repr__(self) -> str:
        return str(int(self))

    @property
    def text(self) -> str:
        """The number and what it counts: `3 attempts on core`."""
        return _several(int(self), self.what)

    def explain(self, sign: str, other: object) -> list[str]:
        """The lines that a failed comparison `self SIGN other` shows."""
        told = other.text if isinstance(other, Count) else repr(other)
        return [f"{self.text} {_NOT.get(sign, sign)} {told}", self.why]


_NOT = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
    "in": "not in",
    "not in": "in",
}


def _several(number: int, what: str) -> str:
    plural, space, rest = what.partition(" ")
    return f"{number} {plural.removesuffix('s') if number == 1 else plural}{space}{rest}"


class Armed:
    """Faults in force from when you get it to `clear`, the block's end, or the test's.

    As a context manager it fails its block when a fault never fired, unless the block raised or
    `unfired="ok"` was said. Without a block the test's end judges it. `call` is how it was armed.
    """

    def __init__(
        self,
        lab: Lab,
        faults: tuple[Fault, ...],
        handles: tuple[Handle, ...],
        *,
        unfired: Unfired,
        call: str,
    ) -> None:
        self._lab = lab
        self._faults = faults
        self._handles = handles
        self._call = call
        self._place = _place()
        self._judged = unfired == "ok"
        self.cleared = False

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers under which the history knows the faults."""
        return tuple(handle.number for handle in self._handles)

    @property
    def fired(self) -> int:
        """Connects, connections and requests that were hit so far.

        Raises EvidenceMissing where some may not have been seen.
        """
        reading = self._lab.reading()
        self._lab.demand_evidence(reading, self.services)
        return sum(record.fired for record in reading.faults if record.id in self.numbers)

    @property
    def services(self) -> tuple[str, ...]:
        """The services that the faults are on."""
        return tuple(sorted({fault.service for fault in self._faults}))

    @property
    def first(self) -> Future[AnyEvent]:
        """Done with the first event in which the (first) fault acted.

        `armed.first.result(5)` waits for it in a sync test, `await wrap_future(armed.first)` of
        asyncio in an async one. Ends with SetupError when the test is over before.
        """
        return self._handles[0].first

    @property
    def attempts(self) -> Count:
        """Attempts on the faults' services while one of them was in force.

        Raises EvidenceMissing where some may not have been seen.
        """
        reading = self._lab.reading()
        records = [record for record in reading.faults if record.id in self.numbers]
        found = self._lab.counted(reading, self.services)
        if any(attempt.since is not None for attempt in found):
            raise EvidenceMissing(
                f"unknown: attempts on {', '.join(self.services)} while it was unplugged",
                seen="what was sent then has arrived after the heal, without its time",
                mend='use live="hold", which records a request when it is sent',
            )
        kinds = " or ".join(dict.fromkeys(fault.kind for fault in self._faults))
        return Count(
            sum(any(_during(attempt, record) for record in records) for attempt in found),
            what=f"attempts on {', '.join(self.services)}",
            why=f"while {kinds} was in force, the first attempt included; wire below",
        )

    def clear(self) -> None:
        """End the faults; what was withheld is released. Twice does no harm."""
        if not self.cleared:
            self.cleared = True
            self._lab.end(self)

    def demand_fired(self) -> None:
        """Raise AssertionError for a fault that never acted, once.

        Raises EvidenceMissing where that can't be known.
        """
        if self._judged:
            return
        self._judged = True
        reading = self._lab.reading()
        for record in reading.faults:
            if record.id in self.numbers and not record.fired:
                self._lab.demand_evidence(reading, (record.service,))
                elsewhere = self._lab.elsewhere()
                text = unfired(reading, record, self._place, self._call, elsewhere)
                raise AssertionError(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.clear()
            self.demand_fired()
            return
        self._judged = True
        with suppress(LabError):  # the block's own error is the one to show
            self.clear()

    @override
    def __repr__(self) -> str:
        kinds = ", ".join(f"{fault.kind} on {fault.service}" for fault in self._faults)
        return f"<Armed {kinds}{' (cleared)' if self.cleared else ''}>"


def _place() -> str:
    """File and line of the first caller outside this module."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def unfired(
    reading: Reading, record: FaultRecord, place: str, call: str, elsewhere: tuple[str, ...] = ()
) -> str:
    """What to say of a fault that never acted: what was called meanwhile, and what to write."""
    over = reading.end if record.cleared is None else record.cleared
    met = [attempt for attempt in _all(reading) if _meanwhile(attempt.begun, record)]
    if KINDS[record.kind].reach == "listener":
        number = sum(
            attempt.headless and attempt.conn is None
            for attempt in met
            if attempt.service == record.service
        )
        number += sum(
            connection.service == record.service and _meanwhile(connection.opened, record)
            for connection in reading.connections
        )
        own = _several(number, f"connects to {record.service}")
    else:
        called = [a for a in met if a.service == record.service and not a.headless]
        number = len(called)
        own = _several(number, f"requests to {record.service}")
        if called:
            lines = dict.fromkeys(f"{a.method} {a.target.partition('?')[0]}" for a in called)
            own += f" ({', '.join(lines)})"
    others = Counter(a.service for a in met if a.service != record.service)
    seen = [own, *(_several(n, f"requests to {name}") for name, n in sorted(others.items()))]
    lasted = f"{over - record.armed:.3f} s"
    rows = [
        f"`{record.kind}` on {record.service} ({place}) was in force {lasted} and never fired",
        f"  meanwhile  {', '.join(seen)}",
    ]
    if record.text:
        rows.insert(1, f"  armed as   {record.text}")
    if not met and elsewhere:
        rows.append(f"  elsewhere  connects since the test began: {', '.join(elsewhere)}")
    rows.append("  mend       arm it where the client calls; if no call is meant, say so:")
    rows.append(f"             {call}")
    return "\n".join(rows)


def _meanwhile(t: float, record: FaultRecord) -> bool:
    return record.armed <= t and (record.cleared is None or t <= record.cleared)


def _during(attempt: Attempt, record: FaultRecord) -> bool:
    return attempt.service == record.service and _meanwhile(attempt.begun, record)


def _all(reading: Reading) -> tuple[Attempt, ...]:
    mine = [attempt for operation in reading.operations for attempt in operation.attempts]
    return tuple(sorted((*mine, *reading.strays), key=operator.attrgetter("begun")))


@contextmanager
def _refusing(call: str) -> Iterator[None]:
    """A fault that can't be built is refused in one line, addressed to the test's author."""
    try:
        yield
    except ValidationError as error:
        problems = [
            ": ".join(filter(None, (".".join(map(str, one["loc"])), one["msg"])))
            for one in error.errors()
        ]
        raise FaultError(f"{call}: {'; '.join(problems)}") from None


class _Prompt(Channel):
    """Sends at once what the audit hook noted, so that `first` comes while the test waits for it.

    In a subject's own process the end of an attempt sends it; a test's client tells no such end.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._noted: SimpleQueue[bool] = SimpleQueue()  # its `put` may stand in any hook
        self._sender = threading.Thread(target=self._send_noted, name="faultlab-feed", daemon=True)
        self._sender.start()

    @override
    def note(self, event: AnyEvent) -> None:
        super().note(event)
        self._noted.put(True)

    @override
    def close(self) -> None:
        self._noted.put(False)
        self._sender.join()
        super().close()

    def _send_noted(self) -> None:
        while self._noted.get():
            self.flush()


class Place(Protocol):
    """Opens the environment of one test, with no service yet."""

    def __call__(self, *, header: Header, path: Path, feed: socket.socket) -> Environment:
        """Its history goes to `path`; `feed` is the lab's end of the test's event channel."""


class Lab:
    """One test's lab. Every method is synchronous and may be used in sync and async tests.

    `place` opens the environment that it runs in, `folder` holds this test's history. After
    `limit` seconds its services are taken away, so that a blocked call returns.
    """

    def __init__(
        self, place: Place, *, name: str, folder: Path, seed: int = 0, limit: float = LIMIT
    ) -> None:
        self.name = name
        self.seed = seed
        self.tune: Tune | None = FAST
        self._numbers = count(1)
        self._armed: list[Armed] = []
        self._urls: dict[str, str] = {}
        self._unledgered: set[str] = set()
        self._serving = threading.RLock()
        self._final: History | None = None
        self._lost: LabError | None = None
        feed, events = socket.socketpair()
        header = Header(
            scenario=name,
            seed=seed,
            environment="embedded",
            tune="fast",
            subject="test",
            run="test",
            versions={"faultlab": version("faultlab"), "python": python_version()},
            wall=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        try:
            self._environment = place(header=header, path=folder / "history.jsonl", feed=feed)
        except BaseException:
            feed.close()
            events.close()
            raise
        self.env = self._environment.name
        self._channel = _Prompt(events)
        self._watch = Watch()
        self._watch.start({}, self._channel, Stamp(time.monotonic() - self._environment.clock()))
        self._watch.opened()
        self._limit = limit
        self._limited = threading.Event()
        self._timer = threading.Timer(limit, self._take_away)
        self._timer.name = "faultlab-limit"
        self._timer.daemon = True
        self._timer.start()

    @property
    def history(self) -> History:
        """Everything that happened so far, on the test's side, the wire and the backends."""
        if self._final is not None:
            return self._final
        self._environment.barrier(self._channel.mark)
        return self._environment.events()

    def url(self, service: str) -> str:
        """This test's own listener before a service; the built-in ones start when first asked for.

        Raises UsageError for a service that is neither built in nor served.
        """
        with self._serving:
            if service not in self._urls:
                self._known(service)
                self._start(service, Builtin(service))
            return self._urls[service]

    def serve(self, service: str, routes: Mapping[str, object] | str) -> str:
        """A stub from routes, `{"GET /orders/{id}": {...}}`, or a server's URL; gives its url.

        Raises UsageError for what can't be served.
        """
        if not service:
            raise UsageError("lab.serve: a service needs a name", expected="orders, for example")
        with self._serving:
            if service in self._urls:
                raise UsageError(
                    f"{service!r} is served already in this test, at {self._urls[service]}",
                    mend="serve it once, before its url is asked for; or choose another name",
                )
            try:
                specification = parse(routes)
            except ValueError as error:
                raise UsageError(f"lab.serve({service!r}, ...): {error}") from error
            self._start(service, specification)
            return self._urls[service]

    def client(self, *, health_max_age: float = 0.0, **options: Any) -> MaximusClient:
        """The reference client for this test's core and penelope, with the lab's tune and seed.

        `options` are its constructor's, and win. Two clients of one test have the same jitter.
        """
        urls = {service: self.url(service) for service in SERVICES}
        return client(urls, self.tune, self.seed, health_max_age=health_max_age, **options)

    def down(
        self,
        service: str,
        *,
        live: Literal["close", "reset", "keep"] = "close",
        unfired: Unfired = "fail",
    ) -> Armed:
        """Every connect is refused; `live` says what happens to live connections.

        `close`: FIN, `reset`: RST, `keep`: they live on.
        """
        with _refusing("lab.down"):
            fault = Refused(service=service, live=live)
        return self._arm((fault,), unfired, f'lab.down("{service}", unfired="ok")')

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
        """Answers come `delay` seconds late, plus or minus `jitter`.

        `endpoint` (`GET /orders/*`) and `first` (how many requests) narrow it down.
        """
        with _refusing("lab.slow"):
            fault = Latency(
                service=service, delay=delay, jitter=jitter, endpoint=endpoint, first=first
            )
        return self._arm((fault,), unfired, f'lab.slow("{service}", {delay:g}, unfired="ok")')

    def status(
        self,
        service: str,
        code: int,
        *,
        headers: Mapping[str, str | int] | None = None,
        body: str | None = None,
        endpoint: str | None = None,
        first: int | None = None,
        unfired: Unfired = "fail",
    ) -> Armed:
        """Answers carry this status, and the backend is not asked.

        `endpoint` (`GET /orders/*`) and `first` (how many requests) narrow it down.
        """
        pairs = () if headers is None else tuple((name, str(v)) for name, v in headers.items())
        with _refusing("lab.status"):
            fault = Status(
                service=service,
                code=code,
                headers=pairs,
                body=body,
                endpoint=endpoint,
                first=first,
            )
        return self._arm((fault,), unfired, f'lab.status("{service}", {code}, unfired="ok")')

    def partition(
        self,
        service: str,
        *,
        live: Literal["hold", "unplugged", "keep"] = "hold",
        direction: Literal["to_client", "to_backend", "both"] = "both",
        unfired: Unfired = "fail",
    ) -> Armed:
        """Connects stay unanswered; `live` says what happens to live connections.

        `hold`: they fall silent, in this `direction`; `unplugged`: the client's kernel gets no
        answer either, so that what it sends is recorded only after the heal; `keep`: they live on.
        After `clear` what was held is delivered, even if the client has gone.
        """
        with _refusing("lab.partition"):
            fault = Partition(service=service, live=live, direction=direction)
        return self._arm((fault,), unfired, f'lab.partition("{service}", unfired="ok")')

    def cut(
        self,
        service: str,
        at: Literal["accept", "request_head", "request_complete", "response_head", "response_body"],
        *,
        by: Literal["fin", "rst"] = "fin",
        endpoint: str | None = None,
        first: int | None = None,
        unfired: Unfired = "fail",
    ) -> Armed:
        """The connection ends at this point: see `faults.Cut`.

        `endpoint` (`GET /orders/*`) and `first` (how many requests) narrow it down.
        """
        with _refusing("lab.cut"):
            fault = Cut(service=service, at=at, by=by, endpoint=endpoint, first=first)
        return self._arm((fault,), unfired, f'lab.cut("{service}", "{at}", unfired="ok")')

    def inject(self, *faults: Fault, unfired: Unfired = "fail") -> Armed:
        """Arm faults of any kind; in force on return, all of them or none. Raises FaultError."""
        if not faults:
            raise UsageError("lab.inject() arms nothing", expected="at least one fault")
        given: tuple[object, ...] = faults  # a test is not always type-checked
        for one in given:
            if not isinstance(one, Fault):
                raise UsageError(
                    f"lab.inject: {one!r} is no fault",
                    expected=f"one of faultlab's: {', '.join(k.__name__ for k in KINDS.values())}",
                )
        return self._arm(faults, unfired, 'lab.inject(..., unfired="ok")')

    def attempts(self, service: str | None = None) -> Count:
        """Attempts since the test began, on one service or on all.

        A request head begun, or a connect that was refused or stayed unanswered. Raises
        EvidenceMissing where a count would be a guess.
        """
        if service is not None:
            self._known(service)
        found = self.counted(self.reading(), None if service is None else (service,))
        return Count(
            len(found),
            what="attempts" if service is None else f"attempts on {service}",
            why="since the test began, the first attempt included; wire below",
        )

    def effects(self, service: str | None = None) -> Count:
        """What the backends really did: complete requests carried out that aren't idempotent.

        Raises EvidenceMissing for a server of your own: it keeps no ledger.
        """
        if service is not None:
            self._known(service)
        blind = sorted(self._unledgered if service is None else self._unledgered & {service})
        if blind:
            raise EvidenceMissing(
                f"unknown: effects on {', '.join(blind)}",
                seen="a server of your own keeps no ledger that the lab could read",
                mend="ask the server itself, or serve routes",
            )
        found = [
            event
            for event in self.history
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

    def counted(
        self, reading: Reading, services: tuple[str, ...] | None = None
    ) -> tuple[Attempt, ...]:
        """The attempts of a reading on these services, or on all.

        Raises EvidenceMissing where some may not have been seen.
        """
        self.demand_evidence(reading, services)
        return tuple(a for a in _all(reading) if services is None or a.service in services)

    def demand_evidence(self, reading: Reading, services: tuple[str, ...] | None = None) -> None:
        """Raise EvidenceMissing where connects to these services may not have been seen."""
        shut = sorted(
            {
                record.service
                for record in reading.faults
                if KINDS[record.kind].reach == "listener"
                and (services is None or record.service in services)
            }
        )
        known = self._watch.connects
        gap = reading.lacks("connects") if known == "audit" else known.removeprefix("none: ")
        if shut and gap is not None:
            raise EvidenceMissing(
                f"unknown: connects to {', '.join(shut)}, which reach no proxy when refused",
                seen=gap,
                mend="run the client on asyncio's own loop",
            )
        unheard = [
            c
            for c in reading.connections
            if c.unheard is not None and (services is None or c.service in services)
        ]
        if unheard:
            raise EvidenceMissing(
                f"unknown: what was sent on {_several(len(unheard), 'connections')} to "
                f"{unheard[0].service}, unplugged since {unheard[0].unheard:.3f} s",
                seen="nothing of the client has arrived on it since then",
                mend='close the client after the heal, and ask then; or use live="hold"',
            )
        lost = [
            a
            for a in _all(reading)
            if a.observable == "unknown" and (services is None or a.service in services)
        ]
        if lost:
            raise EvidenceMissing(
                f"unknown: what became of {_several(len(lost), 'connects')} to {lost[0].service}",
                seen="the listener was being switched, or had not taken it yet",
                mend="arm and clear faults while no call is under way",
            )

    def elsewhere(self) -> tuple[str, ...]:
        """The latest addresses this process went to that are none of the lab's."""
        return tuple(str(address) for address in self._watch.elsewhere())

    def end(self, armed: Armed) -> None:
        """Clear what an `Armed` holds."""
        if self._final is None:
            self._environment.barrier(self._channel.mark)  # its last connects are its own
            self._environment.clear(*armed.numbers)

    def report(self) -> tuple[History, str]:
        """The history and its lanes, for a failed test; of what there is if the place is gone."""
        try:
            history = self.history
        except LabError as error:
            self._lost = error
            history = self._environment.events()
        lines = lanes(history)
        left_out = len(lines) - 1 - _FIRST_ROWS - _LAST_ROWS
        if left_out > 0:
            middle = f"           ... {left_out} rows left out; the file has them ..."
            lines = (*lines[: 1 + _FIRST_ROWS], middle, *lines[-_LAST_ROWS:])
        notes = [self._over_limit()] if self._limited.is_set() else []
        notes += [] if self._lost is None else [self._lost.text]
        for note in notes:
            lines = (*lines, *wrap(note, WIDTH, initial_indent="  ", subsequent_indent="  "))
        return history, "\n".join(lines)

    def close(self, *, judge: bool = True) -> History:
        """End every fault, stop listeners, undo the instrumentation; the whole history.

        With `judge` raises AssertionError for a fault that never fired and was in no block, and
        for a test that outlasted its limit; LabError if the place is gone. All is closed then too.
        """
        if self._final is not None:
            return self._final
        problem: AssertionError | LabError | None = None
        try:
            self._timer.cancel()
            try:
                for armed in self._armed:
                    armed.clear()
                self._environment.barrier(self._channel.mark)
                if self._limited.is_set():
                    raise AssertionError(self._over_limit())
                for armed in self._armed:
                    if judge:
                        armed.demand_fired()
            except (AssertionError, LabError) as error:
                problem = error
                self._lost = error if isinstance(error, LabError) else None
            self._watch.closed()
        finally:
            self._watch.stop()
            self._channel.close()
            try:
                self._final = self._environment.close()
            except LabError as error:
                problem = problem or error
                self._final = self._environment.events()
            self._timer.join()
        if judge and problem is not None:
            raise problem
        return self._final

    def _known(self, service: str) -> None:
        if service in self._urls or service in SERVICES:
            return
        raise UsageError(
            f"{service!r} is not served in this test",
            expected=", ".join(sorted({*SERVICES, *self._urls})),
            mend=f'lab.serve("{service}", {{"GET /path": {{...}}}})',
        )

    def _start(self, service: str, specification: Specification) -> None:
        self._open()
        url = self._environment.serve(service, specification)
        self._urls[service] = url
        if isinstance(specification, Url):
            self._unledgered.add(service)
        self._watch.add(int(url.rpartition(":")[2]), service)

    def _arm(self, faults: tuple[Fault, ...], unfired: Unfired, call: str) -> Armed:
        if unfired not in ("fail", "ok"):
            raise UsageError(f"unfired={unfired!r}", expected='"fail" or "ok"')
        for fault in faults:
            self.url(fault.service)
        self._open()
        handles: list[Handle] = []
        try:
            for fault in faults:
                number = next(self._numbers)
                handles.append(self._environment.inject(number, fault, unfired=unfired))
        except BaseException:
            if handles:
                self._environment.clear(*(handle.number for handle in handles))
            raise
        armed = Armed(self, faults, tuple(handles), unfired=unfired, call=call)
        self._armed.append(armed)
        return armed

    def _open(self) -> None:
        if self._final is not None:
            raise UsageError("this test is over, and its lab is closed")

    def _over_limit(self) -> str:
        return (
            f"the test's limit of {self._limit:g} s passed: the lab reset its connections and "
            "refused new ones; a test that needs longer: pytest --faultlab-limit SECONDS"
        )

    @override
    def __repr__(self) -> str:
        return f"<Lab of {self.name}: {', '.join(self._urls) or 'nothing served yet'}>"

    def _take_away(self) -> None:
        """No connection lives on and none begins: a call that blocks returns, whatever it does."""
        self._limited.set()
        with suppress(LabError):  # the place is gone or closed, and its connections with it
            self._environment.reset()
            self._environment.clear()
            for service in tuple(self._urls):
                fault = Refused(service=service, live="reset")
                self._environment.inject(next(self._numbers), fault, unfired="ok")
