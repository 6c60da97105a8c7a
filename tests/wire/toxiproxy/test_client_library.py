"""toxiproxy-python, unchanged, drives the lab's server as it drives the real one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from toxiproxy import Toxiproxy
from toxiproxy.exceptions import NotFound, ProxyExists

if TYPE_CHECKING:
    from .conftest import Server  # type: ignore[import-not-found]

pytestmark = pytest.mark.wire


@pytest.fixture
def library(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The library, pointed at the server: its host and port belong to the class."""
    monkeypatch.setenv("NO_PROXY", "*")
    toxiproxy = Toxiproxy()
    toxiproxy.update_api_consumer("127.0.0.1", server.port)
    yield toxiproxy
    toxiproxy.update_api_consumer("127.0.0.1", 8474)


@pytest.mark.conformance("X01")
def test_it_finds_the_server(library: Any) -> None:
    """Scripts wait for it so."""
    assert library.running()
    assert b'{"version": "' in library.version()


@pytest.mark.conformance("X01")
def test_create_find_and_destroy(library: Any) -> None:
    """A proxy's life."""
    proxy = library.create(name="db", upstream="127.0.0.1:1", listen="127.0.0.1:0")
    assert (proxy.name, proxy.enabled) == ("db", True)
    assert library.get_proxy("db").listen == proxy.listen
    with pytest.raises(ProxyExists):
        library.create(name="db", upstream="127.0.0.1:1")
    assert library.destroy(proxy)
    assert library.get_proxy("db") is None
    with pytest.raises(NotFound):
        proxy.add_toxic(type="latency", attributes={"latency": 5})


@pytest.mark.conformance("X01")
def test_toxics(library: Any, server: Server) -> None:
    """Added, seen on the wire, removed."""
    upstream = server.upstream()
    proxy = library.create(name="db", upstream=upstream.address, listen="127.0.0.1:0")
    proxy.add_toxic(type="limit_data", name="cut", attributes={"bytes": 2})
    assert proxy.get_toxic("cut").attributes == {"bytes": 2}
    client = server.dial({"listen": proxy.listen})
    upstream.accept().send(b"abc")
    assert client.rest() == (b"ab", "fin")
    proxy.destroy_toxic("cut")
    assert proxy.toxics() == {}


@pytest.mark.conformance("X01")
def test_down(library: Any, server: Server) -> None:
    """Refused inside the block, served after it."""
    upstream = server.upstream()
    proxy = library.create(name="db", upstream=upstream.address, listen="127.0.0.1:0")
    where = {"listen": proxy.listen}
    with proxy.down(), pytest.raises(ConnectionRefusedError):
        server.dial(where)
    client = server.dial(where)
    upstream.accept().send(b"up")
    assert client.take(2) == b"up"


@pytest.mark.conformance("X01")
def test_populate_and_reset(library: Any, server: Server) -> None:
    """What fixtures do at the start and in between."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    entries = [{"name": "db", "upstream": "127.0.0.1:1", "listen": f"127.0.0.1:{port}"}]
    assert [proxy.name for proxy in library.populate(entries)] == ["db"]
    assert library.populate(entries) == []
    proxy = library.get_proxy("db")
    proxy.add_toxic(type="latency", attributes={"latency": 5})
    proxy.disable()
    library.reset()
    assert server.call("GET", "/proxies/db")["enabled"]
    assert proxy.toxics() == {}
    library.destroy_all()
    assert library.proxies() == {}
