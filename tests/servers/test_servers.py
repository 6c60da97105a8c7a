"""Two servers that nobody here wrote, played as their user would: nginx, and httpbin under gunicorn."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from faultlab import Lab

HERE = Path(__file__).parent
PATH = f"{os.environ['PATH']}:/usr/sbin"

pytestmark = [pytest.mark.wire, pytest.mark.slow, pytest.mark.timeout(300)]

nginx = pytest.mark.skipif(
    shutil.which("nginx", path=PATH) is None, reason="nginx is not installed: apt install nginx"
)


def played(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`faultlab run` in the folder of the servers."""
    return subprocess.run(
        [sys.executable, "-m", "faultlab", "run", "--seed", "7", "--out", str(out), *arguments],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )


@nginx
@pytest.mark.parametrize(
    "stories", [("ends.yaml", "nginx.yaml"), ("down", "slow", "partial")], ids=["own", "catalog"]
)
def test_stories_play_on_nginx(tmp_path: Path, stories: Sequence[str]) -> None:
    """Its master and workers end, stand still and come back as one; the catalog needs no edits."""
    run = played(tmp_path / "out", "--subject", "servers_lab.py:orders", *stories)
    assert run.returncode == 0, run.stdout + run.stderr
    for name in (Path(story).stem for story in stories):
        assert (tmp_path / "out" / name / "armed.orders.log").exists()


@pytest.mark.parametrize("stories", [("ends.yaml",), ("down", "5xx")], ids=["own", "catalog"])
def test_stories_play_on_httpbin(tmp_path: Path, stories: Sequence[str]) -> None:
    """A real application under a real server, which takes its time to be back."""
    assert importlib.util.find_spec("httpbin") is not None
    run = played(tmp_path / "out", "--subject", "servers_lab.py:httpbin", *stories)
    assert run.returncode == 0, run.stdout + run.stderr


@nginx
def test_a_server_can_be_named_on_the_command_line(tmp_path: Path) -> None:
    """A client that says nothing of who serves, not even in Python."""
    subject = "cmd:orders GET /orders/{id} curl -fsS --max-time 1 {orders}/orders/7"
    server = "orders=cmd:sh -c 'exec ./nginx.sh'"
    run = played(tmp_path / "out", "--subject", subject, "--service", server, "slow")
    assert run.returncode == 0, run.stdout + run.stderr


@nginx
def test_a_test_has_a_server_of_its_own(lab: Lab) -> None:
    """Started when it is served, and ended with the test."""
    url = lab.serve("orders", {"command": ["sh", "-c", f"cd {HERE} && exec ./nginx.sh"]})
    with httpx.Client(base_url=url, timeout=1, trust_env=False) as client:
        assert client.get("/orders/7").json() == {"id": 7, "sku": "a"}
        with lab.down("orders") as down, pytest.raises(httpx.ConnectError):
            client.get("/orders/7")
        assert down.attempts == 1
        assert client.get("/orders/8").json() == {"id": 8, "sku": "b"}
