"""What clients and servers see of each toxic, and of changes under way."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from faultlab.lab.toxiproxy import differences

if TYPE_CHECKING:
    from .conftest import Peer, Seeded, Server, Upstream  # type: ignore[import-not-found]

pytestmark = pytest.mark.wire

SOON = 0.15  # seconds in which nothing must be seen


def link(server: Server, *toxics: tuple[Any, ...]) -> tuple[Any, Peer, Peer, Upstream]:
    """A proxy `p` with these toxics, a connection through it, and its upstream end."""
    upstream = server.upstream()
    proxy = server.proxy("p", upstream.address)
    for type_, stream, attributes in toxics:
        server.toxic(type_, stream, **attributes)
    client = server.dial(proxy)
    return proxy, client, upstream.accept(), upstream


def settled(client: Peer, backend: Peer) -> None:
    """Both ways are known to work, so the link is there."""
    client.send(b"?")
    assert backend.take(1) == b"?"
    backend.send(b"!")
    assert client.take(1) == b"!"


# --- W01 to W04: without toxics ------------------------------------------------------------------


@pytest.mark.conformance("W01")
def test_bytes_pass_equal_both_ways(server: Server) -> None:
    """Before anything breaks, nothing may change."""
    _, client, backend, _ = link(server)
    client.send(b"one")
    assert backend.take(3) == b"one"
    client.send(b"two")
    assert backend.take(3) == b"two"
    bulk = bytes(range(256)) * 20_000
    sender = threading.Thread(target=backend.send, args=(bulk,))
    sender.start()
    assert client.take(len(bulk)) == bulk
    sender.join()


@pytest.mark.conformance("W02")
def test_disabled_refuses_new_and_closes_live(server: Server) -> None:
    """`down`, as every Toxiproxy client does it."""
    proxy, client, backend, _ = link(server)
    settled(client, backend)
    server.call("POST", "/proxies/p", {"enabled": False})
    assert client.rest() == (b"", "fin")
    assert backend.rest() == (b"", "fin")
    with pytest.raises(ConnectionRefusedError):
        server.dial(proxy)


@pytest.mark.conformance("W03")
def test_enabled_again_on_the_same_port_with_its_toxics(server: Server) -> None:
    """The application knows one address."""
    upstream = server.upstream()
    proxy = server.proxy("p", upstream.address)
    server.toxic("noop")
    server.call("POST", "/proxies/p", {"enabled": False})
    again = server.call("POST", "/proxies/p", {"enabled": True})
    assert again["listen"] == proxy["listen"]
    assert len(again["toxics"]) == 1
    settled(server.dial(proxy), upstream.accept())


@pytest.mark.conformance("W02")
def test_a_deleted_proxy_closes_its_connections(server: Server) -> None:
    """Nothing is left of it."""
    _, client, backend, _ = link(server)
    settled(client, backend)
    server.call("DELETE", "/proxies/p", status=204)
    assert client.rest() == (b"", "fin")


@pytest.mark.conformance("W02")
def test_an_update_of_the_same_values_leaves_connections_alone(server: Server) -> None:
    """Clients send the whole object for each little change."""
    proxy, client, backend, upstream = link(server)
    settled(client, backend)
    server.call("POST", "/proxies/p", {"listen": proxy["listen"], "upstream": upstream.address})
    settled(client, backend)
    server.call("POST", "/proxies/p", {"upstream": server.upstream().address})
    assert client.rest() == (b"", "fin")


@pytest.mark.conformance("W04")
def test_a_dead_upstream_is_a_fin(server: Server) -> None:
    """The client was accepted before anybody knew."""
    with socket.socket() as gone:  # bound, so that nobody else gets the port, and not listening
        gone.bind(("127.0.0.1", 0))
        client = server.dial(server.proxy("p", f"127.0.0.1:{gone.getsockname()[1]}"))
        assert client.rest() == (b"", "fin")


@pytest.mark.conformance("W04")
def test_an_upstream_that_is_no_address_is_a_fin(server: Server) -> None:
    """It is never looked at before."""
    client = server.dial(server.proxy("p", "nonsense"))
    assert client.rest() == (b"", "fin")


@pytest.mark.conformance("W04")
def test_an_upstream_may_be_a_name(server: Server) -> None:
    """It is looked up for each connection; one that is unknown is a dead upstream."""
    upstream = server.upstream()
    port = upstream.address.rpartition(":")[2]
    client = server.dial(server.proxy("p", f"localhost:{port}"))
    settled(client, upstream.accept())
    unknown = server.dial(server.proxy("q", f"no-such-host.invalid:{port}"))
    assert unknown.rest() == (b"", "fin")


@pytest.mark.conformance("W01")
def test_a_half_close_is_relayed_where_the_lab_does_better(server: Server) -> None:
    """The original loses the answer of a client that has finished asking."""
    _, client, backend, _ = link(server)
    settled(client, backend)
    client.fin()
    assert backend.rest() == (b"", "fin")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        backend.send(b"answer")
    backend.sock.close()
    told = {(b"answer", "fin"): "passed", (b"", "fin"): "lost"}[client.rest()]
    assert told == server.of(differences.HALF_CLOSE)


@pytest.mark.conformance("W01")
@pytest.mark.parametrize("by", ["client", "backend"])
def test_a_reset_is_relayed_where_the_lab_does_better(server: Server, by: str) -> None:
    """The original turns it into FIN."""
    _, client, backend, _ = link(server)
    settled(client, backend)
    one, other = (client, backend) if by == "client" else (backend, client)
    one.reset()
    assert other.rest() == (b"", server.of(differences.RESET))


# --- W05: latency --------------------------------------------------------------------------------


@pytest.mark.conformance("W05")
def test_latency_delays_bytes_and_not_the_connect(server: Server) -> None:
    """Of one direction, and the sum of two toxics."""
    upstream = server.upstream()
    proxy = server.proxy("p", upstream.address)
    server.toxic("latency", latency=150)
    body = {"name": "more", "type": "latency", "attributes": {"latency": 100}}
    server.call("POST", "/proxies/p/toxics", body)
    client = server.dial(proxy)
    backend = upstream.accept()
    client.send(b"?")
    assert backend.take(1) == b"?"
    began = time.monotonic()
    backend.send(b"!")
    assert client.take(1) == b"!"
    # Longer than either alone; the original counts the time that a chunk has waited for its first
    # toxic twice, so that the sum comes out short under load.
    assert time.monotonic() - began >= 0.2


@pytest.mark.conformance("W05")
def test_latency_is_kept_through_jitter_in_order(server: Server) -> None:
    """Jitter moves bytes in time, never past each other."""
    _, client, backend, _ = link(server, ("latency", "downstream", {"latency": 60, "jitter": 50}))
    began = time.monotonic()
    for piece in range(10):
        backend.send(bytes([piece]))
        time.sleep(0.005)  # so that they are ten chunks
    assert client.take(10) == bytes(range(10))
    assert time.monotonic() - began >= 0.009


@pytest.mark.conformance("W05")
def test_latency_acts_on_live_links_and_a_removal_flushes(server: Server) -> None:
    """The middle of a conversation is where tests want it."""
    _, client, backend, _ = link(server)
    settled(client, backend)
    server.toxic("latency", latency=60_000)
    backend.send(b"held")
    assert client.silent(SOON)
    server.remove("latency")
    assert client.take(4) == b"held"
    settled(client, backend)


@pytest.mark.conformance("W05")
def test_an_update_cuts_the_pending_delay_short(server: Server) -> None:
    """The stage starts anew."""
    _, client, backend, _ = link(server, ("latency", "downstream", {"latency": 60_000}))
    backend.send(b"held")
    assert client.silent(SOON)
    server.update("latency", latency=0)
    assert client.take(4) == b"held"


# --- W06, W07: bandwidth, slow_close -------------------------------------------------------------


@pytest.mark.conformance("W06")
@pytest.mark.parametrize(("rate", "size", "seconds"), [(100, 20_000, 0.2), (1, 200, 0.2)])
def test_bandwidth_takes_its_time(server: Server, rate: int, size: int, seconds: float) -> None:
    """Kilobytes of a thousand bytes."""
    _, client, backend, _ = link(server, ("bandwidth", "downstream", {"rate": rate}))
    began = time.monotonic()
    backend.send(b"x" * size)
    assert client.take(size) == b"x" * size
    assert time.monotonic() - began >= seconds - 0.01


@pytest.mark.conformance("W06")
def test_bandwidth_zero_stalls_and_swallows_the_close(server: Server) -> None:
    """Testcontainers' way to cut a connection; a removal lets it go on."""
    _, client, backend, _ = link(server, ("bandwidth", "downstream", {"rate": 0}))
    backend.send(b"held")
    backend.fin()
    assert client.silent(SOON)
    server.remove("bandwidth")
    assert client.rest() == (b"held", "fin")


