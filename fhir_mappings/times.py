"""FHIR date, dateTime and instant, as precisely as they say.

A date is an interval: all instants of that day, month or year. A time without a zone takes the site's zone and is
marked. All results have a fixed offset, so that the time between two of them is real time across a clock change.
"""

from __future__ import annotations

import calendar
import re
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from fhir_mappings.reading import first, text
from magnesium.moment import When

# Seconds may be missing (not FHIR, but sent) and be 60 (a leap second); a blank may stand for the T.
_SHAPE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(?P<time>[T ]\d\d:\d\d(:(?P<second>\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
# Room on both sides of what datetime can hold: windows are added to and subtracted from these times.
_FIRST_YEAR, _LAST_YEAR = 1000, 9900
_MONTHS = 12


def read_when(value: Any, zone: tzinfo) -> When | None:
    """Return when that was, or None if it is no FHIR date or time."""
    if not isinstance(value, str):
        return None
    shape = _SHAPE.fullmatch(text(value))
    if shape is None or not _FIRST_YEAR <= int(shape["year"]) <= _LAST_YEAR:
        return None
    try:
        return _date(shape, zone) if shape["time"] is None else _time(shape, zone)
    except ValueError:
        return None


def read_first(resource: Any, names: tuple[str, ...], zone: tzinfo) -> When | None:
    """Return the first of these elements that is a FHIR date or time."""
    for name in names:
        when = read_when(resource.get(name), zone)
        if when is not None:
            return when
    return None


def read_period(value: Any, zone: tzinfo) -> tuple[When | None, When | None]:
    """Return start and end of a Period. The end of a period that ends before it starts is ignored."""
    if value is None:
        return None, None
    period = first(value)
    return ordered(read_when(period.get("start"), zone), read_when(period.get("end"), zone))


def ordered(start: When | None, end: When | None) -> tuple[When | None, When | None]:
    """Return both, but no end that surely lies before the start: one of them is wrong, and the start is kept."""
    reversed_order = start is not None and end is not None and end.surely_before(start)
    return start, None if reversed_order else end


def later(when: When, days: float) -> When | None:
    """Return the moment some days after ``when``, or None if that is beyond all calendars."""
    try:
        span = timedelta(days=days)
        return When(when.earliest + span, when.latest + span, zone_assumed=when.zone_assumed)
    except OverflowError:
        return None


def _date(shape: re.Match[str], zone: tzinfo) -> When:
    year = int(shape["year"])
    first_month, last_month = (int(shape["month"]),) * 2 if shape["month"] else (1, _MONTHS)
    if shape["day"]:
        first_day = last_day = int(shape["day"])
    else:
        first_day, last_day = 1, calendar.monthrange(year, last_month)[1]
    return When(
        _fixed(datetime(year, first_month, first_day, tzinfo=zone)),
        # fold: where the clock is set back at midnight, the day ends with the second midnight
        _fixed(datetime(year, last_month, last_day, 23, 59, 59, 999_999, tzinfo=zone, fold=1)),
    )


def _time(shape: re.Match[str], zone: tzinfo) -> When:
    literal = shape[0]
    if shape["second"] == "60":
        literal = f"{literal[:17]}59{literal[19:]}"
    instant = datetime.fromisoformat(literal)
    if instant.tzinfo is not None:
        return When(instant, instant)
    instant = _fixed(instant.replace(tzinfo=zone))
    return When(instant, instant, zone_assumed=True)


def _fixed(instant: datetime) -> datetime:
    return instant.replace(tzinfo=timezone(instant.utcoffset() or timedelta()), fold=0)
