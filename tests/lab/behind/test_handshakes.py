"""The processor that saw a packet, told by its length; handshakes: tests/wire/behind/test_through.py."""

from __future__ import annotations

import pytest

from faultlab.lab.behind.handshakes import filters, lane_of


def packet(whole: int, seen: int) -> bytes:
    """An IP packet of `whole` bytes, of which so many were let through."""
    return (bytes([0x45, 0]) + whole.to_bytes(2, "big") + bytes(96))[:seen]


@pytest.mark.parametrize(
    ("whole", "seen", "group", "lane"),
    [
        (60, 34, 0, 0),
        (60, 51, 0, 17),
        (52, 51, 1, 35),
        (40, 39, 0, 5),
        (40, 40, 0, None),  # it may have been cut later, if it had been longer
        (1500, 52, 0, None),
    ],
)
def test_the_length_tells_the_processor(
    whole: int, seen: int, group: int, lane: int | None
) -> None:
    """A packet that was too short to be cut says nothing."""
    assert lane_of(packet(whole, seen), group) == lane


def test_so_many_processors_so_many_filters() -> None:
    """Eighteen each; a packet passes one of them."""
    assert [len(filters(4001, processors)) for processors in (1, 18, 19, 64)] == [1, 1, 2, 4]
    assert len({*filters(4001, 64)}) == 4