@pytest.mark.conformance("W07")
def test_slow_close_holds_back_the_end_alone(server: Server) -> None:
    """Bytes pass at once."""
    _, client, backend, _ = link(server, ("slow_close", "downstream", {"delay": 300}))
    backend.send(b"data")
    assert client.take(4) == b"data"
    began = time.monotonic()
    backend.fin()
    assert client.rest() == (b"", "fin")
    assert time.monotonic() - began >= 0.299


# --- W08: timeout --------------------------------------------------------------------------------


@pytest.mark.conformance("W08")
def test_timeout_closes_an_idle_link_and_drops_bytes(server: Server) -> None:
    """Each chunk of this direction starts the clock anew."""
    upstream = server.upstream()
    proxy = server.proxy("p", upstream.address)
    server.toxic("timeout", timeout=300)
    began = time.monotonic()
    client = server.dial(proxy)
    backend = upstream.accept()
    assert client.rest() == (b"", "fin")
    assert time.monotonic() - began >= 0.299
    client = server.dial(proxy)
    backend = upstream.accept()
    time.sleep(0.1)
    began = time.monotonic()
    backend.send(b"lost")
    assert client.rest() == (b"", "fin")
    assert time.monotonic() - began >= 0.299


@pytest.mark.conformance("W08")
def test_timeout_zero_never_closes_until_it_is_updated(server: Server) -> None:
    """The black hole of every Toxiproxy user."""
    _, client, backend, _ = link(server, ("timeout", "downstream", {"timeout": 0}))
    backend.send(b"lost")
    assert client.silent(SOON)
    server.update("timeout", timeout=50)
    assert client.rest() == (b"", "fin")


