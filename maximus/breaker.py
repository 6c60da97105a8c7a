"""Circuit breakers: who may send, and what results do to that.

pybreaker is the state machine (closed, open, half-open; failures in a row). Admission is decided
here, outside of it: nothing of pybreaker is held while a request is under way, time is the clock
that is passed in (pybreaker's own is the wall clock), and an operation is settled only into the
state that admitted it. Every function is synchronous; it knows nothing of requests.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pybreaker

from .errors import Scope
from .failure import Vote, Votes
from .policy import BreakerPolicy

__all__ = ["Admission", "Breaker", "Breakers", "Permit", "Refusal"]


class _Counted(Exception):  # noqa: N818 - no error: it makes pybreaker count a failure
    pass


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to run one operation; `epoch` counts how often the breaker had opened or closed."""

    epoch: int
    probe: bool


class Breaker:
    """One circuit. `clock` gives monotonic seconds."""

    def __init__(self, policy: BreakerPolicy, clock: Callable[[], float]) -> None:
        self._machine = pybreaker.CircuitBreaker(
            fail_max=policy.fail_max,
            reset_timeout=policy.reset_timeout,
            throw_new_error_on_trip=False,
        )
        self._reset_timeout = policy.reset_timeout
        self._clock = clock
        self._epoch = 0
        self._opened_at = 0.0
        self._probing = False

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        """The state as the last admission or result left it."""
        match self._machine.current_state:
            case pybreaker.STATE_CLOSED:
                return "closed"
            case pybreaker.STATE_OPEN:
                return "open"
            case _:
                return "half-open"

    def refuses_for(self) -> float | None:
        """Return None if it would admit an operation now, else for how many seconds it will not.

        0.0 means that a probe is under way: its result decides.
        """
        match self.state:
            case "closed":
                return None
            case "open":
                left = self._opened_at + self._reset_timeout - self._clock()
                return left if left > 0.0 else None
            case "half-open":
                return 0.0 if self._probing else None

    def admit(self) -> Permit:
        """Give a permit; only if `refuses_for()` is None."""
        if self.state == "closed":
            return Permit(self._epoch, probe=False)
        if self.state == "open":
            self._machine.half_open()
        self._probing = True
        return Permit(self._epoch, probe=True)

    def settle(self, permit: Permit, vote: Vote) -> None:
        """Take the result of an admitted operation, and its permit back.

        The result of an operation that another state admitted is dropped: it must neither move
        the time of opening, nor reset the count, nor open a circuit that has recovered.
        """
        if permit.epoch != self._epoch:
            return
        self._probing = False
        if vote is Vote.NEUTRAL:
            return
        before = self.state
        with contextlib.suppress(_Counted):
            self._machine.call(_nothing if vote is Vote.SUCCESS else _count_one)
        if self.state != before:
            self._epoch += 1
            self._opened_at = self._clock()


@dataclass(frozen=True, slots=True)
class Refusal:
    """No leave: which breaker refused, and for how many seconds it is certain to go on."""

    scope: Scope
    retry_in: float


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave from both breakers of an operation."""

    service: Breaker
    endpoint: Breaker
    service_permit: Permit
    endpoint_permit: Permit

    @property
    def probe(self) -> bool:
        """Whether the operation is a probe, and so has a single attempt."""
        return self.service_permit.probe or self.endpoint_permit.probe

    def settle(self, votes: Votes) -> None:
        """Tell both breakers how the operation ended."""
        self.service.settle(self.service_permit, votes.service)
        self.endpoint.settle(self.endpoint_permit, votes.endpoint)


class Breakers:
    """The circuits of a client: one for each service and one for each endpoint of it."""

    def __init__(self, policy: BreakerPolicy, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._services: dict[str, Breaker] = {}
        self._endpoints: dict[tuple[str, str], Breaker] = {}

    def admit(self, service: str, endpoint: str) -> Admission | Refusal:
        """Ask both circuits of an operation once, the service's first: both permits or none."""
        of_service = self._services.get(service)
        if of_service is None:
            of_service = self._services[service] = Breaker(self._policy, self._clock)
        of_endpoint = self._endpoints.get((service, endpoint))
        if of_endpoint is None:
            of_endpoint = self._endpoints[service, endpoint] = Breaker(self._policy, self._clock)

        service_wait, endpoint_wait = of_service.refuses_for(), of_endpoint.refuses_for()
        if service_wait is not None:
            longer = service_wait if endpoint_wait is None else max(service_wait, endpoint_wait)
            return Refusal("service", longer)
        if endpoint_wait is not None:
            return Refusal("endpoint", endpoint_wait)
        return Admission(of_service, of_endpoint, of_service.admit(), of_endpoint.admit())


def _nothing() -> None:
    return


def _count_one() -> None:
    raise _Counted
