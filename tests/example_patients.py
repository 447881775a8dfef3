"""Made-up patients for the generated pages: one for each topic of cards, and one for each finding of the guards."""

from __future__ import annotations

from dataclasses import dataclass

from hooks.order_select import ORDER_SELECT
from hooks.patient_view import PATIENT_VIEW
from hooks.service import HookService
from magnesium.facts import Analyte, Patient, Setting, Sex
from magnesium.moment import When
from magnesium.picture import ClinicalPicture
from magnesium.verdict import Topic
from tests.builders import (
    ADULT,
    HEALTHY_KIDNEYS,
    INPATIENT,
    IV,
    OUTPATIENT,
    Fact,
    acute,
    aged,
    ago,
    creatinine,
    draft,
    egfr,
    given,
    iv_magnesium,
    k,
    lab,
    mg,
    order,
    picture,
    problem,
    pulse,
    qtc,
    replacement_procedure,
    unreadable,
    urine_creatinine,
    urine_mg,
)


@dataclass(frozen=True, slots=True)
class ExamplePatient:
    """A patient, the service that is asked, and the topic whose card is shown."""

    topic: Topic
    story: str
    chart: tuple[Fact, ...]
    patient: Patient
    setting: Setting = OUTPATIENT
    service: HookService = PATIENT_VIEW

    @property
    def picture(self) -> ClinicalPicture:
        """The patient's chart under the default policy."""
        return picture(*self.chart, patient=self.patient, setting=self.setting)


EXAMPLE_PATIENTS = (
    ExamplePatient(
        Topic.SAFETY,
        "A man of 74 with eGFR 18 and magnesium 1.2 mmol/L; magnesium hydroxide is being ordered for constipation.",
        (mg("1.20 mmol/L", hours_ago=5), egfr("18", hours_ago=5), draft("magnesium hydroxide")),
        aged(74, Sex.MALE),
        INPATIENT,
        ORDER_SELECT,
    ),
    ExamplePatient(
        Topic.ARRHYTHMIA,
        "A woman of 68 in hospital on sotalol, with torsades two hours ago.",
        (
            mg("1.3 mg/dL", hours_ago=3),
            k("3.1 mmol/L", hours_ago=3),
            qtc("540", hours_ago=2),
            egfr("72", hours_ago=3),
            order("sotalol", days_ago=4),
            acute("torsades_de_pointes"),
        ),
        aged(68),
        INPATIENT,
    ),
    ExamplePatient(
        Topic.HYPOMAGNESEMIA,
        "A man of 55 in hospital, magnesium falling for a week.",
        (
            mg("1.1 mg/dL", hours_ago=4),
            mg("1.5 mg/dL", days_ago=6),
            k("3.8 mmol/L", hours_ago=4),
            egfr("88", hours_ago=4),
        ),
        aged(55, Sex.MALE),
        INPATIENT,
    ),
    ExamplePatient(
        Topic.REFRACTORY_HYPOKALEMIA,
        "A woman of 71 in hospital on furosemide; potassium stays low on potassium chloride.",
        (
            k("3.1 mmol/L", hours_ago=3),
            k("3.0 mmol/L", days_ago=2),
            mg("1.4 mg/dL", hours_ago=3),
            egfr("64", hours_ago=3),
            order("potassium chloride", days_ago=2),
            order("furosemide", days_ago=90),
        ),
        aged(71),
        INPATIENT,
    ),
    ExamplePatient(
        Topic.HYPOKALEMIA,
        "A man of 63 at an office visit; no magnesium on file.",
        (k("3.2 mmol/L", days_ago=1), HEALTHY_KIDNEYS),
        aged(63, Sex.MALE),
    ),
    ExamplePatient(
        Topic.HYPOCALCEMIA,
        "A woman of 47 in hospital with carpal spasm.",
        (
            lab(Analyte.CALCIUM_IONIZED, "0.85 mmol/L", hours_ago=2),
            mg("0.44 mmol/L", hours_ago=2),
            k("3.9 mmol/L", hours_ago=2),
            egfr("95", hours_ago=2),
            acute("tetany"),
        ),
        aged(47),
        INPATIENT,
    ),
    ExamplePatient(
        Topic.WASTING_DRUG,
        "A woman of 70 on omeprazole for five years and hydrochlorothiazide for one.",
        (
            mg("1.4 mg/dL", days_ago=2),
            k("3.9 mmol/L", days_ago=2),
            egfr("70", days_ago=2),
            order("omeprazole", days_ago=5 * 365, authored=When.at(ago(days=20))),
            order("hydrochlorothiazide", days_ago=365, authored=When.at(ago(days=20))),
        ),
        aged(70),
    ),
    ExamplePatient(
        Topic.MONITORING,
        "A man of 59 after cetuximab three weeks ago; the last magnesium is six weeks old.",
        (mg("0.82 mmol/L", days_ago=42), given("cetuximab", hours_ago=21 * 24, route=IV), egfr("81", days_ago=42)),
        aged(59, Sex.MALE),
    ),
    ExamplePatient(
        Topic.CAUSE,
        "A woman of 24 with fatigue and salt craving, on no drug.",
        (
            mg("0.52 mmol/L", hours_ago=6),
            creatinine("70 umol/L", hours_ago=6),
            urine_mg("2.5 mmol/L", hours_ago=6),
            urine_creatinine("7 mmol/L", hours_ago=6),
            k("2.9 mmol/L", hours_ago=6),
            lab(Analyte.BICARBONATE, "31 mmol/L", hours_ago=6),
            lab(Analyte.CALCIUM_CREATININE, "0.04 mmol/mmol", hours_ago=6),
            problem("muscle_cramps"),
        ),
        aged(24),
    ),
)


