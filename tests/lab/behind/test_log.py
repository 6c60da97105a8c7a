"""What Toxiproxy writes on its output, line by line."""

from __future__ import annotations

from faultlab.lab.behind.log import Accepted, Lines, Undialled

ACCEPTED = (
    b'{"level":"info","name":"a","listen":"127.0.0.1:1","upstream":"127.0.0.1:9",'
    b'"client":"127.0.0.1:37052","caller":"proxy.go:204","message":"Accepted client"}\n'
)
UNDIALLED = (
    b'{"level":"error","name":"a","error":"dial tcp 127.0.0.1:9: connect: connection refused",'
    b'"client":"[::1]:37068","message":"Unable to open connection to upstream"}\n'
)


def test_lines_come_in_whatever_pieces() -> None:
    """A pipe knows no lines."""
    lines = Lines()
    said = [one for byte in ACCEPTED + UNDIALLED for one in lines.feed(bytes([byte]))]
    assert said == [Accepted("a", "127.0.0.1", 37052), Undialled("a", "::1", 37068)]


def test_what_says_nothing_of_clients_is_kept_for_a_message() -> None:
    """Its last words, where it ends."""
    lines = Lines()
    assert lines.feed(b'panic: runtime error\n{"message":"Started proxy","name":"a"}\n{"cl') == []
    assert [*lines.last] == ["panic: runtime error", '{"message":"Started proxy","name":"a"}']


def test_a_line_without_end_is_dropped() -> None:
    """Memory is the lab's, too."""
    lines = Lines()
    assert lines.feed(b"x" * 70_000) == []
    assert lines.feed(b"\n" + ACCEPTED) == [Accepted("a", "127.0.0.1", 37052)]
