"""Faults in force, as a test holds them.

Counterpart: `lab.py` arms and ends them. Knows no environment: what happened it asks of
`evidence.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from typing_extensions import override

from ...faults import Fault
from ..environments import Handle
from ..errors import EvidenceMissing, LabError
from ..history import AnyEvent
from .count import Count
from .evidence import Evidence, during
from .unfired import unfired as unfired_text

__all__ = ["Armed", "Unfired"]

__tracebackhide__ = True  # pytest: the line to show is the test's own

Unfired = Literal["fail", "ok"]


class Armed:
    """Faults in force from when you get it to `clear`, the block's end, or the test's.

    As a context manager it fails its block when a fault never fired, unless the block raised or
    `unfired="ok"` was said. Without a block the test's end judges it. `call` is how it was armed,
    `end` clears the faults of these numbers.
    """

    def __init__(
        self,
        evidence: Evidence,
        faults: tuple[Fault, ...],
        handles: tuple[Handle, ...],
        *,
        end: Callable[[tuple[int, ...]], None],
        unfired: Unfired,
        call: str,
    ) -> None:
        self._evidence = evidence
        self._end = end
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
        reading = self._evidence.reading()
        self._evidence.demand(reading, self.services)
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
    def over(self) -> Future[AnyEvent]:
        """Done with the event of the end of all of them: `lasts=` has passed, or they were cleared.

        Waited for like `first`. Ends with SetupError when the test is over before.
        """
        return last_of([handle.over for handle in self._handles])

    @property
    def attempts(self) -> Count:
        """Attempts on the faults' services while one of them was in force.

        Raises EvidenceMissing where some may not have been seen.
        """
        reading = self._evidence.reading()
        records = [record for record in reading.faults if record.id in self.numbers]
        found = self._evidence.attempts(reading, self.services)
        if any(attempt.since is not None for attempt in found):
            raise EvidenceMissing(
                f"unknown: attempts on {', '.join(self.services)} while it was unplugged",
                seen="what was sent then has arrived after the heal, without its time",
                mend='use live="hold", which records a request when it is sent',
            )
        kinds = " or ".join(dict.fromkeys(fault.kind for fault in self._faults))
        return Count(
            sum(any(during(attempt, record) for record in records) for attempt in found),
            what=f"attempts on {', '.join(self.services)}",
            why=f"while {kinds} was in force, the first attempt included; wire below",
        )

    def clear(self) -> None:
        """End the faults; what was withheld is released. Twice does no harm."""
        if not self.cleared:
            self.cleared = True
            self._end(self.numbers)

    def demand_fired(self) -> None:
        """Raise AssertionError for a fault that never acted, once.

        Raises EvidenceMissing where that can't be known.
        """
        if self._judged:
            return
        self._judged = True
        reading = self._evidence.reading()
        faults = dict(zip(self.numbers, self._faults, strict=True))
        for record in reading.faults:
            if record.id in faults and not record.fired:
                self._evidence.demand(reading, (record.service,))
                text = unfired_text(
                    reading,
                    record,
                    faults[record.id],
                    self._place,
                    self._call,
                    self._evidence.elsewhere(),
                )
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


def last_of(futures: Sequence[Future[AnyEvent]]) -> Future[AnyEvent]:
    """Done when all of these are, as the last of them was."""
    if len(futures) == 1:
        return futures[0]
    last: Future[AnyEvent] = Future()
    last.set_running_or_notify_cancel()  # a waiter who gives up can't cancel it for the others
    left = count(len(futures) - 1, -1)

    def ended(one: Future[AnyEvent]) -> None:
        if next(left):
            return
        error = one.exception()
        if error is None:
            last.set_result(one.result())
        else:
            last.set_exception(error)

    for future in futures:
        future.add_done_callback(ended)
    return last


def _place() -> str:
    """File and line of the first caller outside this package."""
    frame = sys._getframe(1)
    own = f"{__package__}."
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(own):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