@pytest.mark.conformance("W08")
@pytest.mark.parametrize("how", ["remove", "reset"])
@pytest.mark.parametrize("toxicity", [1, 0])
def test_a_removed_timeout_closes_every_connection(server: Server, how: str, toxicity: int) -> None:
    """Even one that toxicity had spared: the original does so."""
    upstream = server.upstream()
    proxy = server.proxy("p", upstream.address)
    server.call("POST", "/proxies/p/toxics", {"type": "timeout", "toxicity": toxicity})
    client = server.dial(proxy)
    upstream.accept()
    assert client.silent(SOON)
    if how == "reset":
        server.call("POST", "/reset", status=204)
    else:
        server.remove("timeout_downstream")
    assert client.rest() == (b"", "fin")


# --- W09: reset_peer -----------------------------------------------------------------------------


@pytest.mark.conformance("W09")
@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_reset_peer_resets_at_the_first_chunk(server: Server, stream: str) -> None:
    """An idle connection is never reset."""
    _, client, backend, _ = link(server, ("reset_peer", stream, {"timeout": 0}))
    assert client.silent(SOON)
    (client if stream == "upstream" else backend).send(b"lost")
    assert client.rest() == (b"", "rst")


@pytest.mark.conformance("W09")
def test_reset_peer_waits(server: Server) -> None:
    """The wait begins with the first chunk."""
    _, client, backend, _ = link(server, ("reset_peer", "downstream", {"timeout": 200}))
    began = time.monotonic()
    backend.send(b"lost")
    assert client.rest() == (b"", "rst")
    assert time.monotonic() - began >= 0.199


@pytest.mark.conformance("W09")
def test_reset_peer_on_a_live_connection(server: Server) -> None:
    """The original sends FIN there."""
    _, client, backend, _ = link(server)
    settled(client, backend)
    server.toxic("reset_peer")
    backend.send(b"lost")
    assert client.rest() == (b"", server.of(differences.LIVE_RESET))


@pytest.mark.conformance("W09")
def test_reset_peer_leaves_alone_what_toxicity_spares(server: Server) -> None:
    """The original prepares every connection for a reset, and so ends it by one."""
    upstream = server.upstream()
    proxy = server.proxy("p", upstream.address)
    server.call("POST", "/proxies/p/toxics", {"type": "reset_peer", "toxicity": 0})
    client = server.dial(proxy)
    backend = upstream.accept()
    backend.send(b"spared")
    backend.sock.close()
    assert client.take(6) == b"spared"
    assert client.rest() == (b"", server.of(differences.SPARED_RESET))


# --- W10, W11: limit_data, slicer ----------------------------------------------------------------


@pytest.mark.conformance("W10")
@pytest.mark.parametrize(("limit", "seen"), [(0, b""), (3, b"abc"), (5, b"abcde")])
def test_limit_data_is_exact(server: Server, limit: int, seen: bytes) -> None:
    """Reaching the limit exactly closes at once."""
    _, client, backend, _ = link(server, ("limit_data", "downstream", {"bytes": limit}))
    backend.send(b"abcde")
    assert client.rest() == (seen, "fin")


