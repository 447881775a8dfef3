"""clinical.md §1.6, §1.9, §2.9: QTc from 500 ms, and a pulse below 50."""

from __future__ import annotations

from datetime import timedelta

import pytest

from magnesium.ecg import CorrectedQt, slow_pulse
from magnesium.facts import Analyte, Setting, Sex
from tests.builders import (
    INPATIENT,
    MINUTE,
    NOW,
    OUTPATIENT,
    POLICY,
    Fact,
    aged,
    facts,
    lab,
    picture,
    problem,
    pulse,
    qrs,
    qtc,
    unreadable,
)


def read(*found: Fact, setting: Setting = OUTPATIENT, sex: Sex = Sex.FEMALE) -> CorrectedQt | None:
    return picture(*found, setting=setting, patient=aged(60, sex)).qtc


def long(*found: Fact, setting: Setting = OUTPATIENT) -> bool:
    reading = read(*found, setting=setting)
    return reading is not None and reading.prolonged


def slow(*found: Fact) -> bool:
    return slow_pulse(facts(*found), POLICY, NOW) is not None


@pytest.mark.parametrize(
    ("value", "prolonged"),
    [("499", False), ("500", True), ("501", True), (">500", True), (">=500", True), (">499", False), ("<500", False)],
)
def test_qtc_is_prolonged_from_500_ms(value: str, prolonged: bool) -> None:
    assert long(qtc(value)) is prolonged


def test_qtc_in_seconds_is_the_same() -> None:
    assert long(lab(Analyte.QTC, "0.5 s"))
    assert not long(lab(Analyte.QTC, "0.499 s"))


@pytest.mark.parametrize(("setting", "window"), [(INPATIENT, timedelta(hours=72)), (OUTPATIENT, timedelta(days=30))])
def test_qtc_is_current_for_72_hours_in_hospital_and_30_days_outside(setting: Setting, window: timedelta) -> None:
    assert long(qtc("510", at=NOW - window + MINUTE), setting=setting)
    assert long(qtc("510", at=NOW - window), setting=setting)
    assert not long(qtc("510", at=NOW - window - MINUTE), setting=setting)


def test_the_newest_qtc_counts_and_the_longest_of_one_instant() -> None:
    assert not long(qtc("510", hours_ago=2), qtc("440", hours_ago=1))
    assert long(qtc("440", hours_ago=2), qtc("510", hours_ago=1))
    assert long(qtc("440"), qtc("510"))
    assert not long()


@pytest.mark.parametrize(
    ("sex", "value", "borderline"),
    [
        (Sex.MALE, "470", False),
        (Sex.MALE, "471", True),
        (Sex.FEMALE, "471", False),
        (Sex.FEMALE, "480", False),
        (Sex.FEMALE, "481", True),
        (Sex.UNKNOWN, "480", False),
        (Sex.UNKNOWN, "481", True),
        (Sex.MALE, "499", True),
        (Sex.MALE, "500", False),
        (Sex.MALE, ">470", True),
        (Sex.MALE, ">=470", False),
    ],
)
def test_qtc_is_borderline_above_470_ms_in_men_and_480_in_women(sex: Sex, value: str, borderline: bool) -> None:
    reading = read(qtc(value), sex=sex)
    assert reading is not None
    assert reading.borderline is borderline


@pytest.mark.parametrize(
    ("wide", "overestimates"), [("119", False), ("120", True), ("121", True), (">=120", True), ("<120", False)]
)
def test_a_qrs_from_120_ms_overestimates_qtc(wide: str, overestimates: bool) -> None:
    reading = read(qtc("510"), qrs(wide))
    assert reading is not None
    assert (reading.overestimates, reading.sure) == (overestimates, not overestimates)


@pytest.mark.parametrize(("setting", "window"), [(INPATIENT, timedelta(hours=72)), (OUTPATIENT, timedelta(days=30))])
def test_a_qrs_is_current_as_long_as_a_qtc(setting: Setting, window: timedelta) -> None:
    for at, wide in ((NOW - window, True), (NOW - window - MINUTE, False)):
        reading = read(qtc("510"), qrs("140", at=at), setting=setting)
        assert reading is not None
        assert reading.overestimates is wide


def test_a_paced_rhythm_overestimates_qtc() -> None:
    reading = read(qtc("510"), problem("pacemaker"))
    assert reading is not None
    assert (reading.prolonged, reading.overestimates, reading.sure) == (True, True, False)


def test_a_newer_qtc_that_could_not_be_read_makes_a_long_one_unsure() -> None:
    older = read(qtc("510"), unreadable(Analyte.QTC, hours_ago=1))
    newer = read(qtc("510", hours_ago=1), unreadable(Analyte.QTC))
    assert older is not None
    assert newer is not None
    assert (older.sure, newer.sure) == (True, False)


@pytest.mark.parametrize(
    ("rate", "is_slow"), [("49", True), ("50", False), ("51", False), ("<50", True), ("<=50", False), ("<60", False)]
)
def test_a_pulse_is_slow_below_50(rate: str, is_slow: bool) -> None:
    assert slow(pulse(rate)) is is_slow


def test_a_slow_pulse_counts_for_24_hours() -> None:
    day = timedelta(hours=24)
    assert slow(pulse("45", at=NOW - day + MINUTE))
    assert slow(pulse("45", at=NOW - day))
    assert not slow(pulse("45", at=NOW - day - MINUTE))


def test_the_newest_pulse_counts_and_the_slowest_of_one_instant() -> None:
    assert not slow(pulse("45", hours_ago=2), pulse("70", hours_ago=1))
    assert slow(pulse("45"), pulse("70"))
    assert not slow()
