"""A whole reading, from its first event to its last: what was demanded at each point of it.

It turns a reading into oracle events, folds them, and keeps the answers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Literal

import msgspec

from ..attempts import Attempt, Operation, Reading
from ..contract import Contract, error_keys
from ..tolerance import AT_ONCE
from .admission import admit
from .answers import keys_of
from .circuits import passed, step
from .demand import (
    Admission,
    AttemptBegan,
    AttemptEnded,
    CancelRequested,
    Demand,
    Demands,
    Ended,
    Episode,
    Invoked,
    Key,
    Mode,
    OperationDemand,
    OracleEvent,
    ProbeResult,
    Ran,
    Renewed,
)
from .retries import IN_ANSWER, boundary_after, ends_without, limit_of, over_by
from .state import CLOSED, MANY, Call, Circuit, State, World, begin, first


def next_demand(contract: Contract, state: State, op: int, now: float) -> Demand:
    """What the contract demands of an operation at `now`, which no event recorded may follow.

    Raises KeyError for an operation that is not under way.
    """
    call = state.calls[op]
    if call.asking:
        unseen = msgspec.structs.replace(call.invoked, ran="unseen")
        asked = msgspec.structs.replace(call, invoked=unseen)
        return admit(contract, state, asked, now)[1].demand
    if not call.idle:
        return Demand("must_not", why="an attempt is in flight")
    probes = {any(permit.probe for permit in world.permit(op) or ()) for world in state.worlds}
    if not state.cloud.isdisjoint(call.keys):
        probes |= {False, True}
    probe: Literal["yes", "no", "maybe"] = (
        "maybe" if len(probes) > 1 else "yes" if True in probes else "no"
    )
    return boundary_after(contract, call, len(call.ended), probe, state.wall, state.early).demand


def timeline(contract: Contract, reading: Reading) -> tuple[OracleEvent, ...]:
    """What happened in a reading, as oracle events in order of `t`."""
    return tuple(_in_time(contract, reading, reading.operations))


def _in_time(
    contract: Contract, reading: Reading, operations: Iterable[Operation]
) -> list[OracleEvent]:
    """What happened to some operations of a reading, in order of `t`."""
    events: list[OracleEvent] = [
        Renewed(life.opened, number) for number, life in enumerate(reading.incarnations) if number
    ]
    for operation in operations:
        events += _told(contract, operation, _moved(reading, operation))
    events.sort(key=attrgetter("t"))  # stable: each operation keeps its order
    return events


def _moved(reading: Reading, operation: Operation) -> float:
    """Seconds by which the wall clock had been set when it began; a play sets it between two."""
    return sum(set_.seconds for set_ in reading.clock if set_.index < operation.events[0])


def _told(contract: Contract, operation: Operation, moved: float) -> Iterator[OracleEvent]:
    keys = error_keys(contract, operation.errors)
    ran: Ran = "unseen"
    if operation.attempts:
        ran = "yes"
    elif operation.ending == "failed" and "open" in keys:
        ran = "no"
    yield Invoked(
        t=operation.invoked,
        op=operation.id,
        service=operation.service,
        endpoint=operation.endpoint,
        idempotent=operation.idempotent,
        keyed=operation.keyed,
        life=operation.incarnation,
        ran=ran,
        moved=moved,
    )
    if operation.cancel_requested is not None:
        yield CancelRequested(operation.cancel_requested, operation.id)
    now = operation.invoked
    for number, attempt in enumerate(operation.attempts, 1):
        now = max(now, _began_at(attempt))
        yield AttemptBegan(now, operation.id, number, _began_late(attempt))
        later = operation.attempts[number:]
        until = _began_at(later[0]) if later else operation.ended
        ended = _end_of(operation.id, number, attempt, now, until)
        if ended is not None:
            now = ended.t
            yield ended
    if operation.ended is not None:
        yield Ended(max(now, operation.ended), operation.id, operation.ending, keys, operation.lag)


# Its connection had ended before the request came, so that it met the end where it was sent.
_ENDED_BEFORE = ("stale_eof", "stale_reset", "eof_on_accept", "reset_on_accept")


def _began_at(attempt: Attempt) -> float:
    return attempt.begun if attempt.told.begun is None else attempt.told.begun


def _began_late(attempt: Attempt) -> float | None:
    return None if attempt.told.begun is None else attempt.told.begun_late


def _end_of(
    op: int, number: int, attempt: Attempt, began: float, until: float | None
) -> AttemptEnded | None:
    """An attempt's end, not before it `began`, and the span in which the client can have learnt of it.

    What the lab did is stamped before the client could see it. What the client did (it gave up)
    is stamped when it arrived, which may be late; its own stamp then bounds it from below. So is a
    request on a connection that had ended before it: the client may know long before it arrives.
    """
    told = attempt.told.ended
    if attempt.seen is None and told is None and until is None:
        return None
    seen = attempt.seen if attempt.seen is not None else told if told is not None else until
    assert seen is not None
    high = seen if told is None else max(seen, told)
    if attempt.gave_up or attempt.observable in ("connect_timeout", "pending", "unknown"):
        of_head = attempt.observable in IN_ANSWER and not attempt.told.raised
        blind = told is None or of_head
        low = seen - AT_ONCE if blind or told is None else min(seen, told)
        low = max(began, low)
    elif told is not None and not attempt.headless and told >= began:
        low = told if attempt.told.raised else max(seen, told)
    elif attempt.observable in _ENDED_BEFORE:
        low = seen - AT_ONCE
    else:
        low = seen
    if until is not None:
        low, high = min(low, until), min(high, until)
    return AttemptEnded(
        t=max(began, low),
        op=op,
        number=number,
        observable=attempt.observable,
        low=low,
        high=high,
        retry_after=attempt.retry_after,
        gave_up=attempt.gave_up,
        late=None if told is None else attempt.told.ended_late,
    )


def demands(contract: Contract, reading: Reading, most: int = MANY) -> Demands:
    """Fold a whole reading, and collect what was demanded at each point of it.

    `most`: orders of what came at once that are told apart; beyond them demands become weaker.
    Services that no circuit joins are folded each by itself: what came in which order between
    them says nothing, and would only multiply the orders.
    """
    start = begin(reading.header.early, _wall(reading.header.wall), most)
    found = _Found(contract, start, reading.end)
    for operations in _apart(contract, reading.operations):
        found.fold(_in_time(contract, reading, operations))
    demanded = tuple(found.of(each.id) for each in reading.operations)
    episodes = sorted(found.episodes, key=lambda episode: (episode.opened, episode.key))
    return Demands(demanded, tuple(episodes), tuple(sorted(found.at_end, key=lambda end: end[0])))


def _apart(contract: Contract, operations: tuple[Operation, ...]) -> Iterable[Sequence[Operation]]:
    """The operations of each service; all together where a circuit is the whole client's."""
    if any(breaker.scope == "client" for breaker in contract.breaker or ()):
        return [operations]
    services: dict[str, list[Operation]] = {}
    for operation in operations:
        services.setdefault(operation.service, []).append(operation)
    return services.values()


