"""What is kept of what a program prints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultlab.lab.excerpt import Excerpt, last_lines


def kept(*pieces: bytes, head: int = 1000, tail: int = 20) -> bytes:
    """What is written of these pieces."""
    excerpt = Excerpt(head, tail)
    return b"".join([*map(excerpt.feed, pieces), excerpt.finish()])


def test_a_line_is_written_as_soon_as_it_is_one() -> None:
    """Who looks while the subject hangs sees what it printed."""
    excerpt = Excerpt()
    assert excerpt.feed(b"hello\nfr") == b"hello\n"
    assert excerpt.feed(b"om orders") == b""
    assert excerpt.finish() == b"from orders"


def test_of_a_flood_the_beginning_and_the_end_are_kept() -> None:
    """The first line says how it began, the last why it ended."""
    lines = [b"%05d\n" % number for number in range(100)]
    assert kept(*lines, head=12) == (
        b"00000\n00001\n... 570 bytes are left out here ...\n00097\n00098\n00099\n"
    )


def test_secrets_are_not_kept() -> None:
    """A run folder is uploaded; a line may come in pieces."""
    assert kept(b"Authorization: Bea", b"rer abcdef123456\napi_key=SEC", b"RET123") == (
        b"Authorization: [redacted]\napi_key=[redacted]"
    )


def test_a_line_without_an_end_is_kept_in_pieces() -> None:
    """It would be kept in memory."""
    excerpt = Excerpt()
    assert len(excerpt.feed(b"x" * 20_000)) == 16_384
    assert len(excerpt.finish()) == 20_000 - 16_384


@given(st.lists(st.binary(max_size=40)))
def test_what_is_short_and_no_secret_is_kept_as_it_is(pieces: list[bytes]) -> None:
    """Also what is no text."""
    shown = b"".join(pieces)
    if b":" not in shown and b"=" not in shown:
        assert kept(*pieces, head=10_000) == shown


@pytest.mark.parametrize(
    ("tail", "cut", "said"),
    [
        (b"", False, ""),
        (b"a\nb\n\nc\nd\n", False, "b\nc\nd"),
        (b"hunter2\nb\n", True, "b"),
        (b"hunter2", True, ""),
        (b"\xff\n", False, "�"),
    ],
)
def test_its_last_lines_are_told(tail: bytes, cut: bool, said: str) -> None:
    """What a cut output begins with may be the rest of a secret, which nothing would know for one."""
    assert last_lines(tail, cut=cut) == said
