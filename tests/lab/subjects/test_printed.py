"""What a subject prints, on its way into a file."""

import os
from pathlib import Path

from faultlab.lab.subjects.printed import Printed


def test_what_was_printed_is_in_the_file_when_asked_for(tmp_path: Path) -> None:
    """A message names the log only where it holds something."""
    printed = Printed(tmp_path / "log")
    writer = os.dup(printed.writer)
    printed.begin()
    assert not printed.catch_up()
    os.write(writer, b"hello\n")
    assert printed.catch_up()
    assert (tmp_path / "log").read_bytes() == b"hello\n"
    os.write(writer, b"bye")
    printed.close()  # though the other end is open
    os.close(writer)
    assert (tmp_path / "log").read_bytes() == b"hello\nbye"


def test_one_that_was_never_given_away_closes_both_ends(tmp_path: Path) -> None:
    """The process did not start."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    Printed(tmp_path / "log").close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
