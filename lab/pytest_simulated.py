"""Tests in virtual time: the loop that pytest-asyncio gives them, and what is told of those that leave it.

Counterpart: `pytest_plugin.py` knows which tests these are. Imported when a session has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import pytest
from pytest_asyncio import is_async_test

from .environments.simulated import Escaped, Hang, SimulatedLoop
from .errors import SetupError, UsageError

__all__ = ["Loops", "Watched", "demand_simulable"]

_MARK = '@pytest.mark.faultlab(env="embedded")'


class Loops:
    """A pytest plugin, there while a simulated test's parameters are made.

    Registered for good it would choose the loop of every async test of the session.
    """

    def __init__(self, seed: int) -> None:
        self._factories = {"simulated": partial(SimulatedLoop, seed=seed)}

    @pytest.hookimpl(tryfirst=True)
    def pytest_asyncio_loop_factories(self) -> Mapping[str, Callable[[], SimulatedLoop]]:
        """The only loop of this test, whatever its conftest offers."""
        return self._factories


def demand_simulable(item: pytest.Item) -> None:
    """Raise UsageError for a test that can't run on a simulated loop of its own."""
    if not is_async_test(item):
        raise UsageError(
            f"{item.name} is not run by pytest-asyncio, and env='simulated' needs its loop",
            expected="an `async def` test with @pytest.mark.asyncio, or asyncio_mode = auto: "
            "what a sync test waits for takes real time",
            mend=f"{_MARK} for this test",
        )
    mark = item.get_closest_marker("asyncio")
    said = {} if mark is None else mark.kwargs
    scope = said.get("loop_scope") or said.get("scope")
    scope = scope or item.config.getini("asyncio_default_test_loop_scope")
    if scope != "function":
        raise UsageError(
            f"{item.name} shares its loop with its {scope}, and env='simulated' needs one of its own",
            expected='loop_scope="function": virtual time begins with each test',
            mend=f"{_MARK} for this test",
        )


class Watched:
    """One test's loop, and what of its end the lab has to tell."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self.loop = loop

    def problem(self, item: pytest.Item, error: BaseException | None) -> str:
        """What a test that has left its simulation, or waits for ever, is told; empty: nothing.

        A client may swallow what refused its call: the run kept it.
        """
        refused = [error] if isinstance(error, Escaped) else [*self.loop.run.escapes]
        if refused:
            left = SetupError(
                f"{item.name} blocks for real, so simulated can't run it",
                call=str(refused[0]),
                mend=f"{_MARK} or --faultlab-env embedded, or the client's async face",
            )
            return f"SetupError: {left}"
        return f"{item.name} hangs: {error}" if isinstance(error, Hang) else ""
