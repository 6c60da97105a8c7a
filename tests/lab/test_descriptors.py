import subprocess
import sys

import pytest

SHOW = "import resource; from faultlab.lab import descriptors; descriptors.take(); "
SHOW += "print(resource.getrlimit(resource.RLIMIT_NOFILE))"


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ("(64, 4096)", "(4096, 4096)"),
        ("(4096, 4096)", "(4096, 4096)"),
    ],
)
def test_it_takes_what_it_may_have(limits: str, left: str) -> None:
    """The usual 1,024 are 250 connections to a stub, both ways of the proxy counted."""
    code = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, {limits}); {SHOW}"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.strip() == left
