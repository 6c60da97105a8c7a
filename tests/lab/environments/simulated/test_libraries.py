"""That a run's clock is the one that clients read: each by its own way to ask for the time.

No loop and no network: what is asked stands in the libraries, between two calls.
"""

import asyncio
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
import aiohttp.connector
import anyio
import httpcore
import httpx
import httpx2
import pybreaker
import pytest
import requests
import tenacity
import urllib3

from faultlab.lab.environments.simulated import Escaped, Run

ANSWER = [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 2\r\n", b"\r\n", b"ok"]


@dataclass
class Now:
    """The time as a loop would say it."""

    seconds: float = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """As a simulated sleep."""
        self.seconds += seconds


@contextmanager
def running() -> Iterator[Now]:
    """A run and its clock, to be set."""
    now = Now()
    with Run(now, seed=1).on():
        yield now


def test_httpcore_expires_idle_connections() -> None:
    """`time.monotonic`."""
    with running() as now:
        backend = httpcore.MockBackend(ANSWER * 2)
        with httpcore.ConnectionPool(network_backend=backend, keepalive_expiry=5.0) as pool:
            pool.request("GET", "http://core/")
            connection = pool.connections[0]
            now.seconds += 4.99
            assert not connection.has_expired()
            now.seconds += 0.02
            assert connection.has_expired()


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_httpx_measures_how_long_an_answer_took(library: type[httpx]) -> None:
    """`time.perf_counter`."""
    with running() as now:

        def answer(request: httpx.Request) -> httpx.Response:
            now.seconds += 2.5
            return library.Response(200, content=iter([b"ok"]))

        with library.Client(transport=library.MockTransport(answer)) as client:
            assert client.get("http://core/").elapsed.total_seconds() == 2.5


def test_requests_measures_how_long_an_answer_took() -> None:
    """`time.perf_counter` under another name."""
    with running() as now:

        class Adapter(requests.adapters.BaseAdapter):
            def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:
                now.seconds += 2.5
                response = requests.Response()
                response.status_code, response.request, response.url = 200, request, request.url
                response.raw = urllib3.HTTPResponse(io.BytesIO(), preload_content=False)
                return response

            def close(self) -> None:
                """Nothing is open."""

        with requests.Session() as session:
            session.mount("http://", Adapter())
            assert session.get("http://core/").elapsed.total_seconds() == 2.5


def test_urllib3_counts_a_total_time_down() -> None:
    """`time.monotonic`; and it sleeps between retries, which is refused."""
    with running() as now:
        timeout = urllib3.Timeout(total=5.0)
        timeout.start_connect()
        now.seconds += 2.0
        assert timeout.get_connect_duration() == 2.0
        assert timeout.read_timeout == 3.0
        retry = urllib3.Retry(3, backoff_factor=1.0).increment("GET", "/").increment("GET", "/")
        with pytest.raises(Escaped, match=r"time\.sleep"):
            retry.sleep()


def test_aiohttp_goes_by_monotonic_and_forgets_cookies_and_names_in_time() -> None:
    """`from time import monotonic` of its import, and `time.time`."""
    with running() as now:
        table = aiohttp.connector._DNSCacheTable(ttl=10.0)
        table.add(("core", 80), [])
        now.seconds += 9.9
        assert not table.expired(("core", 80))
        now.seconds += 0.2
        assert table.expired(("core", 80))

        async def cookies() -> list[int]:
            jar = aiohttp.CookieJar(unsafe=True)
            jar.update_cookies({"a": "b"}, aiohttp.client.URL("http://core/"))
            for cookie in jar:
                cookie["max-age"] = "60"
            jar.update_cookies({cookie.key: cookie for cookie in jar})
            counts = [len(jar.filter_cookies(aiohttp.client.URL("http://core/")))]
            now.seconds += 61
            return [*counts, len(jar.filter_cookies(aiohttp.client.URL("http://core/")))]

        assert asyncio.run(cookies()) == [1, 0]


def test_pybreaker_closes_again_by_the_date() -> None:
    """`datetime.now`."""
    with running() as now:
        breaker = pybreaker.CircuitBreaker(
            fail_max=1, reset_timeout=30, throw_new_error_on_trip=False
        )
        with pytest.raises(ZeroDivisionError):
            breaker.call(lambda: 1 / 0)
        now.seconds += 29.9
        with pytest.raises(pybreaker.CircuitBreakerError):
            breaker.call(int)
        now.seconds += 0.2
        assert breaker.call(int) == 0


def test_tenacity_stops_by_the_clock_and_waits_by_the_seed() -> None:
    """`time.monotonic` and the functions of `random`."""

    def waited(seed: int) -> float:
        now = Now()
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_delay(10), wait=tenacity.wait_random(1, 3), sleep=now.sleep
        )
        with Run(now, seed=seed).on(), pytest.raises(tenacity.RetryError):
            retrying(lambda: 1 / 0)
        return now.seconds - 100.0

    assert 10 <= waited(1) < 13
    assert waited(1) == waited(1) != waited(2)


def test_anyio_asks_the_loop() -> None:
    """Whose time is the run's source."""
    with running():

        async def read() -> float:
            return anyio.current_time() - asyncio.get_running_loop().time()

        assert asyncio.run(read()) == 0.0
