"""One accepted connection and its upstream connection, with a chain of toxics each way.

Reads nothing of the client before its upstream is there, pauses a source whose bytes can't go on,
and ends both sides as the chain says. Knows no HTTP; which toxics there are, the proxy says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import assert_never

from ..net import Connection, Net, Timer
from .address import Address
from .chain import Chain
from .toxics import Chunk, End, Item, Stream, Toxic

__all__ = ["DIAL_LIMIT", "Link"]

DIAL_LIMIT = 5.0  # seconds until an upstream that doesn't answer is taken for dead


class _Side:
    """What one connection tells its link."""

    def __init__(self, link: Link, outgoing: _Half, incoming: _Half) -> None:
        self._link = link
        self._outgoing = outgoing  # the half that this side is the source of
        self._incoming = incoming

    def received(self, data: bytes) -> None:
        self._outgoing.arrived(data)

    def ended(self) -> None:
        self._outgoing.source_ended("fin")

    def lost(self, reset: bool) -> None:
        if reset:
            self._link._lost(self._outgoing, self._incoming)

    def drained(self) -> None:
        self._incoming.sink_drained()


class _Half:
    """One direction: source, chain, sink."""

    def __init__(
        self, link: Link, direction: Stream, source: Connection, sink: Connection, chain: Chain
    ) -> None:
        self.direction = direction
        self.source = source
        self.sink = sink
        self.over = False
        self.chain = chain
        self._link = link
        self._timer: Timer | None = None
        self._sink_full = False
        self._paused = False

    def arrived(self, data: bytes) -> None:
        """Bytes of the source."""
        if self.over:
            return
        if self.chain.straight:
            if not self.sink.write(data):
                self._sink_full = True
                self._balance()
            return
        self.chain.put(Chunk(self._link.net.now(), data))
        self.pump()

    def source_ended(self, how: str) -> None:
        """The source's FIN or RST."""
        if not self.over:
            self.chain.put(End(self._link.net.now(), "rst" if how == "rst" else "fin"))
            self.pump()

    def sink_drained(self) -> None:
        """The sink took what was written."""
        self._sink_full = False
        self._balance()

    def pump(self) -> None:
        """Let leave what is due."""
        self.carry_out(self.chain.advance(self._link.net.now()))

    def carry_out(self, items: Iterable[Item]) -> None:
        """Send what left the chain, and wait for the next that will."""
        for item in items:
            if self.over:
                break
            if isinstance(item, Chunk):
                if not self.sink.write(item.data):
                    self._sink_full = True
            else:
                self.over = True
                self._tell_hits()
                self._link._ended(self, item)
        if self.over:
            self.stop()
            return
        self._tell_hits()
        self._set_timer()
        self._balance()

    def stop(self) -> None:
        """Nothing passes any more."""
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell_hits(self) -> None:
        for toxic in self.chain.hits():
            self._link.hit(toxic)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.chain.due
        if due < inf:
            net = self._link.net
            self._timer = net.later(max(0.0, due - net.now()), self.pump)

    def _balance(self) -> None:
        wanted = self._sink_full or self.chain.full
        if wanted and not self._paused:
            self.source.pause()
        elif self._paused and not wanted:
            self.source.resume()
        self._paused = wanted


class Link:
    """A client's way to the upstream. `gone` is called once it is over."""

    def __init__(
        self,
        net: Net,
        client: Connection,
        upstream: Address,
        chain: Callable[[Stream], Chain],
        *,
        hit: Callable[[Toxic], None],
        gone: Callable[[Link, str], None],
        strict: bool,
    ) -> None:
        self.net = net
        self.hit = hit
        self._client = client
        self._server: Connection | None = None
        self._halves: dict[Stream, _Half] = {}
        self._chain = chain
        self._gone = gone
        self._strict = strict
        self._over = False
        net.connect(upstream.host or "localhost", upstream.port, self._dialled, DIAL_LIMIT)

    def add(self, toxic: Toxic) -> None:
        """A toxic more, at the end of its chain."""
        self._change(toxic.direction, lambda chain: chain.add(toxic, self.net.now()))

    def update(self, toxic: Toxic) -> None:
        """New settings of a toxic."""
        self._change(toxic.direction, lambda chain: chain.update(toxic, self.net.now()))

    def remove(self, toxic: Toxic) -> None:
        """A toxic less; what it held leaves at once."""
        self._change(toxic.direction, lambda chain: chain.remove(toxic.name, self.net.now()))

    def close(self, why: str) -> None:
        """FIN to both sides at once; what is in the toxics is lost."""
        if self._over:
            return
        self._client.close()
        if self._server is not None:
            self._server.close()
        self._finish(why)

    def _change(self, direction: Stream, change: Callable[[Chain], list[Item]]) -> None:
        half = self._halves.get(direction)
        if half is not None and not half.over:
            half.carry_out(change(half.chain))

    def _dialled(self, result: Connection | OSError) -> None:
        if self._over:
            if not isinstance(result, OSError):
                result.close()
            return
        if isinstance(result, OSError):
            self.close(f"upstream: {result}")
            return
        self._server = result
        up = _Half(self, "upstream", self._client, result, self._chain("upstream"))
        down = _Half(self, "downstream", result, self._client, self._chain("downstream"))
        self._halves = {"upstream": up, "downstream": down}
        self._client.bind(_Side(self, up, down))
        result.bind(_Side(self, down, up))
        for half in (up, down):
            half.pump()  # a toxic may act on a link that carries nothing

    def _ended(self, half: _Half, end: End) -> None:
        """The end of one direction left its chain."""
        match end.how:
            case "fin" if not self._strict:
                half.sink.fin()
                if all(one.over for one in self._halves.values()):
                    self.close("closed by both sides")
            case "fin":
                self.close(f"{half.direction} ended")
            case "rst" if not self._strict:
                half.source.close()
                half.sink.reset(after_written=True)
                self._finish(f"{half.direction} was reset")
            case "rst":
                self.close(f"{half.direction} was reset")
            case "close":
                self.close("closed by a toxic")
            case "abort":
                half.source.reset()
                half.sink.reset()
                self._finish("reset by a toxic")
            case _:
                assert_never(end.how)

    def _lost(self, outgoing: _Half, incoming: _Half) -> None:
        """A side has gone by RST: nothing reaches it, and what it sent before still passes."""
        incoming.stop()
        if outgoing.over:
            self._ended(outgoing, End(self.net.now(), "rst"))
        else:
            outgoing.source_ended("rst")

    def _finish(self, why: str) -> None:
        if self._over:
            return
        self._over = True
        for half in self._halves.values():
            half.stop()
        self._gone(self, why)
