"""An address of the loopback for each operation."""

from __future__ import annotations

import socket

import pytest

from faultlab.lab.addresses import address_of, confined, confines, operation_at


@pytest.mark.parametrize(
    ("operation", "address"), [(1, "127.1.0.1"), (256, "127.1.1.0"), (70_000, "127.2.17.112")]
)
def test_each_operation_has_one(operation: int, address: str) -> None:
    """They go both ways."""
    assert address_of(operation) == address
    assert operation_at(address) == operation


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.0.0", "10.0.0.7", "::1", ""])
def test_other_addresses_are_nobody_s(address: str) -> None:
    """The usual one above all."""
    assert operation_at(address) is None


@pytest.mark.wire
def test_a_confined_socket_hears_all_of_the_loopback_and_no_more() -> None:
    """The lab listens on the loopback only."""
    if not confines():
        pytest.skip("sockets can't be confined to the loopback here")
    with socket.socket() as sock:
        assert confined(sock)
        sock.bind(("0.0.0.0", 0))
        sock.listen()
        with socket.create_connection((address_of(7), sock.getsockname()[1])) as ours:
            accepted, _ = sock.accept()
            assert (
                accepted.getsockname()
                == ours.getpeername()
                == (address_of(7), ours.getpeername()[1])
            )
            accepted.close()
        assert sock.getsockopt(socket.SOL_SOCKET, 25, 16).rstrip(b"\0") == b"lo"
