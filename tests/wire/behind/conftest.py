"""The stage of bare sockets, behind a real Toxiproxy; skipped with one line where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

import pytest

from faultlab.lab.behind import BehindNet, Front, Toxiproxy
from faultlab.lab.environments.toxiproxy import found
from faultlab.lab.errors import SetupError


@cache
def missing() -> str:
    """Why there is no real Toxiproxy, or nothing."""
    try:
        found(os.environ)
    except SetupError as error:
        return error.text
    return ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """From here rather than from a fixture: what is skipped at one place is one line."""
    if "server" in getattr(item, "fixturenames", ()) and missing():
        if "docker" in os.environ.get("FAULTLAB_REQUIRE", "").split(","):
            pytest.fail(f"FAULTLAB_REQUIRE=docker, but {missing()}", pytrace=False)
        pytest.skip(missing())


@pytest.fixture(scope="session")
def server() -> str:
    """The binary of a real Toxiproxy."""
    return found(os.environ).path


@pytest.fixture
def started(server: str) -> Iterator[Toxiproxy]:
    """A Toxiproxy of this test's own."""
    started = Toxiproxy(server)
    yield started
    started.close()


@pytest.fixture(params=["output", "packets"])
def stage(request, started: Toxiproxy, stages) -> Iterator[object]:
    """Proxy and backend behind it; clients are known by its output, or by their packets."""
    fronts: list[Front] = []

    def through(net) -> BehindNet:
        output = started.output if request.param == "output" else None
        fronts.append(Front(net.loop, started.control, output=output))
        return BehindNet(fronts[0], net)

    with stages(through) as stage:
        stage.fronts = fronts
        stage.told_by_output = request.param == "output"
        yield stage
        stage.call(stage.proxy.close)
        stage.call(fronts[0].close)
