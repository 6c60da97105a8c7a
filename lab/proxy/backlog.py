"""What has arrived at a gate and waits for its turn, in order, and the memory that it takes."""

from __future__ import annotations

from collections import deque

from .exchange import Exchange
from .framer import Data, Lost, Piece, RequestHead

__all__ = ["PIECE", "Backlog"]

PIECE = 1024  # bytes that a piece counts for beside its own: many small ones need more memory


class Backlog:
    """Pieces of exchanges; a payload is not kept, since it was counted on arrival."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: deque[tuple[Exchange | None, Piece]] = deque()

    def __bool__(self) -> bool:
        return bool(self._pieces)

    @property
    def first(self) -> tuple[Exchange | None, Piece]:
        """Whose turn is next. Raises IndexError where nothing waits."""
        return self._pieces[0]

    def add(self, exchange: Exchange | None, piece: Piece) -> None:
        """One more, behind all others."""
        if isinstance(piece, Data):
            piece = Data(piece.raw, ())
        self._pieces.append((exchange, piece))
        self.size += _weight(piece)

    def take(self) -> tuple[Exchange | None, Piece]:
        """The first, whose turn has come."""
        exchange, piece = self._pieces.popleft()
        self.size -= _weight(piece)
        return exchange, piece

    def clear(self) -> list[bytes]:
        """Nothing waits any more; the bytes that did."""
        left = [piece.raw for _, piece in self._pieces if isinstance(piece, _WITH_BYTES)]
        self._pieces.clear()
        self.size = 0
        return left


_WITH_BYTES = RequestHead | Data | Lost


def _weight(piece: Piece) -> int:
    return PIECE + len(piece.raw) if isinstance(piece, _WITH_BYTES) else PIECE
