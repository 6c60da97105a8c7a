"""An operation that nothing overlaps is taken whole, and comes to what its events come to."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from faultlab.lab.attempts import read
from faultlab.lab.oracle import Ended, Invoked, begin, timeline
from faultlab.lab.oracle.answers import keys_of
from faultlab.lab.oracle.circuits import passed, step
from faultlab.lab.oracle.state import Call

Drawn = Any  # the strategies in conftest.py


@given(st.data())
@settings(max_examples=60)
def test_the_short_way_leads_to_the_same_state(drawn: Drawn, data: st.DataObject) -> None:
    """It is most of a history, so what it left out would be missing from most verdicts."""
    contract = data.draw(drawn.contracts())
    reading = read(data.draw(drawn.histories(overlaps=False)))
    state = begin()
    for _, together in groupby(timeline(contract, reading), attrgetter("op")):
        events = list(together)
        invoked, whole = events[0], None
        if isinstance(invoked, Invoked) and isinstance(events[-1], Ended):
            call = Call(invoked, keys_of(contract, invoked), asking=False).seen(*events)
            whole = passed(contract, state, call)
        admissions = []
        for event in events:
            state, admission = step(contract, state, event)
            admissions += [] if admission is None else [admission]
        if whole is not None:
            assert (whole[0], [whole[1]]) == (state, admissions)