@pytest.mark.conformance("W10")
def test_limit_data_counts_on_through_an_update_and_per_connection(server: Server) -> None:
    """The counter belongs to the link."""
    proxy, client, backend, upstream = link(server, ("limit_data", "downstream", {"bytes": 10}))
    backend.send(b"abc")
    assert client.take(3) == b"abc"
    server.update("limit_data", bytes=5)
    backend.send(b"defgh")
    assert client.rest() == (b"de", "fin")
    other = server.dial(proxy)
    upstream.accept().send(b"abcdef")
    assert other.rest() == (b"abcde", "fin")


@pytest.mark.conformance("W11")
def test_the_slicer_keeps_the_content(server: Server) -> None:
    """Whatever the sizes."""
    attributes = {"average_size": 64, "size_variation": 32, "delay": 10}
    _, client, backend, _ = link(server, ("slicer", "downstream", attributes))
    data = bytes(range(256)) * 40
    backend.send(data)
    assert client.take(len(data)) == data


@pytest.mark.conformance("W11")
def test_the_slicer_delays_each_piece(server: Server) -> None:
    """In microseconds."""
    attributes = {"average_size": 10, "size_variation": 1, "delay": 20_000}
    _, client, backend, _ = link(server, ("slicer", "downstream", attributes))
    began = time.monotonic()
    backend.send(b"x" * 100)
    assert 1 <= len(client.sock.recv(100)) <= 11
    client.take(89)
    assert time.monotonic() - began >= 0.15


# --- W12 to W16 ----------------------------------------------------------------------------------


@pytest.mark.conformance("W12")
def test_toxics_act_in_order_of_addition(server: Server) -> None:
    """First late, then slow: the sum of both."""
    _, client, backend, _ = link(
        server,
        ("latency", "downstream", {"latency": 150}),
        ("bandwidth", "downstream", {"rate": 100}),
    )
    began = time.monotonic()
    backend.send(b"x" * 10_000)
    client.take(10_000)
    assert time.monotonic() - began >= 0.24


@pytest.mark.conformance("W13")
def test_toxicity_is_drawn_per_link(server: Server) -> None:
    """0 never, 1 always, one half of them in between."""
    upstream = server.upstream()
    proxy = server.proxy("p", upstream.address)
    body = {"name": "t", "type": "limit_data", "toxicity": 0.5}
    server.call("POST", "/proxies/p/toxics", body)

    def cut(count: int) -> int:
        found = 0
        for _ in range(count):
            client = server.dial(proxy)
            backend = upstream.accept()
            backend.send(b"x")
            backend.fin()
            found += client.rest()[0] == b""
            client.sock.close()
            backend.sock.close()
        return found

    assert 20 <= cut(100) <= 80
    server.call("POST", "/proxies/p/toxics/t", {"toxicity": 0})
    assert cut(10) == 0
    server.call("POST", "/proxies/p/toxics/t", {"toxicity": 1})
    assert cut(10) == 10


@pytest.mark.conformance("W14")
def test_direction_decides_whether_the_work_was_done(server: Server) -> None:
    """Upstream faults come before it, downstream ones after."""
    proxy, client, backend, upstream = link(server, ("limit_data", "downstream", {"bytes": 0}))
    client.send(b"work")
    assert backend.take(4) == b"work"
    backend.send(b"done")
    assert client.rest() == (b"", "fin")
    server.remove("limit_data")
    server.toxic("limit_data", "upstream", bytes=2)
    client = server.dial(proxy)
    client.send(b"work")
    assert upstream.accept().rest() == (b"wo", "fin")


@pytest.mark.conformance("W15")
def test_two_proxies_have_nothing_in_common(server: Server) -> None:
    """One sick service among healthy ones."""
    _, client, backend, _ = link(server, ("timeout", "downstream", {"timeout": 0}))
    other = server.upstream()
    well = server.dial(server.proxy("q", other.address))
    settled(well, other.accept())
    backend.send(b"lost")
    assert client.silent(SOON)


@pytest.mark.conformance("W16")
def test_changes_under_traffic_lose_no_byte(server: Server) -> None:
    """A chain is rebuilt around the bytes in it."""
    _, client, backend, _ = link(server)
    bulk = bytes(range(256)) * 12_000
    sender = threading.Thread(target=backend.send, args=(bulk,))
    taken: list[bytes] = []
    taker = threading.Thread(target=lambda: taken.append(client.take(len(bulk))))
    sender.start()
    taker.start()
    while taker.is_alive():
        server.toxic("latency", latency=2, jitter=2)
        server.toxic("slicer", average_size=4000, size_variation=100)
        server.update("latency", latency=1)
        server.remove("slicer")
        server.remove("latency")
    sender.join()
    taker.join()
    assert taken == [bulk]


