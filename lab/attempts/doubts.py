"""Why what was seen of an operation may not be all: the one answer for checks, steps and counts. Pure.

Counterpart: reader.py says of a whole reading which evidence is missing; whether that touches one
operation is said here.
"""

from __future__ import annotations

from math import inf

from .facts import Operation, Reading

__all__ = ["doubt", "unattributed"]


def doubt(reading: Reading, operation: Operation) -> str:
    """Why the attempts seen of an operation may not be all, or not its own; empty: they are."""
    ended = operation.ended if operation.ended is not None else reading.end
    foreign = unattributed(reading, operation)
    if operation.certainty == "inferred":
        return foreign
    for short in reading.shortages:
        until = reading.end if short.until is None else short.until
        if (
            operation.calls in (None, short.service)
            and short.since <= ended
            and until >= operation.invoked
        ):
            return f"meanwhile the lab could accept no connection: {short.why}"
    if foreign:
        return foreign
    if operation.undeclared:
        return f"nothing says whether `{operation.name}` is idempotent: no request of it was seen"
    if not reading.tagged and reading.unplugged.touch(operation.calls, -inf, ended):
        return "what was sent on unplugged connections has not arrived, and is not tagged"
    for attempt in operation.attempts:
        if attempt.observable == "unknown":
            why = f": {attempt.unread}" if attempt.unread else ""
            return f"what attempt {attempt.number} met can't be told{why}"
        if attempt.observable == "pending" and operation.ending == "unknown":
            return f"attempt {attempt.number} was still under way when the run ended"
    if operation.ending == "unknown":
        return "the operation was still running when the run ended"
    hidden = reading.lacks("connects")
    if hidden is not None and reading.shut.touch(operation.calls, operation.invoked, ended):
        return f"connects that reach no proxy: {hidden}"
    return ""


def unattributed(reading: Reading, operation: Operation) -> str:
    """Why attempts of an operation may be taken for nobody's, or those of others for its own."""
    if operation.certainty == "inferred":
        return "which attempts are this operation's is only inferred"
    loose = reading.lacks("attribution")
    ended = operation.ended if operation.ended is not None else reading.end
    if loose is not None and reading.astray.touch(operation.calls, operation.invoked, ended):
        return loose
    return ""
