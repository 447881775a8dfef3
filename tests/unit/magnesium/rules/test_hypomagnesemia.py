"""clinical.md §2.1: low magnesium on opening the chart. And §2.0: no card is the normal answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from magnesium.facts import Analyte, LabResult, Setting
from magnesium.policy import Policy
from magnesium.rules.hypomagnesemia import judge
from magnesium.verdict import Finding, Indicator, Proposal, Quiet, Topic, Unknown
from tests.builders import (
    HEALTHY_KIDNEYS,
    INPATIENT,
    IV,
    NOW,
    ORAL,
    OUTPATIENT,
    POLICY,
    Fact,
    acute,
    aged,
    draft,
    given,
    iv_magnesium,
    k,
    lab,
    mg,
    order,
    ordered_test,
    picture,
    problem,
    qtc,
    quantity,
    site_policy,
    unreadable,
)

INFO, WARNING, CRITICAL = Indicator
SEVERE, LOW, BORDERLINE = mg("1.1 mg/dL", hours_ago=2), mg("1.4 mg/dL", hours_ago=2), mg("1.6 mg/dL", hours_ago=2)


def finding(*found: Fact, setting: Setting = OUTPATIENT, policy: Policy = POLICY, **more: Any) -> Finding:
    verdict = judge(picture(*found, setting=setting, policy=policy, **more))
    assert isinstance(verdict, Finding), verdict
    assert verdict.topic is Topic.HYPOMAGNESEMIA
    return verdict


def indicator(*found: Fact, **more: Any) -> Indicator | None:
    verdict = judge(picture(*found, **more))
    return verdict.indicator if isinstance(verdict, Finding) else None


class TestTable:
    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("0.4999 mmol/L", CRITICAL), ("0.50 mmol/L", WARNING), ("0.6599 mmol/L", WARNING), ("0.66 mmol/L", None),
            ("499.9 umol/L", CRITICAL), ("500 umol/L", WARNING), ("659.9 umol/L", WARNING), ("660 umol/L", None),
            ("1.1999 mg/dL", CRITICAL), ("1.2 mg/dL", WARNING), ("1.5999 mg/dL", WARNING), ("1.6 mg/dL", None),
            ("11.999 mg/L", CRITICAL), ("12 mg/L", WARNING), ("15.999 mg/L", WARNING), ("16 mg/L", None),
            ("0.9999 mEq/L", CRITICAL), ("1.0 mEq/L", WARNING), ("1.2999 mEq/L", WARNING), ("1.3 mEq/L", None),
            ("<0.50 mmol/L", CRITICAL), ("<0.6 mmol/L", WARNING), ("<=0.6 mmol/L", WARNING), ("<0.68 mmol/L", None),
            ("2.0 mg/dL", None), ("3.0 mg/dL", None), (">1.0 mg/dL", None),
        ],
    )  # fmt: skip
    def test_severe_is_critical_and_low_a_warning(self, sent: str, shown: Indicator | None) -> None:
        assert indicator(mg(sent)) is shown

    @pytest.mark.parametrize(
        "company",
        [
            [k("3.1 mmol/L", days_ago=3), k("3.0 mmol/L"), order("potassium chloride")],
            [order("sotalol")],
            [order("digoxin")],
            [problem("long_qt")],
            [order("furosemide"), order("tacrolimus")],
        ],
        ids=["refractory hypokalemia", "QT drug", "digoxin", "long QT", "two wasting classes"],
    )
    def test_borderline_is_information_beside_what_makes_it_matter(self, company: list[Fact]) -> None:
        found = finding(BORDERLINE, *company)
        assert found.indicator is INFO
        assert found.summary.startswith("Magnesium just below the usual range")
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)
        assert "Recheck magnesium." in found.act
        assert "98-99 %" in found.why[0]

    @pytest.mark.parametrize(
        ("company", "reasons"),
        [
            ([order("sotalol"), order("digoxin")], ("Heart rhythm at stake: sotalol and digoxin.",)),
            ([problem("long_qt")], ("Long QT interval.",)),
            ([order("furosemide"), order("tacrolimus")], ("May waste magnesium: furosemide and tacrolimus.",)),
            (
                [order("sotalol"), problem("long_qt"), order("furosemide"), order("tacrolimus")],
                (
                    "Heart rhythm at stake: sotalol.",
                    "Long QT interval.",
                    "May waste magnesium: furosemide and tacrolimus.",
                ),
            ),
            # Its own card leads this one and says it.
            ([k("3.1 mmol/L", days_ago=3), k("3.0 mmol/L"), order("potassium chloride")], ()),
        ],
        ids=["heart", "long QT", "two wasting classes", "all", "refractory hypokalemia"],
    )
    def test_what_makes_a_borderline_value_matter_is_said(self, company: list[Fact], reasons: tuple[str, ...]) -> None:
        assert finding(BORDERLINE, *company).what[1:] == reasons

    def test_of_a_low_value_it_is_not_said(self) -> None:
        assert finding(LOW, problem("long_qt"), order("sotalol")).what == ("Mg 1.4 mg/dL (14 Mar 2026 10:00), low.",)

    @pytest.mark.parametrize(
        "company",
        [
            [],
            [k("3.0 mmol/L")],
            [order("furosemide"), order("bumetanide")],
            [order("furosemide"), order("carboplatin")],
            [order("digoxin"), problem("pregnancy")],
        ],
        ids=["alone", "hypokalemia", "two drugs of one class", "a weak drug", "pregnancy"],
    )
    def test_borderline_is_silent_otherwise(self, company: list[Fact]) -> None:
        assert judge(picture(BORDERLINE, *company)) == Quiet(Topic.HYPOMAGNESEMIA, "magnesium is borderline")

    @pytest.mark.parametrize("sent", ["1.0 mg/dL", "1.4 mg/dL", "<1.2 mg/dL"])
    def test_a_stale_deficient_value_asks_for_a_recheck(self, sent: str) -> None:
        found = finding(mg(sent, days_ago=40))
        assert found.indicator is INFO
        assert "out of date" in found.summary
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)

    def test_any_other_stale_value_is_silent(self) -> None:
        assert isinstance(judge(picture(mg("1.6 mg/dL", days_ago=40), order("digoxin"))), Quiet)

    def test_a_normal_magnesium_is_silent(self) -> None:
        assert judge(picture(mg("2.0 mg/dL"))) == Quiet(Topic.HYPOMAGNESEMIA, "magnesium is in the usual range")


class TestUnknown:
    def test_no_magnesium(self) -> None:
        assert judge(picture()) == Unknown(Topic.HYPOMAGNESEMIA, "no serum magnesium on file")

    def test_only_unusable_ones(self) -> None:
        assert judge(picture(unreadable())) == Unknown(
            Topic.HYPOMAGNESEMIA, "every serum magnesium on file is unusable"
        )

    def test_newest_not_conclusive(self) -> None:
        verdict = judge(picture(LOW, mg(">1.0 mg/dL")))
        assert verdict == Unknown(
            Topic.HYPOMAGNESEMIA, "newest result not conclusive: Mg >1.0 mg/dL (14 Mar 2026 12:00)"
        )


class TestWhatItSays:
    def test_value_unit_time_trend_and_low_potassium(self) -> None:
        found = finding(mg("1.3 mg/dL", days_ago=3), LOW, k("3.2 mmol/L"), HEALTHY_KIDNEYS)
        assert found.summary == "Low magnesium: Mg 1.4 mg/dL (14 Mar 2026 10:00)"
        assert found.what == (
            "Mg 1.4 mg/dL (14 Mar 2026 10:00), low; before: Mg 1.3 mg/dL (11 Mar 2026 12:00).",
            "Also low: K 3.2 mmol/L (14 Mar 2026 12:00).",
        )

    def test_severe_is_called_severe(self) -> None:
        assert finding(SEVERE).summary.startswith("Severe hypomagnesemia: ")

    @pytest.mark.parametrize(
        ("magnesium", "why"),
        [
            (SEVERE, "At this level neuromuscular signs and arrhythmias may appear"),
            (LOW, "Low magnesium is often silent"),
            (BORDERLINE, "Serum magnesium is a poor guide to stores"),
        ],
        ids=["severe", "low", "borderline"],
    )
    def test_why_it_matters_fits_the_level(self, magnesium: LabResult, why: str) -> None:
        (said,) = finding(magnesium, order("digoxin")).why
        assert said.startswith(why)

    def test_a_bound_says_that_it_may_be_severe(self) -> None:
        found = finding(mg("<0.6 mmol/L"))
        assert found.summary.startswith("Low magnesium, may be severe")
        assert "Reported as <0.6 mmol/L, may be severe." in found.what

    @pytest.mark.parametrize(
        ("sent", "drug", "line"),
        [
            ("1.4 mg/dL", "cisplatin", "CTCAE grade 1."),
            ("1.1 mg/dL", "cetuximab", "CTCAE grade 2."),
            ("0.69 mg/dL", "everolimus", "CTCAE grade 4."),
            ("<0.6 mmol/L", "osimertinib", "CTCAE grade 1."),
        ],
    )
    def test_the_grade_of_patients_whose_drug_is_graded(self, sent: str, drug: str, line: str) -> None:
        assert line in finding(mg(sent), order(drug)).what

    def test_no_grade_of_others_or_above_the_laboratory_s_own_lower_limit(self) -> None:
        assert not any("CTCAE" in said for said in finding(mg("1.1 mg/dL"), order("furosemide")).what)
        own = mg("1.4 mg/dL", reference_low=quantity(Analyte.MAGNESIUM, "1.3 mg/dL"))
        assert not any("CTCAE" in said for said in finding(own, order("cisplatin")).what)

    def test_evidence_names_facts_limits_and_sources(self) -> None:
        evidence = finding(LOW, k("3.2 mmol/L"), HEALTHY_KIDNEYS).evidence
        assert evidence.facts == (LOW, k("3.2 mmol/L"), HEALTHY_KIDNEYS)
        assert "magnesium.severe" in evidence.thresholds
        assert "S0-008" in evidence.citations


class TestReplacement:
    def test_begun_after_the_sample_lowers_it_one_step_and_asks_for_a_recheck(self) -> None:
        found = finding(LOW, given("magnesium oxide", hours_ago=1, route=ORAL), HEALTHY_KIDNEYS)
        assert found.indicator is INFO
        assert (
            "Replacement started after this sample: magnesium oxide (given 14 Mar 2026 11:00); recheck due."
            in found.what
        )
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)

    def test_an_order_begun_since_is_told_with_its_hour(self) -> None:
        found = finding(LOW, order("magnesium oxide", started=NOW.replace(hour=11), route=ORAL), HEALTHY_KIDNEYS)
        assert found.indicator is INFO
        said = "Replacement started after this sample: magnesium oxide (since 14 Mar 2026 11:00); recheck due."
        assert said in found.what

    @pytest.mark.parametrize(
        ("sample", "dose", "shown"),
        [
            (SEVERE, iv_magnesium(hours_ago=1), WARNING),
            (SEVERE, given("magnesium oxide", hours_ago=1, route=ORAL), CRITICAL),
            (LOW, iv_magnesium(hours_ago=1), INFO),
            (LOW, iv_magnesium(hours_ago=3), WARNING),
        ],
        ids=["severe, IV", "severe, oral", "low, IV", "before the sample"],
    )
    def test_lowers_it_only_if_the_route_fits(self, sample: Fact, dose: Fact, shown: Indicator) -> None:
        assert indicator(sample, dose) is shown

    @pytest.mark.parametrize("danger", [acute("torsades_de_pointes"), qtc("500")], ids=["torsades", "QTc 500"])
    def test_never_lowers_it_with_torsades_or_a_long_qtc(self, danger: Fact) -> None:
        assert indicator(SEVERE, iv_magnesium(hours_ago=1), danger) is CRITICAL

    def test_info_stays_info(self) -> None:
        assert indicator(BORDERLINE, order("digoxin"), given("magnesium oxide", hours_ago=1, route=ORAL)) is INFO

    def test_already_in_force_at_sampling_is_said_and_never_lowers_it(self) -> None:
        found = finding(LOW, order("magnesium oxide", days_ago=20, route=ORAL), HEALTHY_KIDNEYS)
        assert found.indicator is WARNING
        assert any(line.startswith("Still low despite magnesium oxide (since 22 Feb 2026") for line in found.what)
        assert Proposal.MAGNESIUM_ORAL not in found.proposals


class TestAgingResult:
    def test_counts_one_step_lower_and_asks_for_a_recheck(self) -> None:
        found = finding(mg("1.1 mg/dL", days_ago=4), HEALTHY_KIDNEYS, setting=INPATIENT)
        assert found.indicator is WARNING
        assert found.act[:2] == (
            "This magnesium is older than 72 h: recheck.",
            "If still severe: intravenous magnesium per local protocol; until then oral.",
        )
        assert found.proposals == (Proposal.SERUM_MAGNESIUM, Proposal.MAGNESIUM_ORAL)
        assert "magnesium-intravenous-without-dose: the magnesium is older than 72 h" in found.evidence.held_back

    def test_a_borderline_one_asks_for_a_recheck_too(self) -> None:
        found = finding(mg("1.65 mg/dL", days_ago=4), order("digoxin"), setting=INPATIENT)
        assert "This magnesium is older than 72 h: recheck." in found.act

    def test_an_outpatient_result_of_that_age_is_current(self) -> None:
        assert indicator(mg("1.1 mg/dL", days_ago=4)) is CRITICAL


class TestDoubtfulResults:
    def test_a_newer_unreadable_result_holds_it_at_warning_without_a_replacement_order(self) -> None:
        found = finding(SEVERE, unreadable(hours_ago=1), HEALTHY_KIDNEYS)
        assert found.indicator is WARNING
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)
        assert "A newer magnesium could not be read: look it up in the chart or repeat it." in found.act
        assert found.evidence.unusable == (unreadable(hours_ago=1),)

    def test_an_older_unreadable_result_does_not_matter(self) -> None:
        assert indicator(SEVERE, unreadable(hours_ago=3)) is CRITICAL

    def test_results_of_one_instant_that_disagree_ask_for_a_repeat_without_a_replacement_order(self) -> None:
        found = finding(LOW, mg("2.0 mg/dL", hours_ago=2), HEALTHY_KIDNEYS)
        assert found.indicator is WARNING
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)
        assert "Results of one moment disagree: repeat magnesium." in found.act

    def test_a_hemolyzed_low_one_counts_and_is_marked(self) -> None:
        assert "suspect specimen" in finding(mg("1.4 mg/dL", hemolyzed="HEM")).summary


class TestPopulations:
    def test_obstetric_magnesium_silences_it(self) -> None:
        chart = (SEVERE, problem("pregnancy"), iv_magnesium())
        assert judge(picture(*chart)) == Quiet(Topic.HYPOMAGNESEMIA, "obstetric magnesium therapy")

    def test_pregnancy_without_it_does_not(self) -> None:
        assert indicator(SEVERE, problem("pregnancy")) is CRITICAL

    @pytest.mark.parametrize("slug", ["gitelman_syndrome", "bartter_syndrome"])
    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("0.40 mmol/L", WARNING),
            ("0.3999 mmol/L", CRITICAL),
            ("0.97 mg/dL", WARNING),
            ("0.9699 mg/dL", CRITICAL),
            ("0.80 mEq/L", WARNING),
            ("0.79 mEq/L", CRITICAL),
            ("<0.5 mmol/L", WARNING),
            ("<=0.40 mmol/L", WARNING),
            ("<0.40 mmol/L", CRITICAL),
        ],
    )
    def test_known_gitelman_or_bartter_is_at_most_a_warning_from_0_4(
        self, slug: str, sent: str, shown: Indicator
    ) -> None:
        assert indicator(mg(sent), problem(slug)) is shown

    @pytest.mark.parametrize(
        ("sent", "line"),
        [
            ("<0.5 mmol/L", "Reported as <0.5 mmol/L, may be below 0.40 mmol/L: confirm the value."),
            ("<1.2 mg/dL", "Reported as <1.2 mg/dL, may be below 0.97 mg/dL: confirm the value."),
            ("<0.6 mmol/L", "Reported as <0.6 mmol/L, may be severe."),
            ("<0.40 mmol/L", None),
            ("0.45 mmol/L", None),
        ],
    )
    def test_a_bound_in_gitelman_says_that_the_value_may_be_lower(self, sent: str, line: str | None) -> None:
        said = [text for text in finding(mg(sent), problem("gitelman_syndrome")).what if text.startswith("Reported as")]
        assert said == ([line] if line else [])
        assert not any("0.40" in text for text in finding(mg("<0.5 mmol/L")).what)

    @pytest.mark.parametrize("sample", [SEVERE, LOW], ids=["severe", "low"])
    def test_under_18_it_is_information_without_orders(self, sample: LabResult) -> None:
        found = finding(sample, HEALTHY_KIDNEYS, patient=aged(10))
        assert found.indicator is INFO
        assert any(line.startswith("Under 18: pediatric limits are not configured") for line in found.act)
        assert found.proposals == ()

    def test_palliative_care_sees_only_critical(self, tmp_path: Path) -> None:
        palliative = problem("palliative_care")
        assert indicator(SEVERE, palliative) is CRITICAL
        assert judge(picture(LOW, palliative)) == Quiet(Topic.HYPOMAGNESEMIA, "palliative care")
        assert judge(picture(mg("1.4 mg/dL", days_ago=40), palliative)) == Quiet(
            Topic.HYPOMAGNESEMIA, "palliative care"
        )
        silent = site_policy(tmp_path, "palliative_critical = false\n")
        assert indicator(SEVERE, palliative, policy=silent) is None


def test_on_order_hooks_a_drafted_replacement_is_not_proposed_again() -> None:
    found = finding(SEVERE, HEALTHY_KIDNEYS, draft("magnesium sulfate", route=IV), setting=INPATIENT)
    assert Proposal.MAGNESIUM_INTRAVENOUS not in found.proposals


def test_the_clock_is_the_one_it_is_given() -> None:
    assert indicator(LOW, as_of=NOW.replace(year=2027)) is INFO


class TestRecheckAfterADose:
    BEFORE, AFTER, DOSE = mg("1.4 mg/dL", hours_ago=40), mg("2.0 mg/dL", hours_ago=12), iv_magnesium(hours_ago=13)

    def test_asks_for_a_recheck_once_the_dose_is_over(self) -> None:
        found = finding(self.BEFORE, self.AFTER, self.DOSE, setting=INPATIENT)
        assert found.indicator is INFO
        assert found.summary == "Magnesium was low; Mg 2.0 mg/dL was drawn soon after an intravenous dose. Recheck."
        assert found.what == ("Mg 2.0 mg/dL (14 Mar 2026 00:00); before: Mg 1.4 mg/dL (12 Mar 2026 20:00).",)
        (why,) = found.why
        assert why.startswith("Magnesium takes hours to spread into the tissues: drawn soon after a dose it may")
        assert found.act == ("Recheck serum magnesium.",)
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)
        assert "S4-038" in found.evidence.citations

    @pytest.mark.parametrize(
        ("more", "reason"),
        [
            (iv_magnesium(hours_ago=12), "magnesium given by vein too lately for a recheck"),
            (ordered_test(at=NOW), "a serum magnesium is already ordered"),
            (problem("palliative_care"), "palliative care"),
        ],
    )
    def test_is_silent_while_it_would_flatter_or_is_on_its_way(self, more: Fact, reason: str) -> None:
        verdict = judge(picture(self.BEFORE, self.AFTER, self.DOSE, more, setting=INPATIENT))
        assert verdict == Quiet(Topic.HYPOMAGNESEMIA, reason)

    def test_a_borderline_value_is_no_better(self) -> None:
        assert indicator(self.BEFORE, mg("1.6 mg/dL", hours_ago=12), self.DOSE, setting=INPATIENT) is INFO


class TestWhatIsToldBeside:
    def test_a_borderline_qtc(self) -> None:
        assert "QTc 490 ms (14 Mar 2026 12:00), borderline." in finding(LOW, qtc("490")).what
        assert not any("QTc" in line for line in finding(LOW, qtc("480")).what)

    def test_ionized_magnesium_is_shown_and_not_judged(self) -> None:
        ionized = lab(Analyte.MAGNESIUM_IONIZED, "0.40 mmol/L")
        assert "Ionized Mg 0.40 mmol/L (14 Mar 2026 12:00): shown, not judged." in finding(LOW, ionized).what

    @pytest.mark.parametrize("magnesium", [LOW, BORDERLINE])
    def test_a_newer_one_that_could_not_be_read_is_said_once(self, magnesium: LabResult) -> None:
        found = finding(magnesium, order("digoxin"), unreadable(), HEALTHY_KIDNEYS)
        said = "A newer magnesium could not be read: look it up in the chart or repeat it."
        assert found.act.count(said) == 1