def test_packet_loss_drops_chunks(better: Server) -> None:
    """All of them at a rate of one; the link stays."""
    _, client, backend, _ = link(better)
    settled(client, backend)
    body = {"name": "loss", "type": "packet_loss", "attributes": {"loss_rate": 1}}
    told = better.call("POST", "/proxies/p/toxics", body)
    assert told["attributes"] == {"loss_rate": 1, "correlation": 0}
    backend.send(b"lost")
    assert client.silent(SOON)
    better.remove("loss")
    settled(client, backend)


def hits(server: Server, count: int) -> list[bool]:
    """Which of so many connections a toxicity of one half hit."""
    upstream = server.upstream()
    proxy = server.proxy("p", upstream.address)
    server.call("POST", "/proxies/p/toxics", {"name": "t", "type": "limit_data", "toxicity": 0.5})
    hit = []
    for _ in range(count):
        client = server.dial(proxy)
        backend = upstream.accept()
        backend.send(b"x")
        backend.fin()
        hit.append(client.rest()[0] == b"")
    return hit


@pytest.mark.conformance("W13")
def test_the_seed_is_honoured_where_the_lab_does_better(seeded: Seeded) -> None:
    """The same connections are hit in the next run."""
    runs = []
    for seed in (5, 5, 6):
        with seeded(seed) as server:
            runs.append(hits(server, 24))
            told = server.of(differences.SEED)
    assert ("agree" if runs[0] == runs[1] else "differ") == told
    assert runs[2] != runs[0]


@pytest.mark.conformance("W13")
def test_an_update_keeps_the_lot_of_a_live_connection_where_the_lab_does_better(
    server: Server,
) -> None:
    """A change of attributes must not decide anew whom a toxic hits."""
    upstream = server.upstream()
    proxy = server.proxy("p", upstream.address)
    server.call("POST", "/proxies/p/toxics", {"name": "t", "type": "timeout", "toxicity": 0.5})
    client = server.dial(proxy)
    backend = upstream.accept()
    count = 24
    for _ in range(count):
        backend.send(b"x")
        server.update("t", timeout=0)
    server.call("POST", "/proxies/p/toxics/t", {"toxicity": 0})
    backend.send(b"!")
    backend.fin()
    passed = len(client.rest()[0]) - 1
    assert ("kept" if passed in (0, count) else "drawn again") == server.of(differences.REDRAWN)


def test_the_listing_tells_what_happens(better: Server, until: Callable[..., None]) -> None:
    """Which toxic hit which connection is what people ask."""
    upstream = better.upstream()
    proxy = better.proxy("p", upstream.address)
    better.toxic("limit_data", bytes=1)
    client = better.dial(proxy)
    upstream.accept().send(b"xy")
    assert client.rest() == (b"x", "fin")
    better.remove("limit_data")
    until(lambda: len(better.said) >= 6)
    assert better.said == [
        f"p: listens on {proxy['listen']} for {upstream.address}",
        "p: limit_data (limit_data bytes=1) added",
        f"p: connection 1 from {client.port}",
        "p: limit_data hit connection 1",
        "p: connection 1 over: closed by a toxic",
        "p: limit_data removed",
    ]


@pytest.mark.conformance("W17")
def test_what_metrics_tell_of_a_link_that_has_ended(
    metered: Server, until: Callable[[Callable[[], bool]], None]
) -> None:
    """Not before: whoever looks while it lives finds nothing."""
    upstream = metered.upstream()
    proxy = metered.proxy("p", upstream.address)
    client = metered.dial(proxy)
    peer = upstream.accept()
    client.send(b"abc")
    assert peer.take(3) == b"abc"
    before = metered.http.get("/metrics")
    if before.status_code == 404:
        assert metered.of(differences.METRICS) == "absent"
        return
    assert "toxiproxy_proxy_received_bytes_total" not in before.text
    client.fin()
    assert peer.rest() == (b"", "fin")
    counted = 'toxiproxy_proxy_received_bytes_total{direction="upstream"'
    until(lambda: counted in metered.http.get("/metrics").text)
    (row,) = (one for one in metered.http.get("/metrics").text.splitlines() if counted in one)
    assert row.endswith(" 3")
    assert metered.of(differences.METRICS) == "the bytes of each link that has ended"
