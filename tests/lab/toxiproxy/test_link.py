from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faultlab.lab.toxiproxy.address import Address
from faultlab.lab.toxiproxy.chain import Chain, keyed
from faultlab.lab.toxiproxy.link import Link
from faultlab.lab.toxiproxy.toxics import TYPES, Toxic

if TYPE_CHECKING:
    from .conftest import FakeConnection, FakeNet  # type: ignore[import-not-found]


def toxic(type_: str, stream: str = "downstream", **values: float) -> Toxic:
    """With zeros for what isn't given."""
    kind = TYPES[type_]
    given = tuple(values.get(attribute.name, 0) for attribute in kind.attributes)
    return Toxic(type_, kind, stream, 1.0, given)


class Stage:
    """A link between two fake connections, dialled unless told otherwise."""

    def __init__(
        self, net: FakeNet, *toxics: Toxic, strict: bool = False, dialled: bool = True
    ) -> None:
        self.net = net
        self.client: FakeConnection = net.connection()
        self.server: FakeConnection = net.connection()
        self.hits: list[str] = []
        self.ends: list[str] = []
        self.link = Link(
            net,
            self.client,
            Address("db", 5),
            lambda direction: Chain(
                (one for one in toxics if one.direction == direction),
                lambda *key: keyed(*key),
                net.now(),
                strict=strict,
            ),
            hit=lambda one: self.hits.append(one.name),
            gone=lambda _link, why: self.ends.append(why),
            strict=strict,
        )
        if dialled:
            self.dial(self.server)

    def dial(self, result: Any) -> None:
        """The upstream's answer."""
        ((_, _, done),) = self.net.dials
        done(result)


def test_the_client_is_read_once_its_upstream_is_there(net: FakeNet) -> None:
    """Nothing has to be kept for nobody."""
    stage = Stage(net, dialled=False)
    assert net.dials[0][:2] == ("db", 5)
    assert stage.client.events is None
    stage.dial(stage.server)
    stage.client.events.received(b"ask")
    stage.server.events.received(b"answer")
    assert (stage.client.done, stage.server.done) == ([b"answer"], [b"ask"])


def test_an_upstream_that_cannot_be_had_ends_it(net: FakeNet) -> None:
    """With the reason in the listing."""
    stage = Stage(net, dialled=False)
    stage.dial(TimeoutError("no answer to connect"))
    assert (stage.client.done, stage.ends) == (["close"], ["upstream: no answer to connect"])


def test_a_link_that_was_closed_lets_a_late_upstream_go(net: FakeNet) -> None:
    """Or it would stay open for ever."""
    stage = Stage(net, dialled=False)
    stage.link.close("stopped")
    stage.dial(stage.server)
    assert (stage.client.done, stage.server.done) == (["close"], ["close"])
    assert stage.ends == ["stopped"]


def test_bytes_leave_at_their_time(net: FakeNet) -> None:
    """And the toxic is told once."""
    stage = Stage(net, toxic("latency", latency=1000))
    stage.server.events.received(b"a")
    net.move(0.9)
    stage.server.events.received(b"b")
    assert stage.client.done == []
    net.move(0.1)
    assert stage.client.done == [b"a"]
    net.move(0.9)
    assert (stage.client.done, stage.hits) == ([b"ab"], ["latency"])


def test_a_half_close_is_relayed_and_two_end_the_link(net: FakeNet) -> None:
    """A client that has finished asking wants its answer."""
    stage = Stage(net)
    stage.client.events.ended()
    assert (stage.server.done, stage.ends) == (["fin"], [])
    stage.server.events.received(b"answer")
    stage.server.events.ended()
    assert stage.client.done == [b"answer", "fin", "close"]
    assert stage.ends == ["closed by both sides"]


def test_in_strict_ways_one_end_is_both(net: FakeNet) -> None:
    """As the original does it."""
    stage = Stage(net, strict=True)
    stage.client.events.ended()
    assert (stage.client.done, stage.server.done) == (["close"], ["close"])
    assert stage.ends == ["upstream ended"]


def test_a_reset_is_relayed_behind_what_came_before(net: FakeNet) -> None:
    """Also through a delay."""
    stage = Stage(net, toxic("latency", "upstream", latency=1000))
    stage.client.events.received(b"ask")
    stage.client.events.lost(True)
    stage.server.events.received(b"nobody reads this")
    assert stage.server.done == []
    net.move(1.0)
    assert stage.server.done == [b"ask", "rst"]
    assert stage.ends == ["upstream was reset"]
    assert b"nobody reads this" not in stage.client.done


def test_a_reset_after_a_half_close_reaches_the_other_side(net: FakeNet) -> None:
    """A client that asked, half-closed and died."""
    stage = Stage(net)
    stage.client.events.ended()
    stage.client.events.lost(True)
    assert stage.server.done == ["fin", "rst"]


def test_a_source_rests_while_its_bytes_cannot_go_on(net: FakeNet) -> None:
    """Behind a slow toxic, and behind a slow reader."""
    stage = Stage(net, toxic("bandwidth", rate=0))
    stage.server.events.received(bytes(100_000))
    assert stage.server.done == ["pause"]
    stage.link.remove(toxic("bandwidth"))
    assert stage.server.done == ["pause", "resume"]
    stage.client.full = True
    stage.server.events.received(b"x")
    assert stage.server.done[-1] == "pause"
    stage.client.full = False
    stage.client.events.drained()
    assert stage.server.done[-1] == "resume"


def test_an_idle_link_is_closed_by_a_timeout(net: FakeNet) -> None:
    """No byte is needed for that."""
    stage = Stage(net, toxic("timeout", timeout=1000))
    net.move(0.9)
    assert stage.ends == []
    net.move(0.1)
    assert (stage.client.done, stage.server.done) == (["close"], ["close"])
    assert (stage.ends, stage.hits) == (["closed by a toxic"], ["timeout"])


def test_a_reset_by_a_toxic_is_one_for_both_sides(net: FakeNet) -> None:
    """On a live link, too."""
    stage = Stage(net)
    stage.link.add(toxic("reset_peer"))
    stage.server.events.received(b"lost")
    assert (stage.client.done, stage.server.done) == (["rst"], ["rst"])


def test_an_update_is_in_force_at_once(net: FakeNet) -> None:
    """Timers of the old settings are dropped."""
    stage = Stage(net, toxic("timeout", timeout=60_000))
    stage.link.update(toxic("timeout", timeout=1000))
    net.move(1.0)
    assert stage.ends == ["closed by a toxic"]
    net.move(100.0)
    assert stage.ends == ["closed by a toxic"]
