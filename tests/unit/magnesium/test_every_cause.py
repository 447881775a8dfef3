"""Every row of the table of causes, and every finding of its vocabulary, is reached by a patient who has it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from magnesium.cause_table import Cause, Kind, causes, findings
from magnesium.causes import Candidate, differential
from magnesium.drugs import drug_classes, drugs
from magnesium.facts import Analyte, LabResult, Patient, Sex
from magnesium.moment import When
from magnesium.policy import Policy
from tests.builders import (
    Fact,
    aged,
    ago,
    creatinine,
    k,
    lab,
    mg,
    order,
    picture,
    problem,
    site_policy,
    urine_creatinine,
    urine_mg,
)

LOW = "0.45 mmol/L"
INFANT = Patient("p1", When.at(ago(days=60)), Sex.MALE)
CAUSES = {cause.id: cause for cause in causes()}


def urine(magnesium: str) -> tuple[LabResult, ...]:
    return (creatinine("70 umol/L"), urine_mg(magnesium), urine_creatinine("7 mmol/L"))


RESULTS: dict[str, tuple[LabResult, ...]] = {
    "femg:renal": urine("2.5 mmol/L"),
    "femg:extrarenal": urine("0.2 mmol/L"),
    "urine_magnesium:high": (lab(Analyte.MAGNESIUM_URINE_24H, "3 mmol/d"),),
    "urine_calcium:low": (lab(Analyte.CALCIUM_CREATININE, "0.05 mmol/mmol"),),
    "urine_calcium:normal": (lab(Analyte.CALCIUM_CREATININE, "0.4 mmol/mmol"),),
    "urine_calcium:high": (lab(Analyte.CALCIUM_CREATININE, "0.9 mmol/mmol"),),
    "potassium:low": (k("2.9 mmol/L"),),
    "potassium:normal": (k("4.2 mmol/L"),),
    "urine_potassium:renal": (k("2.9 mmol/L"), lab(Analyte.POTASSIUM_CREATININE, "6 mmol/mmol")),
    "urine_potassium:not_renal": (k("2.9 mmol/L"), lab(Analyte.POTASSIUM_CREATININE, "0.5 mmol/mmol")),
    "ttkg:high": (
        k("2.9 mmol/L"),
        lab(Analyte.POTASSIUM_URINE, "60 mmol/L"),
        lab(Analyte.SODIUM_URINE, "80 mmol/L"),
        lab(Analyte.OSMOLALITY, "290 mosm/kg"),
        lab(Analyte.OSMOLALITY_URINE, "600 mosm/kg"),
    ),
    "bicarbonate:high": (lab(Analyte.BICARBONATE, "32 mmol/L"),),
    "bicarbonate:low": (lab(Analyte.BICARBONATE, "16 mmol/L"),),
    "chloride:high": (lab(Analyte.CHLORIDE, "115 mmol/L"),),
    "calcium:low": (lab(Analyte.CALCIUM_IONIZED, "0.85 mmol/L"),),
    "pth:not_raised": (lab(Analyte.CALCIUM_IONIZED, "0.85 mmol/L"), lab(Analyte.PTH, "12 pg/mL")),
}


def facts_of(finding: str, cause: Cause) -> tuple[Fact, ...]:
    """What has to stand in the chart for a patient to have a finding; the age is not in the chart."""
    kind, _, name = finding.partition(":")
    match kind:
        case "drug":
            return (order(member(name), days_ago=200),)
        case "condition":
            return (problem(name, onset=ago(days=1)),)
        case "timing":
            drug = member(cause.requires[0][0].removeprefix("drug:"))
            short = finding == "timing:short_course"
            return (order(drug, days_ago=9),) if short else (mg(LOW, days_ago=400), order(drug, days_ago=200))
        case "first_low":
            return ()
        case _:
            return RESULTS[finding]


def member(name: str) -> str:
    """The drug itself, or one of the class that is as wasting as the class."""
    if name not in drug_classes():
        return name
    of_class = (d for d in drugs().values() if d.drug_class.code == name and d.weight is d.drug_class.weight)
    return next(drug.ingredient for drug in of_class)


def consistent(wanted: tuple[str, ...]) -> bool:
    """Whether one patient can have them all: one potassium, one FEMg; and urine calcium is not read for infants."""
    kinds = [f.partition(":")[0] for f in wanted if not f.startswith(("condition:", "first_low:"))]
    return len(set(kinds)) == len(kinds) and not {"first_low:infancy", "urine_calcium:high"} <= set(wanted)


def ways(cause: Cause, *more: str) -> Iterator[tuple[str, ...]]:
    """Every way in which a patient can have what a cause requires."""
    for choice in product(*cause.requires):
        wanted = tuple(dict.fromkeys((*choice, *more)))
        if consistent(wanted):
            yield wanted


def candidate(cause: Cause, wanted: tuple[str, ...], policy: Policy) -> Candidate | None:
    # A finding on the timing of a drug brings the drug.
    timed = any(finding.startswith("timing:") for finding in wanted)
    told = (finding for finding in wanted if not (timed and finding.startswith("drug:")))
    found = dict.fromkeys(fact for finding in told for fact in facts_of(finding, cause))
    young = cause.kind is Kind.INHERITED or "first_low:young" in wanted
    patient = INFANT if "first_low:infancy" in wanted else aged(24) if young else aged(60)
    listed = differential(picture(mg(LOW), *found, patient=patient, policy=policy))
    return {c.cause.id: c for c in listed}.get(cause.id)


@pytest.fixture(scope="module")
def lists_all(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """A card lists a handful of causes; this site's list them all."""
    return site_policy(tmp_path_factory.mktemp("site"), "[differential.most]\nvalue = 99\nreviewed = 2026-11-21\n")


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
def test_is_listed_for_a_patient_who_has_what_it_requires(cause: Cause, lists_all: Policy) -> None:
    possible = list(ways(cause))
    assert possible, "no patient can have what it requires"
    for wanted in possible:
        found = candidate(cause, wanted, lists_all)
        assert found is not None, wanted
        assert set(wanted) <= {own.id for own in found.supporting}


@pytest.mark.parametrize("finding", findings())
def test_every_finding_speaks_for_or_against_a_cause_of_a_patient_who_has_it(finding: str, lists_all: Policy) -> None:
    said: set[str] = set()
    for cause in CAUSES.values():
        if finding in {*cause.supports, *cause.contradicts}:
            for found in (candidate(cause, wanted, lists_all) for wanted in ways(cause, finding)):
                said |= {own.id for own in (*found.supporting, *found.contradicting)} if found else set()
    assert finding in said


def test_nothing_is_listed_without_what_it_requires(lists_all: Policy) -> None:
    assert differential(picture(mg(LOW), patient=aged(24), policy=lists_all)) == ()
