"""Sessions with tests in virtual time, over a network that is simulated."""

from __future__ import annotations

import re

import pytest

from ...documents import GUIDE, shown_file
from .conftest import Stranger

pytest_plugins = ["pytester"]

CLIENT = """
import asyncio, ssl, time
import httpx, pytest

CONTEXT = ssl.create_default_context()

@pytest.fixture
def url(lab):
    return lab.serve("orders", {"GET /orders/{id}": {"id": 7}})

def client():
    return httpx.AsyncClient(verify=CONTEXT, timeout=5)
"""


def test_a_test_runs_in_virtual_time_with_every_call_of_the_lab(stranger: Stranger) -> None:
    """Half an hour of it, and nothing of the machine's clock."""
    stranger.ini(asyncio_mode="auto", faultlab_env="simulated")
    stranger.writes(
        CLIENT
        + """
async def test_half_an_hour(lab, url):
    assert lab.env == "simulated"
    async with client() as http:
        assert (await http.get(f"{url}/orders/7")).json() == {"id": 7}
        with lab.down("orders") as down:
            with pytest.raises(httpx.ConnectError):
                await http.get(f"{url}/orders/7")
        assert down.attempts == 1
        with lab.slow("orders", 1.5):
            began = lab.now
            await http.get(f"{url}/orders/7")
            assert 1.5 <= lab.now - began < 1.51
        with lab.partition("orders", live="hold"):
            began = time.monotonic()
            with pytest.raises(httpx.ReadTimeout):
                await http.get(f"{url}/orders/7")
            assert time.monotonic() - began == pytest.approx(5, abs=0.01)
        began = time.time()
        await lab.advance(1800)
        assert time.time() - began == pytest.approx(1800)
        with lab.operation("again"):
            await http.get(f"{url}/orders/7")
    assert lab.attempts("orders") == 5
    assert lab.attempts(operation="again") == 1

async def test_the_reference_client_waits_its_true_times(lab):
    async with lab.client() as maximus:
        with lab.operation("health"):
            await maximus.health()
        began = lab.now
        with lab.status("core", 503, first=2) as armed, lab.operation("health"):
            await maximus.health()
        assert armed.fired == 2
        assert lab.now - began >= 0.25 + 0.5  # half of 0.5 s and of 1 s, at least
    assert lab.judge("maximus") == "pass"
"""
    )
    result = stranger.run_here()
    result.assert_outcomes(passed=2)


def test_the_guides_example_passes(stranger: Stranger) -> None:
    """What is shown is copied."""
    stranger.writes(test_breaker=shown_file(GUIDE, "test_breaker.py"))
    stranger.run_here().assert_outcomes(passed=1)


def test_what_can_not_run_so_is_told_what_to_do(stranger: Stranger) -> None:
    """Sync tests, calls that block, waits that never end: each at once, and by name."""
    stranger.ini(asyncio_mode="strict")
    stranger.writes(
        CLIENT
        + """
import urllib.request
import pytest_asyncio
pytestmark = pytest.mark.faultlab(env="simulated")

def test_sync(lab):
    pass

@pytest.mark.asyncio
async def test_blocks(lab, url):
    urllib.request.urlopen(f"{url}/orders/7")

@pytest.mark.asyncio
async def test_swallows(lab):
    try:
        time.sleep(3)
    except BaseException:
        pass

@pytest_asyncio.fixture
async def blocking(lab):
    time.sleep(3)

@pytest.mark.asyncio
async def test_fixture(blocking):
    pass

@pytest.mark.asyncio
async def test_waits_for_ever(lab):
    await asyncio.Event().wait()

async def behind_a_lock(lock):
    async with lock:
        await lock.acquire()

@pytest.mark.asyncio
async def test_waits_in_its_client(lab):
    with lab.operation("read"):
        await behind_a_lock(asyncio.Lock())

@pytest.mark.asyncio
async def test_waits_for_a_future(lab):
    await asyncio.get_running_loop().create_future()

@pytest.mark.asyncio(loop_scope="module")
async def test_shares(lab):
    pass

@pytest.mark.asyncio
@pytest.mark.faultlab(env="embedded")
async def test_elsewhere(lab):
    await lab.advance(31.0)

@pytest.mark.asyncio
async def test_plays(lab):
    lab.run("down")

@pytest.mark.asyncio
async def test_negative(lab):
    await lab.advance(-1)
"""
    )
    result = stranger.run_here("-p", "no:randomly")
    result.assert_outcomes(failed=8, errors=3)
    told = result.stdout.str()
    for line in (
        "test_sync is not run by pytest-asyncio, and env='simulated' needs its loop",
        "SetupError: test_blocks blocks for real, so simulated can't run it",
        r"  call +socket.connect, from .*\.py:\d+, test_blocks",
        r"  call +time.sleep, from .*\.py:\d+, test_swallows",
        r"  call +time.sleep, from .*\.py:\d+, blocking",
        "test_waits_for_ever hangs: nothing can happen any more: no timer, no traffic",
        r"  awaits +Task-\d+: .*\.py:\d+, test_waits_for_ever, in Event.wait",
        r"  awaits +Task-\d+: .*\.py:\d+, behind_a_lock, in Lock.acquire",
        r"  awaits +Task-\d+: .*\.py:\d+, test_waits_for_a_future, for a Future",
        "test_shares shares its loop with its module, and env='simulated' needs one of its own",
        "lab.advance: the time of embedded can't be moved",
        r"lab.advance\(-1\)",
        "lab.run plays in a process of its own",
    ):
        assert re.search(line, told), line


