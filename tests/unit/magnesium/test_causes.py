"""The list of possible causes: what gets on it, in which order, and what it says of the patient."""

from __future__ import annotations

from pathlib import Path

import pytest

from magnesium.causes import Candidate, differential
from magnesium.facts import Analyte, Patient
from magnesium.moment import When
from magnesium.rules.cause_of_hypomagnesemia import judge
from magnesium.verdict import Finding, Proposal
from tests.builders import (
    INPATIENT,
    Fact,
    aged,
    ago,
    albumin,
    calcium,
    creatinine,
    ended_order,
    k,
    lab,
    mg,
    on,
    order,
    picture,
    problem,
    site_policy,
    urine_creatinine,
)
from tests.textbook_patients import (
    INFANT,
    TEXTBOOK_PATIENTS,
    TextbookPatient,
    bicarbonate,
    ionized_calcium,
    kidney_keeps,
    kidney_wastes,
    urine_calcium,
)

YOUNG = aged(24)
GITELMAN = (*kidney_wastes(), k("2.8 mmol/L"), bicarbonate("31"), urine_calcium("0.04"))


def listed(*chart: Fact, patient: Patient = YOUNG) -> list[str]:
    return [candidate.cause.id for candidate in differential(picture(*chart, patient=patient))]


def candidate(id_: str, *chart: Fact, patient: Patient = YOUNG) -> Candidate:
    return {c.cause.id: c for c in differential(picture(*chart, patient=patient))}[id_]


def supports(found: Candidate) -> set[str]:
    return {own.id for own in found.supporting}


@pytest.mark.parametrize("textbook", TEXTBOOK_PATIENTS, ids=lambda patient: patient.title)
def test_textbook_patients(textbook: TextbookPatient) -> None:
    assert tuple(c.cause.id for c in differential(textbook.picture)) == textbook.expected


class TestWhatIsListed:
    def test_nothing_without_findings_of_the_patients_own(self) -> None:
        assert listed(mg("0.4 mmol/L")) == []
        assert listed(*kidney_wastes()) == []

    def test_every_candidate_has_findings_with_facts(self) -> None:
        for patient in TEXTBOOK_PATIENTS:
            for found in differential(patient.picture):
                assert found.supporting, found.cause.id
                assert all(own.facts for own in (*found.supporting, *found.contradicting)), found.cause.id
                assert set(found.facts) <= {*patient.picture.facts.labs, *patient.chart}

    def test_at_most_what_the_policy_says(self, tmp_path: Path) -> None:
        conditions = ("diarrhea", "malabsorption", "pancreatitis", "burn", "thyroid_disorder", "malnutrition")
        chart: tuple[Fact, ...] = (mg("0.4 mmol/L"), *map(problem, conditions))
        assert len(listed(*chart)) == 5
        policy = site_policy(tmp_path, "[differential.most]\nvalue = 2\nreviewed = 2026-01-01\n")
        assert len(differential(picture(*chart, policy=policy))) == 2

    def test_suspected_and_future_conditions_are_not(self) -> None:
        assert listed(mg("0.4 mmol/L"), problem("diarrhea", suspected=True)) == []
        assert listed(mg("0.4 mmol/L"), problem("diarrhea", onset=ago(days=-1))) == []
        assert listed(mg("0.4 mmol/L"), problem("diarrhea", onset=ago(days=90))) == ["diarrhea"]

    def test_conditions_that_no_cause_knows_are_not(self) -> None:
        assert listed(mg("0.4 mmol/L"), problem("myasthenia_gravis")) == []

    def test_dialysis_before_a_transplant_is_not(self) -> None:
        dialysis = problem("dialysis", onset=ago(days=900))
        assert listed(mg("0.4 mmol/L"), dialysis) == ["kidney_replacement"]
        assert listed(mg("0.4 mmol/L"), dialysis, problem("kidney_transplant", onset=ago(days=90))) == [
            "kidney_transplant"
        ]

    def test_two_records_of_one_condition_are_one_finding_with_both_facts(self) -> None:
        found = candidate("diarrhea", mg("0.4 mmol/L"), problem("diarrhea"), problem("diarrhea", label="again"))
        assert len(found.supporting) == 1
        assert len(found.supporting[0].facts) == 2

    def test_drugs_that_waste_nothing_are_each_told_with_their_own_start(self) -> None:
        chart: tuple[Fact, ...] = (mg("0.4 mmol/L"), order("cinacalcet", days_ago=9), order("neomycin", days_ago=20))
        assert candidate("cinacalcet", *chart).line == "Cinacalcet (distal convoluted tubule): since 5 Mar 2026 12:00."


