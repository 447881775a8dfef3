"""Ten patients as textbooks describe them, to see how the list of possible causes behaves.

Made up for this project. ``docs/differential.md`` shows what each of them gets; a test holds the first cause and the
whole list.
"""

from __future__ import annotations

from dataclasses import dataclass

from magnesium.facts import Analyte, LabResult, Patient, Setting, Sex
from magnesium.moment import When
from magnesium.picture import ClinicalPicture
from tests.builders import (
    IV,
    OUTPATIENT,
    Fact,
    aged,
    ago,
    creatinine,
    given,
    k,
    lab,
    mg,
    order,
    picture,
    problem,
    urine_creatinine,
    urine_mg,
)


@dataclass(frozen=True, slots=True)
class TextbookPatient:
    """A patient, and the causes to expect in this order."""

    title: str
    story: str
    patient: Patient
    chart: tuple[Fact, ...]
    expected: tuple[str, ...]
    setting: Setting = OUTPATIENT

    @property
    def picture(self) -> ClinicalPicture:
        """The patient's chart under the default policy."""
        return picture(*self.chart, patient=self.patient, setting=self.setting)


def kidney_wastes(serum: str = "0.45 mmol/L") -> tuple[LabResult, ...]:
    """A low magnesium, and urine that is full of it: FEMg 7.9 % at 0.45 mmol/L."""
    return (mg(serum), creatinine("70 umol/L"), urine_mg("2.5 mmol/L"), urine_creatinine("7 mmol/L"))


def kidney_keeps(serum: str = "0.45 mmol/L") -> tuple[LabResult, ...]:
    """A low magnesium, and urine that holds little of it: FEMg 0.6 % at 0.45 mmol/L."""
    return (mg(serum), creatinine("70 umol/L"), urine_mg("0.2 mmol/L"), urine_creatinine("7 mmol/L"))


def urine_calcium(written: str) -> LabResult:
    return lab(Analyte.CALCIUM_CREATININE, f"{written} mmol/mmol")


def bicarbonate(value: str) -> LabResult:
    return lab(Analyte.BICARBONATE, f"{value} mmol/L")


def ionized_calcium(value: str) -> LabResult:
    return lab(Analyte.CALCIUM_IONIZED, f"{value} mmol/L")


INFANT = Patient("p1", When.at(ago(days=60)), Sex.MALE)

TEXTBOOK_PATIENTS = (
    TextbookPatient(
        title="Gitelman syndrome",
        story="A woman of 24 with fatigue and salt craving, on no drug.",
        patient=aged(24),
        chart=(
            *kidney_wastes(),
            k("2.8 mmol/L"),
            bicarbonate("31"),
            urine_calcium("0.04"),
            lab(Analyte.POTASSIUM_CREATININE, "6 mmol/mmol"),
        ),
        expected=("gitelman", "potassium_depletion"),
    ),
    TextbookPatient(
        title="Classic Bartter syndrome",
        story="A man of 22, small and polyuric since childhood, on no drug.",
        patient=aged(22, Sex.MALE),
        chart=(
            *kidney_wastes("0.58 mmol/L"),
            k("2.7 mmol/L"),
            bicarbonate("33"),
            urine_calcium("0.95"),
            problem("polyuria"),
        ),
        expected=("bartter_3", "diuresis", "gitelman", "potassium_depletion"),
    ),
    TextbookPatient(
        title="Familial hypomagnesemia with hypercalciuria and nephrocalcinosis (claudin-19)",
        story="A woman of 19 with calcified kidneys, stones and nystagmus. Without the eyes claudin-19 is not named.",
        patient=aged(19),
        chart=(
            *kidney_wastes(),
            k("4.1 mmol/L"),
            bicarbonate("24"),
            urine_calcium("1.2"),
            problem("nephrocalcinosis"),
            problem("kidney_stones"),
            problem("ocular_anomaly"),
        ),
        expected=("claudin_19", "claudin_16"),
    ),
    TextbookPatient(
        title="EAST/SeSAME syndrome",
        story="A man of 20 with epilepsy, ataxia and deafness since childhood.",
        patient=aged(20, Sex.MALE),
        chart=(
            *kidney_wastes(),
            k("2.9 mmol/L"),
            bicarbonate("30"),
            problem("epilepsy"),
            problem("ataxia"),
            problem("sensorineural_deafness"),
        ),
        expected=("kir4_1", "gitelman", "potassium_depletion"),
    ),
    TextbookPatient(
        title="Renal cysts and diabetes (HNF1B)",
        story="A woman of 28 with diabetes since 23 and renal cysts.",
        patient=aged(28),
        chart=(
            *kidney_wastes("0.55 mmol/L"),
            k("4.0 mmol/L"),
            urine_calcium("0.12"),
            problem("diabetes_mellitus"),
            problem("renal_cysts"),
        ),
        expected=("hnf1b", "fxyd2", "diabetes"),
    ),
    TextbookPatient(
        title="Hypomagnesemia with secondary hypocalcemia (TRPM6)",
        story="A boy of two months with seizures; his parents are cousins. No urine yet.",
        patient=INFANT,
        chart=(
            mg("0.20 mmol/L"),
            k("4.4 mmol/L"),
            ionized_calcium("0.75"),
            lab(Analyte.PTH, "12 pg/mL"),
            problem("seizure", onset=ago(days=6)),
        ),
        expected=("trpm6",),
    ),
    TextbookPatient(
        title="Proton pump inhibitor",
        story="A woman of 71 on omeprazole for six years.",
        patient=aged(71),
        chart=(
            *kidney_keeps(),
            k("3.9 mmol/L"),
            ionized_calcium("1.02"),
            order("omeprazole", days_ago=6 * 365, authored=When.at(ago(days=20))),
        ),
        expected=("ppi",),
    ),
    TextbookPatient(
        title="Cisplatin",
        story="A man of 58, ten days after his third cycle.",
        patient=aged(58, Sex.MALE),
        chart=(
            *kidney_wastes(),
            k("3.2 mmol/L"),
            given("cisplatin", hours_ago=240, route=IV),
        ),
        expected=("platinum", "potassium_depletion"),
    ),
    TextbookPatient(
        title="Loop diuretic",
        story="A man of 77 with heart failure, on furosemide for a year.",
        patient=aged(77, Sex.MALE),
        chart=(
            *kidney_wastes("0.58 mmol/L"),
            k("3.1 mmol/L"),
            bicarbonate("32"),
            lab(Analyte.PH, "7.48 pH"),
            urine_calcium("0.8"),
            order("furosemide", days_ago=365),
        ),
        expected=("loop_diuretic", "potassium_depletion"),
    ),
    TextbookPatient(
        title="Alcohol and diarrhea",
        story="A man of 52 with alcohol dependence, malnutrition and weeks of diarrhea.",
        patient=aged(52, Sex.MALE),
        chart=(
            *kidney_keeps(),
            k("3.0 mmol/L"),
            bicarbonate("18"),
            problem("alcohol_use_disorder"),
            problem("diarrhea"),
            problem("malnutrition"),
        ),
        expected=("diarrhea", "alcohol", "low_intake", "metabolic_acidosis", "potassium_depletion"),
    ),
)
