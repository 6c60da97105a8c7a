from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.toxiproxy.chain import Chain, keyed
from faultlab.lab.toxiproxy.toxics import TYPES, Chunk, Draw, End, Item, Toxic


def toxic(type_: str, name: str = "", toxicity: float = 1.0, **values: float) -> Toxic:
    """With zeros for what isn't given."""
    kind = TYPES[type_]
    given_ = tuple(values.get(attribute.name, 0) for attribute in kind.attributes)
    return Toxic(name or type_, kind, "downstream", toxicity, given_)


def chance(name: str, purpose: str) -> Draw:
    """As for one link."""
    return keyed(7, name, purpose)


def chain(*toxics: Toxic, strict: bool = False) -> Chain:
    """One that began at 0."""
    return Chain(toxics, chance, 0.0, strict=strict)


def content(items: list[Item]) -> bytes:
    """The bytes of what left."""
    return b"".join(item.data for item in items if isinstance(item, Chunk))


def test_keyed_draws_repeat_and_differ_by_key() -> None:
    """The seed is a promise: the original's does nothing."""
    one, again, other = keyed(1, "a"), keyed(1, "a"), keyed(1, "b")
    row = [one() for _ in range(5)]
    assert row == [again() for _ in range(5)]
    assert row != [other() for _ in range(5)]
    assert all(0 <= number < 1 for number in row)


def test_latencies_add_up_exactly() -> None:
    """However late the loop is."""
    one = chain(toxic("latency", "a", latency=500), toxic("latency", "b", latency=250))
    one.put(Chunk(1.0, b"x"))
    assert one.advance(1.0) == []
    assert one.due == 1.5
    assert one.advance(9.0) == [Chunk(1.75, b"x")]


def test_a_removal_hands_on_what_waits() -> None:
    """To the stages behind it, without delay of its own."""
    one = chain(toxic("latency", "a", latency=9000), toxic("latency", "b", latency=100))
    one.put(Chunk(1.0, b"x"))
    one.advance(1.0)
    assert one.remove("a", 2.0) == []
    assert one.due == 2.1
    assert one.advance(2.1) == [Chunk(2.1, b"x")]


def test_an_added_toxic_stands_at_the_end() -> None:
    """And acts on what comes to it from now on."""
    one = chain(toxic("latency", latency=1000))
    one.put(Chunk(1.0, b"x"))
    assert one.advance(1.5) == []
    assert one.add(toxic("limit_data"), 1.6) == []
    assert one.advance(2.0) == [End(2.0, "close")]


def test_a_spared_link_passes_by() -> None:
    """Toxicity 0 never, whatever the type."""
    one = chain(toxic("timeout", toxicity=0, timeout=1))
    one.put(Chunk(1.0, b"x"))
    assert one.advance(99.0) == [Chunk(1.0, b"x")]
    assert one.hits() == []


def test_a_removed_timeout_closes_a_spared_link_too() -> None:
    """As the original does."""
    assert chain(toxic("timeout", toxicity=0)).remove("timeout", 3.0) == [End(3.0, "close")]
    assert chain(toxic("reset_peer", toxicity=0)).remove("reset_peer", 3.0) == []


def test_toxicity_can_be_changed_on_a_live_link() -> None:
    """Spared, then hit, then spared again: what waits isn't lost."""
    one = chain(toxic("latency", toxicity=0, latency=1000))
    assert one.update(toxic("latency", latency=1000), 1.0) == []
    one.put(Chunk(2.0, b"x"))
    assert one.advance(2.5) == []
    assert one.update(toxic("latency", toxicity=0, latency=1000), 2.6) == [Chunk(2.6, b"x")]


def test_a_reset_of_an_older_link_is_a_fin_in_strict_ways() -> None:
    """The original prepares a link for RST only when it begins."""
    for strict, how in ((False, "abort"), (True, "close")):
        one = chain(strict=strict)
        one.add(toxic("reset_peer"), 1.0)
        one.put(Chunk(2.0, b"x"))
        assert one.advance(2.0) == [End(2.0, how)]
    fresh = chain(toxic("reset_peer"), strict=True)
    fresh.put(Chunk(2.0, b"x"))
    assert fresh.advance(2.0) == [End(2.0, "abort")]


def test_hits_are_told_once() -> None:
    """A listing of every chunk would tell nothing."""
    one = chain(toxic("latency", latency=1))
    one.put(Chunk(1.0, b"x"))
    one.advance(1.0)
    assert [hit.name for hit in one.hits()] == ["latency"]
    assert one.hits() == []


_KEEPING = st.one_of(
    st.builds(
        lambda latency, jitter: toxic("latency", latency=latency, jitter=jitter),
        st.integers(-10, 300),
        st.integers(-10, 300),
    ),
    st.builds(lambda rate: toxic("bandwidth", rate=rate), st.integers(0, 50)),
    st.builds(
        lambda average, variation, delay: toxic(
            "slicer", average_size=average, size_variation=min(variation, average - 1), delay=delay
        ),
        st.integers(1, 100),
        st.integers(0, 99),
        st.integers(0, 5000),
    ),
    st.builds(lambda delay: toxic("slow_close", delay=delay), st.integers(0, 100)),
    st.just(toxic("noop")),
    st.builds(lambda share: toxic("timeout", toxicity=share), st.just(0.0)),
)

_STEP = st.one_of(
    st.tuples(st.just("put"), st.binary(min_size=1, max_size=400)),
    st.tuples(st.just("wait"), st.floats(0, 2)),
    st.tuples(st.just("add"), _KEEPING),
    st.tuples(st.just("update"), st.tuples(st.integers(0, 9), st.integers(0, 200))),
    st.tuples(st.just("remove"), st.integers(0, 9)),
)


@given(st.lists(_KEEPING, max_size=4), st.lists(_STEP, max_size=40))
def test_no_byte_is_lost_or_moved_whatever_is_changed(
    first: list[Toxic], steps: list[tuple[str, object]]
) -> None:
    """Random bytes in random chunks through random chains that are changed under way."""
    numbers = iter(range(100))

    def named(one: Toxic) -> Toxic:
        return Toxic(f"t{next(numbers)}", one.kind, one.stream, one.toxicity, one.values)

    toxics = [named(one) for one in first]
    one = Chain(toxics, chance, 0.0)
    now, sent, left = 0.0, b"", []
    for what, value in steps:
        match what, value:
            case "put", bytes() as data:
                sent += data
                one.put(Chunk(now, data))
                left += one.advance(now)
            case "wait", float() as seconds:
                now += seconds
                left += one.advance(now)
            case "add", Toxic() as toxic_:
                toxics.append(named(toxic_))
                left += one.add(toxics[-1], now)
            case "update", (int() as index, int() as number) if toxics:
                old = toxics[index % len(toxics)]
                if old.kind.name in ("latency", "bandwidth", "slow_close"):
                    values = (number, *old.values[1:])
                    new = Toxic(old.name, old.kind, old.stream, old.toxicity, values)
                    toxics[index % len(toxics)] = new
                    left += one.update(new, now)
            case "remove", int() as index if toxics:
                if toxics[index % len(toxics)].kind.name != "timeout":
                    left += one.remove(toxics.pop(index % len(toxics)).name, now)
            case _:
                pass
    one.put(End(now, "fin"))
    left += one.advance(now)
    for rest in [one for one in toxics if one.kind.name != "timeout"]:
        left += one.remove(rest.name, now)
    left += one.advance(now)
    assert content(left) == sent
    assert [item for item in left if isinstance(item, End)] == [left[-1]]
    times = [item.at for item in left]
    assert all(at <= now for at in times)
