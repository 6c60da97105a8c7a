"""The places where a scenario runs, behind one interface of plain synchronous calls.

`embedded` is the lab process on loopback sockets, `docker` in a container, `simulated` virtual time. An
environment drives faults and keeps the history; it never drives the subject and never judges.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Literal, Protocol

from ...faults import Fault, Partition
from ..backends.specification import Command, Image, Specification, Url
from ..errors import UsageError
from ..history import AnyEvent, History

__all__ = [
    "ENVIRONMENTS",
    "PROXIES",
    "Environment",
    "Handle",
    "demand_servable",
    "reached",
    "undone",
    "unserved",
]

_EVERY = frozenset(
    (
        "refused",
        "stopped",
        "killed",
        "cut",
        "latency",
        "stall",
        "frozen",
        "throttle",
        "drip",
        "status",
        "partition",
        "bad_body",
        "lost_answer",
        "stale",
        "duplicate",
        "capacity",
    )
)

ENVIRONMENTS: dict[str, frozenset[str]] = {
    "embedded": _EVERY,
    "docker": _EVERY,
    "simulated": _EVERY,
}
"""The fault kinds that each environment can do."""

PROXIES = ("embedded", "toxiproxy")
"""What can stand before the services in `embedded`: its own proxy, or a real Toxiproxy before it."""


def undone(environment: str, fault: Fault) -> str:
    """Why an environment can't do this fault, and which can; empty if it can."""
    if fault.kind not in ENVIRONMENTS[environment]:
        able = [name for name, kinds in ENVIRONMENTS.items() if fault.kind in kinds]
        instead = " or ".join(f"`--env {name}`" for name in able)
        return f"`{fault.kind}` can't be done in {environment}; {instead} can"
    if environment == "embedded" and isinstance(fault, Partition) and fault.between is not None:
        return (
            f"`{fault.kind}` between {fault.service} and {fault.between} can't be done in "
            "embedded, whose backends have no network of their own; `--env docker` can, and "
            "`--env simulated`"
        )
    return ""


def unserved(environment: str, specification: Specification) -> str:
    """Why an environment can't have a service served so, and which can; empty if it can."""
    contained = environment == "docker"
    match specification:
        case Image() | Command() | Url() if environment == "simulated":
            return (
                f"{specification.text} is outside the simulation, whose services are stubs; "
                f"{' or '.join(f'`--env {name}`' for name in reached(specification))} reaches it"
            )
        case Image() if not contained:
            return f"{specification.text} needs containers, which `--env docker` has"
        case Command() if contained:
            return (
                f"{specification.text} would run on this machine, which the lab's containers don't"
                " reach; `--env embedded` starts it; or name an image"
            )
        case _:
            return ""


def reached(specification: Specification) -> tuple[str, ...]:
    """The environments in which a server is reached that is outside of a simulation."""
    return tuple(name for name in ("embedded", "docker") if not unserved(name, specification))


def demand_servable(environment: str, service: str, specification: Specification) -> None:
    """Raise UsageError for a service that an environment can't have served so."""
    reason = unserved(environment, specification)
    if not reason:
        return
    others = {"docker": "image:NAME:TAG@PORT", "embedded": "'cmd:COMMAND {port}'"}
    mend = (
        f"--service {service}={others[environment]}, or routes"
        if environment in others
        else ("routes, an OpenAPI file or a built-in stub for it")
    )
    raise UsageError(f"{service}: {reason}", mend=mend)


class Handle(Protocol):
    """One armed fault."""

    number: int
    mechanism: str
    first: Future[AnyEvent]  # the first event in which it acted
    over: Future[AnyEvent]  # the event of its end, whatever ended it


class Environment(Protocol):
    """One run's place: its listeners, faults and history.

    Thread-safe, and complete on return: `inject` returns when the fault is in force, for every
    byte that reaches the proxy and every request whose head begins after the return.
    """

    name: str

    def url(self, service: str) -> str:
        """Where the subject reaches the service. Raises KeyError."""

    def serve(self, service: str, specification: Specification) -> str:
        """One more service; its url."""

    def prepare(self, *faults: Fault) -> None:
        """Make ready what these faults need, so that arming them takes no time.

        A stub that is to be stopped, killed or frozen gets a process of its own. `inject` prepares
        what is not. Raises FaultError and SetupError.
        """

    def demand_fit(self, *faults: Fault) -> None:
        """Raise FaultError where these can't be armed one after the other; nothing is changed."""

    def inject(
        self, number: int, fault: Fault, *, unfired: Literal["fail", "ok"] = "fail"
    ) -> Handle:
        """Arm a fault. Raises FaultError."""

    def clear(self, *numbers: int) -> None:
        """End these faults; without a number, all."""

    def opened(self) -> None:
        """A breaker has opened: faults that wait for it come into force."""

    def fresh(self) -> None:
        """Close idle client connections by FIN."""

    def reset(self) -> None:
        """RST on every client connection, so that a blocked call returns."""

    def enter(self, phase: str) -> None:
        """A phase begins; what the subject did before it belongs to the one before."""

    def note(self, event: AnyEvent) -> None:
        """Record an event of the conductor's."""

    def clock(self) -> float:
        """Seconds since the run's start."""

    def barrier(self, flush: Callable[[int], None] | None = None) -> None:
        """Return when everything that happened is recorded.

        `flush` is told a token, and has the subject's process send its records and then the mark.
        """

    def events(self) -> History:
        """The history so far."""

    def close(self) -> History:
        """Stop everything; the whole history."""
