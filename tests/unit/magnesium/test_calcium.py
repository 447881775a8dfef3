"""clinical.md §1.6: which calcium counts, and how low it is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from magnesium.calcium import CalciumBasis, CalciumLevel, CalciumReading, correct, read_calcium
from magnesium.facts import Analyte, Setting
from tests.builders import (
    INPATIENT,
    NOW,
    OUTPATIENT,
    POLICY,
    Fact,
    albumin,
    calcium,
    corrected_calcium,
    facts,
    ionized,
    quantity,
    unreadable,
)

NOT_LOW, LOW, VERY_LOW = CalciumLevel.NOT_LOW, CalciumLevel.LOW, CalciumLevel.VERY_LOW
DANGEROUS, UNCERTAIN = CalciumLevel.DANGEROUS, CalciumLevel.UNCERTAIN


def read(*found: Fact, setting: Setting = OUTPATIENT) -> CalciumReading:
    return read_calcium(facts(*found, setting=setting), POLICY, NOW)


class TestLevels:
    @pytest.mark.parametrize(
        ("sent", "level"),
        [
            ("0.7999 mmol/L", DANGEROUS), ("0.80 mmol/L", VERY_LOW), ("0.81 mmol/L", VERY_LOW),
            ("0.8999 mmol/L", VERY_LOW), ("0.90 mmol/L", LOW), ("0.91 mmol/L", LOW),
            ("1.1199 mmol/L", LOW), ("1.12 mmol/L", NOT_LOW), ("1.13 mmol/L", NOT_LOW),
            ("3.19 mg/dL", DANGEROUS), ("3.2 mg/dL", VERY_LOW), ("3.59 mg/dL", VERY_LOW), ("3.6 mg/dL", LOW),
            ("4.49 mg/dL", LOW), ("4.5 mg/dL", NOT_LOW),
            ("1.59 mEq/L", DANGEROUS), ("1.60 mEq/L", VERY_LOW), ("1.79 mEq/L", VERY_LOW), ("1.80 mEq/L", LOW),
            ("2.23 mEq/L", LOW), ("2.24 mEq/L", NOT_LOW),
            ("<0.80 mmol/L", DANGEROUS), ("<=0.80 mmol/L", VERY_LOW), ("<1.00 mmol/L", LOW),
            ("<1.30 mmol/L", NOT_LOW), (">0.70 mmol/L", NOT_LOW),
        ],
    )  # fmt: skip
    def test_of_ionized_calcium(self, sent: str, level: CalciumLevel) -> None:
        found = read(ionized(sent))
        assert found == CalciumReading(level, CalciumBasis.IONIZED, ionized(sent))

    @pytest.mark.parametrize(
        ("sent", "level"),
        [
            ("1.8999 mmol/L", VERY_LOW), ("1.90 mmol/L", LOW), ("1.91 mmol/L", LOW),
            ("2.0999 mmol/L", LOW), ("2.10 mmol/L", NOT_LOW), ("2.11 mmol/L", NOT_LOW),
            ("7.59 mg/dL", VERY_LOW), ("7.6 mg/dL", LOW), ("8.39 mg/dL", LOW), ("8.4 mg/dL", NOT_LOW),
            ("3.79 mEq/L", VERY_LOW), ("3.80 mEq/L", LOW), ("4.19 mEq/L", LOW), ("4.20 mEq/L", NOT_LOW),
        ],
    )  # fmt: skip
    def test_of_a_calcium_corrected_by_the_laboratory(self, sent: str, level: CalciumLevel) -> None:
        found = read(corrected_calcium(sent), albumin("20 g/L"))
        assert found == CalciumReading(level, CalciumBasis.REPORTED, corrected_calcium(sent))

    @pytest.mark.parametrize(
        ("sent", "level"),
        [
            ("1.8999 mmol/L", UNCERTAIN), ("1.90 mmol/L", NOT_LOW), ("1.91 mmol/L", NOT_LOW),
            ("7.59 mg/dL", UNCERTAIN), ("7.6 mg/dL", NOT_LOW), ("3.79 mEq/L", UNCERTAIN), ("3.80 mEq/L", NOT_LOW),
            ("<1.90 mmol/L", UNCERTAIN), ("<2.00 mmol/L", NOT_LOW),
        ],
    )  # fmt: skip
    def test_of_a_total_without_albumin(self, sent: str, level: CalciumLevel) -> None:
        assert read(calcium(sent)) == CalciumReading(level, CalciumBasis.TOTAL, calcium(sent))

    def test_only_an_uncorrected_total_may_not_be_surely_low(self) -> None:
        assert [level for level in CalciumLevel if level.surely_low] == [LOW, VERY_LOW, DANGEROUS]


class TestCorrection:
    @pytest.mark.parametrize(
        ("total", "sent", "corrected", "level"),
        [
            ("1.80 mmol/L", "30 g/L", "2.00 mmol/L", LOW),
            ("1.80 mmol/L", "25.1 g/L", "2.098 mmol/L", LOW),
            ("1.80 mmol/L", "25 g/L", "2.10 mmol/L", NOT_LOW),
            ("1.80 mmol/L", "3.0 g/dL", "2.00 mmol/L", LOW),
            ("1.60 mmol/L", "25.1 g/L", "1.898 mmol/L", VERY_LOW),
            ("1.60 mmol/L", "25 g/L", "1.90 mmol/L", LOW),
            ("1.60 mmol/L", "24.9 g/L", "1.90 mmol/L", LOW),
            ("2.09 mmol/L", "39.99 g/L", "2.09 mmol/L", LOW),
            ("7.0 mg/dL", "30 g/L", "7.80 mg/dL", LOW),
            ("8.4 mg/dL", "39.9 g/L", "8.41 mg/dL", NOT_LOW),
            ("3.4 mEq/L", "30 g/L", "3.80 mEq/L", LOW),
            ("<1.50 mmol/L", "30 g/L", "<1.70 mmol/L", VERY_LOW),
            ("<1.90 mmol/L", "20 g/L", "<2.30 mmol/L", NOT_LOW),
        ],
    )
    def test_adds_for_each_missing_gram_of_albumin_in_the_unit_of_the_total(
        self, total: str, sent: str, corrected: str, level: CalciumLevel
    ) -> None:
        found = read(calcium(total), albumin(sent))
        assert (found.basis, found.result, found.albumin) == (CalciumBasis.CORRECTED, calcium(total), albumin(sent))
        assert found.corrected is not None
        assert (found.corrected.text, found.level) == (corrected, level)

    @pytest.mark.parametrize("sent", ["40 g/L", "4.0 g/dL", "45 g/L", ">40 g/L", ">=40 g/L"])
    def test_is_not_made_for_an_albumin_at_the_reference_or_above(self, sent: str) -> None:
        found = read(calcium("2.05 mmol/L"), albumin(sent))
        assert found == CalciumReading(LOW, CalciumBasis.TOTAL, calcium("2.05 mmol/L"), albumin(sent))

    @pytest.mark.parametrize(("sent", "level"), [("1.80 mmol/L", UNCERTAIN), ("1.95 mmol/L", NOT_LOW)])
    @pytest.mark.parametrize("bound", ["<25 g/L", ">25 g/L"])
    def test_is_not_made_with_a_bound_of_albumin(self, bound: str, sent: str, level: CalciumLevel) -> None:
        assert read(calcium(sent), albumin(bound)) == CalciumReading(level, CalciumBasis.TOTAL, calcium(sent))

    def test_is_exact_to_four_decimals(self) -> None:
        exact = correct(quantity(Analyte.CALCIUM_TOTAL, "8.0 mg/dL"), quantity(Analyte.ALBUMIN, "3.51 g/dL"), POLICY)
        assert exact.value == Decimal("8.3928")

    def test_is_shown_with_more_decimals_only_where_rounding_would_cross_a_limit(self) -> None:
        found = read(calcium("2.0995 mmol/L"), albumin("39.99 g/L"))
        assert found.corrected is not None
        assert (found.level, found.corrected.text) == (LOW, "2.0997 mmol/L")

    @pytest.mark.parametrize(
        ("setting", "hours", "used"),
        [(INPATIENT, 24, True), (INPATIENT, 25, False), (OUTPATIENT, 30 * 24, True), (OUTPATIENT, 30 * 24 + 1, False)],
    )
    def test_takes_an_albumin_drawn_close_enough(self, setting: Setting, hours: int, used: bool) -> None:
        found = read(calcium("1.8 mmol/L"), albumin("30 g/L", hours_ago=hours), setting=setting)
        assert (found.basis is CalciumBasis.CORRECTED) is used
        assert (found.level is LOW) is used

    def test_takes_the_albumin_nearest_to_the_calcium(self) -> None:
        near, far = albumin("30 g/L", hours_ago=5), albumin("20 g/L", hours_ago=1)
        assert read(near, far, calcium("1.8 mmol/L", hours_ago=4)).albumin == near

    @pytest.mark.parametrize(("at", "used"), [("2026-03-13", False), ("2026-03-14", True)])
    def test_takes_an_albumin_of_a_day_only_if_all_of_it_is_close_enough(self, at: str, used: bool) -> None:
        found = read(calcium("1.8 mmol/L"), albumin("30 g/L", at=at), setting=INPATIENT)
        assert (found.basis is CalciumBasis.CORRECTED) is used

    def test_takes_one_albumin_whatever_their_order(self) -> None:
        one, other = albumin("30 g/L", reference="a"), albumin("20 g/L", reference="b")
        assert read(one, other, calcium("1.8 mmol/L")).albumin == one
        assert read(other, one, calcium("1.8 mmol/L")).albumin == one


class TestWhichCounts:
    def test_nothing_on_file(self) -> None:
        assert read() == CalciumReading(NOT_LOW)

    @pytest.mark.parametrize(
        ("found", "basis"),
        [
            (
                [ionized("1.0 mmol/L", days_ago=2), corrected_calcium("2.3 mmol/L"), calcium("2.3 mmol/L")],
                CalciumBasis.IONIZED,
            ),
            ([corrected_calcium("2.0 mmol/L"), calcium("2.3 mmol/L")], CalciumBasis.REPORTED),
            ([corrected_calcium("2.0 mmol/L", days_ago=2), calcium("1.8 mmol/L")], CalciumBasis.REPORTED),
            (
                [corrected_calcium("2.3 mmol/L", days_ago=2), calcium("1.8 mmol/L"), albumin("38 g/L")],
                CalciumBasis.CORRECTED,
            ),
            (
                [corrected_calcium("2.0 mmol/L"), calcium("1.8 mmol/L", days_ago=2), albumin("38 g/L")],
                CalciumBasis.REPORTED,
            ),
        ],
        ids=["ionized first", "reported", "reported before a bare total", "newer total with albumin", "older total"],
    )
    def test_ionized_then_reported_then_total(self, found: list[Fact], basis: CalciumBasis) -> None:
        reading = read(*found)
        assert reading.basis is basis
        assert reading.level.surely_low

    @pytest.mark.parametrize(
        ("older", "newer", "level"),
        [
            (ionized("1.2 mmol/L", days_ago=3), [calcium("1.60 mmol/L"), albumin("42 g/L")], VERY_LOW),
            (ionized("1.2 mmol/L", days_ago=3), [calcium("2.0 mmol/L"), albumin("42 g/L")], LOW),
            (ionized("1.2 mmol/L", days_ago=3), [corrected_calcium("2.0 mmol/L")], LOW),
            (ionized("1.0 mmol/L", days_ago=3), [corrected_calcium("1.8 mmol/L")], VERY_LOW),
            (ionized("0.7 mmol/L", days_ago=3), [corrected_calcium("1.8 mmol/L")], DANGEROUS),
            (ionized("1.0 mmol/L", days_ago=3), [corrected_calcium("2.3 mmol/L")], LOW),
            (ionized("1.2 mmol/L", days_ago=3), [calcium("1.60 mmol/L")], NOT_LOW),
            (ionized("1.2 mmol/L"), [corrected_calcium("1.8 mmol/L")], NOT_LOW),
            (ionized("1.2 mmol/L", at="2026-03-14"), [corrected_calcium("1.8 mmol/L")], NOT_LOW),
        ],
        ids=[
            "very low", "low", "corrected by the laboratory", "lower than a low one", "not lower", "not low",
            "not surely low", "of the same time", "not surely newer",
        ],
    )  # fmt: skip
    def test_an_older_ionized_one_does_not_hide_a_newer_that_is_surely_lower(
        self, older: Fact, newer: list[Fact], level: CalciumLevel
    ) -> None:
        assert read(older, *newer).level is level

    def test_a_newer_one_that_is_as_low_leaves_the_ionized_one(self) -> None:
        found = read(ionized("1.0 mmol/L", days_ago=3), corrected_calcium("2.0 mmol/L"))
        assert (found.level, found.basis) == (LOW, CalciumBasis.IONIZED)

    @pytest.mark.parametrize(
        ("setting", "analyte", "hours"),
        [
            (INPATIENT, Analyte.CALCIUM_IONIZED, 24),
            (INPATIENT, Analyte.CALCIUM_CORRECTED, 72),
            (INPATIENT, Analyte.CALCIUM_TOTAL, 72),
            (OUTPATIENT, Analyte.CALCIUM_IONIZED, 14 * 24),
            (OUTPATIENT, Analyte.CALCIUM_CORRECTED, 14 * 24),
            (OUTPATIENT, Analyte.CALCIUM_TOTAL, 14 * 24),
        ],
    )
    def test_only_while_it_is_current(self, setting: Setting, analyte: Analyte, hours: int) -> None:
        makes = {
            Analyte.CALCIUM_IONIZED: ionized,
            Analyte.CALCIUM_CORRECTED: corrected_calcium,
            Analyte.CALCIUM_TOTAL: calcium,
        }
        result = makes[analyte]
        assert read(result("0.7 mmol/L", hours_ago=hours), setting=setting).level is not NOT_LOW
        assert read(result("0.7 mmol/L", hours_ago=hours + 1), setting=setting) == CalciumReading(NOT_LOW)

    def test_the_newest(self) -> None:
        assert read(ionized("0.7 mmol/L", hours_ago=3), ionized("1.2 mmol/L", hours_ago=1)).level is NOT_LOW

    @pytest.mark.parametrize("turned", [False, True])
    def test_the_lowest_of_one_moment(self, turned: bool) -> None:
        found = [ionized("1.2 mmol/L", reference="z"), ionized("1.0 mmol/L", reference="a")]
        assert read(*(reversed(found) if turned else found)).level is LOW

    def test_not_an_implausible_one(self) -> None:
        assert read(calcium("6.1 mmol/L")).level is NOT_LOW
        assert read(calcium("0 mmol/L")).level is NOT_LOW


class TestUnverified:
    def test_a_newer_one_that_could_not_be_read_is_named(self) -> None:
        newer = unreadable(Analyte.CALCIUM_TOTAL, hours_ago=1)
        assert read(ionized("1.0 mmol/L", hours_ago=2), newer).unverified == (newer,)

    def test_one_of_the_same_moment_may_be_newer(self) -> None:
        same = unreadable(Analyte.CALCIUM_TOTAL, hours_ago=2)
        assert read(ionized("1.0 mmol/L", hours_ago=2), same).unverified == (same,)

    def test_an_older_one_does_not_matter(self) -> None:
        assert (
            read(ionized("1.0 mmol/L", hours_ago=2), unreadable(Analyte.CALCIUM_IONIZED, hours_ago=3)).unverified == ()
        )

    def test_one_of_another_analyte_does_not_matter(self) -> None:
        assert read(ionized("1.0 mmol/L", hours_ago=2), unreadable(Analyte.POTASSIUM)).unverified == ()

    def test_nothing_else_on_file(self) -> None:
        newer = unreadable(Analyte.CALCIUM_CORRECTED)
        assert read(newer) == CalciumReading(NOT_LOW, unverified=(newer,))

    def test_a_suspect_specimen_is_not_read(self) -> None:
        found = read(ionized("0.7 mmol/L", hemolyzed="HEM"))
        assert found.level is NOT_LOW
        assert [u.reason for u in found.unverified] == ["suspect-specimen"]
