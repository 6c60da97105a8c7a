"""Sessions of a stranger's: the plugin works in each, and leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Stranger

pytest_plugins = ["pytester"]
pytestmark = [pytest.mark.wire, pytest.mark.slow]

SNIPPETS = """
import threading

import httpx
import pytest
from maximus import MaximusConnectionError

@pytest.mark.asyncio
async def test_core_down(lab):
    async with lab.client() as client:                 # maximus, tune fast
        with lab.down("core"):
            with pytest.raises(MaximusConnectionError):
                await client.health()
        assert lab.attempts("core") == 3

def test_my_own_client(lab):
    with httpx.Client(base_url=lab.url("core")) as client:
        with lab.down("core"), pytest.raises(httpx.ConnectError):
            client.get("/health")
        assert lab.attempts("core") == 1

@pytest.mark.asyncio
async def test_operations(lab):
    async with lab.client() as client:
        with lab.operation("health"):
            await client.health()
        with lab.down("core"), pytest.raises(MaximusConnectionError), lab.operation("health"):
            await client.health()
    assert lab.attempts("core", operation="health") == 4
    assert lab.judge("maximus") == "pass"

def test_operations_of_threads(lab):
    with httpx.Client(base_url=lab.url("core")) as client, lab.operation("get"):
        thread = threading.Thread(target=client.get, args=("/health",))
        thread.start()
        thread.join()
    assert lab.attempts(operation="get") == 1

def test_no_thread_is_left():
    assert [one.name for one in threading.enumerate() if "faultlab" in one.name] == []
"""


@pytest.mark.parametrize(
    "options",
    [
        ("-p", "no:randomly", "-p", "no:xdist", "--asyncio-mode=strict"),
        ("-p", "randomly", "--asyncio-mode=auto"),
        ("-n", "2"),
    ],
    ids=["strict", "auto", "xdist"],
)
def test_the_examples_work_in_a_stranger_s_repository(
    stranger: Stranger, options: tuple[str, ...]
) -> None:
    """Sync and async, operations in threads and tasks, with warnings as errors; and nothing is left of them."""
    stranger.writes(SNIPPETS)
    result = stranger.run(*options)
    result.assert_outcomes(passed=5)
    assert stranger.left_nothing()


def test_a_session_without_the_lab_pays_nothing(stranger: Stranger) -> None:
    """The plugin is loaded in every session of an environment where faultlab is installed."""
    stranger.writes(
        conftest="""
        import sys

        def pytest_unconfigure(config):
            heavy = {"pydantic", "httpx", "msgspec", "docker", "maximus"}
            print("loaded:", "faultlab.lab.pytest_plugin" in sys.modules)
            print("heavy:", sorted(heavy & sys.modules.keys()))
        """
    )
    stranger.writes("def test_nothing(): pass")
    result = stranger.run()
    result.stdout.fnmatch_lines(["loaded: True", "heavy: []"])
    assert not (stranger.path / ".faultlab").exists()


def test_late_traffic_of_a_test_counts_for_no_other(stranger: Stranger) -> None:
    """A thread that outlives its test finds nobody; the next test's count stays its own."""
    stranger.writes(
        """
        import threading
        import httpx

        second = threading.Event()
        ended = []

        def late(url):
            second.wait(30)
            try:
                ended.append(httpx.get(url + "/health"))
            except httpx.HTTPError as error:
                ended.append(type(error))

        def test_first(lab):
            global thread
            thread = threading.Thread(target=late, args=(lab.url("core"),))
            thread.start()

        def test_second(lab):
            lab.url("core")
            second.set()
            thread.join(30)
            assert ended == [httpx.ConnectError]
            assert lab.attempts() == 0
        """
    )
    result = stranger.run_here("-p", "no:randomly")
    result.assert_outcomes(passed=2)
