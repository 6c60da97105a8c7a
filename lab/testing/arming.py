"""The ways to fail, as a test calls them: each builds a fault and arms it.

Counterpart: `lab.py` puts in force what is built here. Knows no environment.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal

from typing_extensions import Unpack

from ...faults import (
    KINDS,
    Cut,
    Fault,
    Killed,
    Latency,
    Partition,
    Refused,
    Status,
    Stopped,
)
from ...scenarios.errors import nearest
from ..errors import FaultError, UsageError
from .arguments import When, Where, built, pairs
from .armed import Armed, Unfired

__all__ = ["Arming"]

__tracebackhide__ = True  # pytest: the line to show is the test's own


_DOWN = ("refused", "stopped", "killed")


class Arming(ABC):
    """What can arm faults has these methods for the usual ones, and `inject` for all others.

    All take the keywords that say when: `after=1.9` (seconds), `after="request"`, `after="4kB"`,
    `lasts=5`. A fault that waits comes into force by itself, and fails its block if it never did.
    """

    @abstractmethod
    def _arm(self, faults: tuple[Fault, ...], unfired: Unfired, call: str) -> Armed:
        """Put these faults in force; `call` is how a test would say that they may stay unfired."""

    def down(
        self,
        service: str,
        *,
        kind: Literal["refused", "stopped", "killed"] = "refused",
        live: Literal["close", "reset", "keep"] | None = None,
        restart: float | Literal["never"] | None = None,
        unfired: Unfired = "fail",
        **when: Unpack[When],
    ) -> Armed:
        """Every connect is refused.

        `refused`: the service is not there; `live` says what happens to live connections. `close`
        (left out): FIN, `reset`: RST, `keep`: they live on.
        `stopped`, `killed`: its process ends by SIGTERM or SIGKILL, and its kernel ends every
        connection. `restart`: after so many seconds it is started again; `never` (left out): when
        the fault is over. It serves again, at the same url, when `clear` or the block is left.
        """
        fault = _down(service, kind, live, restart, when)
        other = "" if kind == "refused" else f', kind="{kind}"'
        return self._arm((fault,), unfired, f'lab.down("{service}"{other}, unfired="ok")')

    def slow(
        self,
        service: str,
        delay: float,
        *,
        jitter: float = 0.0,
        unfired: Unfired = "fail",
        **where: Unpack[Where],
    ) -> Armed:
        """Answers come `delay` seconds late, plus or minus `jitter`.

        `where` narrows it down: `endpoint="GET /orders/*"`, `first=2`, `every_nth=3`, and so on.
        """
        fault = built("lab.slow", Latency, where, service=service, delay=delay, jitter=jitter)
        return self._arm((fault,), unfired, f'lab.slow("{service}", {delay:g}, unfired="ok")')

    def status(
        self,
        service: str,
        code: int,
        *,
        headers: Mapping[str, str | int] | None = None,
        body: str | None = None,
        unfired: Unfired = "fail",
        **where: Unpack[Where],
    ) -> Armed:
        """Answers carry this status, and the backend is not asked.

        `where` narrows it down: `endpoint="GET /orders/*"`, `first=2`, `every_nth=3`, and so on.
        """
        lines = pairs("lab.status", "headers", headers)
        fault = built(
            "lab.status", Status, where, service=service, code=code, headers=lines, body=body
        )
        return self._arm((fault,), unfired, f'lab.status("{service}", {code}, unfired="ok")')

    def partition(
        self,
        service: str,
        *,
        live: Literal["hold", "unplugged", "keep"] = "hold",
        direction: Literal["to_client", "to_backend", "both"] = "both",
        between: str | None = None,
        unfired: Unfired = "fail",
        **when: Unpack[When],
    ) -> Armed:
        """Connects stay unanswered; `live` says what happens to live connections.

        `hold`: they fall silent, in this `direction`; `unplugged`: the client's kernel gets no
        answer either, so that what it sends is recorded only after the heal; `keep`: they live on.
        After `clear` what was held is delivered, even if the client has gone. `between`: not its
        clients but another service, or `proxy`, is cut from its backend: see `faults.Partition`.
        """
        fault = built(
            "lab.partition",
            Partition,
            when,
            service=service,
            live=live,
            direction=direction,
            between=between,
        )
        return self._arm((fault,), unfired, f'lab.partition("{service}", unfired="ok")')

    def cut(
        self,
        service: str,
        at: Literal["accept", "request_head", "request_complete", "response_head", "response_body"],
        *,
        by: Literal["fin", "rst"] = "fin",
        unfired: Unfired = "fail",
        **where: Unpack[Where],
    ) -> Armed:
        """The connection ends at this point: see `faults.Cut`.

        `where` narrows it down: `endpoint="GET /orders/*"`, `first=2`, `every_nth=3`, and so on.
        """
        fault = built("lab.cut", Cut, where, service=service, at=at, by=by)
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


def _down(
    service: str,
    kind: object,  # a test is not always type-checked
    live: Literal["close", "reset", "keep"] | None,
    restart: float | Literal["never"] | None,
    when: When,
) -> Fault:
    """The fault of `lab.down`. Raises FaultError."""
    also = ("kind", "live", "restart")
    if kind not in _DOWN:
        close = nearest(kind, _DOWN) if isinstance(kind, str) else None
        raise FaultError(
            f"lab.down: kind={kind!r}",
            expected=", ".join(map(repr, _DOWN)),
            nearest="" if close is None else repr(close),
        )
    if kind == "refused":
        if restart is not None:
            raise FaultError(
                f"lab.down: restart={restart!r}: nothing ends where the kind is 'refused'",
                expected="kind='stopped' or kind='killed' with it",
            )
        how = "close" if live is None else live
        return built("lab.down", Refused, when, also=also, service=service, live=how)
    if live is not None:
        raise FaultError(
            f"lab.down: live={live!r}: what becomes of the connections of a process is its kernel's",
            expected="kind='refused' with it",
        )
    back = "never" if restart is None else restart
    if kind == "stopped":
        return built("lab.down", Stopped, when, also=also, service=service, restart=back)
    return built("lab.down", Killed, when, also=also, service=service, restart=back)
