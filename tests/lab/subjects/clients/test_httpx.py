import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import httpcore
import httpcore2
import httpx
import httpx2
import pytest

from faultlab.lab.subjects.attribution import HEADER, Attribution, attempt
from faultlab.lab.subjects.clients.httpx import seams
from faultlab.lab.subjects.seams import fitted

Operation = Callable[[int], AbstractContextManager[None]]

URL = "http://127.0.0.1:4000/health"


class Pool:
    """Stands in for httpcore's pool: keeps the tags that would have gone out."""

    def __init__(self, core: Any, error: Exception | None = None) -> None:
        self.core = core
        self.tags: list[str | None] = []
        self.attempts: list[int | None] = []
        self.error = error

    def handle_request(self, request: Any) -> Any:
        """Answer, or raise."""
        headers = {name.lower(): value.decode() for name, value in request.headers}
        self.tags.append(headers.get(HEADER.lower().encode()))
        self.attempts.append(attempt.get())
        if self.error is not None:
            raise self.error
        moved = request.url.target == b"/moved"
        where = [(b"Location", b"/health")] if moved else []
        return self.core.Response(302 if moved else 200, headers=where, content=b"{}")

    async def handle_async_request(self, request: Any) -> Any:
        """Answer, or raise, after others had their turn."""
        await asyncio.sleep(0)
        return self.handle_request(request)


class Library:
    """httpx or httpx2 on a pool that goes nowhere."""

    def __init__(self, module: Any, core: Any) -> None:
        self.module, self.core = module, core
        self.refused = core.ConnectError("refused")

    def sync(self, pool: Pool) -> Any:
        """A client on its own transport, on this pool."""
        transport = self.module.HTTPTransport()
        transport._pool = pool
        return self.module.Client(transport=transport)

    def concurrent(self, pool: Pool) -> Any:
        """The same for async."""
        transport = self.module.AsyncHTTPTransport()
        transport._pool = pool
        return self.module.AsyncClient(transport=transport)


@pytest.fixture(params=[(httpx, httpcore), (httpx2, httpcore2)], ids=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest, attribution: Attribution) -> Iterator[Library]:
    """Each of the two, instrumented."""
    module, core = request.param

    def of(found: ModuleType) -> Any:
        return seams(attribution, found)

    with fitted({module.__name__: of}):
        yield Library(module, core)


def test_each_attempt_carries_operation_and_ordinal(
    library: Library, operation: Operation, told: Callable[[], list[str]]
) -> None:
    """`attempt 2 of operation 3` is said by the sender, so lost requests are counted too."""
    pool = Pool(library.core)
    client = library.sync(pool)
    with operation(3):
        client.get(URL)
        client.get(URL)
    assert pool.tags == ["3.1", "3.2"]
    assert pool.attempts == [1, 2]
    assert told() == ["3.1", "3.1 ok", "3.2", "3.2 ok"]


def test_a_redirect_is_an_attempt_of_its_own(library: Library, operation: Operation) -> None:
    """It is another request on the wire."""
    pool = Pool(library.core)
    with operation(1):
        library.sync(pool).get("http://127.0.0.1:4000/moved", follow_redirects=True)
    assert pool.tags == ["1.1", "1.2"]


def test_concurrent_operations_keep_their_own_tags(library: Library, operation: Operation) -> None:
    """Ten at once on one pool is how the half-open breaker is judged."""
    pool = Pool(library.core, library.refused)

    async def one(client: Any, op: int) -> None:
        with operation(op), pytest.raises(library.module.ConnectError):
            await client.get(URL)

    async def ten() -> None:
        client = library.concurrent(pool)
        await asyncio.gather(*(one(client, op) for op in range(1, 11)))

    asyncio.run(ten())
    assert sorted(pool.tags, key=str) == sorted((f"{op}.1" for op in range(1, 11)), key=str)


def test_an_attempt_that_raised_says_what(
    library: Library, operation: Operation, told: Callable[[], list[str]]
) -> None:
    """It never reached the proxy; this is all that is known of it."""
    client = library.sync(Pool(library.core, library.refused))
    with operation(1), pytest.raises(library.module.ConnectError):
        client.get(URL)
    assert told() == ["1.1", "1.1 ConnectError"]


def test_the_client_never_sees_the_tag(library: Library, operation: Operation) -> None:
    """A client that logs or compares its headers must behave as without the lab."""
    with operation(1):
        response = library.sync(Pool(library.core)).get(URL)
    assert HEADER not in response.request.headers


def test_without_an_operation_nothing_is_added(
    library: Library, told: Callable[[], list[str]]
) -> None:
    """A test's own requests go out as they are."""
    pool = Pool(library.core)
    library.sync(pool).get(URL)
    assert (pool.tags, told()) == ([None], [])
