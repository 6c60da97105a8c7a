"""What a contract demands next: the one oracle that every check on whether, when and how often reads.

Counterpart: lab/attempts reads a history, lab/contract declares promises; lab/checks asks.
Pure. It knows no check, and judges nothing: it says what was demanded, where, and by which field.

How to use it:

    found = demands(contract, reading)
    for operation in reading.operations:
        demand = found.of(operation.id)
        demand.admission   # did the breakers have to admit it: must, may, must_not; which and why
        demand.least, demand.most, demand.limit    # attempts, given what each attempt met
        for boundary in demand.boundaries:         # one after each attempt, the last included
            boundary.demand.start                  # must a further attempt begin, may it, must it not
            boundary.demand.earliest, .latest      # and when, on the history's clock
            boundary.followed, boundary.in_time    # and what happened
        demand.ends_as     # the keys that it may end as
    found.episodes         # the life of each circuit that left its closed state

How it works. An operation is admitted at some instant between `op.invoked` and its first attempt,
and a breaker takes its result between the end of its last attempt and `op.ended`. Instants whose
spans overlap may have come in either order, so the state is a set of worlds, one for each order
that explains what was seen; a demand on which the worlds agree is `must` or `must_not`, else it
is `may`. An operation that no world explains is a deviation (`Admission.explained`): the state
then goes on both as the contract would have it and as the client seems to see it, so that what
follows from one deviation is not reported again. Where there are more worlds than can be followed,
the circuits in which they differ are a cloud (worlds.py), and what asks them may do anything.
"""

from __future__ import annotations

from .circuits import fold
from .course import demands, next_demand, timeline
from .demand import (
    Admission,
    AttemptBegan,
    AttemptEnded,
    Boundary,
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
    Since,
    Standing,
    Start,
)
from .state import State, begin, open_circuits

__all__ = [
    "Admission",
    "AttemptBegan",
    "AttemptEnded",
    "Boundary",
    "CancelRequested",
    "Demand",
    "Demands",
    "Ended",
    "Episode",
    "Invoked",
    "Key",
    "Mode",
    "OperationDemand",
    "OracleEvent",
    "ProbeResult",
    "Ran",
    "Renewed",
    "Since",
    "Standing",
    "Start",
    "State",
    "begin",
    "demands",
    "fold",
    "next_demand",
    "open_circuits",
    "timeline",
]
