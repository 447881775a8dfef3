from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fhir_mappings.times import later, ordered, read_first, read_period, read_when
from magnesium.moment import When

NEW_YORK = ZoneInfo("America/New_York")
HAVANA = ZoneInfo("America/Havana")  # sets its clocks back at 01:00 to 00:00


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("sent", "instant"),
    [
        ("2026-03-14T10:15:30Z", utc(2026, 3, 14, 10, 15, 30)),
        ("2026-03-14T10:15:30+01:00", utc(2026, 3, 14, 9, 15, 30)),
        ("2139-10-01T05:00:00-04:00", utc(2139, 10, 1, 9)),
        ("2026-03-14T10:15:30.5Z", utc(2026, 3, 14, 10, 15, 30, 500_000)),
        ("2026-03-14T10:15:30.123456789Z", utc(2026, 3, 14, 10, 15, 30, 123_456)),
        ("2026-03-14T10:15:60Z", utc(2026, 3, 14, 10, 15, 59)),  # a leap second
        ("2026-03-14T10:15Z", utc(2026, 3, 14, 10, 15)),  # not FHIR, but sent
        ("2026-03-14 10:15:30Z", utc(2026, 3, 14, 10, 15, 30)),
        (" 2026-03-14T10:15:30Z\u200b", utc(2026, 3, 14, 10, 15, 30)),
    ],
)
def test_a_full_time_is_one_instant(sent: str, instant: datetime) -> None:
    when = read_when(sent, NEW_YORK)
    assert when == When.at(instant)
    assert not when.zone_assumed


@pytest.mark.parametrize(
    ("sent", "earliest", "latest"),
    [
        ("2026", utc(2026, 1, 1), utc(2026, 12, 31, 23, 59, 59, 999_999)),
        ("2026-02", utc(2026, 2, 1), utc(2026, 2, 28, 23, 59, 59, 999_999)),
        ("2028-02", utc(2028, 2, 1), utc(2028, 2, 29, 23, 59, 59, 999_999)),
        ("2026-03-14", utc(2026, 3, 14), utc(2026, 3, 14, 23, 59, 59, 999_999)),
    ],
)
def test_a_partial_date_is_an_interval(sent: str, earliest: datetime, latest: datetime) -> None:
    assert read_when(sent, UTC) == When(earliest, latest)


def test_a_day_lasts_from_midnight_to_midnight_where_the_site_is() -> None:
    assert read_when("2026-03-14", NEW_YORK) == When(utc(2026, 3, 14, 4), utc(2026, 3, 15, 3, 59, 59, 999_999))


def test_a_day_on_which_midnight_comes_twice_ends_with_the_second() -> None:
    when = read_when("2026-10-31", HAVANA)
    assert when is not None
    assert when.latest - when.earliest == timedelta(days=1, microseconds=-1)
    longer = read_when("2026-11-01", HAVANA)
    assert longer is not None
    assert longer.latest - longer.earliest == timedelta(hours=25, microseconds=-1)


def test_a_time_without_a_zone_takes_the_site_s_zone_and_is_marked() -> None:
    when = read_when("2026-07-01T10:00:00", NEW_YORK)
    assert when is not None
    assert (when.earliest, when.zone_assumed) == (utc(2026, 7, 1, 14), True)


def test_time_between_two_times_is_real_time_across_a_clock_change() -> None:
    before, after = read_when("2026-03-08T00:00:00", NEW_YORK), read_when("2026-03-08T12:00:00", NEW_YORK)
    assert before is not None
    assert after is not None
    assert after.earliest - before.earliest == timedelta(hours=11)


@pytest.mark.parametrize(
    "sent",
    [
        None, True, 2026, 20260314, {}, [], ["2026-03-14"], "", "today", "14.03.2026", "03/14/2026", "2026-3-14",
        "2026-13", "2026-00", "2026-02-30", "2026-03-00", "2026-03-14T25:00:00Z", "2026-03-14T10:61:00Z",
        "2026-03-14T10:15:30+99:00", "2026-03-14T", "2026-W11-6", "0001-01-01", "9999-12-31T23:59:59Z", "٢٠٢٦",
        "2026-03-14T10:15:30Z and later",
    ],
)  # fmt: skip
def test_anything_else_is_no_time(sent: Any) -> None:
    assert read_when(sent, UTC) is None


class Odd(tzinfo):
    """A zone that does not know its offset."""

    def utcoffset(self, moment: datetime | None) -> None: ...

    def dst(self, moment: datetime | None) -> None: ...

    def tzname(self, moment: datetime | None) -> None: ...


def test_a_zone_without_an_offset_counts_as_utc() -> None:
    when = read_when("2026-03-14T10:00:00", Odd())
    assert when is not None
    assert when.earliest == utc(2026, 3, 14, 10)


def test_the_first_element_that_reads_is_taken() -> None:
    record = {"a": "soon", "b": "2026", "c": "2027"}
    assert read_first(record, ("a", "b", "c"), UTC) == read_when("2026", UTC)
    assert read_first(record, ("a", "d"), UTC) is None


DAY_1, DAY_2 = When.at(utc(2026, 3, 1)), When.at(utc(2026, 3, 2))


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (None, (None, None)),
        ("2026", (None, None)),
        ({}, (None, None)),
        ({"start": "2026-03-01T00:00:00Z"}, (DAY_1, None)),
        ({"end": "2026-03-02T00:00:00Z"}, (None, DAY_2)),
        ({"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"}, (DAY_1, DAY_2)),
        ([{"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"}], (DAY_1, DAY_2)),
        ({"start": "2026-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"}, (DAY_2, None)),
    ],
    ids=str,
)
def test_period(period: Any, expected: tuple[When | None, When | None]) -> None:
    assert read_period(period, UTC) == expected


def test_an_end_on_the_day_of_the_start_is_not_reversed() -> None:
    evening, day = read_when("2026-03-14T18:00:00Z", UTC), read_when("2026-03-14", UTC)
    assert ordered(evening, day) == (evening, day)


def test_later() -> None:
    assert later(DAY_1, 1) == DAY_2
    assert later(DAY_1, 1e9) is None
    assert later(When(DAY_1.earliest, DAY_2.latest, zone_assumed=True), 1) == When(
        DAY_2.earliest, DAY_2.latest + timedelta(days=1), zone_assumed=True
    )


def test_offsets_are_kept_as_sent() -> None:
    when = read_when("2026-03-14T10:00:00+05:30", UTC)
    assert when is not None
    assert when.earliest.tzinfo == timezone(timedelta(hours=5, minutes=30))
