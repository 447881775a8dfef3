"""What is known of one patient, in clinical terms. Frozen; every fact knows where it came from.

The readers in ``fhir_mappings`` make these from FHIR; the rules read nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from magnesium.moment import When
from magnesium.quantity import Quantity


class Analyte(StrEnum):
    """What a result measures. The value is the name used in the knowledge and terminology tables."""

    MAGNESIUM = "magnesium"
    MAGNESIUM_IONIZED = "magnesium_ionized"
    MAGNESIUM_RBC = "magnesium_rbc"
    MAGNESIUM_WHOLE_BLOOD = "magnesium_whole_blood"
    MAGNESIUM_URINE = "magnesium_urine"
    MAGNESIUM_URINE_24H = "magnesium_urine_24h"
    POTASSIUM = "potassium"
    POTASSIUM_URINE = "potassium_urine"
    POTASSIUM_CREATININE = "potassium_creatinine"
    CREATININE = "creatinine"
    CREATININE_URINE = "creatinine_urine"
    CALCIUM_TOTAL = "calcium_total"
    CALCIUM_IONIZED = "calcium_ionized"
    CALCIUM_CORRECTED = "calcium_albumin_corrected"
    CALCIUM_URINE = "calcium_urine"
    CALCIUM_CREATININE = "calcium_creatinine"
    ALBUMIN = "albumin"
    SODIUM = "sodium"
    SODIUM_URINE = "sodium_urine"
    BICARBONATE = "bicarbonate"
    CO2_TOTAL = "co2_total"
    CHLORIDE = "chloride"
    PH = "ph"
    OSMOLALITY = "osmolality"
    OSMOLALITY_URINE = "osmolality_urine"
    EGFR = "egfr"
    QTC = "qtc"
    QRS = "qrs"
    PTH = "pth"
    HEART_RATE = "heart_rate"


class Match(StrEnum):
    """How a code or a name was recognised; shown in the evidence."""

    STANDARD_CODE = "standard code"
    LOCAL_CODE = "local code"
    NAME = "matched by name"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact came from: enough to find it again and to show what was sent."""

    reference: str
    """Relative FHIR reference, e.g. ``Observation/123``."""
    system: str = ""
    code: str = ""
    display: str = ""
    as_sent: str = ""
    """The value and unit, or the dose text, exactly as sent."""
    match: Match = Match.STANDARD_CODE


@dataclass(frozen=True, slots=True)
class LabResult:
    """A measured value that could be read."""

    analyte: Analyte
    quantity: Quantity
    when: When
    source: Source
    preliminary: bool = False
    """Status preliminary or unknown: used, and marked."""
    hemolyzed: str = ""
    """Why the specimen is suspect (hemolysis, contamination); empty if nothing says so."""
    post_dialysis: bool = False
    shown: str = ""
    """Value and unit as the site wants them read (``magnesium.display``); empty: as reported."""
    reference_low: Quantity | None = None
    """Lower limit of the laboratory's own reference range, in the result's substance."""
    specimen: str = ""
    """Reference of the specimen, where given: urine results of one specimen belong together."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A resource that exists but cannot be used, and why.

    ``analyte`` is set for a result whose analyte is known: if it is newer than every readable one, the rules
    treat it as an *unverified newer result*.
    """

    source: Source
    reason: str
    """Stable code, e.g. ``unknown-unit``; see ``fhir_mappings.unreadable``."""
    detail: str = ""
    analyte: Analyte | None = None
    when: When | None = None


class ExposureKind(StrEnum):
    """What says that the patient has the drug."""

    ADMINISTRATION = "administration"
    ORDER = "order"
    STATEMENT = "statement"
    DRAFT = "draft"


class ExposureStatus(StrEnum):
    """State of the record, reduced to what the rules distinguish; records that never trigger are not facts."""

    ACTIVE = "active"
    """Active order or statement; completed or in-progress administration; draft."""
    ENDED = "ended"
    """Completed or stopped order or statement: counts for the wash-out if its end is known."""


