from functools import partial
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from faultlab.faults.actions import Delay, Paced
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


class Got:
    """What a line let go, and when."""

    def __init__(self, net) -> None:
        self.net = net
        self.pieces: list[tuple[float, bytes]] = []

    def of(self, data: bytes):
        """The release of these bytes."""
        return lambda start, stop: self.pieces.append((self.net.now(), data[start:stop]))


def paced(size: int, seconds: float, fault: int = 1) -> tuple[Paced, ...]:
    """One pace."""
    return (Paced(fault, "to_client", size, seconds),)


def test_paced_bytes_leave_in_pieces_one_after_each_interval(net) -> None:
    """The last piece is smaller, and waits that much less."""
    line, got = Line(net, lambda fault: True), Got(net)
    line.put_bytes(got.of(b"abcde"), 5, paced(2, 1.0))
    net.move(10.0)
    assert got.pieces == [(1.0, b"ab"), (2.0, b"cd"), (2.5, b"e")]


def test_a_pace_goes_on_from_one_put_to_the_next(net) -> None:
    """A stream has one rate, however its bytes came."""
    line, got = Line(net, lambda fault: True), Got(net)
    for data in (b"ab", b"cd"):
        line.put_bytes(got.of(data), 2, paced(2, 1.0))
    net.move(10.0)
    assert got.pieces == [(1.0, b"ab"), (2.0, b"cd")]


def test_of_several_paces_the_slowest_holds(net) -> None:
    """While it is in force; then the next slowest."""
    force = {1, 2}
    line, got = Line(net, force.__contains__), Got(net)
    line.put_bytes(got.of(b"abcdef"), 6, (*paced(1, 1.0), *paced(2, 1.0, 2)))
    net.move(1.0)
    force.remove(1)
    line.pump()
    net.move(10.0)
    assert got.pieces == [(1.0, b"a"), (2.0, b"bc"), (3.0, b"de"), (3.5, b"f")]


def test_a_pace_that_is_over_lets_the_rest_go_at_once(net) -> None:
    """A fault ends with its block."""
    force = {1}
    line, got = Line(net, force.__contains__), Got(net)
    line.put_bytes(got.of(b"abcdef"), 6, paced(1, 1.0))
    net.move(2.0)
    force.remove(1)
    line.pump()
    assert got.pieces == [(1.0, b"a"), (2.0, b"b"), (2.0, b"cdef")]
    assert (line.empty, line.size) == (True, 0)


@given(
    st.lists(
        st.tuples(st.binary(max_size=9), st.floats(0, 2), st.integers(1, 4), st.floats(0.01, 1)),
        max_size=8,
    )
)
def test_a_pace_keeps_every_byte_in_order_and_is_never_outrun(
    new_house, puts: list[tuple[bytes, float, int, float]]
) -> None:
    """Whatever came when, at whatever pace: a byte takes its share of an interval."""
    net = new_house().net
    line, got = Line(net, lambda fault: True), Got(net)
    for data, pause, size, seconds in puts:
        line.put_bytes(got.of(data), len(data), paced(size, seconds))
        net.move(pause)
    net.move(1000.0)
    assert b"".join(data for _, data in got.pieces) == b"".join(data for data, *_ in puts)
    due = [share for data, _, size, seconds in puts for share in [seconds / size] * len(data)]
    passed = 0
    for when, data in got.pieces:
        passed += len(data)
        assert when >= sum(due[:passed]) - 1e-6