class TestOrder:
    def test_drugs_come_first_even_contradicted_ones_and_raised_calcium_comes_last(self) -> None:
        chart: tuple[Fact, ...] = (
            *kidney_wastes(),
            k("3.0 mmol/L"),
            problem("hypercalcemia"),
            problem("diabetes_mellitus"),
            order("omeprazole", days_ago=400, authored=When.at(ago(days=9))),
        )
        assert listed(*chart, patient=aged(60)) == ["ppi", "diabetes", "potassium_depletion", "raised_calcium"]

    def test_wasting_drugs_come_before_drugs_of_weak_evidence(self) -> None:
        chart: tuple[Fact, ...] = (mg("0.4 mmol/L"), order("erlotinib"), order("cinacalcet"), order("furosemide"))
        assert listed(*chart) == ["loop_diuretic", "egfr_tki", "cinacalcet"]

    def test_among_equals_what_nothing_contradicts_comes_first_then_what_more_supports(self) -> None:
        chart: tuple[Fact, ...] = (
            *kidney_keeps(),
            bicarbonate("18"),
            problem("diabetes_mellitus"),
            problem("diarrhea"),
            problem("burn"),
        )
        assert listed(*chart) == ["diarrhea", "burns", "diabetes", "metabolic_acidosis"]

    @pytest.mark.parametrize(("until", "holds"), [("2026-03-13", False), ("2026-03-15", True), (None, True)])
    def test_a_condition_that_is_over_is_no_cause(self, until: str | None, *, holds: bool) -> None:
        burned = problem("burn", onset="2026-03-01", until=until)
        assert ("burns" in listed(mg("0.4 mmol/L"), burned)) is holds

    def test_the_order_of_the_chart_does_not_matter(self) -> None:
        for patient in TEXTBOOK_PATIENTS:
            turned = picture(*reversed(patient.chart), patient=patient.patient, setting=patient.setting)
            assert differential(turned) == differential(patient.picture)


