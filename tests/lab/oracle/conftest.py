"""What the oracle's tests share: the contract they judge by, and readings written by hand."""

from __future__ import annotations

import pytest

from faultlab.lab.attempts import Attempt, Incarnation, Operation, Reading
from faultlab.lab.contract import Contract, builtin
from faultlab.lab.history import ClockSet, Header, Raised
from faultlab.lab.oracle import Demands, demands
from faultlab.lab.tune import FAST, tuned

MAXIMUS = tuned(builtin("maximus"), FAST)
CONNECT = {"connect_refused", "connect_timeout"}
ERRORS = {
    "connection": ("MaximusConnectionError", "MaximusError"),
    "timeout": ("MaximusTimeoutError", "MaximusConnectionError", "MaximusError"),
    "open": ("MaximusCircuitOpenError", "MaximusConnectionError", "MaximusError"),
    "status": ("MaximusAPIError", "MaximusError"),
    "response": ("MaximusResponseError", "MaximusError"),
}


def raised(observable: str) -> tuple[Raised, ...]:
    """The error that the model client raises for what its last attempt met."""
    if observable.startswith("status"):
        kind = "status"
    elif observable == "bad_json":
        kind = "response"
    elif observable.startswith("read_timeout"):
        kind = "timeout"
    else:
        kind = "open" if observable == "open" else "connection"
    return (Raised(classes=tuple(f"maximus.errors.{name}" for name in ERRORS[kind])),)


class Story:
    """Writes operations one after another, each with what its attempts meet."""

    def __init__(self) -> None:
        self.now = 0.0
        self.operations: list[Operation] = []
        self.incarnation = 0
        self.wall = ""  # the wall clock's time at 0, as a header has it
        self.clock: list[ClockSet] = []

    def op(
        self,
        *fates: str,
        endpoint: str = "GET /health",
        service: str = "core",
        idempotent: bool = True,
        keyed: bool = False,
        gaps: tuple[float, ...] = (0.05, 0.1, 0.2, 0.2),
        retry_after: str | None = None,
        ends: str | None = None,
        takes: float = 0.01,
    ) -> int:
        """One operation; without fates it is refused. `gaps` are its waits between attempts."""
        ident = len(self.operations) + 1
        invoked = self.now
        attempts = []
        for number, fate in enumerate(fates, 1):
            begun = self.now + 0.001
            seen = begun + takes
            attempts.append(
                Attempt(
                    op=ident,
                    number=number,
                    service=service,
                    method=endpoint.split()[0],
                    target="/",
                    begun=begun,
                    sent=None if fate in CONNECT else begun,
                    seen=seen,
                    observable=fate,
                    retry_after=retry_after,
                )
            )
            self.now = seen + (gaps[number - 1] - 0.001 if number < len(fates) else 0.0)
        last = ends or (fates[-1] if fates else "open")
        ended = self.now + 0.0005
        self.now = ended + 0.01
        self.operations.append(
            Operation(
                id=ident,
                name="read",
                service=service,
                endpoint=endpoint,
                idempotent=idempotent,
                keyed=keyed,
                phase="fault",
                invoked=invoked,
                ended=ended,
                ending="ok" if last == "ok" else "failed",
                errors=() if last == "ok" else raised(last),
                attempts=tuple(attempts),
                incarnation=self.incarnation,
                events=(10 * ident,),
            )
        )
        return ident

    def set_wall(self, seconds: float) -> None:
        """Set the wall clock forward, or back."""
        behind = 10 * len(self.operations) + 5
        self.clock.append(ClockSet(index=behind, t=self.now, seconds=seconds))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def renew(self) -> None:
        """Open the subject anew."""
        self.incarnation += 1

    def reading(self) -> Reading:
        """What was written so far."""
        lives = tuple(Incarnation(float(n), None) for n in range(self.incarnation + 1))
        return Reading(
            header=Header(wall=self.wall),
            operations=tuple(self.operations),
            strays=(),
            faults=(),
            connections=(),
            incarnations=lives,
            missing=(),
            end=self.now,
            clock=tuple(self.clock),
        )

    def judge(self, contract: Contract = MAXIMUS) -> Demands:
        """What the oracle demands of it."""
        return demands(contract, self.reading())

    def opened(self, fate: str = "status:503") -> Story:
        """Five operations that open a breaker, the minimum of the contract."""
        for _ in range(5):
            self.op(fate, fate, fate)
        return self


@pytest.fixture
def story() -> Story:
    """An empty reading to write operations into."""
    return Story()
