from functools import partial
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from faultlab.faults.decide import Delay
from faultlab.lab.proxy.line import Line


def late(seconds: float, fault: int = 1) -> tuple[Delay, ...]:
    """One delay."""
    return (Delay(fault, "to_client", seconds),)


def test_each_release_has_its_time(net) -> None:
    """Late by the delay, from its arrival."""
    line, out = Line(net, lambda fault: True), []
    line.put(lambda: out.append((net.now(), "a")), 1, late(0.5))
    net.move(0.2)
    line.put(lambda: out.append((net.now(), "b")), 1, late(0.5))
    net.move(2.0)
    assert out == [(0.5, "a"), (0.7, "b")]


def test_what_follows_never_overtakes(net) -> None:
    """A byte stream has one order, whatever the delays."""
    line, out = Line(net, lambda fault: True), []
    line.put(lambda: out.append("slow"), 1, late(1.0))
    line.put(lambda: out.append("quick"), 1, ())
    assert out == []
    net.move(1.0)
    assert out == ["slow", "quick"]


def test_a_fault_that_is_over_keeps_nothing_back(net) -> None:
    """Withheld for ever means: until its end."""
    force, out = {1, 2}, []
    line = Line(net, force.__contains__)
    line.put(lambda: out.append(net.now()), 1, (*late(inf), *late(0.3, 2)))
    net.move(0.1)
    force.remove(1)
    line.pump()
    net.move(1.0)
    assert out == [0.3]


def test_held_means_nothing_leaves(net) -> None:
    """And all of it, in order, afterwards."""
    line, out = Line(net, lambda fault: True), []
    line.held = True
    line.put(lambda: out.append(1), 3, ())
    line.put(lambda: out.append(2), 4, late(0.1))
    net.move(1.0)
    assert (out, line.size, line.free) == ([], 7, False)
    line.held = False
    line.pump()
    assert (out, line.size, line.free, line.empty) == ([1, 2], 0, True, True)


def test_a_release_may_queue_another(net) -> None:
    """What a release causes comes behind what already waits."""
    line, out = Line(net, lambda fault: True), []
    line.held = True
    line.put(lambda: line.put(lambda: out.append("caused"), 0, ()), 0, ())
    line.put(lambda: out.append("waited"), 0, ())
    line.held = False
    line.pump()
    assert out == ["waited", "caused"]


def test_a_cleared_line_releases_nothing(net) -> None:
    """Not even by a timer that was set."""
    line, out = Line(net, lambda fault: True), []
    line.put(lambda: out.append(1), 1, late(0.1))
    line.clear()
    net.move(1.0)
    assert (out, line.empty, line.size) == ([], True, 0)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=12))
def test_delays_never_reorder(new_house, steps: list[tuple[float, float]]) -> None:
    """For any delays and any pauses between them."""
    net = new_house().net
    line, out = Line(net, lambda fault: True), []
    for n, (delay, pause) in enumerate(steps):
        line.put(partial(out.append, n), 1, late(delay))
        net.move(pause)
    net.move(20.0)
    assert out == list(range(len(steps)))