class TestInherited:
    def test_not_if_a_wasting_drug_explains_the_picture(self) -> None:
        assert "gitelman" in listed(*GITELMAN)
        assert listed(*GITELMAN, order("hydrochlorothiazide")) == ["thiazide", "potassium_depletion"]

    def test_a_drug_that_the_picture_contradicts_explains_nothing(self) -> None:
        chart: tuple[Fact, ...] = (*GITELMAN, order("furosemide"))
        assert listed(*chart)[:2] == ["loop_diuretic", "gitelman"]
        assert {own.id for own in candidate("loop_diuretic", *chart).contradicting} == {"urine_calcium:low"}

    def test_nor_does_one_that_was_begun_when_magnesium_was_low_already(self) -> None:
        early = mg("0.5 mmol/L", days_ago=400)
        found = candidate("thiazide", *GITELMAN, early, order("hydrochlorothiazide"))
        (against,) = found.contradicting
        assert (against.id, against.facts) == ("timing:low_before_start", (early,))
        assert against.text == "magnesium was low before it was started (Mg 0.5 mmol/L (7 Feb 2025 12:00))"

    def test_all_that_speaks_against_a_cause_stands_at_the_end_of_its_line(self) -> None:
        early = mg("0.5 mmol/L", days_ago=400)
        assert candidate("loop_diuretic", *GITELMAN, early, order("furosemide")).line.endswith(
            ". Against: low urine calcium (Ca/Cr 0.04 mmol/mmol); "
            "magnesium was low before it was started (Mg 0.5 mmol/L (7 Feb 2025 12:00))."
        )
        assert "gitelman" in listed(*GITELMAN, early, order("hydrochlorothiazide"))
        assert "gitelman" not in listed(*GITELMAN, mg("0.8 mmol/L", days_ago=400), order("hydrochlorothiazide"))
        assert "gitelman" not in listed(*GITELMAN, early, order("hydrochlorothiazide", started=None))

    def test_nor_a_proton_pump_inhibitor_of_last_week(self) -> None:
        chart: tuple[Fact, ...] = (
            mg("0.4 mmol/L"),
            k("2.8 mmol/L"),
            bicarbonate("31"),
            order("omeprazole", days_ago=7),
        )
        (against,) = candidate("ppi", *chart).contradicting
        assert (against.id, against.text, against.facts) == (
            "timing:short_course",
            "taken for a short time only",
            chart[3:],
        )
        assert "gitelman" in listed(*chart)

    def test_but_one_of_long_ago_does(self) -> None:
        chart: tuple[Fact, ...] = (*GITELMAN, order("omeprazole", days_ago=100))
        short = candidate("ppi", *GITELMAN, order("omeprazole", days_ago=7)).contradicting
        assert "timing:short_course" in {own.id for own in short}
        assert "timing:short_course" not in {own.id for own in candidate("ppi", *chart).contradicting}

    def test_nor_a_drug_of_weak_evidence(self) -> None:
        assert listed(*GITELMAN, order("erlotinib"))[:2] == ["egfr_tki", "gitelman"]

    @pytest.mark.parametrize(("age", "named"), [(39, True), (40, False), (None, False)])
    def test_only_if_the_first_low_magnesium_was_early(self, age: int | None, named: bool) -> None:
        assert ("gitelman" in listed(*GITELMAN, patient=aged(age))) is named

    def test_or_with_a_family_history(self) -> None:
        assert "gitelman" in listed(*GITELMAN, problem("family_history"), patient=aged(70))
        assert "gitelman" in listed(*GITELMAN, problem("family_history"), patient=aged(None))

    def test_the_first_low_magnesium_counts_not_the_present_age(self) -> None:
        early = mg("0.5 mmol/L", days_ago=3000)
        found = candidate("gitelman", *GITELMAN, early, patient=aged(45))
        assert {own.text for own in found.supporting if own.id == "first_low:young"} == {
            "first low magnesium at a young age (age 36)"
        }
        assert "gitelman" not in listed(*GITELMAN, mg("0.9 mmol/L", days_ago=3000), patient=aged(45))

    def test_without_any_low_magnesium_there_is_no_first(self) -> None:
        assert "gitelman" not in listed(mg("0.9 mmol/L"), *HYPOKALEMIC, bicarbonate("31"))

    def test_a_result_that_may_or_may_not_have_been_low_is_no_first(self) -> None:
        assert "gitelman" not in listed(*GITELMAN, mg("<0.9 mmol/L", days_ago=3000), patient=aged(45))


RENAL = kidney_wastes("0.5 mmol/L")
HYPOKALEMIC = (k("2.8 mmol/L"),)
NORMOKALEMIC = (k("4.2 mmol/L"),)


@pytest.mark.parametrize(
    ("chart", "first", "never"),
    [
        ((*RENAL, *NORMOKALEMIC, urine_calcium("0.1")), "fxyd2", "gitelman"),
        ((*RENAL, *NORMOKALEMIC, urine_calcium("0.3")), "egf", "fxyd2"),
        ((*RENAL, *NORMOKALEMIC, urine_calcium("0.3"), problem("muscle_cramps")), "kv1_1", "fxyd2"),
        ((*RENAL, *NORMOKALEMIC, urine_calcium("0.9")), "claudin_16", "claudin_19"),
        ((*RENAL, *HYPOKALEMIC, urine_calcium("0.9"), bicarbonate("31")), "bartter_3", "claudin_16"),
        ((*RENAL, *HYPOKALEMIC, urine_calcium("0.9"), bicarbonate("15")), "kir5_1", "gitelman"),
        ((*RENAL, *NORMOKALEMIC, urine_calcium("0.9"), ionized_calcium("0.9")), "casr_activating", "bartter_5"),
        ((*RENAL, *HYPOKALEMIC, urine_calcium("0.9"), ionized_calcium("0.9")), "bartter_5", "claudin_16"),
        ((*RENAL, *HYPOKALEMIC, urine_calcium("0.1")), "gitelman", "bartter_3"),
        ((*RENAL, bicarbonate("15"), lab(Analyte.CHLORIDE, "112 mmol/L")), "proximal_rta", "kir5_1"),
        ((*RENAL, *HYPOKALEMIC, problem("ataxia"), bicarbonate("24")), "kir4_1", "gitelman"),
        ((*RENAL, problem("diabetes_mellitus"), problem("malnutrition")), "trpm6_insulin", "hnf1b"),
    ],
)
def test_the_patterns_of_urine_calcium_potassium_and_bicarbonate(
    chart: tuple[Fact, ...], first: str, never: str
) -> None:
    found = listed(*chart)
    inherited = [id_ for id_ in found if id_ not in {"metabolic_acidosis", "low_intake", "diabetes"}]
    assert inherited[0] == first
    assert never not in found


