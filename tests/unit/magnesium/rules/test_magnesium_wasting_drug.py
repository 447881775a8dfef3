"""clinical.md §2.2: magnesium-wasting drugs, being ordered or in force. The classes are named after the rows of the table."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from magnesium.drugs import drugs
from magnesium.facts import Analyte, Exposure, Match, Route, Source
from magnesium.rules.magnesium_wasting_drug import _baseline_wanted, judge
from magnesium.verdict import Finding, Indicator, Proposal, Quiet, Topic
from tests.builders import (
    HEALTHY_KIDNEYS,
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
    mg,
    order,
    ordered_test,
    picture,
    problem,
    qtc,
    site_policy,
    statement,
    unreadable,
)

INFO, WARNING, CRITICAL = Indicator
SEVERE, LOW, BORDERLINE, NORMAL, HIGH = (mg(f"{v} mg/dL", hours_ago=2) for v in ("1.1", "1.4", "1.6", "2.0", "3.0"))
STALE_LOW = mg("1.4 mg/dL", days_ago=15)

# One drug of every wasting class.
GRAVE = ("cetuximab", "cisplatin", "amphotericin B", "foscarnet", "pentamidine", "gentamicin")
WATCHED = ("cetuximab", "cisplatin", "amphotericin B", "foscarnet")
ORDINARY = ("omeprazole", "furosemide", "hydrochlorothiazide", "sirolimus")
ALL = (*GRAVE, "tacrolimus", *ORDINARY)
NOT_WASTING = (
    "carboplatin",
    "erlotinib",
    "oxaliplatin",
    "neomycin",
    "spironolactone",
    "amiloride",
    "digoxin",
    "losartan",
)
RISKS = {"digoxin": order("digoxin"), "QT drug": order("sotalol"), "QTc 500": qtc("500")}


def finding(*found: Fact, **more: Any) -> Finding:
    verdict = judge(picture(*found, **more))
    assert isinstance(verdict, Finding), verdict
    assert verdict.topic is Topic.WASTING_DRUG
    return verdict


def indicator(*found: Fact, **more: Any) -> Indicator | None:
    verdict = judge(picture(*found, **more))
    return verdict.indicator if isinstance(verdict, Finding) else None


def quiet(reason: str) -> Quiet:
    return Quiet(Topic.WASTING_DRUG, reason)


NOTHING_TO_SAY = quiet("no drafted drug needs a word on magnesium")


class TestRow1SevereCurrent:
    def test_says_what_can_be_done_about_the_drug(self) -> None:
        assert finding(SEVERE, draft("furosemide")).act[0] == "Loop diuretic: use the lowest effective dose."

    @pytest.mark.parametrize("drug", GRAVE)
    def test_critical_for_the_grave_classes(self, drug: str) -> None:
        assert indicator(SEVERE, draft(drug)) is CRITICAL

    @pytest.mark.parametrize("drug", ["tacrolimus", *ORDINARY])
    def test_a_warning_for_the_others(self, drug: str) -> None:
        assert indicator(SEVERE, draft(drug)) is WARNING

    @pytest.mark.parametrize("risk", RISKS.values(), ids=RISKS)
    @pytest.mark.parametrize("drug", ["tacrolimus", *ORDINARY])
    def test_critical_for_any_class_with_a_heart_at_risk(self, drug: str, risk: Fact) -> None:
        assert indicator(SEVERE, draft(drug), risk) is CRITICAL

    def test_a_drafted_risk_counts_unless_it_is_only_as_needed(self) -> None:
        assert indicator(SEVERE, draft("furosemide"), draft("sotalol")) is CRITICAL
        assert indicator(SEVERE, draft("furosemide"), draft("sotalol", as_needed=True)) is WARNING

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("1.1999 mg/dL", CRITICAL),
            ("1.2 mg/dL", WARNING),
            ("0.4999 mmol/L", CRITICAL),
            ("0.50 mmol/L", WARNING),
            ("0.9999 mEq/L", CRITICAL),
            ("1.0 mEq/L", WARNING),
            ("<0.6 mmol/L", WARNING),
        ],
    )
    def test_by_the_limit_of_severe(self, sent: str, shown: Indicator) -> None:
        assert indicator(mg(sent), draft("cisplatin")) is shown


class TestRow2LowCurrent:
    @pytest.mark.parametrize("drug", ALL)
    def test_a_warning(self, drug: str) -> None:
        assert indicator(LOW, draft(drug)) is WARNING

    def test_even_with_a_heart_at_risk(self) -> None:
        assert indicator(LOW, draft("cisplatin"), order("digoxin")) is WARNING

    @pytest.mark.parametrize("drug", NOT_WASTING)
    def test_not_for_what_does_not_waste(self, drug: str) -> None:
        assert judge(picture(LOW, draft(drug))) == NOTHING_TO_SAY


class TestRow3BorderlineCurrent:
    LOW_K = k("3.4999 mmol/L")
    COMPANY: ClassVar = {
        "second strong class in force": order("hydrochlorothiazide"),
        "second strong class drafted": draft("tacrolimus", selected=False),
        "digoxin": order("digoxin"),
        "QT drug": order("sotalol"),
    }

    @pytest.mark.parametrize("company", COMPANY.values(), ids=COMPANY)
    def test_a_warning_with_company_and_low_potassium(self, company: Fact) -> None:
        assert indicator(BORDERLINE, self.LOW_K, draft("furosemide"), company) is WARNING

    @pytest.mark.parametrize("company", COMPANY.values(), ids=COMPANY)
    def test_not_with_company_alone(self, company: Fact) -> None:
        assert indicator(BORDERLINE, k("3.5 mmol/L"), draft("furosemide"), company) is None

    @pytest.mark.parametrize(
        "company",
        [
            [],
            [order("bumetanide")],
            [order("sirolimus")],
            [order("omeprazole", days_ago=3)],
            [ended_order("tacrolimus", days_ago=90, ended=ago(days=2))],
        ],
        ids=["alone", "same class", "moderate class", "PPI for three days", "washing out"],
    )
    def test_not_with_low_potassium_alone_or_lesser_company(self, company: list[Fact]) -> None:
        assert indicator(BORDERLINE, self.LOW_K, draft("furosemide"), *company) is None

    def test_a_combination_product_is_its_own_company(self) -> None:
        assert indicator(BORDERLINE, self.LOW_K, draft("furosemide", "hydrochlorothiazide")) is WARNING

    @pytest.mark.parametrize("drug", WATCHED)
    def test_information_for_the_watched_classes(self, drug: str) -> None:
        assert indicator(BORDERLINE, draft(drug)) is INFO

    @pytest.mark.parametrize("drug", ["gentamicin", "pentamidine", "tacrolimus", *ORDINARY])
    def test_silent_for_the_others(self, drug: str) -> None:
        assert judge(picture(BORDERLINE, draft(drug))) == NOTHING_TO_SAY

    def test_silent_in_pregnancy(self) -> None:
        assert indicator(BORDERLINE, draft("cisplatin"), problem("pregnancy")) is None

    def test_an_old_one_asks_for_a_baseline_as_a_normal_one_would(self) -> None:
        # A lower magnesium must never say less (clinical.md §5), so row 5 is asked where row 3 is silent.
        aged_ten_days = timedelta(days=10)
        for sent in ("1.6 mg/dL", "2.0 mg/dL"):
            assert indicator(mg(sent, at=NOW - aged_ten_days), draft("gentamicin")) is INFO


class TestRow4StaleLastValueLow:
    @pytest.mark.parametrize("drug", [*GRAVE, "tacrolimus"])
    @pytest.mark.parametrize("sent", ["1.1 mg/dL", "1.4 mg/dL"])
    def test_a_warning_for_the_grave_classes_and_calcineurin_inhibitors(self, drug: str, sent: str) -> None:
        assert indicator(mg(sent, days_ago=15), draft(drug)) is WARNING

    @pytest.mark.parametrize("drug", ORDINARY)
    def test_information_for_the_rest(self, drug: str) -> None:
        assert indicator(STALE_LOW, draft(drug)) is INFO

    def test_says_that_it_was_low_and_asks_for_a_new_one(self) -> None:
        found = finding(STALE_LOW, draft("cisplatin"))
        assert found.summary == "Magnesium was low (Mg 1.4 mg/dL) and cisplatin ordered: may waste magnesium"
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)


class TestRow5UnknownOrTooOld:
    @pytest.mark.parametrize("drug", [*GRAVE, "tacrolimus"])
    def test_a_baseline_is_always_wanted_for_some(self, drug: str) -> None:
        found = finding(draft(drug))
        assert found.indicator is INFO
        assert found.summary == f"No current magnesium: check serum Mg before {drug}"
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)
        assert found.act == ("Check serum magnesium.",)

    @pytest.mark.parametrize("drug", ORDINARY)
    def test_and_not_for_the_others_alone(self, drug: str) -> None:
        assert judge(picture(draft(drug))) == NOTHING_TO_SAY

    @pytest.mark.parametrize("drug", ORDINARY)
    @pytest.mark.parametrize(
        "company",
        [order("tacrolimus"), order("digoxin"), order("sotalol"), draft("digoxin", selected=False), k("3.4 mmol/L")],
        ids=["another wasting class", "digoxin", "QT drug", "digoxin drafted", "low potassium"],
    )
    def test_but_for_the_others_in_company(self, drug: str, company: Fact) -> None:
        assert indicator(draft(drug), company) is INFO

    @pytest.mark.parametrize("company", [order("carboplatin"), order("spironolactone"), k("3.5 mmol/L")])
    def test_lesser_company_does_not_count(self, company: Fact) -> None:
        assert indicator(draft("furosemide"), company) is None

    def test_a_moderate_class_is_company_here(self) -> None:
        assert indicator(draft("furosemide"), order("sirolimus")) is INFO

    @pytest.mark.parametrize(("days", "shown"), [(None, None), (89, None), (90, INFO), (91, INFO)])
    def test_a_ppi_for_90_days_or_more(self, days: int | None, shown: Indicator | None) -> None:
        assert indicator(draft("omeprazole", supply_days=days)) is shown

    def test_no_other_class_by_its_supply(self) -> None:
        assert indicator(draft("furosemide", supply_days=180)) is None

    def test_one_dose_of_an_aminoglycoside_is_no_course(self) -> None:
        assert indicator(draft("gentamicin", single_dose=True)) is None
        assert indicator(draft("cisplatin", single_dose=True)) is INFO

    @pytest.mark.parametrize(
        ("drug", "days"),
        [
            ("cetuximab", 9),
            ("panitumumab", 16),
            ("amivantamab", 28),
            ("gentamicin", 3),
            ("cisplatin", 21),
            ("tacrolimus", 30),
        ],
    )
    @pytest.mark.parametrize("normal", ["1.7 mg/dL", "2.0 mg/dL", "3.0 mg/dL"])
    def test_a_result_holds_for_the_interval_of_the_class(self, drug: str, days: int, normal: str) -> None:
        def at(age: timedelta) -> Indicator | None:
            return indicator(mg(normal, at=NOW - age), draft(drug))

        interval = timedelta(days=days)
        assert at(interval - MINUTE) is None
        assert at(interval) is None
        assert at(interval + MINUTE) is INFO

    @pytest.mark.parametrize("drug", ["omeprazole", "furosemide", "hydrochlorothiazide"])
    def test_for_365_days_with_ppi_loop_and_thiazide(self, drug: str) -> None:
        def at(age: timedelta) -> Indicator | None:
            return indicator(mg("2.0 mg/dL", at=NOW - age), draft(drug), order("digoxin"))

        assert at(timedelta(days=365)) is None
        assert at(timedelta(days=365) + MINUTE) is INFO

    def test_a_result_that_decides_nothing_is_no_baseline(self) -> None:
        assert indicator(mg(">1.0 mg/dL"), draft("cisplatin")) is INFO

    def test_a_weak_class_wants_none(self) -> None:
        assert indicator(draft("erlotinib"), order("furosemide"), order("digoxin")) is None
        drafted = draft("erlotinib")
        assert not _baseline_wanted(picture(drafted, order("digoxin")), drafted, drugs()["erlotinib"])


class TestRow6NormalOrHighWithinTheInterval:
    @pytest.mark.parametrize("drug", ALL)
    @pytest.mark.parametrize("sample", [NORMAL, HIGH], ids=["normal", "high"])
    def test_is_silent_whatever_else_is_in_the_chart(self, drug: str, sample: Fact) -> None:
        chart = (sample, k("3.0 mmol/L"), order("digoxin"), order("sotalol"), order("spironolactone"))
        assert judge(picture(*chart, draft(drug))) == NOTHING_TO_SAY


class TestDrafts:
    def test_only_what_is_selected_is_judged(self) -> None:
        assert judge(picture(LOW, draft("furosemide", selected=False))) == NOTHING_TO_SAY

    def test_one_card_with_the_worst_indicator(self) -> None:
        found = finding(SEVERE, draft("omeprazole"), draft("cisplatin"), draft("furosemide"))
        assert found.indicator is CRITICAL
        assert (
            found.summary
            == "Magnesium is severely low (Mg 1.1 mg/dL) and cisplatin, furosemide and 1 more ordered: may waste magnesium"
        )
        assert found.what[1:] == (
            "Cisplatin: platinum compound.",
            "Furosemide: loop diuretic.",
            "Omeprazole: proton pump inhibitor.",
        )

    def test_a_renewal_is_at_most_a_warning_and_called_continued(self) -> None:
        found = finding(SEVERE, draft("cisplatin"), given("cisplatin", hours_ago=24 * 20, route=IV))
        assert found.indicator is WARNING
        assert found.summary.endswith("cisplatin continued: may waste magnesium")
        assert "Cisplatin (continued): platinum compound." in found.what

    def test_another_drug_of_the_class_is_no_renewal(self) -> None:
        assert indicator(SEVERE, draft("amikacin"), given("gentamicin", route=IV)) is CRITICAL

    def test_a_drug_that_is_only_washing_out_is_no_renewal(self) -> None:
        assert indicator(SEVERE, draft("cisplatin"), given("cisplatin", hours_ago=24 * 24, route=IV)) is CRITICAL

    def test_a_route_that_is_only_assumed_never_makes_it_critical(self) -> None:
        found = finding(SEVERE, draft("gentamicin", route_assumed=True, source=Source("x", match=Match.NAME)))
        assert found.indicator is WARNING
        assert "Gentamicin (matched by name, systemic route assumed): aminoglycoside." in found.what

    def test_a_draft_as_needed_is_information_at_most(self) -> None:
        assert indicator(SEVERE, draft("furosemide", as_needed=True)) is INFO

    def test_a_single_dose_counts(self) -> None:
        assert indicator(SEVERE, draft("amphotericin B", single_dose=True)) is CRITICAL

    @pytest.mark.parametrize("route", [Route.LOCAL, Route.UNKNOWN])
    def test_local_use_is_silent(self, route: Route) -> None:
        assert judge(picture(SEVERE, draft("gentamicin", route=route))) == NOTHING_TO_SAY

    def test_the_company_is_named(self) -> None:
        found = finding(LOW, k("3.2 mmol/L"), draft("furosemide"), order("tacrolimus"), order("digoxin"))
        assert found.what[-3:] == (
            "Also wasting: tacrolimus.",
            "Heart rhythm at stake: digoxin.",
            "Also low: K 3.2 mmol/L (14 Mar 2026 12:00).",
        )

    def test_replacement_is_proposed_where_magnesium_is_low_and_the_guards_let_it(self) -> None:
        assert Proposal.MAGNESIUM_ORAL in finding(LOW, HEALTHY_KIDNEYS, draft("furosemide")).proposals
        assert Proposal.MAGNESIUM_ORAL not in finding(LOW, draft("furosemide")).proposals

    def test_without_any_draft_an_order_hook_is_silent(self) -> None:
        assert judge(picture(SEVERE, order("cisplatin"), ordering=True)) == NOTHING_TO_SAY

    def test_the_row_stands_in_the_evidence(self) -> None:
        assert finding(LOW, draft("furosemide")).evidence.derived == (("row", "low"),)


class TestPpiInGitelmanOrBartter:
    @pytest.mark.parametrize("slug", ["bartter_syndrome", "gitelman_syndrome"])
    @pytest.mark.parametrize("sample", [[], [NORMAL], [STALE_LOW]], ids=["unknown", "normal", "stale low"])
    def test_is_at_least_a_warning(self, slug: str, sample: list[Fact]) -> None:
        found = finding(*sample, draft("omeprazole", supply_days=180), problem(slug))
        assert found.indicator is WARNING
        assert found.summary == "Omeprazole in Gitelman or Bartter syndrome may worsen magnesium loss"

    def test_never_lowers_it(self) -> None:
        assert indicator(SEVERE, draft("omeprazole"), order("digoxin"), problem("bartter_syndrome")) is CRITICAL

    def test_no_other_class(self) -> None:
        assert indicator(NORMAL, draft("furosemide"), problem("bartter_syndrome")) is None


class TestAgingMagnesium:
    """Inpatient, older than 72 hours: one step lower than rows 1 and 2, and never calmer than row 4."""

    @pytest.mark.parametrize(
        ("drug", "sent", "shown"),
        [
            ("cisplatin", "1.1 mg/dL", WARNING),
            ("cisplatin", "1.4 mg/dL", WARNING),
            ("furosemide", "1.1 mg/dL", INFO),
            ("furosemide", "1.4 mg/dL", INFO),
        ],
    )
    def test_on_order_hooks(self, drug: str, sent: str, shown: Indicator) -> None:
        found = finding(mg(sent, days_ago=4), draft(drug), setting=INPATIENT)
        assert found.indicator is shown
        assert Proposal.SERUM_MAGNESIUM in found.proposals
        assert "This magnesium is older than 72 h: recheck." in found.act
        assert "Check serum magnesium." not in found.act

    @pytest.mark.parametrize("sent", ["1.4 mg/dL", "1.6 mg/dL"])
    def test_a_borderline_one_is_never_louder_than_a_low_one(self, sent: str) -> None:
        chart = (mg(sent, days_ago=4), k("3.2 mmol/L"), order("digoxin"), draft("furosemide"))
        assert indicator(*chart, setting=INPATIENT) is INFO

    def test_on_patient_view(self) -> None:
        assert indicator(mg("1.1 mg/dL", days_ago=4), order("furosemide"), setting=INPATIENT) is INFO


class TestPatientView:
    @pytest.mark.parametrize("drug", [d for d in ALL if d != "omeprazole"])
    @pytest.mark.parametrize("sample", [SEVERE, LOW], ids=["severe", "low"])
    def test_a_wasting_drug_in_force_is_a_warning(self, drug: str, sample: Fact) -> None:
        assert indicator(sample, order(drug, days_ago=2)) is WARNING

    @pytest.mark.parametrize(("days", "shown"), [(89, None), (90, WARNING)])
    def test_a_ppi_counts_from_90_days(self, days: int, shown: Indicator | None) -> None:
        assert indicator(LOW, order("omeprazole", days_ago=days)) is shown

    def test_a_drug_in_wash_out_counts_and_is_called_so(self) -> None:
        found = finding(LOW, ended_order("cetuximab", days_ago=90, ended=ago(days=50)))
        assert found.indicator is WARNING
        assert found.what[1].startswith(
            "Cetuximab (last 23 Jan 2026 12:00, effect may last): anti-EGFR antibody, since"
        )

    @pytest.mark.parametrize("drug", NOT_WASTING)
    def test_what_does_not_waste_is_silent(self, drug: str) -> None:
        assert judge(picture(LOW, order(drug))) == quiet("no wasting drug in force or in wash-out")

    @pytest.mark.parametrize(
        "sample",
        [[], [BORDERLINE], [NORMAL], [STALE_LOW], [mg(">1.0 mg/dL")]],
        ids=["unknown", "borderline", "normal", "stale", "not conclusive"],
    )
    def test_silent_unless_magnesium_is_low_now(self, sample: list[Fact]) -> None:
        assert judge(picture(*sample, order("furosemide"))) == quiet("magnesium is not known to be low now")

    def test_lists_drug_site_mechanism_start_and_what_can_be_done(self) -> None:
        found = finding(LOW, order("furosemide", days_ago=20), statement("omeprazole", started=None))
        assert found.summary == "Low magnesium (Mg 1.4 mg/dL) on furosemide and omeprazole: may waste magnesium"
        assert found.what[1:] == (
            "Furosemide: loop diuretic, since 22 Feb 2026.",
            "Omeprazole: proton pump inhibitor, start unknown.",
        )
        assert found.why[0].startswith("Loop diuretic (thick ascending limb): blocks NKCC2")
        assert found.act[0] == "Loop diuretic: use the lowest effective dose."
        assert found.act[1] == (
            "Proton pump inhibitor: still needed? If not, and no GI bleeding, Barrett, Zollinger-Ellison, antiplatelet, "
            "anticoagulant or NSAID: stop it or change to an H2 blocker (renal dose)."
        )
        assert found.proposals == ()

    @pytest.mark.parametrize(
        ("company", "named"),
        [
            ([order("aspirin")], "aspirin"),
            ([order("warfarin")], "warfarin"),
            ([order("ibuprofen")], "ibuprofen"),
            ([given("heparin", route=IV)], "heparin"),
            ([order("apixaban"), order("clopidogrel")], "clopidogrel and apixaban"),
        ],
    )
    def test_a_ppi_that_protects_the_stomach_is_not_to_be_stopped(self, company: list[Fact], named: str) -> None:
        # clinical.md §2.2: neither stopping nor a change is proposed then.
        found = finding(LOW, order("omeprazole", days_ago=400), *company)
        assert found.act == (f"Proton pump inhibitor: needs gastroprotection on {named}: discuss before any change.",)

    def test_that_is_said_of_the_ppi_only(self) -> None:
        found = finding(LOW, order("furosemide"), order("warfarin"))
        assert found.act == ("Loop diuretic: use the lowest effective dose.",)

    def test_how_a_drug_was_recognised_is_said(self) -> None:
        by_name = order("furosemide", source=Source("x", match=Match.NAME), route_assumed=True)
        assert "Furosemide (matched by name, systemic route assumed): loop diuretic" in finding(LOW, by_name).what[1]

    def test_every_mark_of_a_drug_is_told(self) -> None:
        by_name = Source("x", match=Match.NAME)
        stopped = ended_order("cetuximab", days_ago=90, ended=ago(days=50), source=by_name)
        assert (
            finding(LOW, stopped)
            .what[1]
            .startswith("Cetuximab (last 23 Jan 2026 12:00, effect may last, matched by name): anti-EGFR antibody")
        )
        again = finding(LOW, order("furosemide"), draft("furosemide", source=by_name))
        assert "Furosemide (continued, matched by name): loop diuretic." in again.what

    def test_a_dose_and_two_drugs_of_a_class_make_one_line(self) -> None:
        found = finding(LOW, order("furosemide"), given("bumetanide", route=IV))
        assert found.what[1:] == ("Bumetanide and furosemide: loop diuretic, since 12 Feb 2026.",)

    def test_of_many_doses_the_last_is_named(self) -> None:
        doses = [ended_order("cetuximab", days_ago=day + 1, ended=ago(days=day)) for day in (57, 50, 64)]
        assert "Cetuximab (last 23 Jan 2026 12:00, effect may last): anti-EGFR" in finding(LOW, *doses).what[1]

    def test_a_drug_in_force_is_not_called_stopped_because_it_was_before(self) -> None:
        before = ended_order("cetuximab", days_ago=60, ended=ago(days=50))
        for both in ([before, order("cetuximab")], [order("cetuximab"), before]):
            assert finding(LOW, *both).what[1].startswith("Cetuximab: anti-EGFR antibody")

    def test_of_two_orders_the_one_with_a_code_is_named(self) -> None:
        by_name = order("furosemide", source=Source("x", match=Match.NAME))
        assert finding(LOW, by_name, order("furosemide")).what[1].startswith("Furosemide: loop diuretic")


class TestRestraint:
    @pytest.mark.parametrize("drug", [draft("cisplatin"), order("cisplatin")], ids=["drafted", "in force"])
    def test_obstetric_magnesium_silences_it(self, drug: Exposure) -> None:
        verdict = judge(picture(SEVERE, drug, problem("pregnancy"), iv_magnesium()))
        assert verdict == quiet("obstetric magnesium therapy")

    @pytest.mark.parametrize("drug", [draft("cisplatin"), order("cisplatin")], ids=["drafted", "in force"])
    def test_palliative_care_is_silent_even_at_critical(self, drug: Exposure) -> None:
        assert judge(picture(SEVERE, drug, problem("palliative_care"))) == quiet("palliative care")

    @pytest.mark.parametrize("drug", [draft("cisplatin"), order("cisplatin")], ids=["drafted", "in force"])
    def test_under_18_it_is_information(self, drug: Exposure) -> None:
        found = finding(SEVERE, HEALTHY_KIDNEYS, drug, patient=aged(10))
        assert found.indicator is INFO
        assert not set(found.proposals) & {Proposal.MAGNESIUM_ORAL, Proposal.MAGNESIUM_INTRAVENOUS}

    def test_a_newer_unreadable_magnesium_holds_it_at_warning_and_asks_for_a_new_one(self) -> None:
        found = finding(SEVERE, draft("cisplatin"), unreadable(hours_ago=1), HEALTHY_KIDNEYS)
        assert found.indicator is WARNING
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)

    def test_torsades_is_a_heart_at_risk(self) -> None:
        assert indicator(SEVERE, draft("furosemide"), acute("torsades_de_pointes")) is CRITICAL

    def test_drafted_magnesium_beside_it_is_not_proposed_again(self) -> None:
        found = finding(LOW, draft("furosemide"), draft("magnesium oxide", route=ORAL, selected=False), HEALTHY_KIDNEYS)
        assert Proposal.MAGNESIUM_ORAL not in found.proposals


class TestWhatAProtonPumpInhibitorIsFor:
    PPI = order("omeprazole", days_ago=400)

    @pytest.mark.parametrize(
        ("reason", "said"),
        [
            ([problem("gi_bleeding", onset=ago(days=365))], "for gastrointestinal bleeding"),
            ([problem("barrett_esophagus", label="Barrett's esophagus")], "for Barrett's esophagus"),
            ([problem("zollinger_ellison_syndrome")], "for Zollinger-Ellison syndrome"),
            (
                [order("aspirin"), problem("barrett_esophagus", label="Barrett's esophagus")],
                "on aspirin and for Barrett's esophagus",
            ),
        ],
    )
    def test_keeps_it(self, reason: list[Fact], said: str) -> None:
        found = finding(LOW, self.PPI, *reason)
        assert found.act == (f"Proton pump inhibitor: needs gastroprotection {said}: discuss before any change.",)

    def test_bleeding_of_long_ago_does_not(self) -> None:
        found = finding(LOW, self.PPI, problem("gi_bleeding", onset=ago(days=366)))
        assert "Still needed?" not in found.act[0]
        assert "still needed?" in found.act[0]

    def test_says_that_magnesium_alone_may_not_correct_it(self) -> None:
        quarter = "In about a quarter of reviewed cases magnesium alone did not correct it on a proton pump inhibitor."
        assert quarter in finding(LOW, self.PPI).why
        assert quarter not in finding(LOW, order("furosemide")).why


@pytest.mark.parametrize(
    "found",
    [[LOW, order("furosemide")], [LOW, draft("furosemide")], [BORDERLINE, draft("cisplatin")]],
    ids=["in force", "drafted", "borderline"],
)
def test_a_newer_magnesium_that_could_not_be_read_is_said_once(found: list[Fact]) -> None:
    said = "A newer magnesium could not be read: look it up in the chart or repeat it."
    assert finding(*found, unreadable(), HEALTHY_KIDNEYS).act.count(said) == 1


@pytest.mark.parametrize(
    ("ordered", "asked"),
    [
        ([], True),
        ([ordered_test()], False),
        ([ordered_test(at=ago(days=2))], False),
        ([ordered_test(at=ago(days=2, minutes=1))], True),
        ([ordered_test(at=ago(days=-2))], False),
        ([ordered_test(at=ago(days=-2, minutes=-1))], True),
        ([ordered_test(Analyte.POTASSIUM)], True),
    ],
    ids=["nothing", "without a time", "2 d ago", "longer ago", "due in 2 d", "due later", "another test"],
)
def test_no_baseline_is_asked_for_that_is_ordered_already(ordered: list[Fact], asked: bool) -> None:
    assert (indicator(draft("cisplatin"), *ordered) is INFO) is asked
    assert indicator(LOW, draft("cisplatin"), *ordered) is WARNING


def test_the_site_s_interval_decides_whether_a_baseline_is_asked_for(tmp_path: Path) -> None:
    own = site_policy(tmp_path, "[drug_times.platinum]\ninterval_days = 7\nreviewed = 2026-12-01\n")
    week_old = mg("2.0 mg/dL", days_ago=8)
    assert indicator(week_old, draft("cisplatin")) is None
    assert indicator(week_old, draft("cisplatin"), policy=own) is INFO
    assert indicator(mg("2.0 mg/dL", days_ago=7), draft("cisplatin"), policy=own) is None


@pytest.mark.parametrize(
    ("drug", "said"),
    [
        (order("oxaliplatin"), ("Also reported with low magnesium: oxaliplatin (weak evidence).",)),
        (
            order("gentamicin", route=Route.UNKNOWN),
            ("Also reported with low magnesium: gentamicin (route unknown).",),
        ),
        (
            given("gentamicin", hours_ago=47, route=Route.UNKNOWN),
            ("Also reported with low magnesium: gentamicin (route unknown).",),
        ),
        (given("gentamicin", hours_ago=49, route=Route.UNKNOWN), ()),
        (ended_order("gentamicin", route=Route.UNKNOWN), ()),
        (order("gentamicin", route=Route.LOCAL), ()),
        (order("carboplatin", route=Route.UNKNOWN), ()),
        (order("tacrolimus", days_ago=400), None),
        (
            order("tacrolimus", days_ago=401),
            ("Also reported with low magnesium: tacrolimus (ordered more than 400 d ago, still taken?).",),
        ),
        (order("tacrolimus", days_ago=401, as_needed=True), ()),
        (order("tacrolimus", days_ago=401, single_dose=True), ()),
        (order("tacrolimus", days_ago=500, ended=ago(days=401)), ()),
        (ended_order("tacrolimus", days_ago=401), ()),
        (order("amiloride", days_ago=401), ()),
    ],
)
def test_what_is_only_reported_is_shown_and_makes_no_card(drug: Exposure, said: tuple[str, ...] | None) -> None:
    """clinical.md §1.7: shown only; None: in force, and judged."""
    shown = [line for line in finding(LOW, order("furosemide"), drug).what if line.startswith("Also reported")]
    assert shown == list(said or ())
    assert (indicator(LOW, drug) is None) is (said is not None)
