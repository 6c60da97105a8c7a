import pytest

from faultlab.faults import Latency, Stall
from faultlab.lab.history import FaultFired

GET = b"GET /x HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_a_stall_holds_the_backends_end_too(house) -> None:
    """Silence, then everything in order."""
    house.arm(Stall(service="core"))
    client, backend = house.connect()
    client.says(GET)
    backend.says(OK)
    backend.ends()
    assert (client.took(), client.end) == (b"", "")
    house.proxy.clear(1)
    assert (client.took(), client.end) == (OK, "fin")


def test_jitter_is_the_same_for_the_same_attempt(new_house) -> None:
    """Concurrency must not reorder draws: two runs, the attempts in another order."""
    seen = []
    for order in ((1, 2), (2, 1)):
        house = new_house()
        house.arm(Latency(service="core", delay=1.0, jitter=0.5))
        heads = {}
        for attempt in order:
            client, backend = house.connect()
            client.says(b"GET /x HTTP/1.1\r\nX-Faultlab-Op: 1.%d\r\n\r\n" % attempt)
            asked = house.net.now()
            backend.says(OK)
            house.net.move(2.0)
            heads[attempt] = house.events[-2].t - asked
        seen.append(heads)
    assert seen[0] == pytest.approx(seen[1])
    assert seen[0][1] != pytest.approx(seen[0][2])
    assert all(0.5 <= delay < 1.5 for delay in seen[0].values())


def test_a_delay_of_the_stream_acts_once_on_an_exchange(house) -> None:
    """However many pieces it comes in, both ways: one hit is one request."""
    house.arm(Latency(service="core", delay=1.0))
    client, backend = house.connect()
    client.says(GET)
    house.net.move(1.0)
    for byte in OK:
        backend.says(bytes([byte]))
    house.net.move(1.0)
    assert client.took() == OK
    fired = [event for event in house.events if isinstance(event, FaultFired)]
    assert [(event.on, event.request) for event in fired] == [("bytes", 1)]