@pytest.mark.parametrize(("born", "infant"), [("2025-03-15", True), ("2025-03-14", False)])
def test_infancy_ends_at_the_first_birthday(born: str, infant: bool) -> None:
    chart: tuple[Fact, ...] = (mg("0.3 mmol/L"), ionized_calcium("0.8"), problem("seizure"), problem("family_history"))
    found = candidate("trpm6", *chart, patient=Patient("p1", on(born)))
    texts = {own.id: own.text for own in found.supporting}
    assert texts.get("first_low:infancy") == ("first low magnesium in infancy" if infant else None)


def test_antenatal_bartter_syndrome_needs_infancy() -> None:
    chart: tuple[Fact, ...] = (mg("0.6 mmol/L"), *HYPOKALEMIC, bicarbonate("31"), problem("hypercalciuria"))
    assert {"bartter_1", "bartter_2", "bartter_3"} <= set(listed(*chart, patient=INFANT))
    assert not {"bartter_1", "bartter_2"} & set(listed(*chart))


def test_urine_calcium_of_minors_is_no_finding() -> None:
    chart: tuple[Fact, ...] = (mg("0.5 mmol/L"), *NORMOKALEMIC, urine_calcium("1.5"))
    assert listed(*chart, patient=aged(17)) == []
    assert "claudin_16" in listed(*chart, patient=aged(18))
    assert "claudin_16" in listed(*chart, problem("nephrocalcinosis"), patient=aged(17))


