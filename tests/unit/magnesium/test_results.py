"""clinical.md §1.1: which results of an analyte count."""

from __future__ import annotations

import pytest

from magnesium.facts import Analyte, LabResult, PatientFacts, Unusable
from magnesium.moment import When
from magnesium.results import Series, highest, implausible, lowest, series
from tests.builders import MINUTE, NOW, POLICY, Fact, ago, creatinine, facts, k, mg, qtc, quantity, unreadable

MG = Analyte.MAGNESIUM


def found(chart: PatientFacts, analyte: Analyte = MG) -> Series:
    return series(chart, analyte, POLICY, NOW)


def values(results: tuple[LabResult, ...]) -> list[str]:
    return [r.quantity.text for r in results]


def reasons(results: Series) -> list[str]:
    return [u.reason for u in results.unusable]


def test_lists_the_results_of_one_analyte_oldest_first() -> None:
    chart = facts(
        mg("1.6 mg/dL", hours_ago=1), k("3.1 mmol/L"), mg("1.4 mg/dL", hours_ago=5), unreadable(Analyte.POTASSIUM)
    )
    assert values(found(chart).results) == ["1.4 mg/dL", "1.6 mg/dL"]
    assert found(chart).unusable == ()


@pytest.mark.parametrize(
    ("analyte", "sent", "refused"),
    [
        # Nothing can be zero or less
        (MG, "0 mg/dL", True),
        (MG, "-1 mg/dL", True),
        (MG, "<=0 mg/dL", True),
        (MG, "<0.1 mg/dL", False),
        (MG, "0.1 mg/dL", False),
        (Analyte.MAGNESIUM_URINE, "0 mg/dL", True),
        (Analyte.EGFR, "0 mL/min/1.73m2", True),
        # Mg > 10 mmol/L
        (MG, "10 mmol/L", False),
        (MG, "10.01 mmol/L", True),
        (MG, "10001 umol/L", True),
        (MG, "24.3 mg/dL", False),
        (MG, "24.4 mg/dL", True),
        (MG, "244 mg/L", True),
        (MG, "20 mEq/L", False),
        (MG, "20.1 mEq/L", True),
        (MG, ">10 mmol/L", True),
        (MG, ">9 mmol/L", False),
        (Analyte.MAGNESIUM_IONIZED, "11 mmol/L", True),
        # K < 1.0 or > 12
        (Analyte.POTASSIUM, "0.9 mmol/L", True),
        (Analyte.POTASSIUM, "1.0 mmol/L", False),
        (Analyte.POTASSIUM, "12 mEq/L", False),
        (Analyte.POTASSIUM, "12.1 mEq/L", True),
        (Analyte.POTASSIUM, "<1.0 mmol/L", True),
        (Analyte.POTASSIUM, "<1.1 mmol/L", False),
        # Total calcium > 6 mmol/L
        (Analyte.CALCIUM_TOTAL, "6 mmol/L", False),
        (Analyte.CALCIUM_TOTAL, "6.1 mmol/L", True),
        # Creatinine > 3,000 umol/L
        (Analyte.CREATININE, "3000 umol/L", False),
        (Analyte.CREATININE, "3001 umol/L", True),
        (Analyte.CREATININE, "3.001 mmol/L", True),
        (Analyte.CREATININE, "33.9 mg/dL", False),
        (Analyte.CREATININE, "34 mg/dL", True),
        # Na < 80 or > 220
        (Analyte.SODIUM, "79 mmol/L", True),
        (Analyte.SODIUM, "80 mmol/L", False),
        (Analyte.SODIUM, "220 mmol/L", False),
        (Analyte.SODIUM, "221 mmol/L", True),
        # QTc < 200 or > 800 ms, in seconds as well
        (Analyte.QTC, "199 ms", True),
        (Analyte.QTC, "200 ms", False),
        (Analyte.QTC, "0.8 s", False),
        (Analyte.QTC, "0.801 s", True),
    ],
)
def test_a_value_that_cannot_be_true_is_unusable(analyte: Analyte, sent: str, refused: bool) -> None:
    assert implausible(analyte, quantity(analyte, sent), POLICY) is refused


