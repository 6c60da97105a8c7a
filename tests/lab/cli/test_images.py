"""`faultlab images`: what is said where there is no engine (with one: tests/docker)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Call = Callable[..., Result]


def test_without_an_engine_it_is_the_machine_s_matter(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit 3, with what to do."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    ended = call("images")
    assert ended.exit_code == 3
    assert ended.stderr.startswith(f"SetupError: no Docker engine answers at {tmp_path}/none\n")


def test_help_names_the_variables(call: Call) -> None:
    """Whoever has no registry looks here first."""
    told = call("images", "--help").stdout
    for name in ("FAULTLAB_TOXIPROXY_IMAGE", "FAULTLAB_IMAGE", "FAULTLAB_BASE_IMAGE", "--prune"):
        assert name in told
