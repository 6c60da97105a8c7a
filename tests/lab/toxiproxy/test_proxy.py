from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faultlab.lab.toxiproxy.proxy import ListenError, Options, Proxies
from faultlab.lab.toxiproxy.toxics import TYPES, Toxic

if TYPE_CHECKING:
    from .conftest import FakeConnection, FakeNet  # type: ignore[import-not-found]

NOOP = Toxic("quiet", TYPES["noop"], "downstream", 1.0, ())


def test_it_listens_where_it_is_told_and_says_where(net: FakeNet) -> None:
    """An empty host is the server's own."""
    proxy = Proxies(net, Options()).create("p", ":7", "db:5", enabled=True)
    assert (proxy.enabled, proxy.listen, net.listeners[7].host) == (
        True,
        "127.0.0.1:7",
        "127.0.0.1",
    )
    strict = Proxies(net, Options(strict=True)).create("p", ":8", "db:5", enabled=True)
    assert (strict.listen, net.listeners[8].host) == ("[::]:8", "::")


def test_a_disabled_one_listens_nowhere(net: FakeNet) -> None:
    """Its text isn't even read."""
    proxy = Proxies(net, Options()).create("p", "nonsense", "db:5", enabled=False)
    assert (proxy.enabled, proxy.listen, net.listeners) == (False, "nonsense", {})
    with pytest.raises(ListenError, match="listen tcp: address nonsense: missing port"):
        proxy.start()


def test_a_port_that_is_taken_is_named(net: FakeNet) -> None:
    """And nothing is left of the proxy."""
    proxies = Proxies(net, Options())
    proxies.create("p", "127.0.0.1:7", "db:5", enabled=True)
    with pytest.raises(ListenError) as raised:
        proxies.create("q", "127.0.0.1:7", "db:5", enabled=True)
    assert str(raised.value) == "listen tcp 127.0.0.1:7: bind: address already in use"
    assert raised.value.taken
    assert proxies.find("q") is None


def test_a_port_that_accepts_nothing_says_so(net: FakeNet) -> None:
    """Clients wait without an error; whoever watches must know why."""
    said: list[str] = []
    Proxies(net, Options(), said.append).create("p", "127.0.0.1:7", "db:5", enabled=True)
    net.starved("Too many open files")
    net.starved("")
    assert said[-2:] == [
        "p: can accept no connection: Too many open files",
        "p: accepts connections again",
    ]


def test_stop_closes_links_and_keeps_toxics(net: FakeNet) -> None:
    """`down`, and up again on the same port."""
    proxy = Proxies(net, Options()).create("p", "127.0.0.1:0", "db:5", enabled=True)
    proxy.add(NOOP)
    port = int(proxy.listen.rpartition(":")[2])
    client: FakeConnection = net.connection()
    net.listeners[port].accepted(client)
    assert proxy.links == 1
    proxy.stop()
    assert (client.done, proxy.links, net.listeners) == (["close"], 0, {})
    proxy.start()
    assert ([*net.listeners], proxy.toxics) == ([port], (NOOP,))


def test_an_upstream_that_is_no_address_closes_the_connection(net: FakeNet) -> None:
    """It is looked at when it is needed."""
    said: list[str] = []
    proxies = Proxies(net, Options(), said.append)
    proxies.create("p", "127.0.0.1:7", "nonsense", enabled=True)
    client = net.connection()
    net.listeners[7].accepted(client)
    assert client.done == ["close"]
    assert said[-1] == (
        "p: connection 1 from 4711 closed: address nonsense: missing port in address"
    )


def test_the_same_address_is_known_again(net: FakeNet) -> None:
    """In words that mean the same; the original compares texts."""
    proxy = Proxies(net, Options()).create("p", "localhost:7", "db:5", enabled=False)
    assert proxy.listens_on("127.0.0.1:7")
    assert not proxy.listens_on("127.0.0.1:8")
    strict = Proxies(net, Options(strict=True)).create("p", "localhost:7", "db:5", enabled=False)
    assert not strict.listens_on("localhost:7")
    strict.start()
    assert strict.listens_on("localhost:7")
    every = Proxies(net, Options(strict=True)).create("p", ":8", "db:5", enabled=True)
    assert [every.listens_on(text) for text in ("[::]:8", ":8", "0.0.0.0:8")] == [
        True,
        False,
        False,
    ]


def test_toxics_are_replaced_in_place(net: FakeNet) -> None:
    """Order of addition is the order in which they act."""
    proxy = Proxies(net, Options()).create("p", ":7", "db:5", enabled=False)
    other = Toxic("other", TYPES["noop"], "upstream", 1.0, ())
    proxy.add(NOOP)
    proxy.add(other)
    spared = Toxic("quiet", TYPES["noop"], "downstream", 0.0, ())
    proxy.update(spared)
    assert proxy.toxics == (spared, other)
    proxy.remove("quiet")
    assert (proxy.find("quiet"), proxy.find("other")) == (None, other)


def test_close_stops_all(net: FakeNet) -> None:
    """No port is left."""
    proxies = Proxies(net, Options())
    for name in "pq":
        proxies.create(name, ":0", "db:5", enabled=True)
    assert [proxy.name for proxy in proxies] == ["p", "q"]
    proxies.close()
    assert (net.listeners, [*proxies]) == ({}, [])
