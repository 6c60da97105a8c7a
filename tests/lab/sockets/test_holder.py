"""Who has a port."""

from __future__ import annotations

import os
import socket

from faultlab.lab.sockets.holder import holder, listeners

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1FA4 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1001 1 0
   1: 0100007F:1FA4 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 1002 1 0
   2: 00000000:1FDA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1003 1 0
"""


def test_only_listeners_count() -> None:
    """A connection of the port holds nobody else off."""
    assert listeners(TABLE, 8100) == {"socket:[1001]"}
    assert listeners(TABLE, 8154) == {"socket:[1003]"}
    assert listeners(TABLE, 50000) == set()
    assert listeners("", 8100) == set()


def test_a_process_that_listens_is_found() -> None:
    """By its name and id, as `ps` shows it; on either family."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = holder(server.getsockname()[1])
    assert found is not None
    assert found.endswith(f"(pid {os.getpid()})")


def test_a_port_that_nobody_has_has_no_holder() -> None:
    """A port that is bound and doesn't listen is nobody's, either."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert holder(bound.getsockname()[1]) is None
