"""What was seen of a client that promises nothing, as a contract to correct and keep.

Pure. It says no more than what happened: every operation that counts is one whose attempts are all
known and met the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..attempts import Operation, Reading, doubt, read
from ..contract import Contract
from ..results import Result

__all__ = ["Seen", "seen", "seen_in"]

_UNSEEN = frozenset(("ok", "unknown", "pending", "cancelled"))


@dataclass(slots=True)
class Seen:
    """How operations ended whose attempts all met one observable."""

    attempts: set[int] = field(default_factory=set)
    endings: set[str] = field(default_factory=set)


def seen(results: Iterable[Result]) -> Iterator[str]:
    """The lines of it; none where nothing is open, or nothing was seen of it."""
    open_ = [one for one in results if one.armed is not None and _silent(one.contract)]
    found: dict[str, Seen] = {}
    for result in open_:
        assert result.armed is not None
        for key, one in seen_in(read(result.armed)).items():
            known = found.setdefault(key, Seen())
            known.attempts |= one.attempts
            known.endings |= one.endings
    if not found:
        return
    keys = sorted(found)
    width = max(map(len, keys))
    yield "seen, where nothing is promised:"
    for key in keys:
        yield f"  {key:<{width}}   {_told(found[key])}"
    yield "the same as a contract, to correct and keep (--contract FILE.yaml):"
    yield f"  attempts: {{max: {max(max(one.attempts) for one in found.values())}}}"
    yield "  errors:"
    for key in keys:
        names = sorted(_declared(ending) for ending in found[key].endings)
        listed = ", ".join(names)
        yield f"    {key}: {listed if len(names) == 1 else f'[{listed}]'}"


def seen_in(reading: Reading) -> dict[str, Seen]:
    """What was seen, by what the attempts met."""
    found: dict[str, Seen] = {}
    for operation in reading.operations:
        met = {attempt.observable for attempt in operation.attempts}
        if operation.ending in ("ok", "failed") and len(met) == 1 and not doubt(reading, operation):
            key = met.pop()
            if key not in _UNSEEN:
                one = found.setdefault(key, Seen())
                one.attempts.add(len(operation.attempts))
                one.endings.add(_ending(operation))
    return found


def _silent(contract: Contract) -> bool:
    return not contract.promises("attempts.max") and not contract.promises("errors")


def _ending(operation: Operation) -> str:
    return operation.errors[0].classes[0] if operation.errors else "ok"


def _told(one: Seen) -> str:
    counts = sorted(one.attempts)
    several = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    noun = "attempt" if counts == [1] else "attempts"
    return f"{several} {noun}, then {' or '.join(sorted(one.endings))}"


def _declared(ending: str) -> str:
    """As a contract's `errors` says it: an exit code by its number, a value as `response`."""
    return "response" if ending == "ok" else ending.removeprefix("exit ")
