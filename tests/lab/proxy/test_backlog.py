"""What waits at a gate: in order, and never for nothing."""

from __future__ import annotations

import pytest

from faultlab.lab.proxy.backlog import PIECE, Backlog
from faultlab.lab.proxy.exchange import Exchange
from faultlab.lab.proxy.framer import Data, End, Lost

ONE = Exchange(1, 0.0, ())


@pytest.fixture
def backlog() -> Backlog:
    """Three pieces of one exchange, and what came behind it."""
    backlog = Backlog()
    for piece in (Data(b"abc", ((0, 3),)), End(cut=False)):
        backlog.add(ONE, piece)
    backlog.add(None, Lost(b"xy"))
    return backlog


def test_what_came_first_is_taken_first(backlog: Backlog) -> None:
    """Looking at it takes nothing; its payload has been counted, and is not kept twice."""
    assert backlog.first == (ONE, Data(b"abc", ()))
    taken = [backlog.take() for _ in range(3)]
    assert taken == [(ONE, Data(b"abc", ())), (ONE, End(cut=False)), (None, Lost(b"xy"))]
    assert (bool(backlog), backlog.size) == (False, 0)


def test_each_piece_takes_memory_beside_its_bytes(backlog: Backlog) -> None:
    """A client that sends many small ones is held back, too."""
    assert backlog.size == 3 * PIECE + 5
    backlog.take()
    assert backlog.size == 2 * PIECE + 2


def test_its_bytes_go_on_together(backlog: Backlog) -> None:
    """When a stream is passed unread from here on."""
    assert backlog.clear() == [b"abc", b"xy"]
    assert (bool(backlog), backlog.size) == (False, 0)
