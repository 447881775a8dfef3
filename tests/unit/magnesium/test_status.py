"""clinical.md §1.2 and §1.9: magnesium status, its limits as printed for each unit, and how long it is current."""

from __future__ import annotations

from datetime import timedelta

import pytest

from magnesium.facts import Analyte, Setting
from magnesium.status import Currency, MagnesiumReading, Status, acting, possible, read_magnesium
from tests.builders import INPATIENT, MINUTE, NOW, OUTPATIENT, POLICY, Fact, facts, lab, mg, quantity, unreadable

SEVERE, LOW, BORDERLINE, NORMAL, HIGH = Status


def read(*found: Fact, setting: Setting = OUTPATIENT) -> MagnesiumReading:
    return read_magnesium(facts(*found, setting=setting), POLICY, NOW)


# Just below, at and just above every limit, in every unit it is printed for and the two that are decimal shifts.
LIMITS = [
    ("0.4999 mmol/L", SEVERE), ("0.50 mmol/L", LOW), ("0.5001 mmol/L", LOW),
    ("0.6599 mmol/L", LOW), ("0.66 mmol/L", BORDERLINE), ("0.6601 mmol/L", BORDERLINE),
    ("0.6999 mmol/L", BORDERLINE), ("0.70 mmol/L", NORMAL), ("0.7001 mmol/L", NORMAL),
    ("1.0499 mmol/L", NORMAL), ("1.05 mmol/L", NORMAL), ("1.0501 mmol/L", HIGH),
    ("499.9 umol/L", SEVERE), ("500 umol/L", LOW), ("500.1 umol/L", LOW),
    ("659.9 umol/L", LOW), ("660 umol/L", BORDERLINE), ("660.1 umol/L", BORDERLINE),
    ("699.9 umol/L", BORDERLINE), ("700 umol/L", NORMAL), ("700.1 umol/L", NORMAL),
    ("1049.9 umol/L", NORMAL), ("1050 umol/L", NORMAL), ("1050.1 umol/L", HIGH),
    ("1.1999 mg/dL", SEVERE), ("1.2 mg/dL", LOW), ("1.2001 mg/dL", LOW),
    ("1.5999 mg/dL", LOW), ("1.6 mg/dL", BORDERLINE), ("1.6001 mg/dL", BORDERLINE),
    ("1.6999 mg/dL", BORDERLINE), ("1.7 mg/dL", NORMAL), ("1.7001 mg/dL", NORMAL),
    ("2.5999 mg/dL", NORMAL), ("2.6 mg/dL", NORMAL), ("2.6001 mg/dL", HIGH),
    ("11.999 mg/L", SEVERE), ("12 mg/L", LOW), ("12.001 mg/L", LOW),
    ("15.999 mg/L", LOW), ("16 mg/L", BORDERLINE), ("16.001 mg/L", BORDERLINE),
    ("16.999 mg/L", BORDERLINE), ("17 mg/L", NORMAL), ("17.001 mg/L", NORMAL),
    ("25.999 mg/L", NORMAL), ("26 mg/L", NORMAL), ("26.001 mg/L", HIGH),
    ("0.9999 mEq/L", SEVERE), ("1.0 mEq/L", LOW), ("1.0001 mEq/L", LOW),
    ("1.2999 mEq/L", LOW), ("1.3 mEq/L", BORDERLINE), ("1.3001 mEq/L", BORDERLINE),
    ("1.3999 mEq/L", BORDERLINE), ("1.4 mEq/L", NORMAL), ("1.4001 mEq/L", NORMAL),
    ("2.0999 mEq/L", NORMAL), ("2.1 mEq/L", NORMAL), ("2.1001 mEq/L", HIGH),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "status"), LIMITS)
def test_status_by_the_limit_printed_for_the_unit(sent: str, status: Status) -> None:
    assert read(mg(sent)).status is status


