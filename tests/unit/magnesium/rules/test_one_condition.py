"""Charts that differ in one condition: what is proposed or said with it is not proposed or said without it.

Each of these was found by mutation testing (docs/mutation.md).
"""

from __future__ import annotations

from typing import Any

import pytest

from magnesium.picture import ClinicalPicture
from magnesium.rules import (
    arrhythmia_risk,
    cause_of_hypomagnesemia,
    hypomagnesemia,
    magnesium_monitoring,
    magnesium_safety,
    magnesium_wasting_drug,
)
from magnesium.verdict import Finding, Indicator, Proposal, Quiet, Topic, Verdict
from tests.builders import (
    HEALTHY_KIDNEYS,
    INPATIENT,
    ORAL,
    Fact,
    acute,
    creatinine,
    draft,
    given,
    k,
    mg,
    order,
    picture,
    problem,
    qtc,
    unreadable,
    urine_creatinine,
    urine_mg,
)

SEVERE, LOW, BORDERLINE, NORMAL = (mg(f"{value} mg/dL", hours_ago=2) for value in ("1.1", "1.4", "1.6", "2.0"))
CHECK = "Check serum magnesium."


def chart(*found: Fact, **more: Any) -> ClinicalPicture:
    return picture(*found, **more)


def finding(verdict: Verdict) -> Finding:
    assert isinstance(verdict, Finding), verdict
    return verdict


class TestArrhythmiaRisk:
    @pytest.mark.parametrize(("potassium", "proposed"), [("3.4 mmol/L", True), ("4.2 mmol/L", False)])
    def test_potassium_is_proposed_only_where_it_is_low(self, potassium: str, proposed: bool) -> None:
        found = finding(arrhythmia_risk.judge(chart(LOW, order("digoxin"), k(potassium), HEALTHY_KIDNEYS)))
        assert (Proposal.POTASSIUM in found.proposals) is proposed

    def test_of_equally_urgent_reasons_the_long_qtc_is_named_first(self) -> None:
        found = finding(arrhythmia_risk.judge(chart(SEVERE, qtc("520"), order("digoxin"))))
        assert found.summary.startswith("QTc 520 ms with low Mg 1.1 mg/dL")

    def test_tells_the_values_that_there_are_and_those_that_there_are_not(self) -> None:
        both = finding(arrhythmia_risk.judge(chart(LOW, k("3.0 mmol/L"), qtc("520")))).what
        assert both[:3] == (
            "Mg 1.4 mg/dL (14 Mar 2026 10:00).",
            "K 3.0 mmol/L (14 Mar 2026 12:00).",
            "QTc 520 ms (14 Mar 2026 12:00).",
        )
        neither = finding(arrhythmia_risk.judge(chart(acute("torsades_de_pointes")))).what
        assert neither == ("No usable serum magnesium on file.", "No current potassium.", "Torsades de pointes.")


class TestHypomagnesemia:
    @pytest.mark.parametrize(
        ("more", "asked"),
        [([], False), ([mg("1.15 mg/dL", hours_ago=2)], False), ([mg("2.0 mg/dL", hours_ago=2)], True)],
        ids=["alone", "two that agree", "two that disagree"],
    )
    def test_a_severe_value_treated_in_the_vein_is_repeated_where_results_disagree(
        self, more: list[Fact], asked: bool
    ) -> None:
        found = finding(hypomagnesemia.judge(chart(SEVERE, *more, HEALTHY_KIDNEYS, setting=INPATIENT)))
        assert (Proposal.SERUM_MAGNESIUM in found.proposals) is asked
        told = [line for line in found.what if line.startswith("Another result of that moment")]
        assert bool(told) is asked

    def test_and_where_a_newer_one_could_not_be_read(self) -> None:
        found = finding(
            hypomagnesemia.judge(chart(SEVERE, unreadable(hours_ago=1), HEALTHY_KIDNEYS, setting=INPATIENT))
        )
        assert Proposal.SERUM_MAGNESIUM in found.proposals

    @pytest.mark.parametrize(("value", "said"), [(LOW, False), (BORDERLINE, True)])
    def test_only_a_borderline_value_is_just_rechecked(self, value: Fact, said: bool) -> None:
        found = finding(hypomagnesemia.judge(chart(value, order("digoxin"), HEALTHY_KIDNEYS)))
        assert ("Recheck magnesium." in found.act) is said

    def test_a_value_too_old_to_act_on_is_told_and_its_recheck_advised(self) -> None:
        found = finding(hypomagnesemia.judge(chart(mg("1.4 mg/dL", days_ago=40))))
        assert found.what == ("Last serum magnesium: Mg 1.4 mg/dL (2 Feb 2026 12:00).",)
        assert found.why == ("Too old to act on; nothing newer is on file that can be read.",)
        assert found.act == ("Recheck serum magnesium.",)

    def test_a_stale_value_that_was_not_low_says_why_it_is_silent(self) -> None:
        assert hypomagnesemia.judge(chart(mg("1.6 mg/dL", days_ago=40))) == Quiet(
            Topic.HYPOMAGNESEMIA, "the last magnesium was not low and is too old to say more"
        )

    @pytest.mark.parametrize(("more", "said"), [([], True), ([order("furosemide")], False)])
    def test_a_sparing_diuretic_is_mentioned_here_only_where_no_wasting_drug_has_a_card(
        self, more: list[Fact], said: bool
    ) -> None:
        lost = (mg("1.4 mg/dL"), creatinine("1 mg/dL"), urine_creatinine("100 mg/dL"), urine_mg("5.0 mg/dL"))
        found = finding(
            hypomagnesemia.judge(chart(*lost, mg("1.3 mg/dL", days_ago=60), k("4.0 mmol/L"), HEALTHY_KIDNEYS, *more))
        )
        assert any("amiloride" in line for line in found.act) is said


