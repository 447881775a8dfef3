"""clinical.md §2.3: a magnesium that is due because of a drug in force."""

from __future__ import annotations

from typing import Any

import pytest

from magnesium.facts import Analyte
from magnesium.rules.magnesium_monitoring import judge
from magnesium.verdict import Finding, Indicator, Proposal, Quiet, Topic
from tests.builders import (
    INPATIENT,
    IV,
    NOW,
    Fact,
    aged,
    ago,
    ended_order,
    given,
    iv_magnesium,
    mg,
    order,
    ordered_test,
    picture,
    problem,
    statement,
    unreadable,
)

WITHIN = Quiet(Topic.MONITORING, "no monitored drug in force, or magnesium is within its interval")
HOUR = 1 / 24


def due(*found: Fact, **more: Any) -> bool:
    verdict = judge(picture(*found, **more))
    assert verdict.topic is Topic.MONITORING
    assert isinstance(verdict, Finding) or verdict == WITHIN
    return isinstance(verdict, Finding)


def finding(*found: Fact, **more: Any) -> Finding:
    verdict = judge(picture(*found, **more))
    assert isinstance(verdict, Finding), verdict
    return verdict


LONG_PPI = order("omeprazole", days_ago=90)


class TestIntervals:
    @pytest.mark.parametrize(
        ("drugs", "interval", "grace"),
        [
            ([given("cetuximab", hours_ago=48)], 9, 1.8),
            ([given("necitumumab", hours_ago=48)], 9, 1.8),
            ([given("panitumumab", hours_ago=48)], 16, 3.2),
            ([given("amivantamab", hours_ago=48)], 28, 5.6),
            ([order("gentamicin")], 3, 1),
            ([order("amphotericin B")], 3, 1),
            ([order("foscarnet")], 3, 1),
            ([order("pentamidine")], 3, 1),
            ([given("cisplatin", hours_ago=48)], 21, 4.2),
            ([order("tacrolimus")], 30, 6),
            ([order("cyclosporine")], 30, 6),
            ([order("sirolimus")], 90, 18),
            ([order("everolimus")], 90, 18),
            ([order("digoxin"), order("furosemide")], 180, 36),
            ([order("digoxin"), order("chlorthalidone")], 180, 36),
            ([order("digoxin"), order("omeprazole", days_ago=3)], 180, 36),
            ([LONG_PPI, order("furosemide")], 365, 73),
            ([LONG_PPI, order("indapamide")], 365, 73),
        ],
    )  # fmt: skip
    def test_are_held_with_their_grace(self, drugs: list[Fact], interval: int, grace: float) -> None:
        last = interval + grace
        assert not due(mg("2.0 mg/dL", days_ago=last - HOUR), *drugs)
        assert not due(mg("2.0 mg/dL", days_ago=last), *drugs)
        assert due(mg("2.0 mg/dL", days_ago=last + HOUR), *drugs)
        assert due(*drugs)

    @pytest.mark.parametrize(
        "drugs",
        [
            [],
            [order("furosemide")],
            [order("digoxin")],
            [order("digoxin"), order("spironolactone")],
            [LONG_PPI],
            [order("omeprazole", days_ago=89), order("furosemide")],
            [LONG_PPI, order("spironolactone")],
            [order("erlotinib")],
            [order("carboplatin")],
            [order("oxaliplatin")],
            [order("sotalol"), order("furosemide")],
            [ended_order("omeprazole", days_ago=200, ended="2026-03-10"), order("furosemide")],
            [ended_order("digoxin", days_ago=200, ended="2026-03-10"), order("furosemide")],
        ],
    )
    def test_of_no_other_drug(self, drugs: list[Fact]) -> None:
        assert judge(picture(*drugs)) == WITHIN

    def test_a_ppi_of_unknown_start_counts_as_long(self) -> None:
        assert due(order("omeprazole", started=None), order("furosemide"))

    def test_a_ppi_counts_as_long_from_ninety_days(self) -> None:
        assert due(order("omeprazole", days_ago=90), order("furosemide"))
        assert not due(order("omeprazole", days_ago=90 - HOUR), order("furosemide"))

    def test_digoxin_and_a_long_ppi_is_due_by_the_shorter_interval(self) -> None:
        both = (order("digoxin"), LONG_PPI)
        assert due(mg("2.0 mg/dL", days_ago=217), *both)
        found = finding(*both)
        assert "Digoxin: magnesium every 180 d." in found.what
        assert "Omeprazole: magnesium every 365 d." in found.what

    @pytest.mark.parametrize(
        ("found", "asked"),
        [
            ([ended_order("cetuximab", days_ago=90, ended=ago(days=55))], True),
            ([ended_order("cetuximab", days_ago=90, ended=ago(days=57))], False),
            ([given("panitumumab", hours_ago=50 * 24)], True),
            ([given("panitumumab", hours_ago=57 * 24)], False),
            ([given("gentamicin", hours_ago=49)], False),
            ([given("cisplatin", hours_ago=24 * 24)], False),
            ([ended_order("tacrolimus", ended=ago(days=1))], False),
        ],
    )
    def test_only_anti_egfr_antibodies_are_followed_after_their_stop(self, found: list[Fact], asked: bool) -> None:
        assert due(*found) is asked

    def test_orders_as_needed_or_of_one_dose_count_only_once_given(self) -> None:
        assert not due(order("gentamicin", as_needed=True), order("amikacin", single_dose=True))
        assert due(given("gentamicin", hours_ago=3))

    def test_a_statement_counts(self) -> None:
        assert due(statement("tacrolimus"))


