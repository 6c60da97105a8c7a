"""What each side of a connection is told, and when."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import World


def test_bytes_come_in_order_after_the_latency(world: World) -> None:
    """And nothing is told to who wrote them."""
    client, server = world.pair()
    begun = world.hand.time
    client.endpoint.write(b"ab")
    client.endpoint.write(b"c")
    world.hand.run()
    assert server.data == b"abc"
    assert [round(when - begun, 6) for when, _ in server.told] == [0.001, 0.001]
    assert client.told == []


def test_a_half_close_leaves_the_other_way_open(world: World) -> None:
    """A server may answer after the request's end."""
    client, server = world.pair()
    client.endpoint.write(b"ask")
    client.endpoint.shutdown()
    world.hand.run(1)
    assert [what for _, what in server.told] == ["3 bytes", "ended"]
    server.endpoint.write(b"answer")
    server.endpoint.shutdown()
    world.hand.run()
    assert [what for _, what in client.told] == ["6 bytes", "ended", "over"]
    assert server.told[-1][1] == "over"
    assert client.endpoint.over
    assert server.endpoint.over


def test_a_reset_is_told_to_the_other_side_alone(world: World) -> None:
    """The kernel of who resets has nothing to say."""
    client, server = world.pair()
    begun = world.hand.time
    server.endpoint.reset()
    world.hand.run()
    assert client.told == [(round(begun + 0.001, 6), "ConnectionResetError")]
    assert server.told == []


def test_bytes_for_a_closed_side_are_answered_with_a_reset(world: World) -> None:
    """The stale connection: the request goes out, and RST comes back."""
    client, server = world.pair()
    server.endpoint.close()
    world.hand.run(world.hand.time + 1)
    assert [what for _, what in client.told] == ["ended"]
    client.endpoint.write(b"ask")
    world.hand.run()
    assert client.told[-1][1] == "BrokenPipeError"


def test_what_comes_twice_is_acknowledged_twice_even_after_the_end(world: World) -> None:
    """An acknowledgement that was lost must not make a clean end a reset."""
    client, server = world.pair()
    server.endpoint.write(b"answer")
    world.hand.run(world.hand.time + 0.0015)
    server.endpoint.unplug()
    world.hand.run(world.hand.time + 0.1)
    client.endpoint.close()
    world.hand.run(world.hand.time + 0.1)
    server.endpoint.plug()
    server.endpoint.shutdown()
    world.hand.run()
    assert client.data == b"answer"
    assert [what for _, what in server.told] == ["ended", "over"]


def test_what_came_before_a_reset_is_read_first(world: World) -> None:
    """A server may answer and leave; whoever comes late to read still finds the answer."""
    client, server = world.pair()
    client.endpoint.pause()
    server.endpoint.write(b"answer")
    server.endpoint.reset()
    world.hand.run()
    assert client.told == []
    client.endpoint.resume()
    world.hand.run()
    assert [what for _, what in client.told] == ["6 bytes", "ConnectionResetError"]


def test_a_drain_tells_what_has_waited(world: World) -> None:
    """At once, inside the call; not while reading is paused."""
    client, server = world.pair()
    server.endpoint.pause()
    client.endpoint.write(b"ask")
    assert client.endpoint.unacknowledged == 3
    world.hand.run()
    assert client.endpoint.unacknowledged == 0
    server.endpoint.drain()
    assert server.told == []
    server.endpoint.resume()
    server.endpoint.drain()
    assert server.data == b"ask"


def test_closing_with_bytes_unread_resets(world: World) -> None:
    """As a kernel does, so that the writer learns it."""
    client, server = world.pair()
    server.endpoint.pause()
    client.endpoint.write(b"ask")
    world.hand.run(world.hand.time + 1)
    assert server.endpoint.readable == 3
    server.endpoint.close()
    world.hand.run()
    assert [what for _, what in client.told] == ["ConnectionResetError"]


def test_who_does_not_read_stops_the_writer(world: World) -> None:
    """First its own kernel fills, then the writer's."""
    client, server = world.pair()
    server.endpoint.pause()
    written = 0
    for _ in range(100):
        taken = client.endpoint.write(bytes(1_000_000))
        written += taken
        world.hand.run(world.hand.time + 0.1)
        if not taken:
            break
    assert written == 6_500_000
    assert server.endpoint.readable == 4_000_000
    server.endpoint.resume()
    world.hand.run()
    assert len(server.data) == written
    assert "writable" in [what for _, what in client.told]


@pytest.mark.parametrize(
    ("cut", "healed"),
    # Seconds of silence -> seconds after the heal until bytes come, as `mechanisms.md` measured.
    [(1.0, 0.68), (2.0, 1.36), (5.0, 1.72), (10.0, 3.44), (20.0, 6.88), (40.0, 13.76)],
)
def test_healing_takes_a_kernels_time(world: World, cut: float, healed: float) -> None:
    """Retransmissions are ever rarer; what waits comes with the next."""
    client, server = world.pair()
    begun = world.hand.time
    world.network.partition("here", "there")
    client.endpoint.write(b"x")
    world.hand.run(begun + cut)
    assert server.data == b""
    world.network.heal("here", "there")
    world.hand.run()
    assert server.told[0][0] - begun - cut == pytest.approx(healed, abs=0.01)


def test_without_an_answer_it_ends_after_a_quarter_of_an_hour(world: World) -> None:
    """`net.ipv4.tcp_retries2`."""
    client, _ = world.pair()
    begun = world.hand.time
    world.network.partition("here", "there")
    client.endpoint.write(b"x")
    world.hand.run()
    [(when, what)] = client.told
    assert what == "TimeoutError"
    assert 924 <= when - begun < 1800


def test_an_unplugged_side_hears_nothing_until_it_is_plugged(world: World) -> None:
    """Not even that its own bytes have come."""
    client, server = world.pair()
    begun = world.hand.time
    server.endpoint.unplug()
    client.endpoint.write(b"x")
    world.hand.run(begun + 1.0)
    assert server.told == []
    server.endpoint.plug()
    world.hand.run()
    assert server.data == b"x"
    assert server.told[0][0] - begun == pytest.approx(1.681, abs=0.01)


def test_a_side_that_went_silently_answers_with_a_reset(world: World) -> None:
    """Half-open: one side is gone, and its RST was lost."""
    client, server = world.pair()
    world.network.partition("here", "there")
    server.endpoint.reset()
    world.hand.run(world.hand.time + 5)
    world.network.heal("here", "there")
    assert client.told == []
    client.endpoint.write(b"x")
    world.hand.run()
    assert [what for _, what in client.told] == ["ConnectionResetError"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=12),
    loss=st.sampled_from([0.0, 0.1, 0.2]),
    cuts=st.lists(st.floats(0, 3), max_size=3),
)
def test_whatever_is_lost_on_the_way_the_bytes_are_the_same(
    chunks: list[bytes], loss: float, cuts: list[float]
) -> None:
    """Loss and partitions are delay, never a change."""
    from .conftest import make

    world = make(loss=loss)
    client, server = world.pair()
    begun = world.hand.time
    for number, cut in enumerate(cuts):
        world.hand.later(cut, lambda: world.network.partition("here", "there"))
        world.hand.later(cut + number + 0.5, lambda: world.network.heal("here", "there"))
    for number, chunk in enumerate(chunks):
        world.hand.later(number * 0.4, lambda chunk=chunk: client.endpoint.write(chunk))
    world.hand.later(len(chunks) * 0.4, client.endpoint.shutdown)
    world.hand.run(begun + 3000)
    assert server.data == b"".join(chunks)
    assert server.told[-1][1] == "ended"