class TestWastingDrugBeingOrdered:
    def test_a_current_low_magnesium_is_not_measured_again_before_it_is_treated(self) -> None:
        found = finding(
            magnesium_wasting_drug.judge(chart(SEVERE, draft("furosemide"), HEALTHY_KIDNEYS, setting=INPATIENT))
        )
        assert CHECK not in found.act
        assert Proposal.SERUM_MAGNESIUM not in found.proposals

    def test_one_that_a_newer_unreadable_result_puts_in_doubt_is(self) -> None:
        found = finding(magnesium_wasting_drug.judge(chart(LOW, unreadable(hours_ago=1), draft("furosemide"))))
        assert CHECK in found.act

    def test_a_normal_magnesium_is_not_measured_again_for_a_ppi_in_gitelman_syndrome(self) -> None:
        found = finding(magnesium_wasting_drug.judge(chart(NORMAL, draft("omeprazole"), problem("gitelman_syndrome"))))
        assert CHECK not in found.act
        assert found.proposals == ()

    def test_where_only_a_baseline_is_wanted_nothing_else_is_advised(self) -> None:
        found = finding(magnesium_wasting_drug.judge(chart(mg("2.0 mg/dL", days_ago=300), draft("cisplatin"))))
        assert found.indicator is Indicator.INFO
        assert found.summary == "No current magnesium: check serum Mg before cisplatin"
        assert found.act == (CHECK,)
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)

    def test_a_normal_magnesium_older_than_the_interval_does_not_spare_the_baseline(self) -> None:
        found = finding(magnesium_wasting_drug.judge(chart(mg("2.0 mg/dL", days_ago=13), draft("amphotericin B"))))
        assert found.summary == "No current magnesium: check serum Mg before amphotericin B"
        assert found.act == (CHECK,)

    def test_an_aging_normal_magnesium_was_never_low(self) -> None:
        verdict = magnesium_wasting_drug.judge(
            chart(mg("2.0 mg/dL", days_ago=4), draft("furosemide"), setting=INPATIENT)
        )
        assert isinstance(verdict, Quiet)

    @pytest.mark.parametrize(("potassium", "said"), [("3.4 mmol/L", True), ("4.2 mmol/L", False)])
    def test_a_potassium_is_called_low_only_where_it_is(self, potassium: str, said: bool) -> None:
        found = finding(magnesium_wasting_drug.judge(chart(LOW, k(potassium), draft("furosemide"))))
        assert any(line.startswith("Also low: K ") for line in found.what) is said

    def test_tells_the_magnesium_and_the_site_of_the_loss(self) -> None:
        found = finding(magnesium_wasting_drug.judge(chart(LOW, draft("furosemide"))))
        assert found.what[0] == "Mg 1.4 mg/dL (14 Mar 2026 10:00)."
        assert found.why[0].startswith("Loop diuretic (")
        unknown = finding(magnesium_wasting_drug.judge(chart(draft("cisplatin"))))
        assert unknown.what[0] == "No usable serum magnesium on file."