class TestWhichMagnesium:
    @pytest.mark.parametrize(
        "found",
        [[mg(">1.0 mg/dL")], [unreadable()], [mg("2.0 mg/dL", post_dialysis=True)]],
        ids=["not conclusive", "unreadable", "after dialysis"],
    )
    def test_unknown_is_due(self, found: list[Fact]) -> None:
        assert due(order("gentamicin"), *found)

    def test_a_normal_one_after_an_intravenous_dose_does_not_close_it(self) -> None:
        dose = iv_magnesium(hours_ago=10)
        found = finding(order("gentamicin"), dose, mg("2.0 mg/dL", hours_ago=1))
        assert "Drawn shortly after intravenous magnesium: it may flatter." in found.what
        assert found.act == ("Check serum magnesium, 12 h or more after the last intravenous dose.",)
        assert due(order("gentamicin"), dose, mg("1.6 mg/dL", hours_ago=1))

    def test_a_low_one_after_an_intravenous_dose_counts(self) -> None:
        assert not due(order("gentamicin"), iv_magnesium(hours_ago=10), mg("1.5 mg/dL", hours_ago=1))
        old = (given("magnesium sulfate", route=IV, hours_ago=20 * 24 + 1), mg("1.5 mg/dL", days_ago=20))
        assert not due(order("tacrolimus"), *old)

    def test_one_that_decides_nothing_is_due_after_a_dose_too(self) -> None:
        assert due(order("gentamicin"), iv_magnesium(hours_ago=10), mg(">1.0 mg/dL", hours_ago=1))

    def test_drawn_longer_after_a_dose_it_closes_it(self) -> None:
        assert not due(order("gentamicin"), iv_magnesium(hours_ago=14), mg("2.0 mg/dL", hours_ago=1))


class TestWhatItSays:
    def test_the_drugs_the_interval_and_the_last_result(self) -> None:
        found = finding(order("gentamicin"), order("tacrolimus"), mg("2.0 mg/dL", days_ago=40))
        assert found.indicator is Indicator.INFO
        assert found.summary == "Serum magnesium is due on gentamicin and tacrolimus"
        assert found.what == (
            "Last Mg 2.0 mg/dL (2 Feb 2026 12:00).",
            "Gentamicin: magnesium every 3 d.",
            "Tacrolimus: magnesium every 30 d.",
        )
        assert found.why == ("Drug-induced magnesium loss is often silent until it is severe.",)
        assert found.act == ("Check serum magnesium.",)
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)
        assert {order("gentamicin"), order("tacrolimus")} <= set(found.evidence.facts)

    def test_that_there_is_none(self) -> None:
        assert finding(order("gentamicin")).what[0] == "No usable serum magnesium on file."

    def test_names_two_drugs_and_counts_the_rest(self) -> None:
        found = finding(order("gentamicin"), order("tacrolimus"), order("foscarnet"))
        assert found.summary == "Serum magnesium is due on foscarnet, gentamicin and 1 more"

    def test_only_of_what_is_due(self) -> None:
        found = finding(order("gentamicin"), order("tacrolimus"), mg("2.0 mg/dL", days_ago=5))
        assert found.summary == "Serum magnesium is due on gentamicin"


class TestSilence:
    @pytest.mark.parametrize(
        ("at", "silent"),
        [(NOW, True), (None, True), (ago(days=3), True), (ago(days=3, minutes=1), False), (ago(days=-1), True)],
        ids=["now", "without a time", "within the interval", "before it", "due tomorrow"],
    )
    def test_a_serum_magnesium_that_is_ordered(self, at: Any, silent: bool) -> None:
        verdict = judge(picture(order("gentamicin"), ordered_test(at=at)))
        assert (verdict == Quiet(Topic.MONITORING, "a serum magnesium is already ordered")) is silent

    def test_another_test_that_is_ordered_does_not_count(self) -> None:
        assert due(order("gentamicin"), ordered_test(Analyte.POTASSIUM, at=NOW))

    def test_a_newer_magnesium_that_could_not_be_read_is_named(self) -> None:
        said = "A newer magnesium could not be read: look it up in the chart or repeat it."
        assert finding(order("gentamicin"), mg("1.9 mg/dL", days_ago=20), unreadable(hours_ago=5)).act[1] == said
        assert said not in finding(order("gentamicin"), mg("1.9 mg/dL", days_ago=20)).act

    def test_the_shortest_interval_that_is_due_decides(self) -> None:
        drugs = (order("gentamicin"), order("tacrolimus"))
        assert due(*drugs, ordered_test(at=ago(days=4)))
        assert not isinstance(judge(picture(order("tacrolimus"), ordered_test(at=ago(days=4)))), Finding)

    @pytest.mark.parametrize(
        "found",
        [[problem("dialysis")], [problem("pregnancy"), iv_magnesium()]],
        ids=["dialysis", "obstetric magnesium"],
    )
    def test_dialysis_and_obstetric_magnesium(self, found: list[Fact]) -> None:
        silent = Quiet(Topic.MONITORING, "dialysis or obstetric magnesium therapy")
        assert judge(picture(order("gentamicin"), *found)) == silent

    def test_pregnancy_alone_is_not(self) -> None:
        assert due(order("gentamicin"), problem("pregnancy"))

    def test_palliative_care(self) -> None:
        verdict = judge(picture(order("gentamicin"), problem("palliative_care")))
        assert verdict == Quiet(Topic.MONITORING, "palliative care")

    def test_under_18_the_adult_limits_are_named(self) -> None:
        assert any("Under 18" in line for line in finding(order("gentamicin"), patient=aged(5)).act)

    def test_an_inpatient_is_asked_by_the_same_intervals(self) -> None:
        dose = given("gentamicin", route=IV)
        assert due(dose, mg("2.0 mg/dL", days_ago=5), setting=INPATIENT)
        assert not due(dose, mg("2.0 mg/dL", days_ago=3.9), setting=INPATIENT)
