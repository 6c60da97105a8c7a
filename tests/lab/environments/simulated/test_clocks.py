"""What Python's functions read of a run's clocks."""

import calendar
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from time import monotonic, perf_counter_ns

import pytest

from faultlab.lab.environments.simulated.clocks import START, Clocks, replacements

MADE_AT_IMPORT = datetime.now


@dataclass
class Source:
    """The time as a loop would say it."""

    seconds: float = 5.25

    def __call__(self) -> float:
        """Now."""
        return self.seconds


@contextmanager
def in_force() -> Iterator[Clocks]:
    """Clocks that show 5.25 s, in force for everybody."""
    clocks = Clocks(Source())
    with ExitStack() as back:
        for replacement in replacements(lambda: clocks):
            back.callback(replacement.take_back)
            replacement.put()
        yield clocks


def test_monotonic_clocks_show_the_source() -> None:
    """A loop's time and `monotonic` are compared with each other by clients."""
    with in_force() as clocks:
        assert time.monotonic() == time.perf_counter() == monotonic() == 5.25
        assert time.monotonic_ns() == time.perf_counter_ns() == perf_counter_ns() == 5_250_000_000
        clocks.monotonic.seconds = 7.0
        assert time.monotonic() == 7.0


def test_wall_clocks_show_the_source_after_a_date() -> None:
    """All ways to the date agree."""
    with in_force():
        wall = START + 5.25
        assert time.time() == wall
        assert time.time_ns() == int(wall) * 10**9 + 250_000_000
        assert datetime.now(UTC) == datetime(2026, 1, 1, 0, 0, 5, 250_000, UTC)
        assert datetime.now().timestamp() == wall  # noqa: DTZ005  # the local one is meant
        assert datetime.today().timestamp() == wall  # noqa: DTZ002  # the local one is meant
        assert date.today() == date.fromtimestamp(wall)  # noqa: DTZ011, DTZ012  # the local one is meant
        assert calendar.timegm(time.gmtime()) == calendar.timegm(time.gmtime(None)) == int(wall)
        assert time.localtime() == time.localtime(wall)
        assert time.ctime() == time.asctime() == time.ctime(wall)
        assert time.strftime("%F %T") == time.strftime("%F %T", time.localtime(wall))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_utcnow_has_no_zone() -> None:
    """As the real one."""
    with in_force():
        assert datetime.utcnow() == datetime(2026, 1, 1, 0, 0, 5, 250_000)  # noqa: DTZ001, DTZ003


def test_zones_and_subclasses_of_datetime_are_kept() -> None:
    """Date libraries have classes of their own."""
    with in_force():

        class Own(datetime):
            pass

        zone = timezone(timedelta(hours=2))
        now = Own.now(zone)
        assert type(now) is Own
        assert (now.hour, now.tzinfo) == (2, zone)


def test_names_given_at_import_are_virtual() -> None:
    """`from time import monotonic`, default arguments, factories of dataclasses."""
    with in_force():

        @dataclass
        class Token:
            made: datetime = field(default_factory=MADE_AT_IMPORT)

        def age(clock: object = monotonic) -> float:
            return clock()

        assert Token().made.timestamp() == START + 5.25
        assert age() == 5.25


def test_a_step_moves_the_wall_clock_alone() -> None:
    """What NTP does to a client that measures with dates."""
    with in_force() as clocks:
        before = datetime.now(UTC)
        clocks.step(-3600)
        assert datetime.now(UTC) - before == timedelta(hours=-1)
        assert time.time() == START + 5.25 - 3600
        assert time.monotonic() == 5.25


def test_numbered_clocks_are_the_named_ones() -> None:
    """Of the CPU's clocks each stays real."""
    with in_force():
        assert time.clock_gettime(time.CLOCK_MONOTONIC) == 5.25
        assert time.clock_gettime_ns(time.CLOCK_MONOTONIC) == 5_250_000_000
        assert time.clock_gettime(time.CLOCK_REALTIME) == START + 5.25
        cpu = time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)
        assert cpu <= time.process_time()


def test_what_is_asked_of_another_time_is_answered_of_it() -> None:
    """Only the present is replaced."""
    with in_force():
        assert time.gmtime(0).tm_year == 1970
        assert time.strftime("%Y", time.gmtime(0)) == "1970"
        with pytest.raises(TypeError):
            time.clock_gettime()
        with pytest.raises(TypeError):
            time.strftime()


def test_without_clocks_everything_is_the_machines() -> None:
    """In other threads the functions are replaced and must not show it."""
    with ExitStack() as back:
        before = time.clock_gettime(time.CLOCK_REALTIME)
        for replacement in replacements(lambda: None):
            back.callback(replacement.take_back)
            replacement.put()
        now = datetime.now(UTC).timestamp()
        assert before <= now <= time.time() <= time.clock_gettime(time.CLOCK_REALTIME)
        assert time.gmtime()[:3] >= time.gmtime(before)[:3]
        assert time.strftime("%Y") >= time.strftime("%Y", time.localtime(before))