@pytest.mark.parametrize(
    ("sent", "allowed"),
    [
        ("<0.50 mmol/L", {SEVERE}),
        ("<=0.50 mmol/L", {SEVERE, LOW}),
        ("<0.6 mmol/L", {SEVERE, LOW}),
        ("<0.66 mmol/L", {SEVERE, LOW}),
        ("<=0.66 mmol/L", {SEVERE, LOW, BORDERLINE}),
        ("<2 mg/dL", {SEVERE, LOW, BORDERLINE, NORMAL}),
        (">1.0 mg/dL", {SEVERE, LOW, BORDERLINE, NORMAL, HIGH}),
        (">=1.2 mg/dL", {LOW, BORDERLINE, NORMAL, HIGH}),
        (">1.6 mg/dL", {BORDERLINE, NORMAL, HIGH}),
        (">=1.7 mg/dL", {NORMAL, HIGH}),
        (">=2.6 mg/dL", {NORMAL, HIGH}),
        (">2.6 mg/dL", {HIGH}),
    ],
)
def test_a_bounded_result_allows_a_set_of_statuses(sent: str, allowed: set[Status]) -> None:
    assert possible(quantity(Analyte.MAGNESIUM, sent), POLICY) == allowed


@pytest.mark.parametrize(
    ("allowed", "acted_on"),
    [
        ({SEVERE}, SEVERE),
        ({SEVERE, LOW}, LOW),
        ({LOW, BORDERLINE}, None),
        ({SEVERE, LOW, BORDERLINE, NORMAL, HIGH}, None),
        ({BORDERLINE, NORMAL}, NORMAL),
        ({BORDERLINE, NORMAL, HIGH}, NORMAL),
        ({NORMAL, HIGH}, NORMAL),
        ({HIGH}, HIGH),
    ],
)
def test_rules_act_on_the_least_severe_status_unless_deficient_and_not_are_mixed(
    allowed: set[Status], acted_on: Status | None
) -> None:
    assert acting(frozenset(allowed)) is acted_on


def test_only_severe_and_low_are_deficient() -> None:
    assert [status for status in Status if status.deficient] == [SEVERE, LOW]


class TestBounds:
    def test_low_perhaps_severe(self) -> None:
        reading = read(mg("<0.6 mmol/L"))
        assert (reading.status, reading.may_be_severe, reading.deficient) == (LOW, True, True)

    def test_surely_severe_is_not_perhaps_severe(self) -> None:
        assert not read(mg("<0.5 mmol/L")).may_be_severe
        assert not read(mg("0.55 mmol/L")).may_be_severe

    def test_not_conclusive(self) -> None:
        reading = read(mg("1.4 mg/dL", hours_ago=3), mg(">1.0 mg/dL"))
        assert reading.status is None
        assert not reading.counts
        assert not reading.deficient
        assert reading.result is not None
        assert reading.result.quantity.text == ">1.0 mg/dL"


def test_without_a_result_there_is_no_reading() -> None:
    reading = read()
    assert reading == MagnesiumReading(Currency.ABSENT)
    assert not reading.counts
    assert not reading.stale_deficient


def test_the_newest_result_counts_and_the_one_before_is_the_trend() -> None:
    reading = read(mg("1.8 mg/dL", days_ago=3), mg("1.6 mg/dL", days_ago=2), mg("1.4 mg/dL", days_ago=1))
    assert reading.status is LOW
    assert reading.previous is not None
    assert reading.previous.quantity.text == "1.6 mg/dL"
    assert len(reading.usable) == 3


@pytest.mark.parametrize(
    ("setting", "window", "inside", "outside"),
    [
        (INPATIENT, timedelta(hours=72), Currency.CURRENT, Currency.AGING),
        (INPATIENT, timedelta(days=14), Currency.AGING, Currency.STALE),
        (OUTPATIENT, timedelta(days=14), Currency.CURRENT, Currency.STALE),
    ],
)
def test_how_long_a_result_is_current(setting: Setting, window: timedelta, inside: Currency, outside: Currency) -> None:
    def at(age: timedelta) -> Currency:
        return read(mg("1.4 mg/dL", at=NOW - age), setting=setting).currency

    assert at(window - MINUTE) is inside
    assert at(window) is inside
    assert at(window + MINUTE) is outside