@dataclass(frozen=True, slots=True)
class GuardPatient:
    """A patient with low magnesium and potassium, and the finding that holds orders back."""

    finding: str
    chart: tuple[Fact, ...]
    patient: Patient = ADULT
    low: tuple[Fact, ...] = (mg("1.1 mg/dL", hours_ago=2), k("3.1 mmol/L", hours_ago=2))

    @property
    def picture(self) -> ClinicalPicture:
        """The patient's chart under the default policy, in hospital."""
        return picture(*self.low, *self.chart, patient=self.patient, setting=INPATIENT)


_FULL = egfr("90", hours_ago=2)

GUARD_PATIENTS = (
    GuardPatient("eGFR 60 or more, nothing else", (_FULL,)),
    GuardPatient("eGFR 30-59", (egfr("45", hours_ago=2),)),
    GuardPatient("eGFR below 30", (egfr("22", hours_ago=2),)),
    GuardPatient("kidney function unknown or too old", ()),
    GuardPatient("acute kidney injury", (_FULL, acute("acute_kidney_injury"))),
    GuardPatient("oliguria", (_FULL, acute("oliguria"))),
    GuardPatient("dialysis or other kidney replacement therapy", (_FULL, problem("dialysis"))),
    GuardPatient("a kidney replacement procedure within 14 d", (_FULL, replacement_procedure(days_ago=10))),
    GuardPatient("a newer creatinine that could not be read", (_FULL, unreadable(Analyte.CREATININE, hours_ago=1))),
    GuardPatient("magnesium high", (_FULL,), low=(mg("2.9 mg/dL", hours_ago=2), k("3.1 mmol/L", hours_ago=2))),
    GuardPatient("a newer magnesium that could not be read", (_FULL, unreadable(hours_ago=1))),
    GuardPatient("results of one moment disagree", (_FULL, mg("1.8 mg/dL", hours_ago=2))),
    GuardPatient("IV magnesium in force or within 12 h", (_FULL, iv_magnesium(hours_ago=5))),
    GuardPatient("myasthenia gravis", (_FULL, problem("myasthenia_gravis"))),
    GuardPatient("Lambert-Eaton syndrome", (_FULL, problem("lambert_eaton"))),
    GuardPatient("AV block II or III without a pacemaker", (_FULL, problem("av_block_high_grade"))),
    GuardPatient("AV block of unknown degree without a pacemaker", (_FULL, problem("av_block_unspecified"))),
    GuardPatient("sick sinus syndrome without a pacemaker", (_FULL, problem("sick_sinus_syndrome"))),
    GuardPatient("heart rate below 50 within 24 h", (_FULL, pulse("44", hours_ago=3))),
    GuardPatient("bradycardia recorded within 24 h, without a pacemaker", (_FULL, acute("bradycardia"))),
    GuardPatient("neuromuscular blocker in force", (_FULL, given("rocuronium", route=IV))),
    GuardPatient("a newer potassium that could not be read", (_FULL, unreadable(Analyte.POTASSIUM, hours_ago=1))),
    GuardPatient("age under 18", (_FULL,), aged(15)),
    GuardPatient("age unknown", (_FULL,), aged(None)),
    GuardPatient(
        "potassium not low, or too old", (_FULL,), low=(mg("1.1 mg/dL", hours_ago=2), k("3.9 mmol/L", hours_ago=2))
    ),
)
