"""What only real sockets can show of the client: the transport's own trace, and what is left."""

import asyncio
import gc
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from maximus import MaximusAPIError, MaximusClient, MaximusDeadlineError, MaximusError, Policy

pytestmark = pytest.mark.wire

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
HASTY = Policy(deadline=0.2)


@asynccontextmanager
async def _service(answer):
    """Serve on loopback: `answer` is written after each request head, None for silence.

    Yields the URL and, for each connection, whether the client has ended it.
    """
    connections = []

    async def serve(reader, writer):
        ended = asyncio.Event()
        connections.append(ended)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                if answer is not None:
                    writer.write(answer)
        except asyncio.IncompleteReadError:
            ended.set()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", connections


def test_a_silent_service_is_cut_by_the_deadline_in_phase_read():
    """The phase comes from the transport's trace: its names must still be the known ones."""

    async def scene():
        async with (
            _service(None) as (url, _),
            MaximusClient(core_url=url, policy=HASTY) as client,
        ):
            with pytest.raises(MaximusDeadlineError) as caught:
                await client.health()
            return caught.value

    error = asyncio.run(scene())
    assert (error.phase, error.attempts) == ("read", 1)
    assert error.elapsed >= 0.2


def test_a_full_pool_is_cut_by_the_deadline_in_phase_pool():
    """No attempt was begun, so none is counted."""

    async def scene():
        # The one connection is held by a request that knows no deadline, so nothing frees it.
        transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=1))
        async with (
            _service(None) as (url, connections),
            MaximusClient(core_url=url, policy=HASTY, http_transport=transport) as client,
        ):
            request = httpx.Request("GET", url)
            holder = asyncio.create_task(transport.handle_async_request(request))
            while not connections:  # noqa: ASYNC110 - the list is what the service fills
                await asyncio.sleep(0)
            with pytest.raises(MaximusDeadlineError) as caught:
                await client.health()
            holder.cancel()
            await asyncio.gather(holder, return_exceptions=True)
            return caught.value

    error = asyncio.run(scene())
    assert (error.phase, error.attempts) == ("pool", 0)


def test_idle_connections_are_used_again():
    """Recovery must not begin with a burst of connects."""

    async def scene():
        async with _service(NOT_FOUND) as (url, connections), MaximusClient(core_url=url) as client:
            for _ in range(3):
                await asyncio.gather(
                    client.health(), client.consciousness.get_state(), return_exceptions=True
                )
            return len(connections)

    assert asyncio.run(scene()) == 2


def test_a_proxy_of_the_environment_does_not_come_between(monkeypatch):
    """The services are where their URLs say."""

    async def scene():
        async with _service(NOT_FOUND) as (url, _), MaximusClient(core_url=url) as client:
            with pytest.raises(MaximusAPIError) as caught:
                await client.health()
            return caught.value.status

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert asyncio.run(scene()) == 404


def test_close_leaves_no_connection_task_thread_or_descriptor():
    """An idle kept-alive connection is what would stay."""

    async def scene():
        async with _service(NOT_FOUND) as (url, connections):
            before = len(asyncio.all_tasks()), threading.active_count()
            async with MaximusClient(core_url=url) as client:
                with pytest.raises(MaximusError):
                    await client.health()
                assert not connections[0].is_set()
            await asyncio.wait_for(connections[0].wait(), 5.0)
            return before, (len(asyncio.all_tasks()), threading.active_count())

    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    before, after = asyncio.run(scene())
    gc.collect()
    assert after[0] <= before[0]
    assert after[1] == before[1]
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
