"""asyncio's promises to protocols, kept by simulated transports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from faultlab.lab.environments.simulated import SimulatedLoop

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def played(serve: Talk, talk: Talk) -> float:
    """A server and a client of streams; how long it took."""

    async def program() -> float:
        loop = asyncio.get_running_loop()
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await talk(reader, writer)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        return loop.time()

    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(seed=1)) as runner:
        return runner.run(program())


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All back, until the end."""
    while data := await reader.read(1000):
        writer.write(data)
        await writer.drain()
    writer.close()


def test_what_is_written_comes_back_and_the_end_after_it() -> None:
    """Half-close."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines([b"one ", b"two"])
        writer.write_eof()
        assert writer.can_write_eof()
        assert await reader.read() == b"one two"

    assert 0 < played(echo, talk) < 0.01


def test_a_writer_waits_for_a_reader() -> None:
    """`drain` is back-pressure."""
    size = 20_000_000

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(10)
        data = await reader.readexactly(size)
        writer.write(len(data).to_bytes(4))
        writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        writer.write(bytes(size))
        assert writer.transport.get_write_buffer_size() > 0
        await writer.drain()
        assert loop.time() >= 10
        assert await reader.read() == size.to_bytes(4)

    assert played(slow, talk) >= 10


def test_an_abort_of_unread_bytes_resets_the_other_side() -> None:
    """As closing a socket with bytes in it."""
    lost: list[str] = []

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()
        await asyncio.sleep(1)
        writer.transport.abort()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"ask")
        with pytest.raises(ConnectionResetError) as error:
            await reader.read()
        lost.append(str(error.value))

    played(rude, talk)
    assert lost == ["[Errno 104] Connection reset by peer"]


def test_writing_to_a_side_that_has_closed_is_told_as_lost() -> None:
    """The stale connection."""
    told: list[BaseException | None] = []

    class Client(asyncio.Protocol):
        def eof_received(self) -> bool:
            return True  # it goes on writing

        def connection_lost(self, error: BaseException | None) -> None:
            told.append(error)

    async def program() -> None:
        loop = asyncio.get_running_loop()

        async def closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        async with await asyncio.start_server(closes, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            transport, _ = await loop.create_connection(Client, "127.0.0.1", port)
            await asyncio.sleep(1)
            transport.write(b"x")
            await asyncio.sleep(1)

    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(seed=1)) as runner:
        runner.run(program())
    assert [type(error) for error in told] == [BrokenPipeError]


def test_a_buffered_protocol_gets_its_bytes() -> None:
    """asyncio's TLS is one."""
    got: list[bytes] = []

    class Buffered(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer = bytearray(4)

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, size: int) -> None:
            got.append(bytes(self.buffer[:size]))

    async def program() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Buffered, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        writer.write(b"abcdef")
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(1)
        server.close()
        await server.wait_closed()

    with asyncio.Runner(loop_factory=lambda: SimulatedLoop(seed=1)) as runner:
        runner.run(program())
    assert got == [b"abcd", b"ef"]


def test_paused_reading_leaves_the_bytes_where_they_are() -> None:
    """And they come when it goes on."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        assert not transport.is_reading()
        writer.write(b"x")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 5)
        transport.resume_reading()
        assert await reader.read(1) == b"x"

    assert played(echo, talk) > 5


def test_limits_of_the_buffer_are_those_of_asyncio() -> None:
    """Clients set them."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = writer.transport
        assert transport.get_write_buffer_limits() == (16384, 65536)
        transport.set_write_buffer_limits(high=100)
        assert transport.get_write_buffer_limits() == (25, 100)
        transport.set_write_buffer_limits(low=100)
        assert transport.get_write_buffer_limits() == (100, 400)
        with pytest.raises(ValueError, match="must be >= low"):
            transport.set_write_buffer_limits(high=1, low=2)

    played(echo, talk)
