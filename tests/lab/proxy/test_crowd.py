"""Many clients at once under random schedules of faults: nothing is lost for ever, nothing is left."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from faultlab.faults import (
    BadBody,
    Capacity,
    Cut,
    Drip,
    Duplicate,
    Fault,
    Latency,
    LostAnswer,
    Partition,
    Refused,
    Stale,
    Stall,
    Status,
)
from faultlab.lab.history import FaultArmed, FaultAwaited, FaultCleared, FaultFired
from faultlab.lab.proxy.proxy import FaultRefused

GET = b"GET /a HTTP/1.1\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"
WHOLE = re.compile(rb"GET \S+ HTTP/1\.1\r\n\r\n|POST \S+ HTTP/1\.1\r\n[^\r]+\r\n\r\nbody")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
SCOPED: list[Callable[..., Fault]] = [
    lambda **keys: Status(service="core", code=503, **keys),
    lambda **keys: Cut(service="core", at="request_head", by="rst", **keys),
    lambda **keys: Cut(service="core", at="response_body", **keys),
    lambda **keys: Stall(service="core", **keys),
    lambda **keys: Stall(service="core", at="response_body", **keys),
    lambda **keys: Latency(service="core", delay=0.4, direction="both", **keys),
    lambda **keys: Drip(service="core", size=7, interval=0.05, direction="to_backend", **keys),
    lambda **keys: BadBody(service="core", **keys),
    lambda **keys: LostAnswer(service="core", **keys),
    lambda **keys: Duplicate(service="core", **keys),
    lambda **keys: Capacity(service="core", workers=1, queue=2, **keys),
]
WHOLE_SERVICE: list[Callable[..., Fault]] = [
    lambda **keys: Cut(service="core", at="accept", **keys),
    lambda **keys: Stall(service="core", at="connect", **keys),
    lambda **keys: Refused(service="core", live="reset", **keys),
    lambda **keys: Partition(service="core", **keys),
    lambda **keys: Partition(service="core", live="unplugged", **keys),
    lambda **keys: Stale(service="core", at="idle", idle=0.3, **keys),
]


def drawn(chance: random.Random) -> Fault:
    """Any kind, with any schedule, and mostly with a scope."""
    keys: dict[str, object] = {}
    for name, values in (("after", [0.3, "request", "60B"]), ("lasts", [0.2, 3.0])):
        if chance.random() < 0.4:
            keys[name] = chance.choice(values)
    if chance.random() < 0.3:
        return chance.choice(WHOLE_SERVICE)(**keys)
    for name, values in (
        ("endpoint", ["GET /a", "POST /b"]),
        ("every_nth", [2]),
        ("first", [1]),
        ("connections", ["new", "live"]),
    ):
        if chance.random() < 0.25:
            keys[name] = chance.choice(values)
    return chance.choice(SCOPED)(**keys)


def serve(house) -> None:
    """Each backend answers the whole requests that it has got."""
    for backend in house.net.backends:
        if not backend.closed:
            backend.written, count = WHOLE.subn(b"", backend.written)
            for _ in range(count):
                backend.says(OK)


@given(st.integers(0, 2**32).map(random.Random))
def test_when_all_faults_are_over_nothing_is_owed_and_nothing_is_left(
    new_house, new_wire, chance
) -> None:
    """Pipelined, in parts, in the kernel as a fault comes, or left by its client inside a request."""

    class Client(type(new_wire())):  # type: ignore[misc]
        """What it sends lies in the kernel until it is read, or drained."""

        def __init__(self) -> None:
            super().__init__()
            self.kernel: list[bytes] = []
            self.asked, self.rest, self.left = 0, b"", False

        def send(self, data: bytes, whole: int) -> None:
            """To the kernel; so many requests are whole by it."""
            self.kernel.append(data)
            self.asked += whole

        def drain(self) -> None:
            """Read all."""
            while self.kernel and not (self.closed or self.paused or self.unplugged):
                self.says(self.kernel.pop(0))

    house, clients, number = new_house(), [], 0
    for _ in range(40):
        step, client = chance.random(), chance.choice(clients) if clients else None
        if step < 0.2:
            try:
                house.proxy.arm(number + 1, drawn(chance))
                number += 1
            except FaultRefused:
                pass
        elif step < 0.3:
            house.proxy.clear(chance.randint(1, number + 1))
        elif client is None or step < 0.4:
            if house.proxy.mode == "open":
                clients.append(Client())
                house.net.listener.accepted(clients[-1])
        elif step < 0.8 and not client.left and not client.end:
            request, part = chance.choice([GET, POST]), chance.choice([0, 0, 0, 3])
            if client.rest:
                client.send(client.rest, 1)
                client.rest = b""
            elif part:
                client.rest = request[-part:]
                client.send(request[:-part], 0)
            else:
                times = chance.randint(1, 3)
                client.send(request * times, times)
        elif step < 0.85 and not client.left and not client.unplugged:
            client.drain()
            client.left = True
            client.ends()
        else:
            house.net.move(chance.choice([0.0, 0.1, 0.5]))
        for one in clients:
            if chance.random() < 0.6:
                one.drain()
        serve(house)
    for one in range(1, number + 1):
        house.proxy.clear(one)
    assert house.proxy.mode == "open"
    for seconds in (0.0, 0.0, 1.0, 0.0):
        for client in clients:
            client.drain()
        house.net.move(seconds)
        for _ in range(20):
            serve(house)
    for client in clients:
        if not (client.left or client.end):
            assert client.written.count(b"HTTP/1.1 ") == client.asked
        if not client.left:
            client.ends()
    house.net.move(1.0)
    serve(house)
    assert (house.proxy._links, len(house.proxy._copies)) == ({}, 0)
    in_force: set[int | None] = set()
    for event in house.events:
        match event:
            case FaultArmed():
                in_force.add(event.fault)
            case FaultFired():
                assert event.fault in in_force
            case FaultCleared():
                in_force.discard(event.fault)
    told = [e.fault for e in house.events if isinstance(e, FaultArmed | FaultAwaited)]
    over = [e.fault for e in house.events if isinstance(e, FaultCleared)]
    assert sorted(over) == sorted(set(told)) == list(range(1, number + 1))
    house.proxy.close()
    assert [timer for _, _, timer in house.net.timers if timer.call is not None] == []