class _Found:
    """What was demanded of each operation, and the life of each circuit, as far as it is folded."""

    def __init__(self, contract: Contract, start: State, end: float) -> None:
        self.episodes: list[Episode] = []
        self.at_end: list[tuple[Key, frozenset[Mode]]] = []
        self._contract = contract
        self._start = start
        self._end = end
        self._calls: dict[int, Call] = {}
        self._admissions: dict[int, Admission] = {}
        self._again: dict[tuple[int, int], Demand] = {}

    def fold(self, events: Iterable[OracleEvent]) -> None:
        """Take in the events of operations that share no circuit with any other."""
        state, lives = self._start, _Lives()
        told: dict[int, list[OracleEvent]] = defaultdict(list)
        for op, together in groupby(events, attrgetter("op")):
            following = list(together)
            alone = self._alone(state, following)
            if alone is not None:
                state, self._calls[op], self._admissions[op] = alone
                lives.asked.update(self._calls[op].keys)
                lives.follow(state, following[-1])
                continue
            for event in following:
                state = self._step(state, lives, event)
            if op is not None:
                told[op] += following
        for op, its in told.items():
            self._calls[op] = self._calls[op].seen(*its)
        for op, call in state.calls.items():
            if op not in self._admissions:  # it never ended
                now = max(self._end, call.invoked.t)
                self._admissions[op] = admit(self._contract, state, call, now)[1]
        self.episodes += lives.episodes()
        self.at_end += lives.at_end(state)

    def _alone(
        self, state: State, events: Sequence[OracleEvent]
    ) -> tuple[State, Call, Admission] | None:
        """What comes of an operation's events if nothing overlaps it; None: step by step."""
        invoked = events[0]
        if state.calls or not isinstance(invoked, Invoked) or not isinstance(events[-1], Ended):
            return None
        call = Call(invoked, keys_of(self._contract, invoked), asking=False).seen(*events)
        passing = passed(self._contract, state, call)
        return None if passing is None else (passing[0], call, passing[1])

    def _step(self, state: State, lives: _Lives, event: OracleEvent) -> State:
        """The state after one event; what it settles is kept."""
        before = None if event.op is None else state.calls.get(event.op)
        state, admission = step(self._contract, state, event)
        if isinstance(event, Invoked):
            self._calls[event.op] = state.calls[event.op]
            lives.asked.update(state.calls[event.op].keys)
        elif before is not None and admission is not None:
            op = before.invoked.op
            if op in self._admissions:
                self._again[op, len(before.ended)] = admission.demand
            self._admissions.setdefault(op, admission)
            lives.refused(op, admission)
        lives.follow(state, event)
        return state

    def of(self, op: int) -> OperationDemand:
        """All that was demanded of one operation."""
        call, admission = self._calls[op], self._admissions[op]
        return _of_operation(self._contract, call, admission, self._start, self._again)


def _wall(text: str) -> float | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when.replace(tzinfo=when.tzinfo or UTC).timestamp()