def test_what_counts_is_current_or_aging() -> None:
    assert read(mg("1.4 mg/dL", days_ago=4), setting=INPATIENT).deficient
    stale = read(mg("1.4 mg/dL", days_ago=15))
    assert not stale.deficient
    assert stale.stale_deficient
    assert not read(mg("2 mg/dL", days_ago=15)).stale_deficient


def test_a_partial_date_is_current_only_if_all_of_it_is() -> None:
    # 14 March 12:00 less 14 days is 28 February 12:00.
    assert read(mg("1.4 mg/dL", at="2026-03")).currency is Currency.CURRENT
    assert read(mg("1.4 mg/dL", at="2026-02-28")).currency is Currency.STALE
    assert read(mg("1.4 mg/dL", at="2026-03-01")).currency is Currency.CURRENT


class TestTwoResultsOfOneInstant:
    def test_the_lower_is_acted_on_and_the_higher_remembered(self) -> None:
        reading = read(mg("2.8 mg/dL"), mg("1.4 mg/dL"))
        assert (reading.status, reading.highest, reading.conflicting) == (LOW, HIGH, True)

    def test_one_status_is_no_conflict(self) -> None:
        reading = read(mg("1.4 mg/dL"), mg("1.3 mg/dL"))
        assert not reading.conflicting
        assert reading.result is not None
        assert reading.result.quantity.text == "1.3 mg/dL"

    def test_an_undecided_one_gives_way(self) -> None:
        reading = read(mg(">1.0 mg/dL"), mg("1.8 mg/dL"))
        assert (reading.status, reading.conflicting) == (NORMAL, False)


class TestSuspectSpecimen:
    @pytest.mark.parametrize("sent", ["1.0 mg/dL", "1.5 mg/dL", "<1.6 mg/dL"])
    def test_a_low_one_still_counts(self, sent: str) -> None:
        assert read(mg(sent, hemolyzed="HEM")).deficient

    @pytest.mark.parametrize("sent", ["1.6 mg/dL", "2.0 mg/dL", "3.0 mg/dL", "<1.7 mg/dL", ">1 mg/dL"])
    def test_any_other_is_an_unverified_result(self, sent: str) -> None:
        reading = read(mg(sent, hemolyzed="HEM"))
        assert reading.result is None
        assert [u.reason for u in reading.unverified] == ["suspect-specimen"]


def test_a_newer_unreadable_result_is_remembered_beside_the_last_readable_one() -> None:
    reading = read(mg("1.4 mg/dL", hours_ago=5), unreadable(hours_ago=1))
    assert reading.status is LOW
    assert len(reading.unverified) == 1


@pytest.mark.parametrize(
    "other", [Analyte.MAGNESIUM_IONIZED, Analyte.MAGNESIUM_RBC, Analyte.MAGNESIUM_WHOLE_BLOOD, Analyte.MAGNESIUM_URINE]
)
def test_ionized_red_cell_whole_blood_and_urine_magnesium_are_never_classified(other: Analyte) -> None:
    assert read(lab(other, "0.3 mmol/L")).currency is Currency.ABSENT


def test_the_highest_of_one_instant_is_the_one_of_the_higher_status_not_of_the_larger_amount() -> None:
    """2.6 mg/dL is normal as printed and 1.07 mmol/L by conversion; 1.06 mmol/L is high as printed."""
    reading = read(mg("2.6 mg/dL", reference="a"), mg("1.06 mmol/L", reference="b"))
    assert reading.highest is HIGH
    assert reading.highest_result is not None
    assert reading.highest_result.quantity.text == "1.06 mmol/L"
