"""Tests on a real Docker engine: `make docker`.

Every test in this folder has the mark `docker`. Where no engine can be used they are skipped, with
one line for all; with FAULTLAB_REQUIRE=docker that, and any other skip among them, is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path

import docker
import pytest

from faultlab.lab.environments.docker.building import EngineBuilder
from faultlab.lab.environments.docker.client import connect
from faultlab.lab.environments.docker.images import Images, use_images
from faultlab.lab.errors import SetupError

REQUIRED = "docker" in os.environ.get("FAULTLAB_REQUIRE", "").split(",")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The mark, before `-m` picks by it."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("docker")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where Docker is required, nothing may be left out."""
    report = yield
    if REQUIRED and report.skipped and isinstance(report.longrepr, tuple):
        report.outcome = "failed"
        report.longrepr = f"FAULTLAB_REQUIRE=docker, but this was left out: {report.longrepr[2]}"
    return report


@cache
def missing() -> str:
    """Why no engine can be used, or nothing."""
    try:
        connect(os.environ).close()
    except SetupError as error:
        return ": ".join(filter(None, (error.text, error.rows.get("seen"))))
    return ""


def pytest_runtest_setup() -> None:
    """From here rather than from a fixture: what is skipped at one place is one line."""
    if reason := missing():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """The machine's engine; what a test makes there carries its own labels, and it removes it."""
    client = connect(os.environ)
    yield client
    client.close()


@pytest.fixture(scope="session")
def images(engine: docker.DockerClient) -> Images:
    """The images that a lab would use, built or fetched if they weren't there."""
    return use_images(EngineBuilder(engine), os.environ, print)
