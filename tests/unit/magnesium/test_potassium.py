"""clinical.md §1.5: hypokalemia, and when it is called refractory."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from magnesium.facts import Analyte, Exposure, Route, Setting
from magnesium.potassium import PotassiumReading, read_potassium
from magnesium.problems import read_problems
from tests.builders import (
    INPATIENT,
    IV,
    MINUTE,
    NOW,
    ORAL,
    OUTPATIENT,
    POLICY,
    Fact,
    ago,
    ended_order,
    facts,
    given,
    k,
    order,
    problem,
    quantity,
    statement,
    unreadable,
)


def read(*found: Fact, setting: Setting = OUTPATIENT) -> PotassiumReading:
    chart = facts(*found, setting=setting)
    return read_potassium(chart, read_problems(chart, POLICY, NOW), POLICY, NOW)


def refractory(*found: Fact, setting: Setting = OUTPATIENT) -> bool:
    return read(*found, setting=setting).refractory_since is not None


@pytest.mark.parametrize("unit", ["mmol/L", "mEq/L"])
@pytest.mark.parametrize(
    ("value", "grades"),
    [
        ("3.5001", ""),
        ("3.5", ""),
        ("3.4999", "low"),
        ("3.0001", "low"),
        ("3.0", "low"),
        ("2.9999", "low moderate"),
        ("2.5", "low moderate"),
        ("2.4999", "low moderate severe"),
    ],
)
def test_grades(value: str, unit: str, grades: str) -> None:
    reading = read(k(f"{value} {unit}"))
    assert [grade for grade in ("low", "moderate", "severe") if getattr(reading, grade)] == grades.split()


@pytest.mark.parametrize(
    ("bound", "low", "conclusive"),
    [
        ("<3.5 mmol/L", True, True),
        ("<=3.5 mmol/L", False, False),
        ("<3.6 mmol/L", False, False),
        (">3.0 mmol/L", False, False),
        (">=3.5 mmol/L", False, True),
        ("<2.5 mmol/L", True, True),
    ],
)
def test_a_bound_may_decide_nothing(bound: str, low: bool, conclusive: bool) -> None:
    reading = read(k(bound))
    assert reading.low is low
    assert reading.not_conclusive is not conclusive


@pytest.mark.parametrize(("setting", "window"), [(INPATIENT, timedelta(hours=48)), (OUTPATIENT, timedelta(days=14))])
def test_is_current_for_48_hours_in_hospital_and_14_days_outside(setting: Setting, window: timedelta) -> None:
    assert read(k("3.0 mmol/L", at=NOW - window + MINUTE), setting=setting).low
    assert read(k("3.0 mmol/L", at=NOW - window), setting=setting).low
    assert read(k("3.0 mmol/L", at=NOW - window - MINUTE), setting=setting) == PotassiumReading()


def test_the_newest_result_counts() -> None:
    assert not read(k("3.0 mmol/L", hours_ago=2), k("4.0 mmol/L", hours_ago=1)).low


class TestTwoResultsOfOneInstant:
    def test_the_lower_is_acted_on_and_the_conflict_remembered(self) -> None:
        reading = read(k("5.9 mmol/L"), k("3.0 mmol/L"))
        assert reading.low
        assert reading.conflicting

    def test_both_are_kept_for_what_lowers_potassium_and_for_what_raises_it(self) -> None:
        low, high = k("3.0 mmol/L"), k("5.9 mmol/L")
        reading = read(k("2.0 mmol/L", hours_ago=1), high, low)
        assert (reading.result, reading.highest) == (low, high)

    @pytest.mark.parametrize(("one", "other"), [("2.9", "3.0"), ("4.0", "4.2")], ids=["low", "not low"])
    def test_two_on_one_side_of_the_limit_do_not_conflict(self, one: str, other: str) -> None:
        assert not read(k(f"{one} mmol/L"), k(f"{other} mmol/L")).conflicting

    def test_a_surely_low_one_goes_before_one_that_decides_nothing(self) -> None:
        reading = read(k(">3.0 mmol/L"), k("3.4 mmol/L"))
        assert (reading.low, reading.not_conclusive, reading.conflicting) == (True, False, False)


def test_a_hemolyzed_low_one_counts_and_a_hemolyzed_normal_one_is_unverified() -> None:
    assert read(k("3.0 mmol/L", hemolyzed="HEM")).low
    reading = read(k("3.0 mmol/L", hours_ago=2), k("4.5 mmol/L", hemolyzed="HEM"))
    assert reading.low
    assert [u.reason for u in reading.unverified] == ["suspect-specimen"]


def test_a_newer_unreadable_one_is_remembered() -> None:
    assert read(k("3.0 mmol/L", hours_ago=2), unreadable(Analyte.POTASSIUM)).unverified
    assert read(unreadable(Analyte.POTASSIUM)).unverified


EARLIER, CURRENT = k("3.1 mmol/L", days_ago=3), k("3.0 mmol/L")
ORDER = order("potassium chloride", days_ago=10)


class TestRefractory:
    def test_low_twice_under_an_order(self) -> None:
        reading = read(EARLIER, CURRENT, ORDER)
        assert (reading.refractory_since, reading.resisted) == (EARLIER, ORDER)

    def test_not_without_replacement(self) -> None:
        assert not refractory(EARLIER, CURRENT)

    def test_not_without_an_earlier_result(self) -> None:
        assert not refractory(CURRENT, ORDER)

    def test_not_if_the_current_one_is_not_low(self) -> None:
        assert not refractory(EARLIER, k("3.5 mmol/L"), ORDER)

    @pytest.mark.parametrize(("value", "low_enough"), [("3.49", True), ("3.5", False)])
    def test_the_earlier_one_was_low_too(self, value: str, low_enough: bool) -> None:
        assert refractory(k(f"{value} mmol/L", days_ago=3), k("3.2 mmol/L"), ORDER) is low_enough

    @pytest.mark.parametrize(
        ("setting", "longest"), [(INPATIENT, timedelta(days=14)), (OUTPATIENT, timedelta(days=90))]
    )
    @pytest.mark.parametrize("shortest", [timedelta(hours=12)])
    def test_the_earlier_one_lies_12_hours_to_14_days_or_90_days_before(
        self, setting: Setting, shortest: timedelta, longest: timedelta
    ) -> None:
        def at(gap: timedelta) -> bool:
            replaced = order("potassium chloride", days_ago=100)
            return refractory(k("3.1 mmol/L", at=NOW - gap), CURRENT, replaced, setting=setting)

        assert not at(shortest - MINUTE)
        assert at(shortest)
        assert at(shortest + MINUTE)
        assert at(longest - MINUTE)
        assert at(longest)
        assert not at(longest + MINUTE)

    def test_a_result_too_near_does_not_hide_one_that_is_far_enough(self) -> None:
        assert read(EARLIER, k("3.1 mmol/L", hours_ago=2), CURRENT, ORDER).refractory_since == EARLIER

    @pytest.mark.parametrize(
        ("then", "now", "resisted"),
        [
            ("2.8", "3.09", True),
            ("2.8", "3.1", False),
            ("2.8", "3.11", False),
            ("2.8", "2.5", True),
        ],
    )
    def test_no_rise_of_0_3_between_the_two(self, then: str, now: str, resisted: bool) -> None:
        assert refractory(k(f"{then} mmol/L", days_ago=3), k(f"{now} mmol/L"), ORDER) is resisted

    @pytest.mark.parametrize(
        ("then", "now", "resisted"),
        [
            ("2.9", "<2.5", True),
            ("2.9", "<3.2", True),
            ("2.9", "<3.21", False),
            ("<3.0", "2.9", False),
            ("<3.0", "<2.9", False),
        ],
    )
    def test_a_bound_counts_only_where_it_excludes_the_rise(self, then: str, now: str, resisted: bool) -> None:
        assert refractory(k(f"{then} mmol/L", days_ago=3), k(f"{now} mmol/L"), ORDER) is resisted

    @pytest.mark.parametrize(("value", "broken"), [("3.49", False), ("3.5", True), (">3.4", True)])
    def test_none_normal_or_perhaps_normal_between(self, value: str, broken: bool) -> None:
        between = k(f"{value} mmol/L", days_ago=1)
        assert refractory(k("3.4 mmol/L", days_ago=3), between, k("3.4 mmol/L"), ORDER) is not broken

    def test_a_normal_suspect_specimen_between_breaks_the_course_and_a_low_one_does_not(self) -> None:
        assert not refractory(EARLIER, k("4.2 mmol/L", days_ago=1, hemolyzed="HEM"), CURRENT, ORDER)
        assert refractory(EARLIER, k("3.2 mmol/L", days_ago=1, hemolyzed="HEM"), CURRENT, ORDER)

    def test_not_if_the_current_one_has_just_reached_normal(self) -> None:
        assert not refractory(k("3.4 mmol/L", days_ago=3), k("3.5 mmol/L"), ORDER)

    def test_one_between_that_nobody_can_read_does_not_break_it(self) -> None:
        assert refractory(
            k("3.1 mmol/L", days_ago=3), unreadable(Analyte.POTASSIUM, hours_ago=30), k("3.0 mmol/L"), ORDER
        )

    def test_a_normal_one_before_both_does_not_break_it(self) -> None:
        assert refractory(k("4.2 mmol/L", days_ago=4), EARLIER, CURRENT, ORDER)

    def test_a_normal_one_that_a_partial_date_may_put_between_breaks_it(self) -> None:
        assert not refractory(EARLIER, k("4.2 mmol/L", at="2026-03-14"), CURRENT, ORDER)

    def test_a_normal_one_of_the_current_instant_is_not_between(self) -> None:
        assert refractory(EARLIER, CURRENT, k("4.2 mmol/L"), ORDER)

    def test_a_normal_one_of_the_earlier_instant_leaves_it_open(self) -> None:
        assert not refractory(EARLIER, k("4.2 mmol/L", days_ago=3), CURRENT, ORDER)

    @pytest.mark.parametrize("slug", ["dialysis", "diabetic_ketoacidosis", "periodic_paralysis"])
    def test_not_applied_to_dialysis_and_shifts(self, slug: str) -> None:
        assert not refractory(EARLIER, CURRENT, ORDER, problem(slug))

    @pytest.mark.parametrize(
        ("insulin", "shifted"),
        [
            (given("insulin", hours_ago=24, route=IV), True),
            (given("insulin", at=ago(hours=24) - MINUTE, route=IV), False),
            (given("insulin", at=ago(days=3), ended=ago(hours=20), route=IV), True),
            (given("insulin", at=NOW + MINUTE, route=IV), False),
            (order("insulin", route=IV, started=ago(hours=2)), True),
            (order("insulin", route=IV, started=NOW + MINUTE), False),
            (order("insulin", route=IV, started=None), True),
            (ended_order("insulin", route=IV, ended=ago(hours=24)), True),
            (ended_order("insulin", route=IV, ended=ago(hours=24) - MINUTE), False),
            (ended_order("insulin", route=IV), False),
            (given("insulin", hours_ago=2, route=Route.PARENTERAL), False),
            (given("insulin", hours_ago=2, route=Route.PARENTERAL, label="Insulin drip"), True),
            (given("insulin", hours_ago=2, route=Route.PARENTERAL, label="insulin regular INFUSION"), True),
            (given("insulin", hours_ago=2, label="insulin drip"), False),
            (order("insulin"), False),
            (given("furosemide", hours_ago=2, route=IV), False),
        ],
        ids=[
            "24 h before the sample",
            "a minute more than 24 h before",
            "infusion that ended 20 h before",
            "after the sample",
            "running",
            "ordered to begin later",
            "ordered, start unknown",
            "order over 24 h before",
            "order over a minute more than 24 h before",
            "order over, unknown when",
            "under the skin",
            "drip by its name",
            "infusion by its name",
            "not known to be injected",
            "way unknown",
            "another drug",
        ],
    )
    def test_not_applied_within_24_hours_of_an_insulin_infusion(self, insulin: Exposure, shifted: bool) -> None:
        assert refractory(EARLIER, CURRENT, ORDER, insulin) is not shifted

    @pytest.mark.parametrize(("daily", "counts"), [("19.9", False), ("20", True)])
    def test_potassium_among_other_ingredients_counts_from_the_policy_s_daily_amount(
        self, daily: str, counts: bool
    ) -> None:
        fluid = order(
            "potassium chloride",
            days_ago=10,
            other_ingredients=True,
            daily_amount=quantity(Analyte.MAGNESIUM_URINE_24H, f"{daily} mmol/d"),
        )
        assert refractory(EARLIER, CURRENT, fluid) is counts

    def test_thousands_of_results_are_judged_at_once(self) -> None:
        many = [k("3.1 mmol/L", hours_ago=n) for n in range(5_000)]
        assert refractory(*many, order("potassium chloride", days_ago=300))


class TestEffectiveReplacement:
    @pytest.mark.parametrize(("route", "wait"), [(IV, timedelta(hours=4)), (ORAL, timedelta(hours=8))])
    def test_a_dose_had_4_hours_intravenously_or_8_orally(self, route: object, wait: timedelta) -> None:
        def dose(at: datetime) -> bool:
            return refractory(EARLIER, CURRENT, given("potassium chloride", at=at, route=route))

        assert dose(NOW - wait - MINUTE)
        assert dose(NOW - wait)
        assert not dose(NOW - wait + MINUTE)

    def test_a_dose_lies_between_the_two(self) -> None:
        drawn = ago(days=3)
        assert refractory(EARLIER, CURRENT, given("potassium chloride", at=drawn, route=IV))
        assert not refractory(EARLIER, CURRENT, given("potassium chloride", at=drawn - MINUTE, route=IV))

    @pytest.mark.parametrize("kind", [order, statement])
    def test_an_order_or_statement_had_begun_12_hours_before(self, kind: object) -> None:
        def begun(at: datetime | None) -> bool:
            make = order if kind is order else statement
            return refractory(EARLIER, CURRENT, make("potassium chloride", started=at))

        assert begun(ago(hours=12) - MINUTE)
        assert begun(ago(hours=12))
        assert not begun(ago(hours=12) + MINUTE)
        assert not begun(None)

    @pytest.mark.parametrize(
        ("exposure", "counts"),
        [
            (order("potassium chloride", ended=NOW + MINUTE), True),
            (order("potassium chloride", ended=NOW), True),
            (order("potassium chloride", ended=NOW - MINUTE), False),
            (order("potassium chloride", ended="2026-03-14"), False),
            (ended_order("potassium chloride", ended=NOW), True),
            (ended_order("potassium chloride"), False),
            (order("potassium chloride", days_ago=401), False),
            (order("potassium chloride", as_needed=True), False),
            (order("potassium chloride", single_dose=True), False),
            (order("furosemide"), False),
        ],
        ids=[
            "runs on",
            "ends with the sample",
            "ended before",
            "ends that day",
            "over after the sample",
            "over, unknown when",
            "order without an end that is too old",
            "as needed",
            "single dose",
            "no potassium",
        ],
    )
    def test_an_order_was_in_force_when_the_sample_was_drawn(self, exposure: Exposure, counts: bool) -> None:
        assert refractory(EARLIER, CURRENT, exposure) is counts

    def test_the_first_by_reference_is_named(self) -> None:
        one, two = (order("potassium chloride", reference=reference) for reference in ("order/a", "order/b"))
        assert read(EARLIER, CURRENT, two, one).resisted is one


def test_a_result_set_aside_keeps_its_analyte() -> None:
    assert [u.analyte for u in read(k("4.2 mmol/L", hemolyzed="HEM")).unverified] == [Analyte.POTASSIUM]