class Route(StrEnum):
    """How the drug enters the body, as far as the record says."""

    ORAL = "oral"
    INTRAVENOUS = "intravenous"
    PARENTERAL = "parenteral"
    """Injected, but not known to be intravenous (intramuscular, subcutaneous, or unspecified)."""
    SYSTEMIC = "systemic"
    """Systemic, way unknown."""
    LOCAL = "local"
    """Eye, ear, skin, inhaled, irrigation, dialysis fluid, gut-local …: no exposure."""
    UNKNOWN = "unknown"
    """A product whose form is not known: shown only."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """A drug that the patient has, had, or is about to have."""

    kind: ExposureKind
    status: ExposureStatus
    ingredients: tuple[str, ...]
    """Ingredients the knowledge tables know, by their generic names, sorted."""
    label: str
    """The name to print, as the record gives it."""
    source: Source
    route: Route = Route.SYSTEMIC
    route_assumed: bool = False
    """Nothing says how it is given; systemic was assumed. Never raises a critical."""
    other_ingredients: bool | None = None
    """Whether the product also holds ingredients outside the knowledge tables; None = not known."""
    dose_form: str = ""
    start: When | None = None
    """First effective moment: administration time, start of the order; None = start unknown."""
    end: When | None = None
    """Known end: stop of the order, end of the administration; None = none known, of an administration: running."""
    authored: When | None = None
    as_needed: bool = False
    single_dose: bool = False
    inpatient: bool = False
    """An order of an inpatient stay: without an end it lasts until the encounter ends."""
    supply_days: int | None = None
    """Days of supply including repeats, where the order says."""
    daily_amount: Quantity | None = None
    """Amount a day (mmol of the ion for potassium and magnesium salts), only where safely readable."""
    selected: bool = False
    """Of a draft: the order that was just picked (order-select) or is being signed (order-sign)."""


class Certainty(StrEnum):
    """How sure the problem list is."""

    ESTABLISHED = "established"
    SUSPECTED = "suspected"
    """Unconfirmed, provisional or differential: shown only."""


@dataclass(frozen=True, slots=True)
class ConditionFact:
    """An entry of the problem list, or a procedure, that the rules know: in effect, or over and still of interest."""

    condition: str
    """Slug of the conditions table, e.g. ``long_qt``."""
    source: Source
    label: str = ""
    onset: When | None = None
    """Onset, else the date it was recorded; of a procedure, when it began."""
    certainty: Certainty = Certainty.ESTABLISHED
    until: When | None = None
    """When it ended, of what still counts for a while after that; None = it lasts, as far as the record says."""


class Sex(StrEnum):
    """Administrative gender, as far as CKD-EPI uses it."""

    FEMALE = "female"
    MALE = "male"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Patient:
    """Who the facts are about."""

    identifier: str
    birth: When | None = None
    sex: Sex = Sex.UNKNOWN


class Setting(StrEnum):
    """Where the patient is now: it decides how long a result stays current."""

    INPATIENT = "inpatient"
    """An in-progress encounter of an inpatient, observation or emergency class."""
    OUTPATIENT = "outpatient"
    """No such encounter is known."""


class Need(StrEnum):
    """Groups of data the service asks for; the value is the prefetch key."""

    PATIENT = "patient"
    LABS = "labs"
    MEDICATIONS = "medications"
    STATEMENTS = "statements"
    ADMINISTRATIONS = "administrations"
    CONDITIONS = "conditions"
    ENCOUNTERS = "encounters"
    VITALS = "vitals"
    TESTS = "tests"
    PROCEDURES = "procedures"

    @property
    def words(self) -> str:
        """The group as a reader calls it."""
        return {
            Need.PATIENT: "patient data",
            Need.LABS: "laboratory results",
            Need.MEDICATIONS: "medication orders",
            Need.STATEMENTS: "medication statements",
            Need.ADMINISTRATIONS: "medication administrations",
            Need.CONDITIONS: "the problem list",
            Need.ENCOUNTERS: "encounters",
            Need.VITALS: "vital signs",
            Need.TESTS: "laboratory orders",
            Need.PROCEDURES: "procedures",
        }[self]


@dataclass(frozen=True, slots=True)
class OrderedTest:
    """A laboratory test that has been ordered, or is being ordered, and has no result yet."""

    analyte: Analyte
    source: Source
    when: When | None = None
    """When it is due, else when it was written; None if the order says neither."""


@dataclass(frozen=True, slots=True)
class Ordering:
    """The orders being written: present on the order hooks only."""

    signing: bool
    """Order-sign (true) or order-select (false)."""
    drafts: tuple[Exposure, ...]
    """All drafted drugs; ``selected`` marks those the hook is about."""


@dataclass(frozen=True)
class PatientFacts:
    """Everything the rules may read about one patient."""

    patient: Patient
    setting: Setting = Setting.OUTPATIENT
    labs: tuple[LabResult, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    conditions: tuple[ConditionFact, ...] = ()
    ordered_tests: tuple[OrderedTest, ...] = ()
    unusable: tuple[Unusable, ...] = ()
    ordering: Ordering | None = None
    unavailable: frozenset[Need] = field(default_factory=frozenset)
    """Groups of data that could not be looked at: unknown is not no."""
    partial: frozenset[Need] = field(default_factory=frozenset)
    """Groups of which only a part arrived (more pages exist)."""

    @cached_property
    def labs_by_analyte(self) -> Mapping[Analyte, tuple[LabResult, ...]]:
        """The results of each analyte that has any, in the order of ``labs``."""
        found: dict[Analyte, list[LabResult]] = {}
        for result in self.labs:
            found.setdefault(result.analyte, []).append(result)
        return {analyte: tuple(results) for analyte, results in found.items()}
