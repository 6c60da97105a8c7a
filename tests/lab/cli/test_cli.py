"""The ways in: help and version."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import Result

Call = Callable[..., Result]


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_loads_no_room(arguments: list[str]) -> None:
    """Who asks for help must not wait for an HTTP client to load."""
    heavy = ["docker", "httpx", "hypothesis", "msgspec", "pydantic", "rich", "ruamel", "toxiproxy"]
    code = (
        "import sys\nfrom faultlab.lab.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert ended.stderr == "[]\n"
    assert "faultlab" in ended.stdout


def test_the_version_is_one_line(call: Call) -> None:
    """Bug reports begin with it."""
    assert call("--version").output == "faultlab 0.1.0\n"