@pytest.mark.slow
@pytest.mark.parametrize("environment", ["embedded", "simulated"])
def test_a_process_is_stopped_killed_or_frozen_by_the_same_test_everywhere(
    stranger: Stranger, environment: str
) -> None:
    """What a client meets, how often, and that it is over."""
    stranger.ini(asyncio_mode="auto", faultlab_env=environment)
    stranger.writes(
        CLIENT.replace("timeout=5", "timeout=0.5")
        + """
from faultlab import Frozen

async def passes(lab, seconds):
    if lab.env == "simulated":
        await lab.advance(seconds)
    else:
        await asyncio.sleep(seconds)

@pytest.mark.parametrize("kind", ["stopped", "killed"])
async def test_it_ends(lab, url, kind):
    async with client() as http:
        await http.get(f"{url}/orders/7")
        with lab.down("orders", kind=kind) as down:
            await passes(lab, 0.01)
            for _ in range(2):
                with pytest.raises(httpx.ConnectError):
                    await http.get(f"{url}/orders/7")
        assert down.attempts == 2
        assert (await http.get(f"{url}/orders/7")).json() == {"id": 7}
        with lab.down("orders", kind=kind, restart=0.3, unfired="ok"):
            await passes(lab, 1.0)
            assert (await http.get(f"{url}/orders/7")).json() == {"id": 7}
    assert lab.attempts("orders") == 5

async def test_it_is_frozen(lab, url):
    async with client() as http:
        await http.get(f"{url}/orders/7")
        with lab.inject(Frozen(service="orders")) as frozen:
            with pytest.raises(httpx.ReadTimeout):
                await http.get(f"{url}/orders/7")
        assert frozen.fired == 1
        assert (await http.get(f"{url}/orders/7")).json() == {"id": 7}
"""
    )
    stranger.run_here().assert_outcomes(passed=3)


@pytest.mark.slow
def test_other_tests_of_the_session_have_their_own_loops_and_clocks(stranger: Stranger) -> None:
    """A conftest's loops are the others'; a test in virtual time is not asked for twice."""
    stranger.ini(asyncio_mode="auto")
    stranger.writes(
        conftest="""
import asyncio
def pytest_asyncio_loop_factories():
    return {"one": asyncio.new_event_loop, "two": asyncio.new_event_loop}
""",
        test_both="""
import asyncio, time, pytest

@pytest.mark.faultlab(env="simulated")
async def test_virtual(lab):
    await asyncio.sleep(3600)

async def test_real():
    began = time.monotonic()
    await asyncio.sleep(0.01)
    assert 0.009 <= time.monotonic() - began
    assert "Simulated" not in type(asyncio.get_running_loop()).__name__
""",
    )
    result = stranger.run("-v")
    result.assert_outcomes(passed=3)
    result.stdout.no_re_match_line(r".* \d{3,}\.\d+s .*")
