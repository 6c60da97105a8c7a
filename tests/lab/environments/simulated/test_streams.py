"""Whatever happens to a network: bytes arrive in order and whole, or the connection is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from faultlab.lab.environments.simulated.network import Link

from .conftest import Notes, World, make

Side = Literal["client", "server"]
Act = tuple[float, str, Side, object]

links = st.builds(
    Link,
    latency=st.sampled_from([0.0, 0.001, 0.2]),
    jitter=st.sampled_from([0.0, 0.05]),
    bandwidth=st.sampled_from([None, 50.0, 1e6]),
    loss=st.sampled_from([0.0, 0.3]),
)
gentle = st.sampled_from(
    ["write", "write", "write", "pause", "resume", "unplug", "plug", "cut", "heal", "link"]
)
losses = st.sampled_from([0.0, 0.5])
moments = st.sampled_from([0.0, 0.1, 0.3, 1.0, 5.0])
sides = st.sampled_from(["client", "server"])


def acts(words: st.SearchStrategy[str]) -> st.SearchStrategy[list[Act]]:
    """What happens, when, and to which side."""
    data = st.binary(min_size=1, max_size=60)
    return st.lists(st.tuples(moments, words, sides, st.one_of(data, links)), max_size=14)


class Play:
    """One connection, and what was written on each side of it."""

    def __init__(self, happens: list[Act], loss: float) -> None:
        self.world: World = make(loss=loss)
        client, server = self.world.pair()
        self.sides: dict[str, Notes] = {"client": client, "server": server}
        self.written = {"client": b"", "server": b""}
        self.cuts: list[tuple[str, str]] = []
        for when, word, side, what in happens:
            self.world.hand.later(when, self._act(word, side, what))
        self.world.hand.run(self.world.hand.time + 10)

    def end(self) -> None:
        """Everything heals; then there is all the time that TCP may want."""
        for one, other in self.cuts:
            self.world.network.heal(one, other, one_way=True)
        self.world.network.link("here", "there", Link())
        for side in self.sides.values():
            side.endpoint.plug()
            side.endpoint.resume()
        self.world.hand.run(self.world.hand.time + 600)

    def _act(self, word: str, side: str, what: object) -> Callable[[], object]:
        endpoint = self.sides[side].endpoint
        way = ("here", "there") if side == "client" else ("there", "here")

        def write() -> None:
            data = what if isinstance(what, bytes) else b"link"
            if not endpoint.over:
                self.written[side] += data[: endpoint.write(data)]

        def cut() -> None:
            self.cuts.append(way)
            self.world.network.partition(*way, one_way=True)

        def heal() -> None:
            if way in self.cuts:
                self.cuts.remove(way)
                self.world.network.heal(*way, one_way=True)

        def link() -> None:
            self.world.network.link("here", "there", what if isinstance(what, Link) else Link())

        own = {"write": write, "cut": cut, "heal": heal, "link": link}
        return own[word] if word in own else getattr(endpoint, word)


@settings(max_examples=150, deadline=None)
@given(acts(gentle), losses)
def test_what_does_not_end_a_connection_changes_nothing_that_arrives(
    happens: list[Act], loss: float
) -> None:
    """Pauses, silences, slow links and cuts are delay."""
    play = Play(happens, loss)
    play.end()
    assert play.sides["server"].data == play.written["client"]
    assert play.sides["client"].data == play.written["server"]
    assert not any(side.endpoint.over for side in play.sides.values())


@settings(max_examples=150, deadline=None)
@given(acts(st.one_of(gentle, st.just("reset"))), losses)
def test_a_connection_that_is_reset_has_given_a_part_from_the_start(
    happens: list[Act], loss: float
) -> None:
    """Nothing is out of order, twice or made up; who did not reset and still spoke learns of it."""
    play = Play(happens, loss)
    play.end()
    assert play.written["client"].startswith(play.sides["server"].data)
    assert play.written["server"].startswith(play.sides["client"].data)
    for one, other in (("client", "server"), ("server", "client")):
        mine, theirs = play.sides[one], play.sides[other]
        if play.written[one] != theirs.data:
            assert mine.endpoint.over
