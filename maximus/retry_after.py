"""The grammar of Retry-After: whole seconds or an HTTP date (RFC 9110 10.2.3 and 5.6.7).

Pure. The library parsers of dates take far more than the grammar allows, and depend on the
locale; here everything outside the grammar is as if the field were absent.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

__all__ = ["seconds_to_wait"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_DAY_NAME = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY_NAME = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"

_SECONDS = re.compile("[0-9]+")
_DATES = tuple(
    re.compile(form)
    for form in (
        f"{_DAY_NAME}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        f"{_LONG_DAY_NAME}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        f"{_DAY_NAME} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)


def seconds_to_wait(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After asks for, or None where it asks for nothing valid.

    `now` is the wall clock, in seconds since 1970. A date in the past asks for 0.0. A number too
    long to be one is infinity.
    """
    if value is None:
        return None
    text = value.strip(" \t")
    if _SECONDS.fullmatch(text):
        return float(text)
    for form in _DATES:
        if match := form.fullmatch(text):
            date = _date(match.groupdict(), now)
            return None if date is None else max(0.0, date.timestamp() - now)
    return None


def _date(part: dict[str, str], now: float) -> datetime | None:
    second = int(part["second"])
    if second > 60:  # 60 is a leap second
        return None
    year = int(part["year"])
    if len(part["year"]) == 2:
        this_year = datetime.fromtimestamp(now, UTC).year
        year += this_year - this_year % 100
        if year > this_year + 50:  # RFC 9110 5.6.7: then the past is meant
            year -= 100
    try:
        minute = datetime(
            year,
            _MONTHS.index(part["month"]) + 1,
            int(part["day"]),
            int(part["hour"]),
            int(part["minute"]),
            tzinfo=UTC,
        )
        return minute + timedelta(seconds=second)
    except (ValueError, OverflowError):
        return None
