"""clinical.md §3: the evidence of a finding names every fact and limit its rule rests on, in full, and no other fact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from magnesium.advice import replace_magnesium
from magnesium.facts import Analyte
from magnesium.picture import ClinicalPicture
from magnesium.rules import (
    arrhythmia_risk,
    cause_of_hypomagnesemia,
    hypocalcemia,
    hypokalemia,
    hypomagnesemia,
    magnesium_monitoring,
    magnesium_safety,
    magnesium_wasting_drug,
    refractory_hypokalemia,
)
from magnesium.verdict import Evidence, Finding, Verdict
from tests.builders import (
    ORAL,
    POLICY,
    Fact,
    acute,
    albumin,
    calcium,
    creatinine,
    draft,
    egfr,
    iv_magnesium,
    k,
    lab,
    mg,
    order,
    picture,
    problem,
    qrs,
    qtc,
    site_policy,
    urine_creatinine,
    urine_mg,
)

Judge = Callable[[ClinicalPicture], Verdict]

BORDERLINE_MG, LOW_MG, HIGH_MG = (mg(f"{v} mg/dL", hours_ago=2) for v in ("1.6", "1.4", "3.0"))
NORMAL_MG_TOO = mg("2.4 mg/dL", hours_ago=2)
EARLIER_MG, STALE_MG, OLD_MG = mg("1.5 mg/dL", days_ago=4), mg("1.4 mg/dL", days_ago=40), mg("2.0 mg/dL", days_ago=300)
LOW_K, EARLIER_K, KCL = k("3.0 mmol/L", hours_ago=1), k("3.1 mmol/L", days_ago=3), order("potassium chloride")
KCL_DRAFT, FUROSEMIDE_DRAFT = draft("potassium chloride"), draft("furosemide")
DIGOXIN, SOTALOL, FUROSEMIDE, THIAZIDE = (
    order(drug) for drug in ("digoxin", "sotalol", "furosemide", "hydrochlorothiazide")
)
AMPHOTERICIN = order("amphotericin B")
OXIDE, OXIDE_DRAFT = order("magnesium oxide", route=ORAL), draft("magnesium oxide", route=ORAL)
LONG_QT, LONG_QTC, PACED = problem("long_qt"), qtc("520"), problem("pacemaker")
TORSADES, SEIZURE, INJURED = acute("torsades_de_pointes"), acute("seizure"), acute("acute_kidney_injury")
DIALYSIS, CKD, PREGNANT = problem("dialysis"), problem("ckd_stage_5"), problem("pregnancy")
HEALTHY, POOR = egfr("90"), egfr("20")
LOW_CA, ALBUMIN = calcium("7.0 mg/dL", hours_ago=2), albumin("3.5 g/dL", hours_ago=2)
NOW_MG, CREATININE = mg("1.0 mg/dL"), creatinine("1 mg/dL")
URINE_MG, URINE_CREATININE = urine_mg("3.5 mg/dL"), urine_creatinine("100 mg/dL")
DAILY_MG = lab(Analyte.MAGNESIUM_URINE_24H, "3 mmol/d")
WIDE_QRS, BLEEDING = qrs("140"), problem("gi_bleeding")
LOW_PHOSPHATE = problem("hypophosphatemia")
URINE_CA = lab(Analyte.CALCIUM_URINE, "5 mg/dL")

OF_MAGNESIUM = {"magnesium.severe", "magnesium.low", "magnesium.borderline"}
OF_BORDERLINE_QTC = {"ecg.qtc_borderline_male", "ecg.qtc_borderline_female"}
OF_ECG = {"ecg.qtc_long", "ecg.qrs_wide"} | OF_BORDERLINE_QTC
OF_POTASSIUM = {f"potassium.{name}" for name in ("low", "moderate", "severe")}
DOSE = iv_magnesium(hours_ago=13)
OF_URINE_CALCIUM = {"urine.low_calcium", "urine.high_calcium"}
OF_CAUSE = {"femg.filterable", "femg.renal", "femg.extrarenal", "kidney.full", "kidney.reduced"}
OF_WASTING = {"magnesium.severe", "magnesium.low", "magnesium.borderline", "potassium.low", "exposure.chronic"}


def evidence(judge: Judge, *found: Fact, **more: Any) -> Evidence:
    verdict = judge(picture(*found, **more))
    assert isinstance(verdict, Finding), verdict
    return verdict.evidence


@pytest.mark.parametrize(
    ("judge", "used", "unused"),
    [
        (
            arrhythmia_risk.judge,
            [LOW_MG, LOW_K, LONG_QTC, WIDE_QRS, TORSADES, LONG_QT, PACED, DIGOXIN, SOTALOL],
            [FUROSEMIDE, PREGNANT],
        ),
        (arrhythmia_risk.judge, [LOW_MG, LOW_K, DIGOXIN, FUROSEMIDE_DRAFT], [THIAZIDE]),
        (
            hypomagnesemia.judge,
            [BORDERLINE_MG, EARLIER_MG, LOW_K, DIGOXIN, SOTALOL, LONG_QT, OXIDE, HEALTHY],
            [FUROSEMIDE],
        ),
        (hypomagnesemia.judge, [LOW_MG, NORMAL_MG_TOO, POOR], [DIGOXIN, SOTALOL, LONG_QT]),
        (hypomagnesemia.judge, [BORDERLINE_MG, DIGOXIN, LONG_QT], []),
        (hypomagnesemia.judge, [LOW_MG], [mg("1.45 mg/dL", hours_ago=2)]),
        (hypomagnesemia.judge, [STALE_MG], [DIGOXIN]),
        (hypomagnesemia.judge, [LOW_MG, qtc("490"), lab(Analyte.MAGNESIUM_IONIZED, "0.40 mmol/L")], [WIDE_QRS]),
        (hypomagnesemia.judge, [mg("1.4 mg/dL", hours_ago=30), mg("2.0 mg/dL", hours_ago=12), DOSE], [DIGOXIN]),
        (refractory_hypokalemia.judge, [LOW_K, EARLIER_K, KCL, LOW_MG, DIGOXIN], [FUROSEMIDE, POOR]),
        (refractory_hypokalemia.judge, [LOW_K, EARLIER_K, KCL, LOW_MG, OXIDE_DRAFT], [KCL_DRAFT]),
        (hypokalemia.judge, [LOW_K, LOW_MG], [DIGOXIN, POOR]),
        (hypokalemia.judge, [LOW_K, STALE_MG], []),
        (hypokalemia.judge, [LOW_K, LOW_MG, OXIDE_DRAFT], [KCL_DRAFT]),
        (hypocalcemia.judge, [LOW_CA, ALBUMIN, LOW_MG, LONG_QTC, SEIZURE, DIGOXIN], [FUROSEMIDE, POOR]),
        (magnesium_wasting_drug.judge, [LOW_MG, FUROSEMIDE, order("oxaliplatin")], [DIGOXIN, BLEEDING]),
        (magnesium_wasting_drug.judge, [LOW_MG, order("omeprazole", days_ago=100), BLEEDING], [DIGOXIN]),
        (magnesium_wasting_drug.judge, [LOW_MG, draft("omeprazole"), BLEEDING], [DIALYSIS]),
        (magnesium_wasting_drug.judge, [LOW_MG, LOW_K, FUROSEMIDE_DRAFT, DIGOXIN], [POOR, KCL]),
        (magnesium_monitoring.judge, [OLD_MG, AMPHOTERICIN, DIGOXIN], [FUROSEMIDE]),
        (magnesium_safety.judge, [HIGH_MG, OXIDE, DIALYSIS, INJURED, CKD, PREGNANT], [DIGOXIN]),
        (magnesium_safety.judge, [OXIDE, POOR], [DIGOXIN]),
        (
            cause_of_hypomagnesemia.judge,
            [NOW_MG, CREATININE, URINE_MG, URINE_CREATININE, HEALTHY, FUROSEMIDE, THIAZIDE, URINE_CA],
            [DIGOXIN],
        ),
        (cause_of_hypomagnesemia.judge, [NOW_MG, URINE_CA, URINE_CREATININE, LOW_K], [DIGOXIN]),
        (cause_of_hypomagnesemia.judge, [NOW_MG], [DIGOXIN]),
        (cause_of_hypomagnesemia.judge, [NOW_MG, LOW_PHOSPHATE], [DIGOXIN]),
        (
            cause_of_hypomagnesemia.judge,
            [NOW_MG, CREATININE, URINE_MG, URINE_CREATININE, HEALTHY, LOW_PHOSPHATE],
            [DIGOXIN],
        ),
        (cause_of_hypomagnesemia.judge, [NOW_MG, DAILY_MG], [DIGOXIN]),
        (
            cause_of_hypomagnesemia.judge,
            [NOW_MG, CREATININE, URINE_MG, URINE_CREATININE, HEALTHY, DAILY_MG],
            [DIGOXIN],
        ),
    ],
)
def test_every_fact_used_is_named_and_no_other(judge: Judge, used: list[Fact], unused: list[Fact]) -> None:
    assert set(evidence(judge, *used, *unused).facts) == set(used)


def test_diuretics_and_urine_calcium_are_named_although_no_listed_cause_rests_on_them(tmp_path: Path) -> None:
    lists_none = site_policy(tmp_path, "[differential.most]\nvalue = 0\nreviewed = 2026-01-01\n")
    chart: list[Fact] = [NOW_MG, CREATININE, URINE_MG, URINE_CREATININE, HEALTHY, FUROSEMIDE, THIAZIDE, URINE_CA]
    judge = cause_of_hypomagnesemia.judge
    assert {FUROSEMIDE, THIAZIDE, URINE_CA} <= set(evidence(judge, *chart, policy=lists_none).facts)
    # One that may or may not be low speaks neither for nor against a cause.
    open_calcium = lab(Analyte.CALCIUM_CREATININE, "<0.3 mmol/mmol")
    assert open_calcium in evidence(judge, NOW_MG, CREATININE, URINE_MG, URINE_CREATININE, HEALTHY, open_calcium).facts
    assert open_calcium in evidence(judge, NOW_MG, open_calcium).facts


@pytest.mark.parametrize(
    ("judge", "found", "thresholds"),
    [
        (
            arrhythmia_risk.judge,
            [LOW_MG, DIGOXIN],
            OF_ECG | {"magnesium.severe", "magnesium.low", "potassium.target"} | OF_POTASSIUM,
        ),
        (hypomagnesemia.judge, [LOW_MG], OF_MAGNESIUM),
        (hypomagnesemia.judge, [LOW_MG, qtc("490")], OF_MAGNESIUM | OF_BORDERLINE_QTC),
        (
            hypomagnesemia.judge,
            [mg("1.4 mg/dL", hours_ago=30), mg("2.0 mg/dL", hours_ago=12), DOSE],
            OF_MAGNESIUM | {"magnesium.after_dose"},
        ),
        (
            refractory_hypokalemia.judge,
            [LOW_K, EARLIER_K, KCL],
            {"potassium.refractory_rise", "potassium.refractory_gap", "magnesium.severe", "magnesium.low"}
            | OF_POTASSIUM,
        ),
        (hypokalemia.judge, [LOW_K], {"potassium.low", "magnesium.severe", "magnesium.low"}),
        (
            hypocalcemia.judge,
            [LOW_CA, ALBUMIN, LOW_MG],
            {"magnesium.severe", "magnesium.low", "calcium.corrected_low", "calcium.corrected_warning"}
            | {f"calcium.ionized_{name}" for name in ("low", "warning", "critical")},
        ),
        (magnesium_wasting_drug.judge, [LOW_MG, FUROSEMIDE], OF_WASTING),
        (magnesium_wasting_drug.judge, [LOW_MG, FUROSEMIDE_DRAFT], OF_WASTING),
        (
            magnesium_monitoring.judge,
            [OLD_MG, AMPHOTERICIN],
            {"magnesium.after_dose"}
            | {f"monitoring.{name}" for name in ("grace_percent", "grace_least", "digoxin", "ppi")},
        ),
        (
            magnesium_safety.judge,
            [HIGH_MG, OXIDE],
            {"magnesium.high", "magnesium.toxic", "magnesium.very_toxic", "kidney.reduced"},
        ),
        (cause_of_hypomagnesemia.judge, [NOW_MG], OF_CAUSE),
        (cause_of_hypomagnesemia.judge, [NOW_MG, URINE_CA, URINE_CREATININE], OF_CAUSE | OF_URINE_CALCIUM),
        (cause_of_hypomagnesemia.judge, [NOW_MG, CREATININE, URINE_MG, URINE_CREATININE], OF_CAUSE),
        (cause_of_hypomagnesemia.judge, [NOW_MG, DAILY_MG], OF_CAUSE | {"urine.daily_magnesium"}),
        (
            cause_of_hypomagnesemia.judge,
            [NOW_MG, CREATININE, URINE_MG, URINE_CREATININE, URINE_CA, DAILY_MG],
            OF_CAUSE | OF_URINE_CALCIUM | {"urine.daily_magnesium"},
        ),
    ],
)
def test_every_limit_of_the_rule_is_named(judge: Judge, found: list[Fact], thresholds: set[str]) -> None:
    assert set(evidence(judge, *found).thresholds) == thresholds
    assert thresholds <= set(POLICY.numbers)


@pytest.mark.parametrize(
    ("judge", "found"),
    [
        (arrhythmia_risk.judge, [LOW_MG, DIGOXIN]),
        (hypomagnesemia.judge, [LOW_MG, LOW_K]),
        (hypocalcemia.judge, [LOW_CA, ALBUMIN, LOW_MG]),
        (magnesium_wasting_drug.judge, [LOW_MG, FUROSEMIDE_DRAFT]),
    ],
)
def test_an_order_that_the_kidneys_hold_back_is_named_with_the_reason(judge: Judge, found: list[Fact]) -> None:
    assert evidence(judge, *found, POOR).held_back == ("magnesium-oral: eGFR below 30",)


@pytest.mark.parametrize(
    ("judge", "found"),
    [
        (arrhythmia_risk.judge, [LOW_MG, LOW_K, DIGOXIN]),
        (refractory_hypokalemia.judge, [LOW_K, EARLIER_K, KCL, LOW_MG]),
        (hypokalemia.judge, [LOW_K, LOW_MG]),
    ],
)
def test_so_is_the_potassium_that_a_low_potassium_calls_for(judge: Judge, found: list[Fact]) -> None:
    assert evidence(judge, *found, POOR).held_back == (
        "magnesium-oral: eGFR below 30",
        "potassium: kidney function impaired or unknown",
    )


@pytest.mark.parametrize(
    ("judge", "found"),
    [
        (arrhythmia_risk.judge, [LOW_K, KCL, DIGOXIN]),
        (refractory_hypokalemia.judge, [LOW_K, EARLIER_K, KCL]),
        (hypokalemia.judge, [LOW_K, KCL]),
    ],
)
def test_potassium_that_is_ordered_already_is_the_reason_where_no_guard_has_one(
    judge: Judge, found: list[Fact]
) -> None:
    assert evidence(judge, *found, HEALTHY).held_back == ("potassium: potassium is already ordered or given",)


@pytest.mark.parametrize(
    ("judge", "found"),
    [
        (arrhythmia_risk.judge, [LOW_MG, DIGOXIN]),
        (hypomagnesemia.judge, [LOW_MG]),
        (refractory_hypokalemia.judge, [LOW_K, EARLIER_K, KCL, LOW_MG]),
        (hypokalemia.judge, [LOW_K, LOW_MG]),
        (hypocalcemia.judge, [LOW_CA, ALBUMIN, LOW_MG]),
        (magnesium_wasting_drug.judge, [LOW_MG, FUROSEMIDE_DRAFT]),
    ],
)
def test_a_rule_that_says_how_to_replace_magnesium_marks_it_as_the_plan(judge: Judge, found: list[Fact]) -> None:
    chart = picture(*found, HEALTHY)
    verdict = judge(chart)
    assert isinstance(verdict, Finding)
    assert verdict.plan == replace_magnesium(chart).plan
    assert set(verdict.plan) <= set(verdict.act)


@pytest.mark.parametrize(
    ("judge", "found", "derived"),
    [
        (
            cause_of_hypomagnesemia.judge,
            [NOW_MG, CREATININE, URINE_MG, URINE_CREATININE, HEALTHY, URINE_CA],
            {"FEMg": "5.0 %", "reading": "suggests renal wasting", "urine calcium/creatinine": "0.05 mg/mg"},
        ),
        (
            cause_of_hypomagnesemia.judge,
            [NOW_MG, URINE_CREATININE, URINE_CA],
            {"urine calcium/creatinine": "0.05 mg/mg"},
        ),
        (cause_of_hypomagnesemia.judge, [NOW_MG], {}),
        (
            magnesium_safety.judge,
            [HIGH_MG, OXIDE, DIALYSIS],
            {"reason": "Mg 3.0 mg/dL above the usual range and kidney replacement therapy"},
        ),
        (hypocalcemia.judge, [LOW_CA, ALBUMIN, LOW_MG], {"corrected calcium": "7.40 mg/dL"}),
        (magnesium_wasting_drug.judge, [LOW_MG, FUROSEMIDE_DRAFT], {"row": "low"}),
        (magnesium_wasting_drug.judge, [STALE_MG, FUROSEMIDE_DRAFT], {"row": "last value low"}),
        (magnesium_wasting_drug.judge, [BORDERLINE_MG, draft("cisplatin")], {"row": "borderline"}),
        (magnesium_wasting_drug.judge, [BORDERLINE_MG, LOW_K, DIGOXIN, FUROSEMIDE_DRAFT], {"row": "borderline"}),
        (magnesium_wasting_drug.judge, [draft("cisplatin")], {"row": "baseline"}),
    ],
)
def test_what_was_computed_is_told(judge: Judge, found: list[Fact], derived: dict[str, str]) -> None:
    assert dict(evidence(judge, *found).derived) == derived
