"""A stub on real sockets, spoken to by a bare one."""

from __future__ import annotations

import asyncio
from typing import Self

import httpx
import pytest

from faultlab.lab.backends.routes import Routes
from faultlab.lab.backends.stub import Stub
from faultlab.lab.history import Event
from faultlab.lab.sockets import RealNet

pytestmark = [pytest.mark.wire, pytest.mark.asyncio]

LONG = 1_000_000  # bytes of a body, more than one read of the client takes
ROUTES = {
    "GET /orders/{id}": {"id": 7},
    "POST /orders": [201, {"id": 8}],
    "GET /long": "x" * (LONG - 2),
}
GET = b"GET /orders/7 HTTP/1.1\r\nhost: x\r\n\r\n"
ORDER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{"id":7}'


class Running:
    """A stub of `ROUTES` on loopback, ended with its block."""

    def __init__(self) -> None:
        self.net = RealNet(asyncio.get_running_loop())
        self.events: list[Event] = []
        self.stub = Stub(self.net, Routes(ROUTES), self.events.append, self.net.now(), "orders")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stub.close()
        self.net.close()

    async def client(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new bare connection."""
        return await asyncio.open_connection("127.0.0.1", self.stub.port)


async def test_answers_and_keeps_the_connection() -> None:
    """Two requests in one packet, a third later: three answers on one connection."""
    with Running() as running:
        reader, writer = await running.client()
        writer.write(GET + GET)
        assert await reader.readexactly(2 * len(ORDER)) == ORDER + ORDER
        writer.write(GET)
        assert await reader.readexactly(len(ORDER)) == ORDER
        writer.close()
        await writer.wait_closed()


async def test_a_bad_request_is_answered_then_the_connection_ends_by_fin() -> None:
    """The answer must arrive: an RST over unread bytes would destroy it."""
    with Running() as running:
        reader, writer = await running.client()
        writer.write(b"rubbish\r\n\r\n" + b"more" * 9999)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        writer.close()
        await writer.wait_closed()


async def test_a_half_closed_client_gets_its_answer_and_the_end() -> None:
    """Netcat sends, ends, and reads."""
    with Running() as running:
        reader, writer = await running.client()
        writer.write(GET)
        writer.write_eof()
        assert await reader.read() == ORDER
        writer.close()
        await writer.wait_closed()


async def test_a_slow_reader_gets_all_that_it_asked_for() -> None:
    """Answers that don't fit the kernel's buffers wait for the client, not the other way round."""
    with Running() as running:
        reader, writer = await running.client()
        writer.write(b"GET /long HTTP/1.1\r\nhost: x\r\n\r\n" * 8 + GET)
        head = await reader.readuntil(b"\r\n\r\n")
        assert len(running.stub.journal) < 9
        rest = await reader.readexactly(8 * (len(head) + LONG) - len(head) + len(ORDER))
        assert (rest[-len(ORDER) :], len(running.stub.journal)) == (ORDER, 9)
        writer.close()
        await writer.wait_closed()


async def test_a_real_client_reads_and_writes() -> None:
    """httpx is what most subjects are made of."""
    with Running() as running:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.stub.port}") as client:
            read = await client.get("/orders/7")
            written = await client.post("/orders", json={"sku": "a"})
        assert (read.json(), written.status_code, running.stub.effects) == ({"id": 7}, 201, 1)
