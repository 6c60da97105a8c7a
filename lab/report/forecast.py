"""What a client that keeps its contract would do under a plan: attempts, waits, ends.

Counterparts: lab/oracle is asked before each attempt, lab/report/explain.py prints the answers.
The plan is played in thought, in virtual seconds; nothing is started, and nothing is judged.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import Literal

from msgspec.structs import replace

from ...faults import (
    AnyFault,
    Capacity,
    Drip,
    Duplicate,
    Latency,
    Partition,
    Refused,
    Stale,
    Stall,
    Throttle,
)
from ...faults.actions import Armed, Decision, Draws, EndProcess, Request
from ...faults.arming import on_live, on_process
from ...faults.decide import concerns, keyed, picks
from ...faults.decide import fold as acted
from ...faults.partition import EVERY_REQUEST
from ..contract import Contract
from ..expect import outcome_of_key
from ..oracle import (
    AttemptBegan,
    AttemptEnded,
    CancelRequested,
    Ended,
    Invoked,
    Renewed,
    State,
    begin,
    fold,
    next_demand,
    open_circuits,
)
from ..plan import BYTES, Enter, Fresh, Inject, Operate, Plan, Renew, Wait, lasts, shows, silence

__all__ = ["Forecast", "Waiting", "forecast"]

Waiting = tuple[float, float | None]
"""Least and greatest seconds before a further attempt; greatest None: no bound is promised."""

_QUICK = 0.001  # seconds of an answer that nothing delays
_APART = 0.01  # seconds between operations, so that their order is never in doubt
_SILENCE = 10.0  # seconds of a silent answer where the contract leaves the time-out open
_MANY = 20  # attempts of one operation that are followed


@dataclass(frozen=True, slots=True)
class Forecast:
    """One operation: its attempts, the waits between them, and what its last one met.

    `more`: the contract leaves open whether further attempts follow.
    """

    attempts: int
    waits: tuple[Waiting, ...]
    ends: str
    more: bool = False

    @property
    def outcome(self) -> str:
        """Its end as a scenario names it."""
        return outcome_of_key(self.ends)


def forecast(plan: Plan, contract: Contract) -> dict[int, Forecast]:
    """What each operation of a plan would do, by its id."""
    played = _Thought(contract, keyed(plan.seed))
    for step in plan.steps:
        match step:
            case Operate():
                played.operate(step)
            case Wait():
                played.now += step.seconds
            case Renew():
                played.renew()
            case Fresh():
                played.rested.clear()
            case Inject():
                played.inject(step)
            case Enter(phase="recovery"):
                played.now += _APART
            case _:
                pass
    return played.found


@dataclass(slots=True)
class _Call:
    """One operation under way. `met`: what its last attempt met; `cut`: when it is cancelled."""

    op: int
    step: Operate
    cut: float = inf
    attempts: int = 0
    waits: list[Waiting] = field(default_factory=list)
    met: str = "open"
    more: bool = False


_Move = Literal["invoke", "begin", "end", "cancel"]


@dataclass(slots=True)
class _Standing:
    """A fault whose step has come, `since` then. `began`: when the event that it waits for came."""

    armed: Armed
    since: float
    began: float | None

    def stands(self, t: float) -> bool:
        """Whether it is in force; one that waits for a request is, behind the first that asks."""
        fault = self.armed.fault
        begins = fault.comes(self.since)
        if begins is None:
            begins = self.began
        if begins is None:
            if not fault.follows("request"):
                return False
            self.began = t
            # the request that it waited for is under way
            return on_live(fault) is not None or on_process(fault) is not None
        return begins <= t and all(t < begins + seconds for seconds in _limits(fault))

    def opened(self, t: float) -> None:
        """A breaker is open."""
        if self.began is None and self.armed.fault.follows("open"):
            self.began = t

    def meets(self, request: Request, draws: Draws) -> bool:
        """Whether its scope picks this request; it has met it, if so or not."""
        meets = concerns(self.armed, request)
        picked = meets and picks(self.armed, request, draws)
        met = (self.armed.id,) if meets else ()
        (self.armed,) = acted((self.armed,), Decision(met=met), request)
        return picked

    def acts(self) -> None:
        """It acted on the request that it picked."""
        (self.armed,) = acted((self.armed,), Decision(fires=(self.armed.id,)))


@dataclass(slots=True)
class _Thought:
    """The model client, its clock, and what the oracle remembers of it."""

    contract: Contract
    draws: Draws
    now: float = 0.0
    life: int = 0
    state: State = field(default_factory=begin)
    faults: dict[int, _Standing] = field(default_factory=dict)
    rested: dict[str, float] = field(default_factory=dict)  # service -> since when one is idle
    found: dict[int, Forecast] = field(default_factory=dict)
    _order: Iterator[int] = field(default_factory=count)

    def inject(self, step: Inject) -> None:
        """A fault's step has come."""
        unmeasured = step.fault.volume() is not None  # taken to have passed
        began = self.now if unmeasured else None
        self.faults[step.id] = _Standing(Armed(step.id, step.fault), self.now, began)

    def renew(self) -> None:
        """The subject is opened anew."""
        self.now += _APART
        self.life += 1
        self.rested.clear()
        self.state = fold(self.contract, self.state, Renewed(self.now, self.life))

    def operate(self, step: Operate) -> None:
        """Play the operations of a step, as many at once as it says."""
        waiting = [_Call(op, step) for op in step.ids]
        moves: list[tuple[float, int, _Move, _Call]] = []
        self.now += _APART
        for call in waiting[: step.concurrency]:
            self.now += _QUICK / 10 / step.concurrency  # all have begun before one has ended
            heapq.heappush(moves, (self.now, next(self._order), "invoke", call))
        waiting = waiting[step.concurrency :]
        while moves:
            t, _, move, call = heapq.heappop(moves)
            self.now = max(self.now, t)
            following = self._move(t, move, call)
            if following is not None and following[0] >= call.cut and move != "invoke":
                following = (call.cut, "cancel")
            if following is None:
                self.found[call.op] = Forecast(
                    call.attempts, tuple(call.waits), call.met, call.more
                )
                if waiting:
                    following = (t + _APART, "invoke")
                    call = waiting.pop(0)
            if following is not None:
                heapq.heappush(moves, (following[0], next(self._order), following[1], call))

    def _move(self, t: float, move: _Move, call: _Call) -> tuple[float, _Move] | None:
        """Make a move; the call's next one, None when it has ended."""
        match move:
            case "invoke":
                return self._invoke(t, call)
            case "begin":
                call.attempts += 1
                self._fold(AttemptBegan(t, call.op, call.attempts))
                call.met, seconds = self._meets(t, call)
                return t + seconds, "end"
            case "end":
                return self._end(t, call)
            case "cancel":
                self._cancel(t, call)
                return None

    def _invoke(self, t: float, call: _Call) -> tuple[float, _Move] | None:
        step = call.step
        if step.cancel_after is not None:
            call.cut = t + step.cancel_after
        asked = Invoked(
            t=t,
            op=call.op,
            service=step.service,
            endpoint=step.endpoint,
            idempotent=step.idempotent,
            keyed=step.keyed,
            life=self.life,
            ran="yes",
        )
        tried = fold(self.contract, self.state, asked)
        if next_demand(self.contract, tried, call.op, t).start != "must_not":
            self.state = tried
            return t, "begin"
        self._fold(replace(asked, ran="no"))
        self._fold(Ended(t, call.op, "failed", frozenset(("open",))))
        return None

    def _end(self, t: float, call: _Call) -> tuple[float, _Move] | None:
        self.rested[call.step.service] = t
        asked = self._retry_after(call)
        self._fold(AttemptEnded(t, call.op, call.attempts, call.met, t, t, retry_after=asked))
        demand = next_demand(self.contract, self.state, call.op, t)
        if demand.start == "must" and call.attempts < _MANY:
            earliest = t if demand.earliest is None else max(t, demand.earliest)
            latest = None if demand.latest is None else demand.latest - t
            call.waits.append((earliest - t, latest))
            return earliest, "begin"
        call.more = demand.start != "must_not"
        ok = call.met == "ok"
        self._fold(
            Ended(t, call.op, "ok" if ok else "failed", frozenset(() if ok else (call.met,)))
        )
        return None

    def _cancel(self, t: float, call: _Call) -> None:
        call.met = "cancelled"
        self._fold(CancelRequested(t, call.op))
        if len(call.waits) < call.attempts:  # one is in flight
            self._fold(AttemptEnded(t, call.op, call.attempts, call.met, t, t, gave_up=True))
        self._fold(Ended(t, call.op, "cancelled"))

    def _fold(self, event: Invoked | AttemptBegan | AttemptEnded | CancelRequested | Ended) -> None:
        self.state = fold(self.contract, self.state, event)
        if isinstance(event, Ended) and open_circuits(self.state):
            for standing in self.faults.values():
                standing.opened(event.t)

    # --- what the faults do ----------------------------------------------------------------------

    def _meets(self, t: float, call: _Call) -> tuple[str, float]:
        """What the next attempt of a call meets, and the seconds until the client knows."""
        step = call.step
        since = None if call.attempts > 1 else self.rested.get(step.service)
        rest = None if since is None else t - since
        new = 1 if rest is None else 0
        request = Request(step.method, step.path, new, 1, call.op, call.attempts)
        late = slow = 0.0
        for standing in [self.faults[number] for number in step.faults]:
            if not standing.stands(t):
                continue
            fault, hits = standing.armed.fault, standing.armed.hits
            if not standing.meets(request, self.draws):
                continue
            if fault.kind == "status" and hits >= len(fault.sequence) > 0:
                continue
            if _spares(fault, step, rest):
                continue
            standing.acts()
            match fault:
                case Latency():
                    late += lasts(fault)
                case Throttle() | Drip() if {"ok", "contract"} & set(step.expect):
                    late += 0.0 if "ok" in step.expect else silence(fault, BYTES)
                    slow += lasts(fault)
                case _:
                    return self._shown(fault, step, hits + 1)
        read, total = self.contract.timeouts.read, self.contract.deadline.total
        if read is not None and late >= read:
            return "read_timeout_headers", read
        if total is not None and slow >= total and "ok" not in step.expect:
            return "slow_drip", total
        return "ok", _QUICK + late + slow

    def _shown(self, fault: AnyFault, step: Operate, hit: int) -> tuple[str, float]:
        if fault.kind == "status" and fault.sequence:
            return f"status:{fault.sequence[hit - 1]}", _QUICK
        observable = shows(fault, step.expect)[0]
        times = self.contract.timeouts
        if observable == "connect_timeout":
            return observable, _SILENCE if times.connect is None else times.connect
        if observable.startswith("read_timeout"):
            return observable, _SILENCE if times.read is None else times.read
        if observable == "slow_drip":
            total = self.contract.deadline.total
            return observable, _SILENCE if total is None else total
        return observable, _QUICK

    def _retry_after(self, call: _Call) -> str | None:
        """The Retry-After of the fault that made the last answer."""
        if not call.met.startswith("status:"):
            return None
        for number in reversed(call.step.faults):
            fault = self.faults[number].armed.fault
            if fault.kind == "status":
                named = (value for name, value in fault.headers if name.lower() == "retry-after")
                return next(named, None)
        return None


def _limits(fault: AnyFault) -> Iterator[float]:
    """The seconds after which a fault is over by itself."""
    if fault.lasts is not None:
        yield fault.lasts
    act = on_process(fault)
    if isinstance(act, EndProcess) and act.restart is not None:
        yield act.restart


def _spares(fault: AnyFault, step: Operate, rest: float | None) -> bool:
    """Whether a fault leaves an attempt alone.

    `rest`: for how long the connection that it takes from a pool has been idle; None: a new one.
    """
    match fault:
        case Refused(live="keep") | Partition(live="keep") | Stall(at="connect"):
            return "ok" in step.expect or ("contract" in step.expect and rest is not None)
        case Partition(between=str(peer)) if peer not in EVERY_REQUEST:
            return True  # what its backend makes of it is its own
        case Capacity():
            return bool({"ok", "contract"} & set(step.expect))
        case Duplicate():
            return True
        case Stale(at=at, idle=idle):
            return at == "idle" or rest is None or rest < idle
        case _:
            return False