class TestFindings:
    def test_a_days_urine_magnesium(self) -> None:
        daily = lab(Analyte.MAGNESIUM_URINE_24H, "3 mmol/d")
        chart: tuple[Fact, ...] = (mg("0.4 mmol/L"), daily, order("tacrolimus"))
        found = candidate("calcineurin_inhibitor", *chart)
        assert supports(found) == {"drug:calcineurin_inhibitor", "urine_magnesium:high"}
        low = lab(Analyte.MAGNESIUM_URINE_24H, "0.5 mmol/d")
        assert supports(candidate("calcineurin_inhibitor", mg("0.4 mmol/L"), low, order("tacrolimus"))) == {
            "drug:calcineurin_inhibitor"
        }

    @pytest.mark.parametrize(
        ("ratio", "for_", "against"),
        [
            ("5 mmol/mmol", {"urine_potassium:renal"}, set()),
            ("0.5 mmol/mmol", set(), {"urine_potassium:not_renal"}),
            ("<2 mmol/mmol", set(), set()),
        ],
    )
    def test_urine_potassium(self, ratio: str, for_: set[str], against: set[str]) -> None:
        chart: tuple[Fact, ...] = (
            mg("0.4 mmol/L"),
            k("2.8 mmol/L"),
            lab(Analyte.POTASSIUM_CREATININE, ratio),
            order("furosemide"),
        )
        found = candidate("loop_diuretic", *chart)
        assert supports(found) == {"drug:loop_diuretic", "potassium:low", *for_}
        assert {own.id for own in found.contradicting} == against

    @pytest.mark.parametrize(("urine", "raised"), [("60 mmol/L", True), ("12 mmol/L", False)])
    def test_the_transtubular_gradient_supports(self, urine: str, raised: bool) -> None:
        chart: tuple[Fact, ...] = (
            mg("0.4 mmol/L"),
            k("3.0 mmol/L"),
            lab(Analyte.POTASSIUM_URINE, urine),
            lab(Analyte.SODIUM_URINE, "80 mmol/L"),
            lab(Analyte.OSMOLALITY_URINE, "600 mosm/kg"),
            lab(Analyte.OSMOLALITY, "290 mosm/kg"),
            order("furosemide"),
        )
        assert ("ttkg:high" in supports(candidate("loop_diuretic", *chart))) is raised

    def test_potassium_that_may_or_may_not_be_low_is_no_finding(self) -> None:
        assert supports(candidate("loop_diuretic", mg("0.4 mmol/L"), k("<4.0 mmol/L"), order("furosemide"))) == {
            "drug:loop_diuretic"
        }

    def test_a_normal_chloride_is_no_finding(self) -> None:
        chart: tuple[Fact, ...] = (mg("0.4 mmol/L"), bicarbonate("15"), lab(Analyte.CHLORIDE, "107 mmol/L"))
        assert supports(candidate("metabolic_acidosis", *chart)) == {"bicarbonate:low"}

    @pytest.mark.parametrize(
        ("results", "text"),
        [
            ([bicarbonate("15")], "low bicarbonate (HCO3 15 mmol/L)"),
            ([bicarbonate("15"), lab(Analyte.PH, "7.20 pH")], "low bicarbonate (acidosis: HCO3 15 mmol/L, pH 7.20)"),
            ([bicarbonate("15"), lab(Analyte.PH, "7.40 pH")], "low bicarbonate (HCO3 15 mmol/L, pH 7.40)"),
        ],
    )
    def test_it_is_an_acidosis_only_with_a_ph(self, results: list[Fact], text: str) -> None:
        found = candidate("metabolic_acidosis", mg("0.4 mmol/L"), *results)
        assert found.supporting[0].text == text

    def test_a_bicarbonate_that_the_ph_contradicts_is_no_finding(self) -> None:
        assert listed(mg("0.4 mmol/L"), bicarbonate("15"), lab(Analyte.PH, "7.50 pH")) == []

    @pytest.mark.parametrize(
        ("results", "low"),
        [
            ([], False),
            ([ionized_calcium("1.11")], True),
            ([ionized_calcium("1.12")], False),
            ([ionized_calcium("1.20"), lab(Analyte.CALCIUM_TOTAL, "1.5 mmol/L")], False),
            ([lab(Analyte.CALCIUM_CORRECTED, "2.09 mmol/L")], True),
            ([lab(Analyte.CALCIUM_CORRECTED, "2.10 mmol/L"), lab(Analyte.CALCIUM_TOTAL, "1.5 mmol/L")], False),
            ([lab(Analyte.CALCIUM_TOTAL, "7.5 mg/dL")], True),
            ([lab(Analyte.CALCIUM_TOTAL, "1.95 mmol/L")], False),
        ],
    )
    def test_low_calcium_is_ionized_then_corrected_then_a_very_low_total(self, results: list[Fact], low: bool) -> None:
        found = candidate("pancreatitis", mg("0.4 mmol/L"), *results, problem("pancreatitis"))
        assert ("calcium:low" in supports(found)) is low

    def test_a_corrected_calcium_is_told_with_the_two_results_it_comes_from(self) -> None:
        total, albumin_result = calcium("7.0 mg/dL"), albumin("3.5 g/dL")
        found = candidate("pancreatitis", mg("0.4 mmol/L"), total, albumin_result, problem("pancreatitis"))
        (low,) = (own for own in found.supporting if own.id == "calcium:low")
        assert (low.text, low.facts) == ("low calcium (corrected Ca 7.40 mg/dL)", (total, albumin_result))

    def test_a_calcium_that_is_not_corrected_is_told_as_reported(self) -> None:
        found = candidate("pancreatitis", mg("0.4 mmol/L"), ionized_calcium("1.0"), problem("pancreatitis"))
        (low,) = (own for own in found.supporting if own.id == "calcium:low")
        assert low.text == "low calcium (ionized Ca 1.0 mmol/L)"

    @pytest.mark.parametrize(("pth", "finding"), [("65 pg/mL", True), ("66 pg/mL", False)])
    def test_parathyroid_hormone_is_a_finding_if_it_is_not_raised_with_low_calcium(
        self, pth: str, finding: bool
    ) -> None:
        chart: tuple[Fact, ...] = (mg("0.3 mmol/L"), ionized_calcium("0.8"), lab(Analyte.PTH, pth))
        assert ("pth:not_raised" in supports(candidate("trpm6", *chart, patient=INFANT))) is finding

    def test_an_equivocal_femg_is_no_finding(self) -> None:
        chart: tuple[Fact, ...] = (mg("0.5 mmol/L"), creatinine("70 umol/L"), lab(Analyte.MAGNESIUM_URINE, "1 mmol/L"))
        found = candidate("diabetes", *chart, urine_creatinine("7 mmol/L"), problem("diabetes_mellitus"))
        assert supports(found) == {"condition:diabetes_mellitus"}


