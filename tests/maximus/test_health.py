import asyncio

import pytest

from maximus.health import RecentHealth


class Asked:
    """A service's health that counts its questions, and a clock."""

    def __init__(self):
        self.count = 0
        self.now = 0.0
        self.takes = 0.0

    async def __call__(self):
        """Answer with the number of the question."""
        self.count += 1
        self.now += self.takes
        return self.count

    def clock(self):
        """Return the time."""
        return self.now


def _shown(asked, max_age, *moments):
    recent = RecentHealth(asked, max_age=max_age, clock=asked.clock)

    async def scene():
        shown = []
        for moment in moments:
            asked.now = moment
            shown.append(await recent.get())
        return shown

    return asyncio.run(scene())


def test_a_fresh_health_is_shown_again_and_an_old_one_never():
    """At its age limit it is old."""
    assert _shown(Asked(), 30.0, 0.0, 29.9, 30.0, 31.0) == [1, 1, 2, 2]


def test_an_age_of_zero_asks_every_time():
    """That turns the cache off."""
    assert _shown(Asked(), 0.0, 0.0, 0.0, 0.0) == [1, 2, 3]


def test_age_counts_from_before_the_question():
    """An answer that took long is that much older."""
    asked = Asked()
    asked.takes = 20.0
    assert _shown(asked, 30.0, 0.0, 29.0, 31.0) == [1, 1, 2]


def test_a_failure_is_neither_kept_nor_covered_by_an_old_health():
    """Yesterday's health is no answer to today's outage."""
    asked = Asked()

    async def fail_second():
        if await asked() == 2:
            raise ConnectionError
        return asked.count

    recent = RecentHealth(fail_second, max_age=30.0, clock=asked.clock)

    async def scene():
        assert await recent.get() == 1
        asked.now = 30.0
        with pytest.raises(ConnectionError):
            await recent.get()
        return await recent.get()

    assert asyncio.run(scene()) == 3
