import asyncio
import http.client
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx
import pytest

from faultlab.lab.history import AnyEvent, AttemptBegun, AttemptEnded
from faultlab.lab.stamp import Stamp
from faultlab.lab.subjects.attribution import HEADER, Attribution, Current, attempt, current

URL = "http://127.0.0.1:4000/health"
PATCHED = (
    (httpx.HTTPTransport, "handle_request"),
    (httpx.AsyncHTTPTransport, "handle_async_request"),
    (http.client.HTTPConnection, "endheaders"),
    (threading.Thread, "start"),
    (ThreadPoolExecutor, "submit"),
)


class Pool:
    """Stands in for httpcore's pool: keeps the tags that would have gone out."""

    def __init__(self, error: Exception | None = None) -> None:
        self.tags: list[str | None] = []
        self.attempts: list[int | None] = []
        self.error = error

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Answer, or raise."""
        headers = {name.lower(): value.decode() for name, value in request.headers}
        self.tags.append(headers.get(HEADER.lower().encode()))
        self.attempts.append(attempt.get())
        if self.error is not None:
            raise self.error
        return httpcore.Response(200, content=b"{}")

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Answer, or raise, after others had their turn."""
        await asyncio.sleep(0)
        return self.handle_request(request)


def sync_client(pool: Any) -> httpx.Client:
    """A client on httpx's own transport, on this pool."""
    transport = httpx.HTTPTransport()
    transport._pool = pool
    return httpx.Client(transport=transport)


def async_client(pool: Any) -> httpx.AsyncClient:
    """The same for async."""
    transport = httpx.AsyncHTTPTransport()
    transport._pool = pool
    return httpx.AsyncClient(transport=transport)


@contextmanager
def operation(op: int) -> Iterator[None]:
    """The block is this operation."""
    token = current.set(Current(op))
    try:
        yield
    finally:
        current.reset(token)


@pytest.fixture
def events() -> list[AnyEvent]:
    """What was recorded."""
    return []


@pytest.fixture
def installed(events: list[AnyEvent]) -> Iterator[Attribution]:
    """Attribution in force for service core on port 4000, at second 1."""
    stamp = Stamp(0.0, clock=lambda: 1.0, delay=lambda: 0.0)
    attribution = Attribution({4000: "core"}, stamp, events.append)
    with attribution.installed():
        yield attribution


def test_each_attempt_carries_operation_and_ordinal(
    installed: Attribution, events: list[AnyEvent]
) -> None:
    """`attempt 2 of operation 3` is said by the sender, so lost requests are counted too."""
    pool = Pool()
    client = sync_client(pool)
    with operation(3):
        client.get(URL)
        client.get(URL)
    assert pool.tags == ["3.1", "3.2"]
    assert pool.attempts == [1, 2]
    of = {"t": 1.0, "service": "core", "op": 3}
    assert events == [
        AttemptBegun(**of, attempt=1),
        AttemptEnded(**of, attempt=1),
        AttemptBegun(**of, attempt=2),
        AttemptEnded(**of, attempt=2),
    ]


def test_concurrent_operations_keep_their_own_tags(installed: Attribution) -> None:
    """Ten at once on one pool is how the half-open breaker is judged."""
    pool = Pool(httpcore.ConnectError("refused"))

    async def one(client: httpx.AsyncClient, op: int) -> None:
        with operation(op), pytest.raises(httpx.ConnectError):
            await client.get(URL)

    async def ten() -> None:
        client = async_client(pool)
        await asyncio.gather(*(one(client, op) for op in range(1, 11)))

    asyncio.run(ten())
    assert sorted(pool.tags, key=str) == sorted((f"{op}.1" for op in range(1, 11)), key=str)
    assert installed.loops == {"asyncio"}


