"""What several rules share about one patient at one moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from magnesium.facts import Analyte, Exposure, ExposureKind, Need, Route
from magnesium.status import Currency
from tests.builders import (
    INPATIENT,
    IV,
    MINUTE,
    NOW,
    ORAL,
    Fact,
    acute,
    aged,
    ago,
    draft,
    ended_order,
    given,
    iv_magnesium,
    k,
    lab,
    mg,
    order,
    picture,
    problem,
    pulse,
    qrs,
    qtc,
    quantity,
    site_policy,
    statement,
)

PREGNANT = problem("pregnancy")


def names(exposures: tuple[Exposure, ...]) -> list[str]:
    return [e.label for e in exposures]


def test_an_empty_chart_is_read_without_guessing() -> None:
    empty = picture()
    assert empty.magnesium.currency is Currency.ABSENT
    assert empty.potassium.result is None
    assert not (*empty.drafts, *empty.selected, *empty.missing, *empty.cardiac_risk)
    assert not (*empty.magnesium_ordered, *empty.magnesium_begun_since_sample)
    assert not empty.inpatient
    assert not empty.after_dose
    assert not empty.obstetric_magnesium


@pytest.mark.parametrize(("years", "minor"), [(17, True), (18, False), (60, False), (None, False)])
def test_a_minor_is_surely_under_18(years: int | None, minor: bool) -> None:
    assert picture(patient=aged(years)).minor is minor


def test_says_what_could_not_be_seen() -> None:
    seen = picture(unavailable=frozenset({Need.CONDITIONS}), partial=frozenset({Need.LABS}))
    assert seen.missing == ("could not be read: the problem list", "arrived only in part: laboratory results")


def test_the_setting_is_in_hospital_or_not() -> None:
    assert picture(setting=INPATIENT).inpatient


class TestDrafts:
    def test_those_the_hook_is_about_are_selected(self) -> None:
        chart = picture(draft("furosemide"), draft("digoxin", selected=False))
        assert names(chart.drafts) == ["digoxin", "furosemide"]
        assert names(chart.selected) == ["furosemide"]

    def test_what_a_card_lists_does_not_depend_on_the_order_of_the_chart(self) -> None:
        held = (order("magnesium oxide"), order("magnesium citrate"))
        drafted = (draft("sotalol"), draft("magnesium gluconate"), draft("amiodarone"))
        one, other = picture(*held, *drafted), picture(*reversed((*held, *drafted)))
        assert names(one.drafts) == names(other.drafts)
        assert names(one.qt_drugs) == names(other.qt_drugs) == ["amiodarone", "sotalol"]
        assert names(one.magnesium_ordered) == names(other.magnesium_ordered)
        assert len(one.magnesium_ordered) == 3

    def test_a_drug_is_had_in_force_or_drafted(self) -> None:
        chart = picture(order("amiodarone"), draft("sotalol"), draft("digoxin"), ended_order("ibutilide"))
        assert names(chart.qt_drugs) == ["amiodarone", "sotalol"]
        assert names(chart.digoxin) == ["digoxin"]

    def test_potassium_replacement_that_is_being_ordered(self) -> None:
        chart = picture(draft("potassium chloride"), draft("potassium citrate", selected=False), draft("furosemide"))
        assert names(chart.potassium_selected) == ["potassium chloride"]
        assert names(chart.potassium_ordered) == ["potassium chloride", "potassium citrate"]

    @pytest.mark.parametrize(
        ("exposure", "ordered"),
        [
            (order("potassium chloride"), True),
            (order("furosemide"), False),
            # As needed, as a single dose and from today on it is no exposure yet, but a second order would double it.
            (order("potassium chloride", as_needed=True), True),
            (order("potassium chloride", single_dose=True, started=ago(hours=12)), True),
            (order("potassium chloride", single_dose=True, started=ago(hours=12) - MINUTE), False),
            (order("potassium chloride", started="2026-03-14"), True),
            (order("potassium chloride", started=NOW + MINUTE), False),
            (ended_order("potassium chloride"), False),
            (statement("potassium chloride", as_needed=True), False),
            (given("potassium chloride", hours_ago=48), True),
            (given("potassium chloride", hours_ago=49), False),
        ],
    )
    def test_potassium_is_ordered_where_a_second_order_would_double_it(self, exposure: Exposure, ordered: bool) -> None:
        assert bool(picture(exposure).potassium_ordered) is ordered

    def test_potassium_in_force_is_ordered_once(self) -> None:
        assert len(picture(order("potassium chloride")).potassium_ordered) == 1

    def test_potassium_inside_a_fluid_of_unknown_amount_is_not_counted(self) -> None:
        fluid = order("potassium chloride", other_ingredients=True)
        chart = picture(fluid, order("potassium chloride"), order("furosemide"))
        assert chart.potassium_not_counted == (fluid,)
        assert chart.potassium_ordered == (order("potassium chloride"),)

    @pytest.mark.parametrize(("daily", "counts"), [("19.9", False), ("20", True)])
    def test_potassium_inside_a_fluid_counts_from_the_policy_s_daily_amount(self, daily: str, counts: bool) -> None:
        amount = quantity(Analyte.MAGNESIUM_URINE_24H, f"{daily} mmol/d")
        fluid = order("potassium chloride", other_ingredients=True, daily_amount=amount)
        chart = picture(fluid)
        assert chart.potassium_not_counted == (() if counts else (fluid,))
        assert chart.potassium_ordered == ((fluid,) if counts else ())
        drafted = replace(fluid, kind=ExposureKind.DRAFT, selected=True)
        assert picture(drafted).potassium_selected == ((drafted,) if counts else ())


class TestReported:
    """Shown and never judged."""

    OLD = order("furosemide", days_ago=500)

    @pytest.mark.parametrize(
        ("exposure", "long_ago"),
        [
            (order("furosemide", days_ago=400), False),
            (order("furosemide", started=ago(days=400) - MINUTE), True),
            (statement("furosemide", days_ago=500), False),
            (ended_order("furosemide", days_ago=500), False),
            (order("furosemide", days_ago=500, ended=ago(days=1)), False),
            (order("furosemide", days_ago=500, as_needed=True), False),
            (order("furosemide", days_ago=500, single_dose=True), False),
            (order("sotalol", days_ago=500), False),
        ],
        ids=["400 d", "longer", "a statement", "ended", "end known", "as needed", "single", "not wasting"],
    )
    def test_an_open_order_of_long_ago_is_shown_and_not_in_force(self, exposure: Exposure, long_ago: bool) -> None:
        chart = picture(exposure)
        assert chart.wasting_of_long_ago == ((exposure,) if long_ago else ())
        assert chart.reported == chart.wasting_of_long_ago

    def test_so_are_drugs_of_weak_evidence_and_wasting_ones_of_unknown_route(self) -> None:
        weak, somewhere = order("oxaliplatin"), order("gentamicin", route=Route.UNKNOWN)
        chart = picture(self.OLD, somewhere, weak, order("digoxin", route=Route.UNKNOWN), order("cisplatin"))
        assert names(chart.reported) == ["furosemide", "gentamicin", "oxaliplatin"]


class TestMagnesiumReplacement:
    def test_in_force_is_replacement_only(self) -> None:
        chart = picture(order("magnesium oxide"), order("magnesium hydroxide"))
        assert names(chart.magnesium_in_force) == ["magnesium oxide"]

    def test_begun_since_the_sample(self) -> None:
        chart = picture(mg("1.4 mg/dL", hours_ago=5), given("magnesium oxide", hours_ago=4))
        assert names(chart.magnesium_begun_since_sample) == ["magnesium oxide"]
        assert picture(given("magnesium oxide", hours_ago=4)).magnesium_begun_since_sample == ()

    @pytest.mark.parametrize(
        ("before", "since", "begun"),
        [
            # The next dose of a course that was running at the sample is no new replacement.
            (order("magnesium oxide", route=ORAL), given("magnesium oxide", route=ORAL), False),
            (order("magnesium oxide", route=ORAL), order("magnesium citrate", days_ago=0.1, route=ORAL), False),
            (statement("magnesium oxide", started=None, route=ORAL), given("magnesium oxide", route=ORAL), False),
            (iv_magnesium(hours_ago=26), iv_magnesium(hours_ago=2), False),
            (iv_magnesium(hours_ago=53), iv_magnesium(hours_ago=2), False),
            (order("magnesium oxide", route=ORAL, started="2026-03-14"), given("magnesium oxide", route=ORAL), False),
            # An order that is renewed is one course.
            (
                ended_order("magnesium oxide", route=ORAL, days_ago=5, ended=ago(hours=2)),
                order("magnesium oxide", route=ORAL, started=ago(hours=2)),
                False,
            ),
            # A course that was over is none.
            (
                ended_order("magnesium oxide", route=ORAL, ended=ago(hours=6)),
                given("magnesium oxide", route=ORAL),
                True,
            ),
            (given("magnesium sulfate", at=ago(hours=53) - MINUTE, route=IV), iv_magnesium(hours_ago=2), True),
            (order("magnesium oxide", route=ORAL, as_needed=True), given("magnesium oxide", route=ORAL), True),
            (order("magnesium sulfate", route=IV, single_dose=True), iv_magnesium(hours_ago=2), True),
            # Another way in is another treatment.
            (order("magnesium oxide", route=ORAL), iv_magnesium(hours_ago=2), True),
            (iv_magnesium(hours_ago=26), given("magnesium oxide", route=ORAL), True),
            # What does not replace magnesium is no course of it.
            (order("magnesium hydroxide", route=ORAL), given("magnesium oxide", route=ORAL), True),
        ],
        ids=[
            "a dose of the order",
            "a second order",
            "a dose of what is taken, start unknown",
            "a daily infusion",
            "48 h before the sample",
            "an order of that day",
            "renewed",
            "over before the sample",
            "a minute more than 48 h before the sample",
            "as needed",
            "single dose",
            "oral, then by vein",
            "by vein, then oral",
            "antacid",
        ],
    )
    def test_begun_is_what_was_not_running_at_the_sample_by_the_same_way(
        self, before: Exposure, since: Exposure, begun: bool
    ) -> None:
        chart = picture(mg("1.4 mg/dL", hours_ago=5), before, since)
        assert (since in chart.magnesium_begun_since_sample) is begun

    @pytest.mark.parametrize(
        ("exposure", "ordered"),
        [
            (order("magnesium oxide"), True),
            (draft("magnesium oxide"), True),
            (statement("magnesium oxide"), True),
            (order("magnesium oxide", as_needed=True), True),
            (order("magnesium oxide", as_needed=True, ended=NOW + MINUTE), True),
            (order("magnesium oxide", as_needed=True, ended=NOW - MINUTE), False),
            (ended_order("magnesium oxide", as_needed=True), False),
            (order("magnesium sulfate", single_dose=True, started=ago(hours=12)), True),
            (order("magnesium sulfate", single_dose=True, started=ago(hours=12) - MINUTE), False),
            (order("magnesium sulfate", single_dose=True, started=None), True),
            (order("magnesium sulfate", single_dose=True, started=ago(hours=2), ended=ago(hours=1)), True),
            (order("magnesium oxide", started=NOW + MINUTE), False),
            # A plain date: today may have begun, tomorrow has not.
            (order("magnesium oxide", started="2026-03-14"), True),
            (order("magnesium oxide", started="2026-03-15"), False),
            (order("magnesium sulfate", single_dose=True, started="2026-03-14"), True),
            (order("magnesium sulfate", single_dose=True, started="2026-03-13"), False),
            # An infusion whose end nobody has written down.
            (given("magnesium sulfate", hours_ago=48, ended=None, route=IV), True),
            (given("magnesium sulfate", hours_ago=49, ended=None, route=IV), False),
            (given("magnesium oxide", hours_ago=12), True),
            (given("magnesium oxide", hours_ago=13), False),
            (order("magnesium hydroxide"), False),
            (order("magnesium hydroxide", as_needed=True), False),
            (statement("magnesium oxide", as_needed=True), False),
        ],
    )
    def test_ordered_already_is_whatever_a_second_order_would_double(self, exposure: Exposure, ordered: bool) -> None:
        assert bool(picture(exposure).magnesium_ordered) is ordered


class TestAfterDose:
    @pytest.mark.parametrize(
        ("dose", "flattered"),
        [
            (iv_magnesium(hours_ago=6), True),
            (iv_magnesium(hours_ago=17), True),
            (given("magnesium sulfate", at=ago(hours=17) - MINUTE, route=IV), False),
            (iv_magnesium(hours_ago=5), True),
            (iv_magnesium(hours_ago=4), False),
            (given("magnesium sulfate", hours_ago=30, ended=None, route=IV), True),
            (given("magnesium oxide", hours_ago=6, route=ORAL), False),
            (order("magnesium sulfate", route=IV), True),
            (ended_order("magnesium sulfate", route=IV, ended=ago(hours=3)), True),
            (ended_order("magnesium sulfate", route=IV, ended=ago(hours=17)), True),
            (ended_order("magnesium sulfate", route=IV, ended=ago(hours=17) - MINUTE), False),
            (order("magnesium sulfate", route=IV, started=ago(hours=4)), False),
        ],
        ids=[
            "an hour before",
            "12 h before",
            "a minute more than 12 h before",
            "at the sample",
            "after the sample",
            "infusion running",
            "oral",
            "running",
            "running then, over now",
            "over 12 h before",
            "over a minute more than 12 h before",
            "begun after the sample",
        ],
    )
    def test_a_sample_drawn_during_or_within_12_hours_of_an_iv_dose(self, dose: Exposure, flattered: bool) -> None:
        assert picture(mg("1.8 mg/dL", hours_ago=5), dose).after_dose is flattered

    def test_no_dose_comes_before_a_sample_that_is_not_there(self) -> None:
        assert picture(iv_magnesium()).given_before_sample == ()

    def test_a_dose_without_a_time_says_nothing(self) -> None:
        assert not picture(mg("1.8 mg/dL"), replace(iv_magnesium(), start=None, end=None)).after_dose


class TestObstetricMagnesium:
    def test_is_iv_magnesium_in_pregnancy(self) -> None:
        assert picture(PREGNANT, iv_magnesium()).obstetric_magnesium
        assert not picture(iv_magnesium()).obstetric_magnesium
        assert not picture(PREGNANT, order("magnesium oxide", route=ORAL)).obstetric_magnesium

    def test_is_never_replacement(self) -> None:
        chart = picture(PREGNANT, mg("1.4 mg/dL", hours_ago=5), iv_magnesium(), draft("magnesium sulfate", route=IV))
        assert chart.magnesium_in_force == chart.magnesium_drafted == chart.magnesium_begun_since_sample == ()

    def test_oral_magnesium_in_pregnancy_is(self) -> None:
        assert picture(PREGNANT, order("magnesium oxide", route=ORAL)).magnesium_in_force


class TestCardiacRisk:
    @pytest.mark.parametrize(
        "found",
        [
            order("digoxin"),
            draft("digoxin"),
            order("sotalol"),
            given("ibutilide", route=IV),
            qtc("500"),
            acute("torsades_de_pointes"),
        ],
        ids=["digoxin", "digoxin drafted", "QT drug", "QT drug given", "QTc 500", "torsades"],
    )
    def test_is_digoxin_a_qt_drug_a_long_qtc_or_torsades(self, found: Fact) -> None:
        assert picture(found).cardiac_risk

    @pytest.mark.parametrize(
        "found",
        [
            order("digoxin", route_assumed=True),
            draft("sotalol", as_needed=True),
            order("sotalol", as_needed=True),
            qtc("499"),
            acute("ventricular_arrhythmia"),
            acute("torsades_de_pointes", hours_ago=73),
        ],
        ids=[
            "route assumed",
            "drafted as needed",
            "ordered as needed",
            "QTc 499",
            "other arrhythmia",
            "torsades long ago",
        ],
    )
    def test_is_nothing_less(self, found: Fact) -> None:
        assert not picture(found).cardiac_risk


def test_reads_each_part_of_the_chart_once() -> None:
    chart = picture(mg("1.4 mg/dL"), k("3.0 mmol/L"), pulse("45"), order("furosemide"))
    for part in ("magnesium", "potassium", "problems", "kidney", "regimen", "femg", "guard", "slow_pulse", "wasting"):
        assert getattr(chart, part) is getattr(chart, part)


def test_now_is_the_moment_it_is_told() -> None:
    sample = mg("1.4 mg/dL", hours_ago=1)
    assert (
        picture(sample, as_of=datetime.fromisoformat("2026-05-14T12:00:00+00:00")).magnesium.currency is Currency.STALE
    )
    assert (
        picture(sample, as_of=datetime.fromisoformat("2026-03-14T10:00:00+00:00")).magnesium.currency is Currency.ABSENT
    )


class TestRecheckAfterADose:
    """clinical.md §1.2: a normal value drawn too soon after a dose does not close a recheck."""

    LOW, NORMAL = mg("1.4 mg/dL", hours_ago=30), mg("2.0 mg/dL", hours_ago=10)

    @pytest.mark.parametrize(("dose", "open_"), [(9, False), (10, True), (22, True), (23, False)], ids=str)
    def test_is_open_where_the_newest_was_drawn_up_to_12_hours_after_it(self, dose: int, open_: bool) -> None:
        found = picture(self.LOW, self.NORMAL, iv_magnesium(hours_ago=dose))
        assert found.low_before_dose == (self.LOW if open_ else None)

    def test_one_dose_may_flatter_several_results(self) -> None:
        also_after = mg("2.1 mg/dL", hours_ago=11)
        assert picture(self.LOW, also_after, self.NORMAL, iv_magnesium(hours_ago=12)).low_before_dose == self.LOW

    def test_is_not_told_beside_a_newest_that_decides_nothing(self) -> None:
        open_ended = mg(">1.0 mg/dL", hours_ago=10)
        assert picture(self.LOW, open_ended, iv_magnesium(hours_ago=12)).low_before_dose is None

    def test_is_closed_by_a_normal_value_without_a_dose(self) -> None:
        between = mg("2.0 mg/dL", hours_ago=28)
        assert picture(self.LOW, between, self.NORMAL, iv_magnesium(hours_ago=12)).low_before_dose is None

    def test_values_after_doses_are_passed_over(self) -> None:
        between = mg("2.1 mg/dL", hours_ago=20)
        doses = (iv_magnesium(hours_ago=22), iv_magnesium(hours_ago=12))
        assert picture(self.LOW, between, self.NORMAL, *doses).low_before_dose == self.LOW
        assert picture(between, self.NORMAL, *doses).low_before_dose is None

    @pytest.mark.parametrize(
        "dose",
        [
            order("magnesium sulfate", route=IV, started=None),
            replace(iv_magnesium(hours_ago=12), start=None, end=None),
        ],
        ids=["a course", "a dose"],
    )
    def test_a_dose_that_does_not_say_when_stands_in_nobody_s_way(self, dose: Exposure) -> None:
        assert picture(self.LOW, self.NORMAL, dose, iv_magnesium(hours_ago=12)).low_before_dose == self.LOW

    def test_a_low_value_after_a_dose_counts_by_itself(self) -> None:
        assert picture(self.LOW, mg("1.5 mg/dL"), iv_magnesium()).low_before_dose is None


def test_other_magnesium_is_that_of_the_time_for_which_serum_magnesium_is_current() -> None:
    ionized = lab(Analyte.MAGNESIUM_IONIZED, "0.40 mmol/L", hours_ago=72)
    cells = lab(Analyte.MAGNESIUM_RBC, "2.0 mmol/L", hours_ago=73)
    assert picture(ionized, cells, setting=INPATIENT).other_magnesium == (ionized,)
    assert picture(ionized, cells).other_magnesium == (ionized, cells)


class TestQtList:
    def test_a_candidate_counts_only_where_the_site_names_it(self, tmp_path: Path) -> None:
        own = site_policy(tmp_path, 'qt_drugs = ["citalopram"]\n')
        drugs = (order("citalopram"), order("sotalol"))
        assert names(picture(*drugs).qt_drugs) == ["sotalol"]
        assert names(picture(*drugs, policy=own).qt_drugs) == ["citalopram"]

    def test_haloperidol_counts_only_by_vein(self) -> None:
        assert not picture(order("haloperidol", route=ORAL)).qt_drugs
        assert picture(order("haloperidol", route=IV)).qt_drugs


@pytest.mark.parametrize(("sent", "prolonged"), [("499", False), ("500", True)])
def test_a_prolonged_qtc_is_one_of_500_ms_or_more(sent: str, prolonged: bool) -> None:
    measured = qtc(sent)
    assert picture(measured).prolonged_qtc == (measured if prolonged else None)
    assert picture().prolonged_qtc is None


@pytest.mark.parametrize(
    ("found", "risky"),
    [([qtc("500")], True), ([qtc("500"), qrs("120")], False), ([qtc("500"), problem("pacemaker")], False)],
    ids=["sure", "wide QRS", "paced"],
)
def test_an_overestimated_qtc_raises_no_critical(found: list[Fact], risky: bool) -> None:
    assert bool(picture(*found).cardiac_risk) is risky
