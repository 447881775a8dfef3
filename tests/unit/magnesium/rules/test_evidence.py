"""clinical.md §3: the evidence of a finding names every fact, limit and source that its rule rests on, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

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
    INPATIENT,
    IV,
    ORAL,
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
    qtc,
    unreadable,
    urine_creatinine,
    urine_mg,
)
from magnesium.facts import Analyte

LOW_MG, HIGH_MG, BORDERLINE_MG = (mg(f"{v} mg/dL", hours_ago=2) for v in ("1.4", "3.0", "1.6"))
LOW_K, BEFORE_K, KCL = k("3.0 mmol/L", hours_ago=1), k("3.1 mmol/L", days_ago=3), order("potassium chloride")
DIGOXIN, SOTALOL, FUROSEMIDE = order("digoxin"), order("sotalol"), order("furosemide")
OXIDE, OXIDE_DRAFT = order("magnesium oxide", route=ORAL), draft("magnesium oxide", route=ORAL)
LONG_QT, LONG_QTC, PACED = problem("long_qt"), qtc("520"), problem("pacemaker")
TORSADES, SEIZURE = acute("torsades_de_pointes"), acute("seizure")
POOR_KIDNEYS = egfr("20")


def evidence(judge: Callable[[ClinicalPicture], Verdict], *found: Fact, **more: Any) -> Evidence:
    verdict = judge(picture(*found, **more))
    assert isinstance(verdict, Finding), verdict
    return verdict.evidence