class TestGastroprotection:
    PPI = order("omeprazole", days_ago=400)

    @pytest.mark.parametrize("needing", ["aspirin", "clopidogrel", "warfarin", "ibuprofen", "heparin"])
    def test_a_ppi_that_another_drug_gives_a_reason_for_is_not_simply_stopped(self, needing: str) -> None:
        found = finding(magnesium_wasting_drug.judge(chart(LOW, self.PPI, order(needing))))
        assert f"Proton pump inhibitor: needs gastroprotection on {needing}: discuss before any change." in found.act

    def test_without_such_a_drug_the_class_s_own_advice_is_said(self) -> None:
        found = finding(magnesium_wasting_drug.judge(chart(LOW, self.PPI)))
        assert not any("gastroprotection on" in line for line in found.act)

    def test_no_other_class_is_said_to_be_needed_for_it(self) -> None:
        found = finding(magnesium_wasting_drug.judge(chart(LOW, order("furosemide"), order("warfarin"))))
        assert found.act[0] == "Loop diuretic: use the lowest effective dose."


def test_the_summary_names_two_wasting_drugs_and_counts_the_rest() -> None:
    drugs = (order("furosemide"), order("cisplatin"), order("tacrolimus"))
    found = finding(magnesium_wasting_drug.judge(chart(LOW, *drugs)))
    assert "and 1 more" in found.summary


def test_digoxin_beside_a_diuretic_does_not_hide_another_monitored_drug() -> None:
    drugs = (order("amphotericin B"), order("digoxin"), order("furosemide"))
    found = finding(magnesium_monitoring.judge(chart(*drugs)))
    assert found.what[1:] == ("Amphotericin B: magnesium every 3 d.", "Digoxin: magnesium every 180 d.")


class TestSafety:
    OXIDE = order("magnesium oxide", route=ORAL)

    @pytest.mark.parametrize(
        ("magnesium", "line"),
        [
            ([NORMAL], "Mg 2.0 mg/dL (14 Mar 2026 10:00)."),
            ([mg("3.0 mg/dL", hours_ago=2)], "Mg 3.0 mg/dL (14 Mar 2026 10:00), above the usual range."),
            ([], "No usable serum magnesium on file."),
        ],
    )
    def test_a_level_is_called_high_only_where_it_is(self, magnesium: list[Fact], line: str) -> None:
        found = finding(magnesium_safety.judge(chart(*magnesium, self.OXIDE, problem("dialysis"))))
        assert found.what[0] == line
        assert found.what[-1] == "Kidney: kidney replacement therapy."

    def test_the_measured_kidney_function_is_told(self) -> None:
        found = finding(magnesium_safety.judge(chart(NORMAL, self.OXIDE, creatinine("4.0 mg/dL"))))
        assert "(Creatinine 4.0 mg/dL" in found.what[-1] or "(creatinine 4.0 mg/dL" in found.what[-1]


class TestCause:
    SAMPLES = (mg("1.0 mg/dL"), creatinine("1 mg/dL"), urine_creatinine("100 mg/dL"), HEALTHY_KIDNEYS)

    @pytest.mark.parametrize("diuretic", ["furosemide", "hydrochlorothiazide"])
    def test_a_diuretic_of_either_class_may_explain_a_renal_loss(self, diuretic: str) -> None:
        found = finding(cause_of_hypomagnesemia.judge(chart(*self.SAMPLES, urine_mg("3.5 mg/dL"), order(diuretic))))
        assert f"A diuretic may explain it: {diuretic}." in found.what

    def test_the_limits_of_the_sources_are_told_where_it_lies_between_them(self) -> None:
        found = finding(cause_of_hypomagnesemia.judge(chart(*self.SAMPLES, urine_mg("2.1 mg/dL"))))
        assert found.act[0] == "Between the limits of the sources (2 % and 4 %): consider both, renal first."

    def test_results_of_one_time_share_it_and_others_each_have_their_own(self) -> None:
        one = finding(cause_of_hypomagnesemia.judge(chart(*self.SAMPLES, urine_mg("3.5 mg/dL"))))
        assert one.what[0].count("12:00") == 1
        others = (mg("1.0 mg/dL", hours_ago=1), creatinine("1 mg/dL", hours_ago=1), urine_creatinine("100 mg/dL"))
        two = finding(cause_of_hypomagnesemia.judge(chart(*others, HEALTHY_KIDNEYS, urine_mg("3.5 mg/dL"))))
        assert (two.what[0].count("12:00"), two.what[0].count("11:00")) == (2, 2)

    @pytest.mark.parametrize(
        ("more", "when"),
        [
            ([], "before giving magnesium if that delays nothing"),
            ([given("magnesium oxide", route=ORAL)], "two days after the last magnesium"),
        ],
    )
    def test_the_urine_is_asked_for_before_magnesium_or_two_days_after_it(self, more: list[Fact], when: str) -> None:
        found = finding(cause_of_hypomagnesemia.judge(chart(mg("1.0 mg/dL"), *more)))
        assert found.act[0].endswith(f"the same day, {when}.")