def test_an_attempt_that_raised_says_what(installed: Attribution, events: list[AnyEvent]) -> None:
    """It never reached the proxy; this is all that is known of it."""
    client = sync_client(Pool(httpcore.ConnectError("refused")))
    with operation(1), pytest.raises(httpx.ConnectError):
        client.get(URL)
    assert events[1] == AttemptEnded(
        t=1.0, service="core", op=1, attempt=1, error="httpx.ConnectError"
    )
    assert attempt.get() is None


def test_without_an_operation_nothing_is_added(
    installed: Attribution, events: list[AnyEvent]
) -> None:
    """A test's own requests go out as they are."""
    pool = Pool()
    sync_client(pool).get(URL)
    assert pool.tags == [None]
    assert events == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:4001/", "http://10.0.0.1:4000/", "http://x/"])
def test_other_addresses_are_left_alone(
    installed: Attribution, events: list[AnyEvent], url: str
) -> None:
    """The tag is between the subject and the proxy, and counts its attempts only."""
    pool = Pool()
    client = sync_client(pool)
    with operation(1):
        client.get(url)
    assert pool.tags == [None]
    assert events == []


def test_the_client_never_sees_the_tag(installed: Attribution) -> None:
    """A client that logs or compares its headers must behave as without the lab."""
    with operation(1):
        response = sync_client(Pool()).get(URL)
    assert HEADER not in response.request.headers


class Sink:
    """A connected socket's place in http.client: keeps what was sent."""

    def __init__(self) -> None:
        self.sent = b""

    def sendall(self, data: bytes) -> None:
        """Keep it."""
        self.sent += data

    def close(self) -> None:
        """Nothing to close."""


def test_http_client_is_tagged_too(installed: Attribution) -> None:
    """urllib, urllib3 and requests send through it."""
    connection = http.client.HTTPConnection("127.0.0.1", 4000)
    sink: Any = Sink()
    connection.sock = sink
    with operation(2):
        connection.request("GET", "/health")
    connection.close()
    assert f"\r\n{HEADER}: 2.1\r\n".encode() in sink.sent


def test_threads_carry_the_operation_on(installed: Attribution) -> None:
    """A client that works in a thread of its own still works for its caller."""
    seen: list[object] = []

    def look() -> None:
        seen.append(current.get())

    with operation(5):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        mine = current.get()
    assert seen == [mine]
    assert "run" not in vars(thread)


def test_a_pool_worker_forgets_its_first_submitter(installed: Attribution) -> None:
    """Workers outlive the operation that made the pool start them."""
    with ThreadPoolExecutor(1) as pool:
        with operation(1):
            first = pool.submit(current.get).result()
        with operation(2):
            second = pool.submit(current.get).result()
        third = pool.submit(current.get).result()
    assert first is not None
    assert second is not None
    assert (first.op, second.op, third) == (1, 2, None)


def test_every_patch_is_undone(events: list[AnyEvent]) -> None:
    """A test after this one must find the classes as they were."""
    before = [vars(owner)[name] for owner, name in PATCHED]
    attribution = Attribution({}, Stamp(0.0), events.append)
    with attribution.installed():
        assert all(vars(o)[n] is not b for (o, n), b in zip(PATCHED, before, strict=True))
    assert [vars(owner)[name] for owner, name in PATCHED] == before


def test_a_later_patch_of_someone_else_stays(
    events: list[AnyEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Undoing ours must not undo theirs; what they kept of ours passes everything on."""
    original = httpx.HTTPTransport.handle_request
    pool = Pool()
    with Attribution({4000: "core"}, Stamp(0.0), events.append).installed():
        kept = httpx.HTTPTransport.handle_request
        theirs = lambda transport, request: kept(transport, request)  # noqa: E731
        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", theirs)
    assert httpx.HTTPTransport.handle_request is theirs
    client = sync_client(pool)
    with operation(1):
        client.get(URL)
    assert pool.tags == [None]
    monkeypatch.undo()
    httpx.HTTPTransport.handle_request = original  # type: ignore[method-assign]
