"""Runs on their way into a lab process."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from faultlab.lab.environments.handing import Handing


def test_a_run_comes_with_its_descriptors_and_has_the_next_number(tmp_path: Path) -> None:
    """What is written to the third on the other side is in the run's file."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel, feed = socket.socketpair()
    with ours, theirs, channel, feed, (tmp_path / "h").open("wb", buffering=0) as history:
        handing = Handing(ours)
        assert [handing.hand_over(channel, feed, history) for _ in range(2)] == [1, 2]
        said, given, _, _ = socket.recv_fds(theirs, 16, 3)
        assert (said, len(given)) == (b"run", 3)
        os.write(given[2], b"{}\n")
        for descriptor in given:
            os.close(descriptor)
    assert (tmp_path / "h").read_bytes() == b"{}\n"


def test_one_that_is_gone_takes_none(tmp_path: Path) -> None:
    """And none is counted."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    channel, feed = socket.socketpair()
    with (
        ours,
        channel,
        feed,
        (tmp_path / "h").open("wb", buffering=0) as history,
        pytest.raises(OSError, match=r"."),
    ):
        Handing(ours).hand_over(channel, feed, history)