def test_an_implausible_result_is_listed_as_such() -> None:
    results = found(facts(mg("99 mg/dL")))
    assert results.results == ()
    assert reasons(results) == ["implausible"]


@pytest.mark.parametrize(("minutes_ahead", "used"), [(0, True), (14, True), (15, True), (16, False)])
def test_a_result_later_than_a_quarter_of_an_hour_from_now_is_unusable(minutes_ahead: int, used: bool) -> None:
    results = found(facts(mg("1.4 mg/dL", at=NOW + minutes_ahead * MINUTE)))
    assert bool(results.results) is used
    assert reasons(results) == ([] if used else ["in-the-future"])


def test_a_date_that_may_be_past_is_used() -> None:
    assert found(facts(mg("1.4 mg/dL", at="2026-03-14"))).results
    assert not found(facts(mg("1.4 mg/dL", at="2026-03-15"))).results


def test_post_dialysis_samples_are_neither_used_nor_held_against_anybody() -> None:
    assert found(facts(mg("1.0 mg/dL", post_dialysis=True))) == Series()
    assert values(found(facts(mg("1.0 mg/dL", post_dialysis=True), mg("1.4 mg/dL"))).results) == ["1.4 mg/dL"]


class TestSuspectSpecimen:
    def test_is_unusable_unless_the_caller_lets_it_count(self) -> None:
        chart = facts(mg("2.0 mg/dL", hemolyzed="HEM"))
        assert reasons(found(chart)) == ["suspect-specimen"]
        assert found(chart).unusable[0].detail == "HEM"
        assert series(chart, MG, POLICY, NOW, suspect_counts=lambda _: True).results


class TestNewest:
    def test_is_the_last_one(self) -> None:
        assert values(found(facts(mg("1.4 mg/dL", hours_ago=2), mg("1.8 mg/dL", hours_ago=1))).newest) == ["1.8 mg/dL"]

    def test_is_both_of_one_instant(self) -> None:
        results = found(facts(mg("1.4 mg/dL"), mg("1.8 mg/dL"), mg("2 mg/dL", hours_ago=1)))
        assert values(results.newest) == ["1.4 mg/dL", "1.8 mg/dL"]

    def test_is_all_that_a_partial_date_may_put_last(self) -> None:
        results = found(
            facts(mg("1.4 mg/dL", at="2026-03"), mg("1.8 mg/dL", at="2026-03-10"), mg("2 mg/dL", at="2026-03-12T08:00"))
        )
        assert values(results.newest) == ["1.4 mg/dL", "2 mg/dL"]

    def test_is_nothing_without_results(self) -> None:
        assert found(facts()).newest == ()

    def test_what_came_before_a_result_is_surely_older(self) -> None:
        results = found(
            facts(mg("1.4 mg/dL", at="2026-03"), mg("1.8 mg/dL", at="2026-03-10"), mg("2 mg/dL", at="2026-03-12T08:00"))
        )
        assert values(results.before(results.results[-1])) == ["1.8 mg/dL"]


class TestUnverifiedNewer:
    @pytest.mark.parametrize(("hours_ago", "newer"), [(3, False), (2, True), (1, True)])
    def test_is_a_result_that_may_be_newer_and_cannot_be_used(self, hours_ago: int, newer: bool) -> None:
        results = found(facts(mg("1.4 mg/dL", hours_ago=2), unreadable(hours_ago=hours_ago)))
        assert bool(results.unverified_newer) is newer

    def test_is_every_unusable_result_where_none_is_usable(self) -> None:
        assert len(found(facts(unreadable(hours_ago=900))).unverified_newer) == 1

    def test_is_one_without_a_time(self) -> None:
        timeless = found(facts(unreadable())).unusable[0]
        assert Series(found(facts(mg("1.4 mg/dL"))).results, (timeless,)).unverified_newer

    def test_is_an_implausible_or_suspect_newer_one_as_well(self) -> None:
        results = found(
            facts(mg("1.4 mg/dL", hours_ago=2), mg("99 mg/dL"), mg("2 mg/dL", hemolyzed="HEM", hours_ago=1))
        )
        assert sorted(u.reason for u in results.unverified_newer) == ["implausible", "suspect-specimen"]

    def test_is_not_an_implausible_older_one_which_keeps_its_analyte_and_time(self) -> None:
        refused = mg("99 mg/dL", hours_ago=3)
        results = found(facts(mg("1.4 mg/dL", hours_ago=2), refused))
        assert results.unusable == (Unusable(refused.source, "implausible", analyte=MG, when=refused.when),)
        assert results.unverified_newer == ()


