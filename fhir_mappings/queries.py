"""What the service asks for: need → prefetch key, search template, required or optional.

The templates stay inside the CDS Hooks 2.0 grammar: one token, ``context.patientId``, no repeated parameter, no
``today()``; what is too old is left out by the rules, not by the search. ``_include`` is the one exception: without it
servers that keep the drug in a resource of its own would send orders that name none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fhir_mappings.codes import LOINC, Terminology
from magnesium.facts import Analyte, Need

_PATIENT = "{{context.patientId}}"
_PAGE = "_count=200"

# What the rules read from the laboratory and the electrocardiogram. The heart rate has a query of its own: charted
# every hour it would push the laboratory results out of the page.
ANALYTES_READ = (
    Analyte.MAGNESIUM,
    Analyte.MAGNESIUM_IONIZED,
    Analyte.MAGNESIUM_RBC,
    Analyte.MAGNESIUM_WHOLE_BLOOD,
    Analyte.MAGNESIUM_URINE,
    Analyte.MAGNESIUM_URINE_24H,
    Analyte.POTASSIUM,
    Analyte.POTASSIUM_URINE,
    Analyte.POTASSIUM_CREATININE,
    Analyte.CREATININE,
    Analyte.CREATININE_URINE,
    Analyte.CALCIUM_TOTAL,
    Analyte.CALCIUM_IONIZED,
    Analyte.CALCIUM_CORRECTED,
    Analyte.CALCIUM_URINE,
    Analyte.CALCIUM_CREATININE,
    Analyte.ALBUMIN,
    Analyte.SODIUM_URINE,
    Analyte.BICARBONATE,
    Analyte.CO2_TOTAL,
    Analyte.PH,
    Analyte.OSMOLALITY,
    Analyte.OSMOLALITY_URINE,
    Analyte.EGFR,
    Analyte.QTC,
    Analyte.QRS,
    Analyte.PTH,
    Analyte.CHLORIDE,
)


@dataclass(frozen=True, slots=True)
class Query:
    """One group of data: how it is asked for, and whether the service can do without."""

    need: Need
    template: str
    required: bool

    @property
    def key(self) -> str:
        """The prefetch key."""
        return self.need.value

    @property
    def resource_type(self) -> str:
        """What is asked for."""
        return self.template.partition("?")[0].partition("/")[0]


def queries(terminology: Terminology) -> tuple[Query, ...]:
    """Return all queries; the first three groups are required, without the others the service degrades and says so."""
    codes = _codes(terminology, ANALYTES_READ)
    searches = (
        (Need.LABS, "Observation", f"code={codes}&_sort=-date&{_PAGE}", True),
        (
            Need.MEDICATIONS,
            "MedicationRequest",
            f"status=active,completed,stopped&_include=MedicationRequest:medication&{_PAGE}",
            True,
        ),
        (Need.STATEMENTS, "MedicationStatement", f"status=active,completed,stopped&{_PAGE}", False),
        (
            Need.ADMINISTRATIONS,
            "MedicationAdministration",
            f"status=in-progress,completed,stopped&_sort=-effective-time&{_PAGE}",
            False,
        ),
        (Need.CONDITIONS, "Condition", _PAGE, False),
        (Need.ENCOUNTERS, "Encounter", f"status=in-progress&{_PAGE}", False),
        (Need.VITALS, "Observation", f"code={_codes(terminology, (Analyte.HEART_RATE,))}&_sort=-date&_count=10", False),
        (Need.TESTS, "ServiceRequest", f"status=active,draft&{_PAGE}", False),
        (Need.PROCEDURES, "Procedure", f"status=in-progress,completed,stopped&_sort=-date&{_PAGE}", False),
    )
    return (
        Query(Need.PATIENT, f"Patient/{_PATIENT}", required=True),
        *(Query(need, f"{kind}?patient={_PATIENT}&{rest}", required) for need, kind, rest, required in searches),
    )


def _codes(terminology: Terminology, analytes: Iterable[Analyte]) -> str:
    found: list[str] = []
    for analyte in analytes:
        try:
            found += terminology.loinc_codes([analyte])
        except KeyError:
            # Has no routine code of its own: the corrected calcium, say, comes under a qualifier.
            continue
    return ",".join(f"{LOINC}|{code}" for code in dict.fromkeys(found))
