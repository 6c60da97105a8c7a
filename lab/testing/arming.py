"""The ways to fail, as a test calls them: each builds a fault and arms it.

Counterpart: `lab.py` puts in force what is built here. Knows no environment.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal

from ...faults import KINDS, Cut, Fault, Latency, Partition, Refused, Status
from ..errors import UsageError
from .arguments import built, pairs
from .armed import Armed, Unfired

__all__ = ["Arming"]

__tracebackhide__ = True  # pytest: the line to show is the test's own


class Arming(ABC):
    """What can arm faults has these methods for the usual ones, and `inject` for all others."""

    @abstractmethod
    def _arm(self, faults: tuple[Fault, ...], unfired: Unfired, call: str) -> Armed:
        """Put these faults in force; `call` is how a test would say that they may stay unfired."""

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
        fault = built("lab.down", lambda: Refused(service=service, live=live))
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
        fault = built(
            "lab.slow",
            lambda: Latency(
                service=service, delay=delay, jitter=jitter, endpoint=endpoint, first=first
            ),
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
        lines = pairs("lab.status", "headers", headers)
        fault = built(
            "lab.status",
            lambda: Status(
                service=service,
                code=code,
                headers=lines,
                body=body,
                endpoint=endpoint,
                first=first,
            ),
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
        fault = built(
            "lab.partition", lambda: Partition(service=service, live=live, direction=direction)
        )
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
        fault = built(
            "lab.cut", lambda: Cut(service=service, at=at, by=by, endpoint=endpoint, first=first)
        )
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
