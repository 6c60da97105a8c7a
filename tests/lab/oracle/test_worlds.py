"""Keeping worlds few."""

from __future__ import annotations

from msgspec.structs import replace

from faultlab.lab.contract import parse
from faultlab.lab.oracle.answers import keys_of
from faultlab.lab.oracle.demand import Invoked
from faultlab.lab.oracle.state import Call, Circuit, World, begin
from faultlab.lab.oracle.worlds import Found, cleared, clouded, merged, reach

CONTRACT = parse(
    {"breaker": [{"scope": scope, "fail_max": 3} for scope in ("service", "endpoint")]}, "two"
)


def call(op: int, endpoint: str, service: str = "core") -> Call:
    """An operation that is under way."""
    invoked = Invoked(0.0, op, service, endpoint, idempotent=True, keyed=False, life=0, ran="yes")
    return Call(invoked, keys_of(CONTRACT, invoked))


THIS, OTHER, AWAY = call(1, "GET /a"), call(2, "GET /b"), call(3, "GET /a", "nis")
SERVICE, ENDPOINT = THIS.keys


def failed(times: int) -> World:
    """A world in which this endpoint has failed so often."""
    return World().with_circuits({ENDPOINT: Circuit(failures=times)})


def test_worlds_that_differ_only_in_when_a_circuit_opened_are_one() -> None:
    """It opened in the wider span, by one of the two."""
    early, late = (
        World().with_circuits({SERVICE: Circuit(mode="open", opened=(t, t), by=frozenset((op,)))})
        for op, t in ((1, 1.0), (2, 2.0))
    )
    (world,) = Found([early, late]).worlds.values()
    assert world.circuit(SERVICE) == Circuit(mode="open", opened=(1.0, 2.0), by=frozenset((1, 2)))


def test_what_hangs_together_is_found_through_those_in_flight() -> None:
    """Two endpoints of one service may move each other; another service is apart."""
    state = replace(begin(), calls={1: THIS, 2: OTHER, 3: AWAY})
    assert reach(state, THIS) == {*THIS.keys, *OTHER.keys}


def test_too_many_worlds_are_a_cloud_over_their_circuits_alone() -> None:
    """What is known of another service stays known."""
    away = AWAY.keys[1]
    worlds = [
        failed(times).with_circuits({away: Circuit(failures=1)}).with_permit(1, ())
        for times in range(3)
    ]
    state = merged(replace(begin(most=2), calls={1: THIS, 3: AWAY}), THIS, worlds)
    assert state.cloud == {*THIS.keys}
    assert state.worlds == {World().with_circuits({away: Circuit(failures=1)})}


def test_few_worlds_are_kept() -> None:
    """As many as may be told apart."""
    state = merged(replace(begin(most=2), calls={1: THIS}), THIS, [failed(0), failed(1)])
    assert (len(state.worlds), state.cloud) == (2, frozenset())


def test_where_one_cloud_does_not_do_it_covers_everything_in_flight() -> None:
    """The number of worlds is bounded, whatever they differ in."""
    away = AWAY.keys[1]
    worlds = frozenset(World().with_circuits({away: Circuit(failures=n)}) for n in range(3))
    state = clouded(replace(begin(most=2), worlds=worlds, calls={1: THIS, 3: AWAY}), THIS)
    assert state.worlds == {World()}
    assert state.cloud == {*THIS.keys, *AWAY.keys}


def test_a_cloud_goes_when_nobody_who_asks_is_in_flight() -> None:
    """Then a circuit stands in one of few ways, and the next result says in which."""
    state = replace(begin(), cloud=frozenset((ENDPOINT,)))
    assert cleared(CONTRACT, replace(state, calls={1: THIS}), OTHER.keys, 9.0).cloud == {ENDPOINT}
    assert cleared(CONTRACT, replace(state, calls={1: THIS}), THIS.keys, 9.0).cloud == {ENDPOINT}
    lifted = cleared(CONTRACT, state, THIS.keys, 9.0)
    assert lifted.cloud == frozenset()
    found = {(w.circuit(ENDPOINT).mode, w.circuit(ENDPOINT).failures) for w in lifted.worlds}
    assert found == {("closed", 0), ("closed", 1), ("closed", 2), ("open", 0), ("half_open", 0)}


def test_a_cloud_stays_where_its_ways_are_too_many() -> None:
    """The bound holds for what is known again, too."""
    state = replace(begin(most=4), cloud=frozenset((ENDPOINT,)))
    assert cleared(CONTRACT, state, THIS.keys, 9.0) == state
