"""The same plans in two environments: the same attempts, outcomes, effects, order and breakers."""

from __future__ import annotations

import pytest

from faultlab.lab.attempts import read
from faultlab.lab.results import Result

from .conftest import Plays, cases
from .fidelity import explained
from .likeness import Unlike, unexplained, unlike, unlike_judgements

pytestmark = [pytest.mark.slow, pytest.mark.wire, pytest.mark.timeout(300)]


def differences(one: Result, other: Result) -> tuple[Unlike, ...]:
    """Of both runs of a story, and of what was made of them."""
    found: list[Unlike] = []
    for here, there in ((one.baseline, other.baseline), (one.armed, other.armed)):
        assert (here is None) == (there is None)
        if here is not None and there is not None:
            found += unlike(one.contract, read(here), read(there))
    assert one.judgement is not None
    assert other.judgement is not None
    return (*found, *unlike_judgements(one.judgement, other.judgement))


@pytest.mark.parametrize(("place", "story"), cases())
def test_a_story_is_the_same_story(plays: Plays, place: str, story: str) -> None:
    """Whatever carries it out; what the fidelity table explains aside."""
    one, other = plays.at("embedded")[story], plays.at(place)[story]
    assert (one.error, other.error) == (None, None)
    told = "\n".join(map(str, unexplained(differences(one, other), explained())))
    assert not told, told
