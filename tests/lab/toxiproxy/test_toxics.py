from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.toxiproxy.chain import keyed
from faultlab.lab.toxiproxy.toxics import (
    STAGES,
    TYPES,
    Chunk,
    End,
    Item,
    Stage,
    Toxic,
    problem,
    single,
)


def toxic(type_: str, toxicity: float = 1.0, **values: float) -> Toxic:
    """With zeros for what isn't given."""
    kind = TYPES[type_]
    given_ = tuple(values.get(attribute.name, 0) for attribute in kind.attributes)
    return Toxic("t", kind, "downstream", toxicity, given_)


def stage(type_: str, now: float = 10.0, **values: float) -> Stage:
    """One that began at `now`."""
    return STAGES[type_](toxic(type_, **values), keyed(1), now)


def through(one: Stage, *items: Item, now: float = inf) -> list[Item]:
    """What leaves by now of what was put in."""
    for item in items:
        one.put(item)
    return list(one.take(now))


FIN = End(10.0, "fin")


def test_latency_is_counted_from_arrival() -> None:
    """A slow reader must not double the delay."""
    one = stage("latency", latency=500)
    one.put(Chunk(10.0, b"a"))
    assert one.due == 10.5
    assert list(one.take(10.49)) == []
    assert list(one.take(12.0)) == [Chunk(10.5, b"a")]


def test_an_end_waits_only_for_what_came_before() -> None:
    """The close of a connection isn't delayed of itself."""
    assert through(stage("latency", latency=500), FIN) == [FIN]
    assert through(stage("latency", latency=500), Chunk(10.0, b"a"), FIN) == [
        Chunk(10.5, b"a"),
        End(10.5, "fin"),
    ]


@given(st.integers(1, 1000), st.integers(0, 10_000))
def test_jitter_stays_within_its_bounds(jitter: int, seed: int) -> None:
    """From minus jitter to jitter - 1, in whole milliseconds."""
    one = STAGES["latency"](toxic("latency", latency=1000, jitter=jitter), keyed(seed), 0.0)
    (left,) = through(one, Chunk(0.0, b"a"))
    assert 1 - jitter / 1000 <= left.at <= 1 + (jitter - 1) / 1000


def test_a_negative_latency_is_none() -> None:
    """Time doesn't run backwards."""
    assert through(stage("latency", latency=-500), Chunk(10.0, b"a")) == [Chunk(10.0, b"a")]


def test_bandwidth_gives_slices_of_a_tenth_of_a_second() -> None:
    """And each chunk waits for its own transmission."""
    left = through(stage("bandwidth", rate=1), Chunk(10.0, b"x" * 250))
    assert [(round(one.at, 6), len(one.data)) for one in left if isinstance(one, Chunk)] == [
        (10.1, 100),
        (10.2, 100),
        (10.25, 50),
    ]


def test_bandwidth_is_shared_by_chunks_in_a_row() -> None:
    """The line is one."""
    left = through(stage("bandwidth", rate=1), Chunk(10.0, b"x" * 50), Chunk(10.0, b"y" * 50))
    assert [round(one.at, 6) for one in left] == [10.05, 10.1]


def test_bandwidth_zero_holds_everything() -> None:
    """Ends included."""
    one = stage("bandwidth", rate=0)
    one.put(Chunk(10.0, b"a"))
    one.put(FIN)
    assert (one.due, list(one.take(1e9)), one.hit) == (inf, [], True)
    assert one.flush(11.0) == (Chunk(11.0, b"a"), End(11.0, "fin"))


def test_slow_close_delays_ends_alone() -> None:
    """Bytes pass."""
    left = through(stage("slow_close", delay=100), Chunk(10.0, b"a"), FIN)
    assert left == [Chunk(10.0, b"a"), End(10.1, "fin")]


def test_timeout_is_silence_of_one_direction() -> None:
    """Each chunk starts it anew."""
    one = stage("timeout", timeout=1000)
    assert (one.due, one.hit) == (11.0, False)
    one.put(Chunk(10.5, b"lost"))
    assert one.due == 11.5
    assert list(one.take(11.5)) == [End(11.5, "close")]
    assert one.due == inf


def test_timeout_zero_waits_for_ever_and_passes_the_sources_end() -> None:
    """A link whose source has gone is over."""
    one = stage("timeout", timeout=0)
    one.put(Chunk(10.5, b"lost"))
    assert one.due == inf
    assert through(one, End(11.0, "fin")) == [End(11.0, "fin")]


def test_an_updated_timeout_counts_from_the_update() -> None:
    """0 -> n closes n later."""
    one = stage("timeout", timeout=0)
    assert one.rearm(toxic("timeout", timeout=2000), 50.0) == ()
    assert one.due == 52.0


def test_reset_peer_waits_from_the_first_chunk() -> None:
    """What comes is lost."""
    one = stage("reset_peer", timeout=1000)
    assert one.due == inf
    one.put(Chunk(10.5, b"lost"))
    one.put(Chunk(10.9, b"lost"))
    assert list(one.take(11.5)) == [End(11.5, "abort")]
    assert stage("reset_peer").flush(11.0) == ()


