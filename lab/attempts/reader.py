"""The reading of a history: its attempts, each given to the operation that it belongs to.

Counterparts: gathered.py goes over the events, exchanges.py and connects.py find the attempts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import inf

from msgspec.structs import replace

from ..history import KNOWN, AnyEvent, History, OpCancelled, OpFailed, OpOk, Starved
from .connects import Joined, join, unaccounted, unheard, without_head
from .exchanges import with_head
from .facts import (
    Attempt,
    Connection,
    Ending,
    FaultRecord,
    Incarnation,
    Missing,
    Operation,
    Reading,
    Shortage,
)
from .gathered import Call, Conn, Gathered
from .undeclared import Called, called


def read(history: History) -> Reading:
    """Derive operations and attempts from the events; never raises on a well-formed history."""
    gathered = Gathered(history)
    joined = join(gathered)
    attempts = [*with_head(gathered), *without_head(gathered, joined), *unheard(gathered)]
    attempts.sort(key=lambda attempt: attempt.begun)
    owned, strays, untagged = _owners(gathered, attempts)
    calls = sorted(gathered.calls.items())
    names = called((call.invoked, owned[op]) for op, call in calls)
    operations = tuple(
        _operation(gathered, op, call, owned[op], names.get(call.invoked.name))
        for op, call in calls
    )
    lives = [opened.t for opened in gathered.opened]
    connections = tuple(_connection(gathered, conn, lives) for conn in gathered.conns.values())
    return Reading(
        header=gathered.header,
        operations=operations,
        strays=strays,
        faults=tuple(_faults(gathered, attempts)),
        connections=connections,
        incarnations=tuple(_incarnations(gathered, untagged)),
        missing=tuple(_missing(gathered, joined, len(strays), operations)),
        end=gathered.end,
        shortages=tuple(_shortages(gathered.starved)),
        clock=tuple(gathered.clock),
        unheard=tuple((one.service, one.unheard) for one in connections if one.unheard is not None),
    )


def _owners(
    gathered: Gathered, attempts: Iterable[Attempt]
) -> tuple[dict[int, list[Attempt]], tuple[Attempt, ...], tuple[float, ...]]:
    """Attempts in order of time by operation, numbered from 1, and those of none.

    What carries no tag is the operation's that alone was in flight, and so is its effect. At last
    the times of requests that came without a tag while an operation was in flight.
    """
    in_flight = _InFlight(gathered.calls)
    owned: dict[int, list[Attempt]] = defaultdict(list)
    strays: list[Attempt] = []
    untagged: list[float] = []
    for attempt in attempts:
        running = in_flight.at(attempt.begun)
        owner = attempt.op if attempt.op in gathered.calls else None
        if owner is None:
            if running and not attempt.headless:
                untagged.append(attempt.begun)
            if len(running) == 1 and attempt.since is None:
                owner = next(iter(running))
        elif _handed_on(gathered.calls[owner], attempt, running):
            owner = None
        if owner is None:
            strays.append(replace(attempt, op=None, number=len(strays) + 1))
        else:
            if attempt.op is None:
                gathered.effects[owner] += attempt.effects
            owned[owner].append(replace(attempt, op=owner, number=len(owned[owner]) + 1))
    return owned, tuple(strays), tuple(untagged)


def _handed_on(call: Call, attempt: Attempt, running: Collection[int]) -> bool:
    """Whether an attempt may be another operation's than the one that it is tagged with.

    A worker that an operation started keeps its context. What it sends after that operation has
    returned may be for the one that is in flight now, by a queue, or still for the first.
    """
    end = call.end
    begun = attempt.begun if attempt.told.begun is None else attempt.told.begun
    return isinstance(end, OpOk) and begun > end.t and bool(running)


class _InFlight:
    """Which operations are in flight, asked in order of time."""

    def __init__(self, calls: Mapping[int, Call]) -> None:
        self._starts = deque(sorted((call.invoked.t, op) for op, call in calls.items()))
        self._ends = deque(
            sorted((call.end.t, op) for op, call in calls.items() if call.end is not None)
        )
        self._running: set[int] = set()

    def at(self, t: float) -> Collection[int]:
        """The operations in flight at `t`."""
        while self._starts and self._starts[0][0] <= t:
            self._running.add(self._starts.popleft()[1])
        while self._ends and self._ends[0][0] < t:
            self._running.discard(self._ends.popleft()[1])
        return self._running


def _operation(
    gathered: Gathered, op: int, call: Call, attempts: list[Attempt], seen: Called | None
) -> Operation:
    """One operation; `seen` is what those of its name call, where it declares nothing itself."""
    invoked, end = call.invoked, call.end
    shown = Called() if seen is None or invoked.endpoint else seen
    service = invoked.service or shown.service
    idempotent = shown.idempotent if invoked.idempotent is None else invoked.idempotent
    ending: Ending
    match end:
        case OpOk():
            ending = "ok"
        case OpFailed():
            ending = "failed"
        case OpCancelled():
            ending = "cancelled"
        case _:
            ending = "unknown"
    blind = service in gathered.served and service not in gathered.ledgers
    return Operation(
        id=op,
        name=invoked.name,
        service=service,
        endpoint=invoked.endpoint or shown.endpoint,
        idempotent=idempotent is True,
        keyed=invoked.keyed or (not invoked.endpoint and any(one.keyed for one in attempts)),
        phase=invoked.phase,
        invoked=invoked.t,
        ended=end.t if end is not None else None,
        ending=ending,
        errors=end.errors if isinstance(end, OpFailed) else (),
        value=end.type if isinstance(end, OpOk) else "",
        attempts=tuple(_settled(attempts, end.t if end is not None else None)),
        effects=None if blind else gathered.effects[op],
        cancel_requested=call.cancel,
        incarnation=call.incarnation,
        lag=max(0.0, end.late - invoked.late) if end is not None else 0.0,
        events=tuple(call.events),
        undeclared=idempotent is None,
        hung=call.hung if end is None else None,
    )


def _settled(attempts: list[Attempt], ended: float | None) -> Iterator[Attempt]:
    """Fill in when an unanswered connect was given up: before the next attempt, or the end."""
    for i, attempt in enumerate(attempts):
        if attempt.seen is None and attempt.headless:
            after = attempts[i + 1].begun if i + 1 < len(attempts) else ended
            yield replace(attempt, seen=after)
        else:
            yield attempt


def _faults(gathered: Gathered, attempts: Iterable[Attempt]) -> Iterator[FaultRecord]:
    """Every fault in order of id; connects that it refused or swallowed count as hits."""
    swallowed: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        if attempt.headless and attempt.conn is None:
            for number in attempt.faults:
                swallowed[number].append(attempt)
    for number in sorted(gathered.armed.keys() | gathered.awaited.keys()):
        came = gathered.armed.get(number)
        told = gathered.awaited[number] if came is None else came
        cleared, fired = gathered.cleared.get(number), gathered.fired[number]
        yield FaultRecord(
            id=number,
            kind=told.name,
            service=told.service,
            text=told.text,
            mechanism="" if came is None else came.mechanism,
            listener=None if came is None else came.listener,
            awaited=gathered.awaited[number].awaits if came is None else "",
            phase=told.phase,
            armed=told.t,
            cleared=cleared.t if cleared is not None else None,
            fired=len(fired) + len(swallowed[number]),
            effects=gathered.copied[number],
            unfired=told.unfired,
            events=(told.index, *fired, *(a.events[0] for a in swallowed[number])),
        )


def _connection(gathered: Gathered, conn: Conn, lives: list[float]) -> Connection:
    return Connection(
        id=conn.opened.conn or 0,
        service=conn.opened.service,
        opened=conn.opened.t,
        closed=conn.first.t if conn.first is not None else None,
        by=conn.first.by if conn.first is not None else None,
        client_closed=conn.client.t if conn.client is not None else None,
        requests=len(conn.exchanges),
        incarnation=max(0, bisect_right(lives, conn.opened.t) - 1),
        events=tuple(conn.events),
        unheard=_unheard(gathered, conn),
    )


def _unheard(gathered: Gathered, conn: Conn) -> float | None:
    """Since when nothing came of the client on a connection that was unplugged."""
    heard = [exchange.start.t for exchange in conn.exchanges]
    heard += [] if conn.client is None else [conn.client.t]
    spans = gathered.unheard(conn)
    if not spans or any(t >= spans[-1][1] for t in heard):
        return None
    return spans[0][0]


def _shortages(told: Iterable[Starved]) -> Iterator[Shortage]:
    """From each that begins to the next of its service that says it is over."""
    since: dict[str, Starved] = {}
    for event in told:
        begun = since.pop(event.service, None)
        if begun is not None:
            yield Shortage(event.service, begun.t, event.t, begun.why)
        if not event.over:
            since[event.service] = event
    for event in since.values():
        yield Shortage(event.service, event.t, None, event.why)


def _incarnations(gathered: Gathered, untagged: Sequence[float]) -> Iterator[Incarnation]:
    nexts = [*(_moment(opened) for opened in gathered.opened[1:]), (inf, inf)]
    for opened, until in zip(gathered.opened, nexts, strict=False):
        began = _moment(opened)
        end = next((it for it in gathered.closed if began <= _moment(it) <= until), None)
        closed = None if end is None else end.t
        first = bisect_right(untagged, opened.t)
        without = first < len(untagged) and (closed is None or untagged[first] <= closed)
        seen = {it.at: it for it in gathered.samples if began <= _moment(it) <= until}
        after = seen.get("close")
        yield Incarnation(
            opened.t,
            closed,
            tagged=opened.tags == "exact" and not without,
            counted="open" in seen,
            left=None if after is None else after.left,
            events=tuple(it.index for it in (opened, end, after) if it is not None),
        )


def _moment(event: AnyEvent) -> tuple[float, float]:
    """When: in virtual time much happens at once, in the order in which it was recorded."""
    return event.t, event.index


def _missing(
    gathered: Gathered, joined: Joined, strays: int, operations: tuple[Operation, ...]
) -> Iterator[Missing]:
    shut = sorted(name for name, modes in gathered.modes.items() if modes.ever_shut)
    blind = next((o.connects for o in gathered.opened if o.connects not in KNOWN), None)
    if shut and not gathered.opened:
        blind = "none: no subject reported its connects"
    captured = any(opened.connects == "packets" for opened in gathered.opened)
    if (
        shut
        and captured
        and any("full backlog" in fault.mechanism for fault in gathered.armed.values())
    ):
        blind = "the lab itself filled a backlog with connects"
    blind = gathered.hidden or blind
    if shut and blind is not None:
        yield Missing("connects", blind.removeprefix("none: "))
    elif shut and any(not c.local for c in gathered.connects):
        yield Missing("connects", "a connect's local port is not known")
    elif shut and unaccounted(gathered, joined, shut):
        yield Missing(
            "connects", "a connection was made by a child process, or past Python's sockets"
        )
    if strays and operations:
        yield Missing("attribution", f"{strays} attempts belong to no single operation")
    without = sorted({o.service for o in operations if o.effects is None})
    if without:
        yield Missing("effects", f"{', '.join(without)}: this backend keeps no ledger")
    unended = [o.id for o in operations if o.ending == "unknown"]
    if unended:
        yield Missing("end", f"operations {unended} were still running when the run ended")
