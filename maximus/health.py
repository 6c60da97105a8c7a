"""The last health of a service, shown again while it is fresh.

Failures are never kept, and an old answer never stands in for a new one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["RecentHealth"]

HealthT = TypeVar("HealthT")


class RecentHealth(Generic[HealthT]):
    """Asks `fetch`, and repeats its answer for `max_age` seconds of `clock`; 0 turns that off.

    Age counts from before the question, so that no answer is shown past its age however long
    it took to come.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[HealthT]],
        *,
        max_age: float,
        clock: Callable[[], float],
    ) -> None:
        self._fetch = fetch
        self._max_age = max_age
        self._clock = clock
        self._kept: tuple[float, HealthT] | None = None

    async def get(self) -> HealthT:
        """Return a health younger than `max_age`, asking the service where none is kept."""
        asked = self._clock()
        if self._kept is not None and asked - self._kept[0] < self._max_age:
            return self._kept[1]
        health = await self._fetch()
        if self._kept is None or asked >= self._kept[0]:
            self._kept = (asked, health)
        return health