def _of_operation(
    contract: Contract,
    call: Call,
    admission: Admission,
    state: State,
    again: Mapping[tuple[int, int], Demand],
) -> OperationDemand:
    boundaries = tuple(
        boundary_after(
            contract,
            call,
            number,
            admission.probe,
            state.wall,
            state.early,
            again.get((call.invoked.op, number)),
        )
        for number in range(1, len(call.ended) + 1)
    )
    limit, limiting = limit_of(contract, admission.probe)
    until = over_by(contract, call)
    begun = len(call.began)
    if not begun:
        start = admission.demand.start
        ends = ends_without(contract, call, admission, state.early)
        most = 0 if start == "must_not" else limit[1] if limit is not None else None
        least = 1 if start == "must" else 0
        return OperationDemand(
            call.invoked.op, admission, (), least, most, limit, ends, admission.demand.why, until
        )
    least, most, why = begun, limit[1] if limit is not None else None, limiting
    for boundary in boundaries:
        if boundary.demand.start != "must":
            least = min(least, boundary.after)
        if boundary.demand.start == "must_not":
            most = boundary.after if most is None else min(most, boundary.after)
            why = boundary.demand.why
            break
    else:
        if len(boundaries) == begun and boundaries[-1].demand.start == "must":
            least = least + 1 if least == begun else least
            why = boundaries[-1].demand.why
    if admission.demand.start == "must_not":
        least, most, why = 0, 0, admission.demand.why
    ends_as = boundaries[-1].demand.ends_as if len(boundaries) == begun else frozenset[str]()
    return OperationDemand(
        call.invoked.op, admission, boundaries, least, most, limit, ends_as, why, until
    )


_MODES: frozenset[Mode] = frozenset(("closed", "open", "half_open"))


class _Stay:
    """One stay of a circuit outside its closed state, while it lasts."""

    def __init__(self, circuit: Circuit) -> None:
        self.opened = circuit.opened
        self.by = min(circuit.by, default=None)
        self.half_open: float | None = None
        self.rejected: list[int] = []
        self.certain = True
        self._probes: list[tuple[int, ProbeResult]] = []
        self._pending: dict[int, int] = {}  # operation -> place of its probe

    def change(self, before: Circuit, after: Circuit, now: float) -> None:
        """Note what came of its probes, and those that were let through."""
        result: ProbeResult = "neutral"
        if after.mode != "half_open":
            result = "ok" if after.mode == "closed" else "failed"
        for op in before.probes - after.probes:
            place = self._pending.pop(op, None)
            if place is not None:
                self._probes[place] = (op, result)
        for op in sorted(after.probes - before.probes):
            self._pending[op] = len(self._probes)
            self._probes.append((op, "pending"))
        if self.half_open is None and after.mode == "half_open":
            self.half_open = now

    def episode(self, key: Key, closed: float | None = None) -> Episode:
        """It, as far as it has come."""
        return Episode(
            key,
            self.opened,
            self.by,
            half_open=self.half_open,
            probes=tuple(self._probes),
            closed=closed,
            rejected=tuple(self.rejected),
            certain=self.certain,
        )


class _Lives:
    """Collects the episodes of every circuit while a reading is folded."""

    def __init__(self) -> None:
        self.asked: set[Key] = set()
        self._life = 0
        self._seen: frozenset[World] = frozenset()
        self._last: dict[Key, Circuit] = {}
        self._open: dict[Key, _Stay] = {}
        self._over: list[Episode] = []

    def refused(self, op: int, admission: Admission) -> None:
        """Note an operation that circuits had to refuse."""
        for key in admission.refusers:
            if key in self._open:
                self._open[key].rejected.append(op)

    def follow(self, state: State, event: OracleEvent) -> None:
        """Note what an event changed, in the first world, and whether all agree."""
        if isinstance(event, Renewed):
            self._life = event.life
        elif state.worlds is self._seen or state.worlds == self._seen:
            return
        self._seen = state.worlds
        for key in [key for key in self._open if key.life < self._life or key in state.cloud]:
            stay = self._open.pop(key)  # the subject was opened anew, or it is no more to be told
            self._last.pop(key)
            stay.certain = stay.certain and key not in state.cloud
            self._over.append(stay.episode(key))
        circuits = dict(first(state.worlds).circuits)
        for key in sorted({*circuits, *self._open}):
            circuit = circuits.get(key, CLOSED)
            before = self._last.get(key, CLOSED)
            self._last[key] = circuit
            if circuit.mode != "closed" and key not in self._open:
                self._open[key] = _Stay(circuit)
            if key not in self._open:
                continue
            stay = self._open[key]
            stay.certain &= all(world.circuit(key).mode == circuit.mode for world in state.worlds)
            stay.change(before, circuit, event.t)
            if circuit.mode == "closed":
                self._over.append(self._open.pop(key).episode(key, closed=event.t))

    def episodes(self) -> list[Episode]:
        """All of them."""
        return [*self._over, *(stay.episode(key) for key, stay in self._open.items())]

    def at_end(self, state: State) -> tuple[tuple[Key, frozenset[Mode]], ...]:
        """How each circuit that was asked may stand now."""
        return tuple(
            (key, _MODES)
            if key in state.cloud
            else (key, frozenset(world.circuit(key).mode for world in state.worlds))
            for key in sorted(self.asked)
        )
