"""clinical.md §1.6 and §1.9: kidney function. CKD-EPI 2021 is checked against values published with the equation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from magnesium.facts import Analyte, Patient, Setting, Sex, Unusable
from magnesium.kidney import Filtration, KidneyFunction, age_in_years, ckd_epi_2021, read_kidney
from magnesium.moment import When
from magnesium.problems import read_problems
from tests.builders import (
    ADULT,
    INPATIENT,
    MINUTE,
    NOW,
    OUTPATIENT,
    POLICY,
    Fact,
    acute,
    aged,
    ago,
    creatinine,
    egfr,
    facts,
    on,
    problem,
    quantity,
    unreadable,
)

FULL, REDUCED, POOR, UNKNOWN = Filtration


def read(*found: Fact, setting: Setting = OUTPATIENT, patient: Patient = ADULT) -> KidneyFunction:
    chart = facts(*found, setting=setting, patient=patient)
    return read_kidney(chart, read_problems(chart, POLICY, NOW), POLICY, NOW)


def estimate(sent: str, patient: Patient) -> Decimal | None:
    found = ckd_epi_2021(quantity(Analyte.CREATININE, sent), facts(patient=patient), POLICY, NOW)
    return found.value if found else None


class TestCkdEpi2021:
    # From the National Kidney Foundation's own calculator of the 2021 equation
    # (https://www.kidney.org/professionals/gfr_calculator), which prints whole numbers. The first two as quoted in the
    # tests of the admiral project (pharmaverse), the third in a public comparison of calculators.
    @pytest.mark.parametrize(
        ("sent", "age", "sex", "published"),
        [
            ("1.09 mg/dL", 55, Sex.MALE, 80),
            ("85 umol/L", 65, Sex.FEMALE, 66),
            ("1.2 mg/dL", 55, Sex.MALE, 71),
        ],
    )
    def test_agrees_with_published_worked_values(self, sent: str, age: int, sex: Sex, published: int) -> None:
        found = estimate(sent, aged(age, sex))
        assert found is not None
        assert round(found) == published

    # Worked by hand from the printed equation: at SCr = kappa only constant, age and sex are left; at twice and at half
    # of it one power of two.
    @pytest.mark.parametrize(
        ("sent", "sex", "worked"),
        [
            ("0.9 mg/dL", Sex.MALE, 142 * 0.9938**50),
            ("1.8 mg/dL", Sex.MALE, 142 * 2**-1.2 * 0.9938**50),
            ("0.45 mg/dL", Sex.MALE, 142 * 0.5**-0.302 * 0.9938**50),
            ("0.7 mg/dL", Sex.FEMALE, 142 * 0.9938**50 * 1.012),
            ("1.4 mg/dL", Sex.FEMALE, 142 * 2**-1.2 * 0.9938**50 * 1.012),
            ("0.35 mg/dL", Sex.FEMALE, 142 * 0.5**-0.241 * 0.9938**50 * 1.012),
        ],
    )
    def test_follows_the_printed_equation_on_both_sides_of_kappa(self, sent: str, sex: Sex, worked: float) -> None:
        assert estimate(sent, aged(50, sex)) == Decimal(f"{worked:.1f}")

    def test_units_do_not_matter(self) -> None:
        patient = aged(50, Sex.MALE)
        assert (
            estimate("1.1312 mg/dL", patient)
            == estimate("100 umol/L", patient)
            == estimate("0.1 mmol/L", patient)
            == estimate("11.312 mg/L", patient)
        )

    @pytest.mark.parametrize(
        ("sent", "patient"),
        [
            ("1 mg/dL", aged(17)),
            ("1 mg/dL", aged(None)),
            ("1 mg/dL", aged(60, Sex.UNKNOWN)),
            ("<1 mg/dL", aged(60)),
        ],
        ids=["a minor", "age unknown", "sex unknown", "a bound"],
    )
    def test_is_not_computed_where_the_equation_does_not_hold(self, sent: str, patient: Patient) -> None:
        assert estimate(sent, patient) is None

    def test_holds_from_18(self) -> None:
        assert estimate("1 mg/dL", aged(18)) is not None


class TestAge:
    @pytest.mark.parametrize(
        ("born", "years"),
        [
            (on("2008-03-13"), 18),
            (on("2008-03-14"), 18),
            (on("2008-03-15"), 17),
            # The youngest age that a partial date allows
            (on("2008-03"), 17),
            (on("2008"), 17),
            (on("2007"), 18),
            # Nobody is older than 120: 1 January 1900 stands for no birth date
            (on("1905-03-15"), 120),
            (on("1905-03-14"), None),
            (on("1900-01-01"), None),
            (on("1726-01-01"), None),
            (None, None),
        ],
    )
    def test_in_full_years(self, born: When | None, years: int | None) -> None:
        assert age_in_years(facts(patient=Patient("p1", born)), POLICY, NOW) == years

    def test_a_birthday_begins_where_the_birth_date_was_recorded(self) -> None:
        kiribati = timezone(timedelta(hours=14))
        born = When.at(datetime(1986, 3, 15, tzinfo=kiribati))
        assert age_in_years(facts(patient=Patient("p1", born)), POLICY, datetime(2026, 3, 14, 9, tzinfo=UTC)) == 39
        assert age_in_years(facts(patient=Patient("p1", born)), POLICY, datetime(2026, 3, 14, 10, tzinfo=UTC)) == 40

    def test_a_birthday_on_29_february_is_kept_on_1_march(self) -> None:
        patient = Patient("p1", on("2008-02-29"))
        assert age_in_years(facts(patient=patient), POLICY, datetime(2026, 2, 28, 12, tzinfo=UTC)) == 17
        assert age_in_years(facts(patient=patient), POLICY, datetime(2026, 3, 1, 12, tzinfo=UTC)) == 18


UNREAD = unreadable(Analyte.CREATININE, hours_ago=1)
EARLIER = creatinine("0.7 mg/dL", hours_ago=2)


@pytest.mark.parametrize(
    ("chart", "unread", "told"),
    [
        ([EARLIER], UNREAD, True),
        ([EARLIER], unreadable(Analyte.CREATININE, hours_ago=2), True),
        ([EARLIER], unreadable(Analyte.CREATININE, hours_ago=3), False),
        ([EARLIER], replace(UNREAD, when=None), True),
        ([EARLIER], replace(UNREAD, reason="suspect-specimen"), False),
        ([], UNREAD, True),
        ([EARLIER, egfr("90")], UNREAD, False),
        ([EARLIER, egfr("90", hours_ago=1)], UNREAD, True),
    ],
    ids=["newer", "as new", "older", "time unknown", "hemolyzed", "alone", "eGFR since", "eGFR as new"],
)
def test_a_creatinine_that_could_not_be_read_is_told_where_it_may_be_newer_than_what_counts(
    chart: list[Fact], unread: Unusable, told: bool
) -> None:
    assert read(*chart, unread).unverified == ((unread,) if told else ())


def test_the_estimate_itself_is_kept_with_what_it_rests_on() -> None:
    reported = egfr("45")
    found = read(reported)
    assert (found.egfr, found.basis) == (reported.quantity, reported)


class TestFiltration:
    @pytest.mark.parametrize(
        ("value", "filtration"),
        [
            ("29.9", POOR),
            ("30", REDUCED),
            ("30.1", REDUCED),
            ("59.9", REDUCED),
            ("60", FULL),
            ("60.1", FULL),
        ],
    )
    def test_by_the_reported_egfr(self, value: str, filtration: Filtration) -> None:
        function = read(egfr(value))
        assert function.filtration is filtration
        assert not function.computed

    @pytest.mark.parametrize(
        ("bound", "filtration"),
        [
            (">60", FULL),
            (">=60", FULL),
            (">90", FULL),
            (">59", REDUCED),
            (">=30", REDUCED),
            (">30", REDUCED),
            ("<60", UNKNOWN),
            (">29", UNKNOWN),
            ("<=30", UNKNOWN),
            ("<30", POOR),
            ("<15", POOR),
        ],
    )
    def test_a_bounded_egfr_is_read_at_its_worst(self, bound: str, filtration: Filtration) -> None:
        assert read(egfr(bound)).filtration is filtration

    def test_is_computed_from_creatinine_where_none_is_reported(self) -> None:
        sample = creatinine("0.7 mg/dL")
        function = read(sample)
        assert (function.filtration, function.computed, function.basis) == (FULL, True, sample)

    def test_the_reported_one_is_preferred_to_a_creatinine_of_the_same_time(self) -> None:
        function = read(egfr("45"), creatinine("0.7 mg/dL"))
        assert (function.filtration, function.computed) == (REDUCED, False)

    def test_a_creatinine_drawn_since_is_preferred_to_an_older_egfr(self) -> None:
        function = read(egfr("90", days_ago=60), creatinine("4 mg/dL", days_ago=1))
        assert (function.filtration, function.computed) == (POOR, True)

    @pytest.mark.parametrize(("reported", "filtration"), [("90", UNKNOWN), ("45", UNKNOWN), ("29", POOR)])
    def test_a_newer_creatinine_that_tells_nothing_takes_an_order_away_and_no_warning(
        self, reported: str, filtration: Filtration
    ) -> None:
        newer = creatinine("1 mg/dL", days_ago=1)
        function = read(egfr(reported, days_ago=60), newer, patient=aged(60, Sex.UNKNOWN))
        assert (function.filtration, function.computed) == (filtration, False)

    def test_two_of_one_instant_are_read_at_their_worst(self) -> None:
        assert read(egfr("90"), egfr("25")).filtration is POOR
        assert read(creatinine("0.7 mg/dL"), creatinine("4 mg/dL")).filtration is POOR

    @pytest.mark.parametrize(
        ("setting", "window"), [(INPATIENT, timedelta(hours=48)), (OUTPATIENT, timedelta(days=90))]
    )
    @pytest.mark.parametrize("sample", [egfr, creatinine])
    def test_is_current_for_48_hours_in_hospital_and_90_days_outside(
        self, setting: Setting, window: timedelta, sample: object
    ) -> None:
        def at(age: timedelta) -> Filtration:
            drawn = egfr("90", at=NOW - age) if sample is egfr else creatinine("0.7 mg/dL", at=NOW - age)
            return read(drawn, setting=setting).filtration

        assert at(window - MINUTE) is FULL
        assert at(window) is FULL
        assert at(window + MINUTE) is UNKNOWN

    @pytest.mark.parametrize("stage", ["ckd_stage_4", "ckd_stage_5", "esrd"])
    def test_advanced_kidney_disease_is_poor_where_nothing_is_measured(self, stage: str) -> None:
        function = read(problem(stage))
        assert (function.filtration, function.words) == (POOR, "chronic kidney disease of stage 4 or 5")
        assert read(problem(stage), egfr("45")).filtration is REDUCED

    def test_pregnancy_has_no_computed_egfr_but_a_reported_one(self) -> None:
        function = read(problem("pregnancy"), creatinine("0.7 mg/dL"))
        assert (function.filtration, function.egfr, function.computed) == (UNKNOWN, None, False)
        assert function.words == "no eGFR from creatinine 0.7 mg/dL"
        assert read(problem("pregnancy"), egfr("90")).filtration is FULL

    # eGFR falls below 30 between these creatinines: at 60 2.41 and 2.42 (male), 1.89 and 1.90 (female); at 18 2.99 and
    # 3.00 (male).
    @pytest.mark.parametrize(
        ("sent", "patient", "filtration"),
        [
            ("0.7 mg/dL", aged(60, Sex.UNKNOWN), UNKNOWN),
            ("1.90 mg/dL", aged(60, Sex.UNKNOWN), UNKNOWN),
            ("2.41 mg/dL", aged(60, Sex.UNKNOWN), UNKNOWN),
            ("2.42 mg/dL", aged(60, Sex.UNKNOWN), POOR),
            ("6.0 mg/dL", aged(60, Sex.UNKNOWN), POOR),
            (">1.88 mg/dL", aged(60), UNKNOWN),
            (">=1.90 mg/dL", aged(60), POOR),
            (">10 mg/dL", aged(60), POOR),
            (">10 mg/dL", aged(60, Sex.UNKNOWN), POOR),
            ("<10 mg/dL", aged(60), UNKNOWN),
            ("<=0.5 mg/dL", aged(60), UNKNOWN),
            ("2.99 mg/dL", aged(None, Sex.MALE), UNKNOWN),
            ("3.00 mg/dL", aged(None, Sex.MALE), POOR),
            ("6.0 mg/dL", aged(300), POOR),
            (">10 mg/dL", aged(17), UNKNOWN),
            ("6.0 mg/dL", aged(18, Sex.UNKNOWN), POOR),
        ],
    )
    def test_what_is_missing_for_an_egfr_leaves_only_one_that_is_surely_poor(
        self, sent: str, patient: Patient, filtration: Filtration
    ) -> None:
        function = read(creatinine(sent), patient=patient)
        assert (function.filtration, function.egfr is None) == (filtration, filtration is UNKNOWN)
        assert function.basis == creatinine(sent)

    @pytest.mark.parametrize(
        ("sent", "sex", "text"),
        [
            ("6.0 mg/dL", Sex.UNKNOWN, "eGFR <=10.0 mL/min/1.73m2"),
            (">10 mg/dL", Sex.FEMALE, "eGFR <4.1 mL/min/1.73m2"),
            (">=10 mg/dL", Sex.FEMALE, "eGFR <=4.1 mL/min/1.73m2"),
            ("1.0 mg/dL", Sex.UNKNOWN, "no eGFR from creatinine 1.0 mg/dL"),
        ],
    )
    def test_the_bound_is_told_as_one(self, sent: str, sex: Sex, text: str) -> None:
        assert read(creatinine(sent), patient=aged(60, sex)).words == text

    def test_without_any_result_it_is_unknown_or_too_old(self) -> None:
        assert read().words == "kidney function unknown or too old"

    def test_unknown_has_no_basis(self) -> None:
        function = read()
        assert (function.filtration, function.egfr, function.basis) == (UNKNOWN, None, None)
        assert not function.impaired_acutely


class TestAcuteInjury:
    """Creatinine 1.5 times the lowest of 7 days, or 26.5 umol/L (0.3 mg/dL) up in 48 hours, or on the problem list."""

    @pytest.mark.parametrize(
        ("earlier", "now", "injured"),
        [
            ("1.0 mg/dL", "1.49 mg/dL", False),
            ("1.0 mg/dL", "1.5 mg/dL", True),
            ("1.0 mg/dL", "1.51 mg/dL", True),
            ("100 umol/L", "149 umol/L", False),
            ("100 umol/L", "150 umol/L", True),
            ("0.1 mmol/L", "150 umol/L", True),
            ("1.0 mg/dL", "150 umol/L", True),
        ],
    )
    def test_by_the_ratio(self, earlier: str, now: str, injured: bool) -> None:
        assert bool(read(creatinine(earlier, days_ago=3), creatinine(now)).acute_injury) is injured

    @pytest.mark.parametrize(
        ("age", "injured"),
        [
            (timedelta(days=7) - MINUTE, True),
            (timedelta(days=7), True),
            (timedelta(days=7) + MINUTE, False),
        ],
    )
    def test_by_the_ratio_to_the_lowest_of_7_days(self, age: timedelta, injured: bool) -> None:
        function = read(
            creatinine("1.0 mg/dL", at=NOW - age), creatinine("1.6 mg/dL", days_ago=3), creatinine("1.6 mg/dL")
        )
        assert bool(function.acute_injury) is injured

    @pytest.mark.parametrize(
        ("earlier", "now", "injured"),
        [
            ("1.5 mg/dL", "1.79 mg/dL", False),
            ("1.5 mg/dL", "1.80 mg/dL", True),
            ("1.5 mg/dL", "1.81 mg/dL", True),
            ("15 mg/L", "18 mg/L", True),
            ("150 umol/L", "176.4 umol/L", False),
            ("150 umol/L", "176.5 umol/L", True),
            ("0.150 mmol/L", "176.4 umol/L", False),
            ("0.150 mmol/L", "176.5 umol/L", True),
            ("0.150 mmol/L", "176.6 umol/L", True),
            # Across printed units by conversion: 1.7 mg/dL is 150.28 umol/L
            ("1.7 mg/dL", "176.7 umol/L", False),
            ("1.7 mg/dL", "176.8 umol/L", True),
            # 1.1312 mg/dL is 100 umol/L exactly
            ("1.1312 mg/dL", "126.4999 umol/L", False),
            ("1.1312 mg/dL", "126.5 umol/L", True),
        ],
    )
    def test_by_the_rise(self, earlier: str, now: str, injured: bool) -> None:
        assert bool(read(creatinine(earlier, hours_ago=24), creatinine(now)).acute_injury) is injured

    @pytest.mark.parametrize(
        ("age", "injured"),
        [
            (timedelta(hours=48) - MINUTE, True),
            (timedelta(hours=48), True),
            (timedelta(hours=48) + MINUTE, False),
        ],
    )
    def test_by_the_rise_within_48_hours(self, age: timedelta, injured: bool) -> None:
        assert bool(read(creatinine("1.5 mg/dL", at=NOW - age), creatinine("1.8 mg/dL")).acute_injury) is injured

    @pytest.mark.parametrize(
        ("earlier", "now", "injured"),
        [
            ("<0.5 mg/dL", "1.0 mg/dL", True),
            ("1.0 mg/dL", ">3.0 mg/dL", True),
            ("1.0 mg/dL", "<3.0 mg/dL", False),
            (">0.5 mg/dL", "1.0 mg/dL", False),
        ],
    )
    def test_a_bound_counts_only_where_it_shows_injury_whatever_the_value(
        self, earlier: str, now: str, injured: bool
    ) -> None:
        assert bool(read(creatinine(earlier, days_ago=1), creatinine(now)).acute_injury) is injured

    def test_says_why(self) -> None:
        by_ratio = read(creatinine("1.0 mg/dL", days_ago=3), creatinine("2.0 mg/dL"))
        by_rise = read(creatinine("1.5 mg/dL", days_ago=1), creatinine("1.8 mg/dL"))
        assert by_ratio.acute_injury == "creatinine 2.0 mg/dL, 1.5 times 1.0 mg/dL or more"
        assert by_rise.acute_injury == "creatinine rose from 1.5 mg/dL to 1.8 mg/dL"

    def test_by_the_problem_list(self) -> None:
        assert read(acute("acute_kidney_injury")).acute_injury == "recorded acute kidney injury"

    def test_no_egfr_holds_under_it(self) -> None:
        function = read(egfr("90"), creatinine("1.0 mg/dL", days_ago=3), creatinine("2.0 mg/dL"))
        assert (function.filtration, function.egfr, function.impaired_acutely) == (UNKNOWN, None, True)
        assert function.basis is None

    def test_an_injury_of_long_ago_is_none_now(self) -> None:
        function = read(creatinine("1.0 mg/dL", days_ago=403), creatinine("3.0 mg/dL", days_ago=400))
        assert not function.acute_injury

    def test_a_falling_creatinine_is_none(self) -> None:
        assert not read(creatinine("2.0 mg/dL", days_ago=1), creatinine("1.0 mg/dL")).acute_injury


def test_dialysis_and_oliguria_impair() -> None:
    on_dialysis = read(problem("dialysis"), egfr("90"))
    assert on_dialysis.dialysis
    assert on_dialysis.impaired_acutely
    assert on_dialysis.egfr is None
    oliguric = read(problem("oliguria", onset=ago(hours=3)), egfr("90"))
    assert oliguric.oliguria
    assert oliguric.impaired_acutely


@pytest.mark.parametrize("bounded_days_ago", [1, 3])
def test_a_bounded_earlier_creatinine_does_not_hide_another(bounded_days_ago: int) -> None:
    bounded = creatinine(">1.2 mg/dL", days_ago=bounded_days_ago)
    assert read(bounded, creatinine("1.0 mg/dL", days_ago=2), creatinine("2.0 mg/dL")).acute_injury


class TestAnInjuryOfLongAgo:
    """An injury shown by a creatinine counts as one of now for the 14 days of a recorded one; it holds orders longer."""

    @pytest.mark.parametrize(
        ("age", "lately"),
        [(timedelta(days=14) - MINUTE, True), (timedelta(days=14), True), (timedelta(days=14) + MINUTE, False)],
    )
    def test_by_creatinine(self, age: timedelta, lately: bool) -> None:
        function = read(
            creatinine("1.0 mg/dL", at=NOW - age - timedelta(days=2)), creatinine("1.6 mg/dL", at=NOW - age)
        )
        assert function.acute_injury
        assert function.impaired_acutely
        assert function.injured_lately is lately

    def test_a_recorded_one_is_one_of_now(self) -> None:
        assert read(acute("acute_kidney_injury")).injured_lately
        assert not read(egfr("90")).injured_lately

    @pytest.mark.parametrize(("sent", "filtration"), [("1.6 mg/dL", REDUCED), ("6.0 mg/dL", POOR)])
    def test_leaves_an_egfr_to_be_read(self, sent: str, filtration: Filtration) -> None:
        assert read(creatinine("1.0 mg/dL", days_ago=62), creatinine(sent, days_ago=60)).filtration is filtration
        assert read(creatinine("1.0 mg/dL", days_ago=3), creatinine(sent, days_ago=1)).filtration is UNKNOWN