def test_limit_data_passes_exactly_so_many() -> None:
    """And closes in the same moment."""
    assert through(stage("limit_data", bytes=3), Chunk(10.0, b"ab"), Chunk(10.1, b"cd")) == [
        Chunk(10.0, b"ab"),
        Chunk(10.1, b"c"),
        End(10.1, "close"),
    ]
    assert through(stage("limit_data", bytes=2), Chunk(10.0, b"ab")) == [
        Chunk(10.0, b"ab"),
        End(10.0, "close"),
    ]
    assert through(stage("limit_data", bytes=0), Chunk(10.0, b"ab")) == [End(10.0, "close")]


def test_the_count_of_limit_data_outlives_an_update() -> None:
    """It belongs to the link."""
    one = stage("limit_data", bytes=10)
    through(one, Chunk(10.0, b"abc"))
    one.rearm(toxic("limit_data", bytes=4), 11.0)
    assert through(one, Chunk(12.0, b"xyz")) == [Chunk(12.0, b"x"), End(12.0, "close")]


@given(st.binary(max_size=5000), st.integers(1, 300), st.integers(0, 299), st.integers(0, 9))
def test_slices_are_within_bounds_and_equal_in_content(
    data: bytes, average: int, variation: int, seed: int
) -> None:
    """Cut, never changed."""
    variation = min(variation, average - 1)
    settings = toxic("slicer", average_size=average, size_variation=variation)
    left = through(STAGES["slicer"](settings, keyed(seed), 0.0), Chunk(0.0, data))
    pieces = [one.data for one in left if isinstance(one, Chunk)]
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= average + variation for piece in pieces)


def test_slices_are_delayed_in_microseconds() -> None:
    """Behind each piece."""
    left = through(stage("slicer", average_size=1, delay=1000), Chunk(10.0, b"abc"))
    assert [round(one.at, 6) for one in left] == [10.0, 10.001, 10.002]


def test_sizes_that_mean_nothing_cut_nothing() -> None:
    """They crash the original; with --strict-compat they are taken."""
    assert through(stage("slicer"), Chunk(10.0, b"abc")) == [Chunk(10.0, b"abc")]


def test_packet_loss_at_its_ends() -> None:
    """Never, always, and an end is never lost."""
    assert through(stage("packet_loss"), Chunk(10.0, b"a")) == [Chunk(10.0, b"a")]
    assert through(stage("packet_loss", loss_rate=1), Chunk(10.0, b"a"), FIN) == [FIN]


def test_an_update_cuts_the_pending_chunk_short_and_times_the_rest_anew() -> None:
    """Settings are in force at once."""
    one = stage("latency", latency=10_000)
    one.put(Chunk(10.0, b"a"))
    one.put(Chunk(10.5, b"b"))
    assert one.rearm(toxic("latency", latency=2000), 11.0) == (Chunk(11.0, b"a"),)
    assert list(one.take(20.0)) == [Chunk(12.5, b"b")]


def test_a_held_end_is_held_anew() -> None:
    """An update of slow_close isn't an end."""
    one = stage("slow_close", delay=10_000)
    one.put(FIN)
    assert one.rearm(toxic("slow_close", delay=1000), 12.0) == ()
    assert list(one.take(20.0)) == [End(13.0, "fin")]


def test_a_hit_is_something_that_was_done() -> None:
    """Not a toxic that let everything pass."""
    quiet = stage("latency")
    through(quiet, Chunk(10.0, b"a"))
    loud = stage("latency", latency=1)
    through(loud, Chunk(10.0, b"a"))
    assert (quiet.hit, loud.hit) == (False, True)


def test_a_stage_that_holds_much_is_full() -> None:
    """Its source rests; latency has a buffer, or it would be a bandwidth."""
    slow, late = stage("bandwidth", rate=1), stage("latency", latency=1000)
    for one in (slow, late):
        one.put(Chunk(10.0, bytes(100_000)))
    assert (slow.full, late.full) == (True, False)
    slow.flush(11.0)
    assert not slow.full


@pytest.mark.parametrize(
    ("type_", "values", "says"),
    [
        ("bandwidth", {"rate": -1}, "rate must be 0 or more"),
        ("bandwidth", {"rate": 0}, None),
        ("slicer", {"average_size": 0, "size_variation": 0}, "average_size must be 1 or more"),
        (
            "slicer",
            {"average_size": 2, "size_variation": 2},
            "size_variation must be 0 or more, and less than average_size",
        ),
        ("slicer", {"average_size": 2, "size_variation": 1}, None),
        ("packet_loss", {"loss_rate": 1.1, "correlation": 0}, "loss_rate must be from 0 to 1"),
        ("latency", {"latency": -1, "jitter": -1}, None),
    ],
)
def test_what_means_nothing_is_named(
    type_: str, values: dict[str, float], says: str | None
) -> None:
    """The message is all that the caller sees."""
    assert problem(TYPES[type_], values) == says


def test_single_is_the_shortest_text_of_a_32_bit_float() -> None:
    """As the original answers toxicities."""
    assert [single(x) for x in (1, 0.1, 0.123456789012, 2.5)] == [1, 0.1, 0.12345679, 2.5]
    with pytest.raises(OverflowError):
        single(1e39)
