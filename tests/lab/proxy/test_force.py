import pytest

from faultlab.faults import Cut, Latency, Status
from faultlab.faults.actions import Answer, Armed, CutHead, Request
from faultlab.lab.history import FaultArmed, FaultCleared, FaultFired
from faultlab.lab.proxy.force import Force
from faultlab.lab.proxy.waiting import Waiting

REQUEST = Request("GET", "/x", 1, 1)


@pytest.fixture
def force(net) -> Force:
    """One service's faults; events go to `force.told`."""
    told: list = []
    force = Force(
        net,
        "core",
        told.append,
        0.0,
        lambda fault, op, attempt: 0.5,
        Waiting(net, None, None),
    )
    force.told = told
    return force


def put(force: Force, number: int, fault) -> None:
    """Arm it."""
    force.add(Armed(number, fault), force.clock(), "gate", "fail", "")


def test_hits_are_counted_where_a_fault_acts(force) -> None:
    """A sequence must not skip a code because another request asked."""
    put(force, 1, Status(service="core", sequence=(503, 502)))
    codes = []
    for _ in range(3):
        decision = force.decide(REQUEST, force.armed)
        codes += [action.status for action in decision.actions if isinstance(action, Answer)]
    assert codes == [503, 502]
    assert force.armed[0].hits == 2


def test_only_faults_that_were_seen_and_still_hold_act(force) -> None:
    """Armed later: outside. Cleared since: outside. Hits in between: counted."""
    put(force, 1, Status(service="core", sequence=(503, 502)))
    seen = force.armed
    put(force, 2, Cut(service="core", at="request_head"))
    assert isinstance(force.decide(REQUEST, seen).actions[0], Answer)
    assert isinstance(force.decide(REQUEST, force.armed).actions[0], Answer)
    assert force.decide(REQUEST, seen).actions == ()
    seen = force.armed
    assert isinstance(force.decide(REQUEST, seen).actions[0], CutHead)
    force.remove(2)
    assert force.decide(REQUEST, seen).actions == ()


def test_an_operation_that_is_older_than_a_fault_is_not_counted_by_it(force) -> None:
    """Its request began before, so that the first operation to meet the fault is the next one."""
    put(force, 1, Latency(service="core", delay=1.0, endpoint="GET /x"))
    seen = force.armed
    put(force, 2, Status(service="core", code=503, operation=1))
    older, first = (Request("GET", "/x", 1, 1, op, 1) for op in (7, 8))
    assert not any(isinstance(one, Answer) for one in force.decide(older, seen).actions)
    assert any(isinstance(one, Answer) for one in force.decide(first, force.armed).actions)


def test_what_a_fault_did_is_told_when_it_ends(force) -> None:
    """The proof that it fired, beside its own record."""
    put(force, 1, Cut(service="core", at="request_head"))
    force.fired(1, "request", conn=4, request=1, op=2, attempt=3)
    assert force.remove(1) is not None
    armed, fired, cleared = force.told
    assert isinstance(armed, FaultArmed)
    assert (armed.name, armed.text, armed.mechanism) == ("cut", "at: request_head", "gate")
    assert isinstance(fired, FaultFired)
    assert (fired.conn, fired.request, fired.op, fired.attempt) == (4, 1, 2, 3)
    assert isinstance(cleared, FaultCleared)
    assert (cleared.name, cleared.fired) == ("cut", 1)


def test_a_fault_that_is_over_fires_no_more(force) -> None:
    """Its effects may outlive it, its record must not."""
    put(force, 1, Cut(service="core", at="request_head"))
    force.remove(1)
    force.fired(1, "request", conn=1)
    assert force.remove(1) is None
    assert not any(isinstance(event, FaultFired) for event in force.told)


def test_streaming_says_whether_bytes_are_late(force) -> None:
    """The quick path asks nothing else."""
    put(force, 1, Latency(service="core", delay=1.0, endpoint="GET /x"))
    assert not force.streaming
    put(force, 2, Latency(service="core", delay=1.0))
    assert force.streaming
    assert [delay.fault for delay in force.stream("to_client", (1, 1))] == [2]
    assert force.stream("to_backend", (1, 1)) == ()
