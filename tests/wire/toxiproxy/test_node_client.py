"""toxiproxy-node-client, unchanged, drives the lab's server as it drives the real one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Server  # type: ignore[import-not-found]

pytestmark = [pytest.mark.wire, pytest.mark.slow]

PACKAGE = "toxiproxy-node-client"
VERSION = "4.1.0"
CLAIMS = Path(__file__).with_name("node_client.cjs")
LIMIT = 60.0  # seconds for a package to come, or for all claims


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the package, as its registry has it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no `node` and `npm` on PATH")
    folder = tmp_path_factory.mktemp("node")
    wanted = [f"{PACKAGE}@{VERSION}", "--ignore-scripts", "--no-audit", "--no-fund"]
    came = subprocess.run(
        [npm, "install", "--prefix", str(folder), *wanted],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if came.returncode:
        pytest.skip(f"{PACKAGE} can't be had: {came.stderr.strip().splitlines()[0]}")
    return folder / "node_modules" / PACKAGE


@pytest.mark.conformance("X02")
def test_it_finds_all_that_it_asks_for(server: Server, package: Path) -> None:
    """Proxies, populate, reset, every type of toxic in both directions, and what is refused."""
    done = subprocess.run(
        ["node", str(CLAIMS), str(package), server.url],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 20
