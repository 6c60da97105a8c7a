"""A scenario as a value: phases, steps, quantities, and the closed words of the file's form.

Counterpart: `loader.py` (text to model), `dump.py` (back), `lab.plan` (model to plan). Quantities
may still refer to contract fields here, by the names in FIELDS; no contract is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from ..faults import AnyFault, fault_adapter
from ..faults.written import seconds

Tune = Literal["fast", "none"]
Unit = Literal["seconds", "count"]
PhaseName = Literal["control", "fault", "recovery"]
PHASES: tuple[PhaseName, ...] = get_args(PhaseName)

ROLES = ("read", "read.other", "read.elsewhere", "write")
OUTCOMES = (
    "ok",
    "connection",
    "timeout",
    "deadline",
    "response",
    "open",
    "cancelled",
    "contract",
)  # + status:NNN
LAB_STEPS = ("inject", "clear", "wait", "clock", "connections", "subject")
PLUS_KEYS = ("attempts", "times", "concurrency", "cancel_after", "requires")

# Contract fields that a quantity may refer to, and what they measure.
FIELDS: dict[str, Unit] = {
    "attempts.max": "count",
    "backoff.base": "seconds",
    "backoff.max": "seconds",
    "breaker.fail_max": "count",
    "breaker.reset_timeout": "seconds",
    "deadline.total": "seconds",
    "retry_after.cap": "seconds",
    "timeouts.connect": "seconds",
    "timeouts.pool": "seconds",
    "timeouts.read": "seconds",
    "timeouts.write": "seconds",
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """Seconds or a count: `amount` itself, or `amount` times a contract field (a key of FIELDS)."""

    amount: float
    field: str | None = None

    def text(self) -> str:
        """The reference as a file writes it (`2 x timeouts.read`); a number without its unit."""
        if self.field is None:
            return f"{self.amount:g}"
        return self.field if self.amount == 1 else f"{self.amount:g} x {self.field}"


ONE = Quantity(1)

Value = str | int | float | Quantity | tuple[int, ...] | tuple[tuple[str, str], ...]
Resolve = Callable[[Quantity], float]


@dataclass(frozen=True, slots=True)
class OperationStep:
    """Call `name` until `times` operations have ended, `concurrency` at once.

    `outcomes`: any of them. `attempts`: on the wire for each, None: what the contract demands.
    `cancel_after`: the lab cancels each that still runs then; None: none.
    """

    name: str
    outcomes: tuple[str, ...]
    line: int
    attempts: int | None = None
    times: Quantity | None = None  # None: as concurrency
    concurrency: Quantity = ONE
    cancel_after: Quantity | None = None
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InjectStep:
    """A fault before its service is known and its quantities are numbers.

    `parameters` are the kind's own, in the order of the file; `scope` the other keys that say where
    and when, in theirs. `service` None: the service of `read`. `endpoint`: an operation's name, or
    `METHOD /path`; None: all of the service.
    """

    kind: str
    line: int
    parameters: tuple[tuple[str, Value], ...] = ()
    service: str | None = None
    endpoint: str | None = None
    scope: tuple[tuple[str, Value], ...] = ()

    def fault(self, service: str, endpoint: str | None, resolve: Resolve) -> AnyFault:
        """The fault on this service and endpoint pattern; raises pydantic.ValidationError."""
        values: dict[str, object] = {
            key: resolve(value) if isinstance(value, Quantity) else value
            for key, value in (*self.parameters, *self.scope)
        }
        if "first" in values:
            values["first"] = round(float(str(values["first"])))
        return fault_adapter.validate_python(
            {"kind": self.kind, "service": service, "endpoint": endpoint, **values}
        )

    def quantities(self) -> tuple[Quantity, ...]:
        """Every quantity in it."""
        values = (value for _, value in (*self.parameters, *self.scope))
        return tuple(value for value in values if isinstance(value, Quantity))


@dataclass(frozen=True, slots=True)
class ClearStep:
    """Every fault ends."""

    line: int


@dataclass(frozen=True, slots=True)
class WaitStep:
    """Nothing happens for this long."""

    duration: Quantity
    line: int


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The wall clock is set forward by so many seconds, or back; no time passes."""

    seconds: float
    line: int


@dataclass(frozen=True, slots=True)
class ConnectionsStep:
    """Idle connections are closed by FIN; subject, pool and breakers stay."""

    line: int


@dataclass(frozen=True, slots=True)
class SubjectStep:
    """The subject is opened anew: no connection, breakers closed."""

    line: int


Step = OperationStep | InjectStep | ClearStep | WaitStep | ClockStep | ConnectionsStep | SubjectStep


@dataclass(frozen=True, slots=True)
class Incident:
    """Where a scenario from the field came from."""

    source: str
    when: str | None = None
    symptom: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """What a file says of who serves a service; its names mean what the lab knows.

    What is None or empty is as the subject has it. `line`: where the service is named.
    """

    service: str
    line: int
    stub: str | None = None
    openapi: str | None = None
    url: str | None = None
    command: str | tuple[str, ...] | None = None  # a text to be split, or the words themselves
    image: str | None = None
    port: int | None = None  # in the image's container
    environment: tuple[tuple[str, str], ...] = ()
    ready: str | None = None
    ready_within: float | None = None  # seconds
    preset: tuple[str, ...] = ()
    pace: str | None = None
    honours_idempotency_key: bool | None = None

    def text(self) -> str:
        """The words as one line, `core: preset degraded, pace measured`; of an environment the names."""
        honours = self.honours_idempotency_key
        command, within = self.command, self.ready_within
        words = (
            ("stub", self.stub),
            ("openapi", self.openapi),
            ("url", self.url),
            ("command", " ".join(command) if isinstance(command, tuple) else command),
            ("image", self.image),
            ("port", None if self.port is None else str(self.port)),
            ("environment", " + ".join(name for name, _ in self.environment)),
            ("ready", self.ready),
            ("ready_within", None if within is None else seconds(within)),
            ("preset", " + ".join(self.preset)),
            ("pace", self.pace),
            ("honours_idempotency_key", None if honours is None else str(honours).lower()),
        )
        return f"{self.service}: " + ", ".join(f"{key} {value}" for key, value in words if value)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One file. `file` as messages name it; a phase that is None is implied (lab.plan writes it)."""

    name: str
    file: str
    title: str
    fault: tuple[Step, ...]
    control: tuple[Step, ...] | None = None
    recovery: tuple[Step, ...] | None = None
    tune: Tune | None = None
    incident: Incident | None = None
    services: tuple[Served, ...] = ()

    def steps(self) -> tuple[Step, ...]:
        """All written steps in order of time."""
        return (*(self.control or ()), *self.fault, *(self.recovery or ()))

    def operations(self) -> tuple[str, ...]:
        """The names of its operations, each once, in the order of their first step."""
        return tuple(
            dict.fromkeys(step.name for step in self.steps() if isinstance(step, OperationStep))
        )
