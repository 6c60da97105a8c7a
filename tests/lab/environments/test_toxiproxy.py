"""Where a real Toxiproxy's binary is looked for, and what is said of one that won't do."""

from __future__ import annotations

from pathlib import Path

import pytest

from faultlab.lab.environments.toxiproxy import Server, found, too_old
from faultlab.lab.errors import SetupError


def program(folder: Path, says: str, name: str = "toxiproxy-server") -> Path:
    """A program that says this, whatever it is asked."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_it_is_found_on_the_path_or_by_its_variable(tmp_path: Path) -> None:
    """The variable wins."""
    server = program(tmp_path, "toxiproxy-server version 2.12.0")
    path = f"{tmp_path}:/usr/bin:/bin"
    assert found({"PATH": path}) == Server(str(server), "2.12.0")
    other = program(tmp_path, "toxiproxy-server version git", "other")
    there = found({"PATH": path, "FAULTLAB_TOXIPROXY": str(other)})
    assert there == Server(str(other), "git")
    assert str(there) == "Toxiproxy git"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"PATH": "/nowhere"}, "no `toxiproxy-server` on PATH"),
        ({"FAULTLAB_TOXIPROXY": "/nowhere"}, "FAULTLAB_TOXIPROXY=/nowhere: no program"),
    ],
)
def test_where_there_is_none_the_error_says_what_to_do(environ: dict[str, str], said: str) -> None:
    """It is this machine's to mend."""
    with pytest.raises(SetupError) as raised:
        found(environ)
    assert raised.value.text.startswith(said)
    assert raised.value.rows["mend"].startswith("install Toxiproxy 2.5 or later")


@pytest.mark.parametrize(
    ("says", "said"),
    [
        ("toxiproxy-server version 2.4.0", "is Toxiproxy 2.4.0: too old"),
        ("version 7 of something", "is no Toxiproxy server"),
        ("", "is no Toxiproxy server"),
    ],
)
def test_another_program_is_not_taken_for_it(tmp_path: Path, says: str, said: str) -> None:
    """It would start, and serve nothing."""
    server = program(tmp_path, says)
    with pytest.raises(SetupError, match=said):
        found({"FAULTLAB_TOXIPROXY": str(server)})


def test_versions_before_the_first_that_can_be_read_are_too_old() -> None:
    """One built from source has no number."""
    assert [too_old(v) for v in ("2.4.0", "1.9", "2.5.0", "2.12.0", "3.0", "git", "unknown")] == [
        True,
        True,
        *[False] * 5,
    ]
