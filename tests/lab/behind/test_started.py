"""Where the server's binary is looked for; that it serves: tests/wire/behind/test_started.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultlab.lab.behind.started import binary, too_old
from faultlab.lab.errors import SetupError


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Something that can be started."""
    path = tmp_path / "toxiproxy-server"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_it_is_found_on_the_path_or_by_its_variable(program: Path) -> None:
    """The variable wins."""
    folder = str(program.parent)
    assert binary({"PATH": folder}) == str(program)
    other = program.rename(program.with_name("other"))
    assert binary({"PATH": folder, "FAULTLAB_TOXIPROXY": str(other)}) == str(other)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"PATH": "/nowhere"}, "no `toxiproxy-server` on PATH"),
        ({"FAULTLAB_TOXIPROXY": "/nowhere"}, "FAULTLAB_TOXIPROXY=/nowhere: no program"),
    ],
)
def test_the_error_says_what_to_do(environ: dict[str, str], said: str) -> None:
    """It is this machine's to mend."""
    with pytest.raises(SetupError, match=r"github\.com/Shopify/toxiproxy") as raised:
        binary(environ)
    assert raised.value.text.startswith(said)


def test_versions_before_the_first_that_can_be_read_are_too_old() -> None:
    """One built from source has no number."""
    assert [too_old(v) for v in ("2.4.0", "1.9", "2.5.0", "2.12.0", "3.0", "git", "unknown")] == [
        True,
        True,
        *[False] * 5,
    ]
