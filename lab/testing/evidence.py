"""What a test's lab has recorded, and whether that is all there is: a count is never a guess.

Counterparts: `lab.py` and `armed.py` ask. Reads only; arms nothing and serves nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Collection

from ..attempts import Attempt, FaultRecord, Reading, read, unattributed
from ..environments import Environment
from ..errors import EvidenceMissing
from ..history import History
from ..subjects.channel import Channel
from ..subjects.recording import Watch
from .count import several

__all__ = ["Evidence", "during", "every_attempt", "meanwhile"]

__tracebackhide__ = True  # pytest: the line to show is the test's own


class Evidence:
    """The history of one test; `final` once its environment is closed."""

    def __init__(self, environment: Environment, channel: Channel, watch: Watch) -> None:
        self.final: History | None = None
        self._environment = environment
        self._channel = channel
        self._watch = watch

    def settle(self) -> None:
        """Return when everything that happened is recorded. Raises SetupError."""
        self._environment.barrier(self._channel.mark)

    @property
    def history(self) -> History:
        """Everything that happened so far, on the test's side, the wire and the backends."""
        if self.final is not None:
            return self.final
        self.settle()
        return self._environment.events()

    def reading(self) -> Reading:
        """The history so far, read."""
        return read(self.history)

    def attempts(
        self, reading: Reading, services: tuple[str, ...] | None = None
    ) -> tuple[Attempt, ...]:
        """The attempts of a reading on these services, or on all.

        Raises EvidenceMissing where some may not have been seen.
        """
        self.demand(reading, services)
        return tuple(a for a in every_attempt(reading) if services is None or a.service in services)

    def of_operations(
        self, reading: Reading, numbers: Collection[int], services: tuple[str, ...] | None = None
    ) -> tuple[Attempt, ...]:
        """The attempts of these operations on these services, or on all.

        Raises EvidenceMissing where some may not have been seen, or may be others'.
        """
        mine = [one for one in reading.operations if one.id in numbers]
        called = {a.service for one in mine for a in one.attempts} | {one.service for one in mine}
        if services is None and "" not in called:
            self.demand(reading, tuple(called))
        else:  # of one without attempts nobody knows whom it has called
            self.demand(reading, services)
        for operation in mine:
            why = unattributed(reading, operation)
            if why:
                raise EvidenceMissing(
                    f"unknown: attempts of {operation.name}, beside others in flight",
                    seen=why,
                    mend="run one operation at a time, or let a client send them whose requests "
                    "the lab can tag",
                )
        return tuple(
            attempt
            for operation in mine
            for attempt in operation.attempts
            if services is None or attempt.service in services
        )

    def demand(self, reading: Reading, services: tuple[str, ...] | None = None) -> None:
        """Raise EvidenceMissing where connects to these services may not have been seen."""
        shut = sorted(
            {
                record.service
                for record in reading.faults
                if record.listener is not None and (services is None or record.service in services)
            }
        )
        known = self._watch.connects
        seen = known == "audit"
        gap = reading.lacks("connects") if seen else known.removeprefix("none: ")
        if shut and gap is not None:
            raise EvidenceMissing(
                f"unknown: connects to {', '.join(shut)}, which reach no proxy when refused",
                seen=gap,
                mend="call by Python's own sockets, in the test's process"
                if seen
                else "run the client on asyncio's own loop",
            )
        unheard = [
            c
            for c in reading.connections
            if c.unheard is not None and (services is None or c.service in services)
        ]
        if unheard:
            raise EvidenceMissing(
                f"unknown: what was sent on {several(len(unheard), 'connections')} to "
                f"{unheard[0].service}, unplugged since {unheard[0].unheard:.3f} s",
                seen="nothing of the client has arrived on it since then",
                mend='close the client after the heal, and ask then; or use live="hold"',
            )
        lost = [
            a
            for a in every_attempt(reading)
            if a.observable == "unknown" and (services is None or a.service in services)
        ]
        unread = next((a.unread for a in lost if a.unread), "")
        if unread:
            raise EvidenceMissing(
                f"unknown: what became of {several(len(lost), 'requests')} to {lost[0].service}",
                seen=f"their connection passed unread: {unread}",
                mend="have the client speak plain HTTP/1.1 to the lab's URLs",
            )
        if lost:
            raise EvidenceMissing(
                f"unknown: what became of {several(len(lost), 'connects')} to {lost[0].service}",
                seen="the listener was being switched, or had not taken it yet",
                mend="arm and clear faults while no call is under way",
            )

    def elsewhere(self) -> tuple[str, ...]:
        """The latest addresses this process went to that are none of the lab's."""
        return tuple(str(address) for address in self._watch.elsewhere())


def meanwhile(t: float, record: FaultRecord) -> bool:
    """Whether a moment lies in the time in which a fault was in force."""
    return record.armed <= t and (record.cleared is None or t <= record.cleared)


def during(attempt: Attempt, record: FaultRecord) -> bool:
    """Whether an attempt on a fault's service began while it was in force."""
    return attempt.service == record.service and meanwhile(attempt.begun, record)


def every_attempt(reading: Reading) -> tuple[Attempt, ...]:
    """The attempts of all operations and of none, in order of time."""
    mine = [attempt for operation in reading.operations for attempt in operation.attempts]
    return tuple(sorted((*mine, *reading.strays), key=operator.attrgetter("begun")))
