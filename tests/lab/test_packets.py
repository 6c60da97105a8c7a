"""A SYN read from a packet; what the filter lets pass is shown in tests/wire/test_packets.py."""

from __future__ import annotations

import socket
import struct

from faultlab.lab.packets import Syn, accepts, parse

SOURCE = socket.inet_aton("127.0.0.1")
DIALLED = socket.inet_aton("127.1.0.7")


def packet(*, options: int = 0) -> bytes:
    """From port 5001 to port 4001, number 7; so many bytes of IP options."""
    head = bytes([0x45 + options // 4]) + bytes(8) + bytes([6]) + bytes(2) + SOURCE + DIALLED
    return head + bytes(options) + struct.pack("!HHIIBBHHH", 5001, 4001, 7, 0, 0x50, 2, 0, 0, 0)


def test_a_syn_is_read_behind_any_options() -> None:
    """The length of an IP header is its own to say."""
    expected = Syn(SOURCE, DIALLED, 5001, 4001, 7)
    assert parse(packet()) == expected
    assert parse(packet(options=8)) == expected


def test_a_packet_that_is_cut_is_none() -> None:
    """Whatever arrives must not end the count."""
    assert parse(b"") is None
    assert parse(packet()[:27]) is None


def test_the_filter_has_a_line_for_each_port() -> None:
    """Eight bytes each, beside the eleven that it always has."""
    assert len(accepts({1})) == 8 * 12
    assert len(accepts({1, 2, 3})) == 8 * 14
