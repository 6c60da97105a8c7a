"""The clocks of a run: what Python's own functions read of them.

One source says what time it is (the loop's); monotonic clocks show it as it is, the wall clock
shows it after a date, and can be stepped. CPU clocks stay real: they measure work, not time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Any, Final

from .swapping import Function, Make, Replacement, builtin, class_method

__all__ = ["START", "Clocks", "replacements"]

START: Final = 1_767_225_600.0
"""The wall clock where the source shows 0, unless told otherwise: 2026-01-01 00:00:00 UTC."""

_NANO: Final = 1_000_000_000


class Clocks:
    """What the clocks of one run show.

    `source`: seconds, never less than before. `wall`: the date at its 0, in seconds since 1970.
    """

    def __init__(self, source: Callable[[], float], *, wall: float = START) -> None:
        self.monotonic = source
        self._wall_ns = round(wall * _NANO)

    def monotonic_ns(self) -> int:
        """`monotonic` in nanoseconds."""
        return round(self.monotonic() * _NANO)

    def wall(self) -> float:
        """Seconds since 1970."""
        return self.wall_ns() / _NANO

    def wall_ns(self) -> int:
        """`wall` in nanoseconds."""
        return self._wall_ns + self.monotonic_ns()

    def step(self, seconds: float) -> None:
        """Set the wall clock forward, or back if negative; no other clock sees it."""
        self._wall_ns += round(seconds * _NANO)

    def now(self, cls: type[datetime], tz: tzinfo | None = None) -> datetime:
        """As `datetime.now`, for this class of it."""
        return cls.fromtimestamp(self.wall(), tz)

    def utcnow(self, cls: type[datetime]) -> datetime:
        """As `datetime.utcnow`, for this class of it."""
        return cls.fromtimestamp(self.wall(), UTC).replace(tzinfo=None)


On = Callable[[], Clocks | None]

_READ_WITHOUT_ARGUMENTS: Final = MappingProxyType(
    {
        "time": Clocks.wall,
        "time_ns": Clocks.wall_ns,
        "monotonic": lambda clocks: clocks.monotonic(),
        "monotonic_ns": Clocks.monotonic_ns,
        "perf_counter": lambda clocks: clocks.monotonic(),
        "perf_counter_ns": Clocks.monotonic_ns,
    }
)
_BY_NUMBER: Final = MappingProxyType(
    {
        "CLOCK_REALTIME": "time",
        "CLOCK_TAI": "time",
        "CLOCK_MONOTONIC": "monotonic",
        "CLOCK_MONOTONIC_RAW": "monotonic",
        "CLOCK_BOOTTIME": "monotonic",
        "CLOCK_UPTIME": "monotonic",
        "CLOCK_UPTIME_RAW": "monotonic",
    }
)


def replacements(on: On) -> Iterator[Replacement]:
    """What reads these clocks instead of the machine's where `on` gives some."""
    for name, read in _READ_WITHOUT_ARGUMENTS.items():
        yield builtin(getattr(time, name), _reading(on, read))
    for name, suffix in (("clock_gettime", ""), ("clock_gettime_ns", "_ns")):
        if hasattr(time, name):
            yield builtin(getattr(time, name), _numbered(on, suffix))
    for name in ("gmtime", "localtime", "ctime"):
        yield builtin(getattr(time, name), _of_seconds(on))
    yield builtin(time.asctime, _of_fields(on, 0))
    yield builtin(time.strftime, _of_fields(on, 1))
    yield class_method(datetime, "now", lambda: _bound(on, "now"))
    yield class_method(datetime, "utcnow", lambda: _bound(on, "utcnow"))


def _bound(on: On, name: str) -> Function | None:
    clocks = on()
    return None if clocks is None else getattr(clocks, name)


def _reading(on: On, read: Callable[[Clocks], float]) -> Make:
    def make(real: Function) -> Function:
        def standing_in() -> Any:
            clocks = on()
            return real() if clocks is None else read(clocks)

        return standing_in

    return make


def _numbered(on: On, suffix: str) -> Make:
    reads = {
        getattr(time, clock): _READ_WITHOUT_ARGUMENTS[name + suffix]
        for clock, name in _BY_NUMBER.items()
        if hasattr(time, clock)
    }

    def make(real: Function) -> Function:
        def standing_in(*arguments: Any) -> Any:
            clocks = on()
            read = reads.get(arguments[0]) if len(arguments) == 1 else None
            return real(*arguments) if clocks is None or read is None else read(clocks)

        return standing_in

    return make


def _of_seconds(on: On) -> Make:
    """Functions of seconds since 1970 that take none, or None, for the present."""

    def make(real: Function) -> Function:
        def standing_in(*arguments: Any) -> Any:
            clocks = on()
            if clocks is not None and arguments in ((), (None,)):
                return real(clocks.wall())
            return real(*arguments)

        return standing_in

    return make


def _of_fields(on: On, position: int) -> Make:
    """Functions of the fields of a time that take none for the present, here, local."""

    def make(real: Function) -> Function:
        def standing_in(*arguments: Any) -> Any:
            clocks = on()
            if clocks is not None and len(arguments) == position:
                return real(*arguments, time.localtime(clocks.wall()))
            return real(*arguments)

        return standing_in

    return make
