"""An end of the event channel."""

from __future__ import annotations

import socket

from faultlab.lab.frames import Batch, Frames
from faultlab.lab.history import ConnectAttempted
from faultlab.lab.subjects.feed import Feed


def test_what_the_hook_notes_is_sent_without_a_flush() -> None:
    """`armed.first` comes while the test waits for it, and calls nothing of the lab's."""
    connect = ConnectAttempted(t=0.5, port=80, local=5)
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    feed = Feed(ours)
    try:
        feed.note(connect)
        assert list(Frames().feed(theirs.recv(64 * 1024))) == [Batch((connect,))]
    finally:
        feed.close()
        theirs.close()