class TestChartedTwice:
    @pytest.mark.parametrize(("minutes", "samples"), [(0, 1), (719, 1), (720, 1), (721, 2)])
    def test_the_same_value_under_two_code_systems_within_12_hours_is_one_sample(
        self, minutes: int, samples: int
    ) -> None:
        chart = facts(mg("1.4 mg/dL", at=NOW - minutes * MINUTE), mg("1.4 mg/dL", system="urn:local"))
        assert len(found(chart).results) == samples

    @pytest.mark.parametrize(("minutes", "samples"), [(719, 1), (720, 1), (721, 2)])
    def test_a_copy_whose_time_is_known_to_12_hours_may_still_be_one(self, minutes: int, samples: int) -> None:
        first = NOW - 900 * MINUTE
        copy = mg("1.4 mg/dL", at=When(first, first + minutes * MINUTE), system="urn:local")
        assert len(found(facts(mg("1.4 mg/dL", at=first), copy)).results) == samples

    @pytest.mark.parametrize(
        "second",
        [
            mg("1.4 mg/dL", hours_ago=1),
            mg("1.5 mg/dL", hours_ago=1, system="urn:local"),
            mg("<1.4 mg/dL", hours_ago=1, system="urn:local"),
        ],
        ids=["same system", "another value", "a bound"],
    )
    def test_anything_else_is_a_second_sample(self, second: LabResult) -> None:
        assert len(found(facts(mg("1.4 mg/dL", hours_ago=2), second)).results) == 2

    def test_the_same_amount_in_another_unit_is_the_same_value(self) -> None:
        chart = facts(mg("14 mg/L", hours_ago=2), mg("1.40 mg/dL", system="urn:local"))
        assert values(found(chart).results) == ["14 mg/L"]

    def test_two_genuine_repeats_with_a_copy_each_stay_two(self) -> None:
        chart = facts(
            mg("1.4 mg/dL", hours_ago=6),
            mg("1.4 mg/dL", hours_ago=5, system="urn:local"),
            mg("1.4 mg/dL", hours_ago=2),
            mg("1.4 mg/dL", hours_ago=1, system="urn:local"),
        )
        assert [r.when.earliest for r in found(chart).results] == [ago(hours=6), ago(hours=2)]


def test_the_order_of_the_chart_does_not_matter() -> None:
    entries: list[Fact] = [
        mg("1.4 mg/dL", reference="b"),
        mg("1.5 mg/dL", reference="a"),
        mg("1 mg/dL", hours_ago=1),
        unreadable(hours_ago=1),
        unreadable(hours_ago=2),
    ]
    assert found(facts(*entries)) == found(facts(*reversed(entries)))


def test_thousands_of_results_are_sorted_out_at_once() -> None:
    # clinical.md wants 5,000 results without trouble; what is quadratic in them takes minutes here.
    many = [mg(f"{1 + n % 10 / 10} mg/dL", hours_ago=n, system=f"urn:{n % 2}") for n in range(5_000)]
    assert values(found(facts(*many)).newest) == ["1.0 mg/dL"]


class TestLowestAndHighest:
    def test_compare_across_units(self) -> None:
        results = [creatinine("1 mg/dL"), creatinine("100 umol/L"), creatinine("80 umol/L")]
        assert lowest(results) is results[2]
        assert highest(results) is results[1]

    def test_break_ties_by_reference(self) -> None:
        one, two = qtc("500", reference="a"), qtc("500", reference="b")
        assert lowest([two, one]) is lowest([one, two]) is one
        assert highest([two, one]) is highest([one, two]) is two

    def test_find_nothing_in_nothing(self) -> None:
        assert lowest([]) is None
        assert highest([]) is None