class TestLine:
    def test_of_a_drug_begins_with_the_drug(self) -> None:
        line = candidate("loop_diuretic", *GITELMAN, order("furosemide", started="2026-03-02")).line
        assert line == (
            "Furosemide (loop diuretic; thick ascending limb): since 2 Mar 2026; renal magnesium loss (FEMg 7.9 %); "
            "low potassium (K 2.8 mmol/L); high bicarbonate (HCO3 31 mmol/L). "
            "Against: low urine calcium (Ca/Cr 0.04 mmol/mmol)."
        )

    def test_of_two_drugs_of_a_class_names_both(self) -> None:
        found = candidate("loop_diuretic", mg("0.4 mmol/L"), order("furosemide", started=None), order("bumetanide"))
        assert found.line == "Bumetanide and furosemide (loop diuretic; thick ascending limb): start unknown."

    def test_of_a_drug_that_is_its_own_class_says_it_once(self) -> None:
        found = candidate("cinacalcet", mg("0.4 mmol/L"), order("cinacalcet", started="2026-03-02"))
        assert found.line == "Cinacalcet (distal convoluted tubule): since 2 Mar 2026."

    def test_of_a_drug_that_was_stopped_says_so(self) -> None:
        stopped = ended_order("tacrolimus", started="2026-01-02", ended=ago(days=3))
        line = candidate("calcineurin_inhibitor", mg("0.4 mmol/L"), stopped).line
        assert "since 2 Jan 2026, stopped, effect may last" in line

    def test_of_a_condition_does_not_repeat_its_name(self) -> None:
        assert candidate("diarrhea", mg("0.4 mmol/L"), problem("diarrhea")).line == "Diarrhea (gut): on record."


class TestCard:
    def test_shows_urine_calcium_and_the_causes_with_their_evidence(self) -> None:
        found = judge(picture(*GITELMAN, patient=YOUNG))
        assert isinstance(found, Finding)
        assert "Urine calcium/creatinine 0.04 mmol/mmol: low." in found.what
        assert any(line.startswith("Gitelman syndrome (distal convoluted tubule): ") for line in found.what)
        assert "Consider genetics: an inherited disorder is possible, not established." in found.act
        assert {"urine.low_calcium", "urine.high_calcium"} <= set(found.evidence.thresholds)
        assert "S0-109" in found.evidence.citations
        assert ("urine calcium/creatinine", "0.04 mmol/mmol") in found.evidence.derived
        assert set(GITELMAN) <= set(found.evidence.facts)

    def test_without_femg_lists_causes_and_still_asks_for_urine(self) -> None:
        found = judge(picture(mg("0.4 mmol/L"), problem("alcohol_use_disorder"), setting=INPATIENT))
        assert isinstance(found, Finding)
        assert (
            found.summary
            == "Low magnesium, possible causes listed: urine Mg and creatinine would tell renal from gut loss"
        )
        assert found.what[-1] == "Alcohol (gut): alcohol use disorder."
        assert found.proposals == (Proposal.URINE_MAGNESIUM,)
        assert "Consider genetics" not in " ".join(found.act)

    def test_an_open_urine_calcium_is_called_so(self) -> None:
        open_ = lab(Analyte.CALCIUM_CREATININE, "<0.3 mmol/mmol")
        found = judge(picture(mg("0.4 mmol/L"), open_))
        assert isinstance(found, Finding)
        assert "Urine calcium/creatinine <0.30 mmol/mmol: not conclusive." in found.what
        assert found.summary.startswith("Low magnesium, without an evident reason")

    def test_summaries_are_short_enough(self) -> None:
        for patient in TEXTBOOK_PATIENTS:
            verdict = judge(patient.picture)
            assert isinstance(verdict, Finding)
            assert len(verdict.summary) < 140
