"""Checks about what a client leaves behind.

Counterparts: lab/attempts reads the connections that the proxy accepted, lab/subjects/leftovers.py
looks at what the subject's process holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

from ..attempts import Reading
from ..contract import Contract
from ..history import Left, LeftKind
from ..tolerance import BASE, within
from .case import seconds
from .finding import CheckInfo, Finding

GRACE = 1.0
"""Seconds after close in which a client's last FIN or RST must arrive."""

LEAK = CheckInfo(
    "C70",
    "no-connection-leak",
    "after close the client leaves no connection open",
    "the subject was closed and had opened connections",
)

LEFTOVERS = CheckInfo(
    "C71",
    "no-leftovers",
    "after close no task, thread, timer, descriptor or unawaited coroutine is left",
    "the subject was closed in a process that could be looked at",
)

KINDS: tuple[LeftKind, ...] = get_args(LeftKind)

_BY_KIND: dict[LeftKind, str] = {
    "task": "still running after close",
    "thread": "still running after close",
    "timer": "still set after close",
    "descriptor": "still open after close",
    "coroutine": "thrown away and never awaited",
}
_SHOWN = 3  # names in a sentence


def leak(reading: Reading, _: Contract | None) -> Iterator[Finding]:
    """C70. Precondition: a subject that had opened connections was closed.

    Claim: each of them is over within the grace, whoever ended it. What the lab itself closes
    later, when it tidies up, hides no leak. Witness: the connection. Source: httpcore#658, #1093.
    """
    for connection in reading.connections:
        if connection.incarnation >= len(reading.incarnations):
            continue
        life = reading.incarnations[connection.incarnation]
        if life.closed is None:
            continue
        name = f"connection {connection.id} to {connection.service}"
        over = connection.closed
        waited = (over if over is not None else reading.end) - life.closed
        if connection.unheard is not None and (over is None or waited > GRACE):
            yield LEAK.unknown(
                f"{name} was unplugged, and nothing of the client was heard after it",
                to_know="heal the partition some seconds before the subject is closed",
                events=connection.events,
            )
            continue
        match within(waited, None, GRACE, BASE):
            case "yes" if over is not None:
                yield LEAK.passed()
            case "yes":
                yield LEAK.unknown(
                    f"{name} was open when the history ended, {seconds(waited)} after close",
                    to_know=f"keep the run going for {GRACE:g} s after close",
                    events=connection.events,
                )
            case "unknown":
                yield LEAK.unknown(
                    f"{name} was open for {seconds(waited)} after close, within the tolerance",
                    events=connection.events,
                )
            case "no":
                yield LEAK.failed(
                    f"{name} was still open {seconds(waited)} after close",
                    promised=f"every connection is closed within {GRACE:g} s of close",
                    events=connection.events,
                    marks=(
                        ((connection.events[-1], f"<- {seconds(waited)} after close"),)
                        if connection.events
                        else ()
                    ),
                )


def leftovers(reading: Reading, contract: Contract | None) -> Iterator[Finding]:
    """C71. Precondition: what the subject's process held was looked at before the subject was
    entered, and the subject was closed.

    Claim: what it began is over within the grace: tasks, threads, timers, descriptors; and no
    coroutine was thrown away unawaited. The contract's `resources` may allow some. A connection to a service
    is C70's. Witness: what is left by name, with the operation that it is of where that is known.
    Source: agri#912 (a coroutine for each rejected call).
    """
    named = {operation.id: operation for operation in reading.operations}
    for life in reading.incarnations:
        if life.closed is None or not life.counted:
            continue
        if life.left is None:
            yield LEFTOVERS.unknown(
                "the subject's process ended before it could be looked at",
                to_know="let the process go on after the subject was closed",
                events=life.events,
            )
            continue
        worse = False
        for kind in KINDS:
            left = [one for one in life.left if one.kind == kind]
            most = _allowed(contract, kind)
            count = sum(one.count for one in left)
            if count <= (most or 0):
                continue
            worse = True
            operation = next((named[one.op] for one in left if one.op in named), None)
            what = f"{count} {kind}{'' if count == 1 else 's'}"
            yield LEFTOVERS.failed(
                f"{what} {_BY_KIND[kind]}: {_names(left)}",
                promised=f"after close at most {most} {kind}s are left" if most else "",
                field="" if most is None else f"resources.{kind}s_after: {most}",
                operation=None if operation is None else operation.id,
                events=(*life.events, *(() if operation is None else operation.events)),
                marks=((life.events[-1], f"<- {what}"),),
            )
        if not worse:
            yield LEFTOVERS.passed()


def _allowed(contract: Contract | None, kind: LeftKind) -> int | None:
    """How many of a kind may be left; None: the contract does not say."""
    if contract is None or kind == "coroutine":
        return None
    allowed: int | None = getattr(contract.resources, f"{kind}s_after")
    return allowed


def _names(left: Sequence[Left]) -> str:
    several = len(left) > 1
    shown = [
        f"{one.name} ({one.count})" if several and one.count > 1 else one.name
        for one in left[:_SHOWN]
    ]
    more = len(left) - _SHOWN
    return ", ".join([*shown, f"{more} more names"] if more > 0 else shown)
