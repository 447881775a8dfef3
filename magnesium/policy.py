"""The one policy: every number the rules use, each with its source, footing and review date.

The defaults stand in ``knowledge/policy.toml``. A site puts what differs into a TOML file of its own; unknown names
and wrong types are refused with the place named, and a changed number must carry its own review date.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from magnesium.knowledge import DRUG_COLUMNS, KnowledgeError, read_table, read_text
from magnesium.quantity import Interval, Quantity, Unit, plain

Days = Annotated[int, msgspec.Meta(ge=1)]
QT_CLASSES = frozenset({"qt_drug", "qt_candidate"})
"""Classes of drugs.csv whose ingredients a site may count as QT drugs."""


class Basis(StrEnum):
    """On what footing a number stands."""

    PUBLISHED = "published"
    DERIVED = "derived"
    LOCAL = "local"
    SITE = "site"
    """Put in by the site's own policy file."""


class UnitsShown(StrEnum):
    """In which units values are shown; they are judged as reported in any case."""

    REPORTED = "as-reported"
    SI = "si"
    CONVENTIONAL = "conventional"


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """What every number of the policy carries."""

    id: str
    says: str
    basis: Basis
    sources: tuple[str, ...]
    reviewed: date


class Limit(Number, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A limit, printed for each unit in which it may be applied; it is never converted."""

    printed: Mapping[str, Decimal]

    def below(self, quantity: Quantity) -> bool | None:
        """Whether the result lies below the limit; None if a bounded result leaves it open.

        Raises:
            KeyError: no limit is printed for the result's unit (the strict loader keeps this from happening).
        """
        return self._side((self.printed[quantity.unit.printed], -1), quantity.interval)

    def at_most(self, quantity: Quantity) -> bool | None:
        """Whether the result does not exceed the limit; None if a bounded result leaves it open."""
        return self._side((self.printed[quantity.unit.printed], 0), quantity.interval)

    def within(self, unit: Unit) -> str:
        """The limit in the one unit of a result, as printed."""
        return f"{plain(self.printed[unit.printed])} {unit.printed}"

    @staticmethod
    def _side(edge: tuple[Decimal, int], allowed: Interval) -> bool | None:
        if allowed.high <= edge:
            return True
        return False if allowed.low > edge else None

    @cached_property
    def text(self) -> str:
        """The limit in each unit, as printed."""
        return " / ".join(f"{plain(value)} {unit}" for unit, value in self.printed.items())


class Span(Number, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A length of time."""

    days: int = 0
    hours: int = 0
    minutes: int = 0

    @cached_property
    def delta(self) -> timedelta:
        """The span as a timedelta."""
        return timedelta(days=self.days, hours=self.hours, minutes=self.minutes)

    @cached_property
    def text(self) -> str:
        """The span in words."""
        parts = ((self.days, "d"), (self.hours, "h"), (self.minutes, "min"))
        return " ".join(f"{count} {unit}" for count, unit in parts if count)


class Figure(Number, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A plain number with its unit."""

    value: Decimal
    unit: str

    @cached_property
    def text(self) -> str:
        """The figure with its unit."""
        return plain(self.value) if self.unit == "1" else f"{plain(self.value)} {self.unit}"


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group of numbers; unknown names are refused."""


class MagnesiumNumbers(_Section, frozen=True):
    """Limits of serum magnesium."""

    severe: Limit
    low: Limit
    borderline: Limit
    high: Limit
    after_dose: Span
    gitelman_floor: Limit
    toxic: Limit
    very_toxic: Limit


class PotassiumNumbers(_Section, frozen=True):
    """Limits of potassium and what makes hypokalemia refractory."""

    low: Limit
    moderate: Limit
    severe: Limit
    refractory_rise: Limit
    refractory_gap: Span
    refractory_inpatient: Span
    refractory_outpatient: Span
    effective_intravenous: Span
    effective_oral: Span
    effective_order: Span
    order_inpatient: Span
    order_outpatient: Span
    target: Limit
    maintenance_amount: Figure


class FemgNumbers(_Section, frozen=True):
    """The fractional excretion of magnesium and when it may be read."""

    filterable: Figure
    renal: Figure
    extrarenal: Figure
    urine_pair: Span
    serum_pair: Span
    after_intravenous: Span
    after_oral: Span
    order_without_end: Span
    shown_for: Span


class KidneyNumbers(_Section, frozen=True):
    """eGFR limits, acute kidney injury, and the coefficients of CKD-EPI 2021."""

    full: Limit
    reduced: Limit
    aki_ratio: Figure
    aki_ratio_window: Span
    aki_rise: Limit
    aki_rise_window: Span
    aki_condition: Span
    replacement_procedure: Span
    adult: Figure
    ckd_epi_scale: Figure
    ckd_epi_age: Figure
    ckd_epi_above: Figure
    ckd_epi_kappa_female: Figure
    ckd_epi_kappa_male: Figure
    ckd_epi_alpha_female: Figure
    ckd_epi_alpha_male: Figure
    ckd_epi_female: Figure


class EcgNumbers(_Section, frozen=True):
    """QTc, QRS and pulse."""

    qtc_long: Limit
    qtc_borderline_male: Limit
    qtc_borderline_female: Limit
    qrs_wide: Limit
    slow_pulse: Limit
    slow_pulse_window: Span


class CalciumNumbers(_Section, frozen=True):
    """Limits of calcium and its correction for albumin."""

    ionized_low: Limit
    ionized_warning: Limit
    ionized_critical: Limit
    corrected_low: Limit
    corrected_warning: Limit
    per_albumin: Figure
    albumin_reference: Limit
    albumin_inpatient: Span
    albumin_outpatient: Span


class MonitoringNumbers(_Section, frozen=True):
    """When a magnesium is due, beyond the intervals of the drug tables."""

    grace_percent: Figure
    grace_least: Span
    digoxin: Span
    ppi: Span
    ordered: Span


class SparingNumbers(_Section, frozen=True):
    """When a potassium-sparing diuretic may be mentioned."""

    potassium_below: Limit
    egfr_from: Limit
    persisting: Span


class CurrentNumbers(_Section, frozen=True):
    """How long a fact stays current."""

    magnesium_inpatient: Span
    magnesium_inpatient_aging: Span
    magnesium_outpatient: Span
    potassium_inpatient: Span
    potassium_outpatient: Span
    kidney_inpatient: Span
    kidney_outpatient: Span
    qtc_inpatient: Span
    qtc_outpatient: Span
    ionized_calcium_inpatient: Span
    calcium_inpatient: Span
    calcium_outpatient: Span
    acute_condition: Span


class QualityNumbers(_Section, frozen=True):
    """When a result is not usable, and when two results are one."""

    ahead: Span
    charted_twice: Span
    magnesium_most: Limit
    potassium_least: Limit
    potassium_most: Limit
    creatinine_most: Limit
    calcium_most: Limit
    sodium_least: Limit
    sodium_most: Limit
    qtc_least: Limit
    qtc_most: Limit


class ExposureNumbers(_Section, frozen=True):
    """How long a drug counts."""

    administration: Span
    open_order: Span
    chain_gap: Span
    chronic: Span
    intravenous_magnesium: Span
    apart: Span
    insulin_infusion: Span
    gi_bleeding: Span


class UrineNumbers(_Section, frozen=True):
    """Urine calcium, potassium and daily magnesium, and which samples belong together."""

    low_calcium: Limit
    high_calcium: Limit
    renal_potassium: Limit
    ttkg: Figure
    ttkg_sodium: Limit
    daily_magnesium: Limit
    collection: Span
    pair: Span
    serum_pair: Span
    shown_for: Span


class AcidBaseNumbers(_Section, frozen=True):
    """Bicarbonate, and the pH that makes it an acidosis or an alkalosis."""

    high: Limit
    low: Limit
    chloride_high: Limit
    alkaline: Limit
    acid: Limit
    ph_pair: Span
    inpatient: Span
    outpatient: Span


class DifferentialNumbers(_Section, frozen=True):
    """What the list of possible causes uses."""

    most: Figure
    young: Figure
    infant: Figure
    pth_high: Limit


class RecheckNumbers(_Section, frozen=True):
    """When a result is asked for again after treatment."""

    potassium: Span
    severe: Span
    low_from: Span
    low_to: Span
    reduced_kidney_from: Span
    reduced_kidney_to: Span


class CtcaeNumbers(_Section, frozen=True):
    """Limits of the CTCAE grades of hypomagnesemia; grade 1 begins at the lower limit of normal."""

    grade_2: Limit
    grade_3: Limit
    grade_4: Limit


class PopulationNumbers(_Section, frozen=True):
    """Who the adult rules are for."""

    adult: Figure
    oldest: Figure
    pregnancy: Span
    postpartum: Span
    gitelman_magnesium: Limit
    gitelman_potassium: Limit


class OverrideMemoryNumbers(_Section, frozen=True):
    """How long a dismissed card is not shown again."""

    acute: Span
    standing: Span


class Product(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A product that the site lets the cards propose. ``dose`` is printed as it stands; empty = per local protocol."""

    text: str
    system: str
    code: str
    display: str
    route: str
    dose: str = ""
    contains_poorly_absorbed: bool = False
    """Oxide, hydroxide or citrate: not named to patients with diarrhea or an ileostomy."""


class DrugTimes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Times of a drug class or a drug that a site sets otherwise than the drug tables; None = as there."""

    reviewed: date
    interval_days: Days | None = None
    """How long a magnesium holds, and how often it is asked for."""
    washout_days: Days | None = None
    """How long the effect counts after the last dose."""
    in_force_days: Days | None = None
    """How long one administration keeps a drug given in cycles in force."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """Everything a site may decide, in one frozen object."""

    version: str
    zone: str
    order_sign_minimum: Literal["info", "warning", "critical"]
    palliative_critical: bool
    max_cards: Annotated[int, msgspec.Meta(ge=1)]
    inpatient_electrolyte_protocol: bool
    """Whether nurses replace electrolytes in hospital by a protocol: then no such order is proposed to inpatients."""
    dialysis_fluids: str
    """What the site's dialysis and replacement fluids hold, printed beside the advice to check them; may be empty."""
    qt_drugs: frozenset[str]
    """Ingredients that count as QT drugs."""
    drug_times: Mapping[str, DrugTimes]
    """By class or ingredient of the drug tables."""
    units_shown: UnitsShown
    magnesium: MagnesiumNumbers
    potassium: PotassiumNumbers
    femg: FemgNumbers
    kidney: KidneyNumbers
    ecg: EcgNumbers
    calcium: CalciumNumbers
    monitoring: MonitoringNumbers
    sparing: SparingNumbers
    current: CurrentNumbers
    quality: QualityNumbers
    exposure: ExposureNumbers
    population: PopulationNumbers
    urine: UrineNumbers
    acid_base: AcidBaseNumbers
    differential: DifferentialNumbers
    recheck: RecheckNumbers
    ctcae: CtcaeNumbers
    override_memory: OverrideMemoryNumbers
    products: Mapping[str, Product]

    @cached_property
    def time_zone(self) -> tzinfo:
        """The zone of times that arrive without one."""
        return ZoneInfo(self.zone)

    @cached_property
    def numbers(self) -> Mapping[str, Limit | Span | Figure]:
        """Every number by its id, e.g. ``magnesium.severe``."""
        return {
            number.id: number
            for section in map(self.__getattribute__, self.__struct_fields__)
            if isinstance(section, _Section)
            for number in map(section.__getattribute__, section.__struct_fields__)
        }

    def describe(self, number_id: str) -> Mapping[str, str]:
        """Return what the evidence prints of a number.

        Raises:
            KeyError: no such number.
        """
        return self._described[number_id]

    @cached_property
    def _described(self) -> Mapping[str, Mapping[str, str]]:
        return {
            number.id: {
                "id": number.id,
                "says": number.says,
                "value": number.text,
                "basis": number.basis.value,
                "sources": ", ".join(number.sources),
                "reviewed": number.reviewed.isoformat(),
            }
            for number in self.numbers.values()
        }


@dataclass(frozen=True, slots=True)
class Site:
    """What one policy file of a site holds: the policy, and the local codes for the FHIR readers."""

    policy: Policy
    local_codes: Mapping[str, Any]


def load_site(path: Path | None = None) -> Site:
    """Return the default policy, changed by the site's file where there is one.

    Raises:
        KnowledgeError: the file cannot be read, is not TOML, or names or types are wrong; the message says where.
    """
    defaults = tomllib.loads(read_text("policy.toml"), parse_float=Decimal)
    if path is None:
        return Site(_policy(defaults, "policy.toml"), {})
    try:
        changes = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"policy file {path.name}: {error}"
        raise KnowledgeError(msg) from error
    local_codes = changes.pop("local_codes", {})
    if not isinstance(local_codes, dict):
        msg = f"policy file {path.name}: local_codes must be a table"
        raise KnowledgeError(msg)
    return Site(_policy(_changed(defaults, changes, path.name), path.name), local_codes)


def _changed(defaults: dict[str, Any], changes: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the defaults with the site's values in place; every changed number becomes the site's own."""
    result = dict(defaults)
    for key, value in changes.items():
        default = defaults.get(key)
        if key in {"products", "drug_times"} and isinstance(value, dict):
            result[key] = {**defaults[key], **value}
        elif isinstance(value, dict) and isinstance(default, dict):
            if "basis" in default:
                result[key] = _site_number(default, value, f"{name}: {key}")
            else:
                result[key] = _changed(default, value, f"{name}: {key}")
        else:
            result[key] = value
    return result


def _site_number(default: Mapping[str, Any], value: Mapping[str, Any], where: str) -> dict[str, Any]:
    if "reviewed" not in value:
        msg = f"{where}: a number the site changes needs `reviewed = YYYY-MM-DD`, the day the site agreed on it"
        raise KnowledgeError(msg)
    measures = {"days", "hours", "minutes"}
    units, printed = default.get("printed", {}), value.get("printed")
    if isinstance(printed, dict) and not units.keys() <= printed.keys():
        # A result arrives in any of these units: comparing would fail at the bedside.
        msg = f"{where} must print the limit in {', '.join(sorted(units))}"
        raise KnowledgeError(msg)
    kept = {k: v for k, v in default.items() if not (measures & value.keys() and k in measures)}
    return {**kept, "sources": ["site"], **value, "basis": "site"}


def _policy(table: Mapping[str, Any], name: str) -> Policy:
    try:
        policy = msgspec.convert(_with_ids(table, ""), Policy, strict=True)
        policy.time_zone  # noqa: B018  an unknown zone is refused here, not at the first request
    except (msgspec.ValidationError, ZoneInfoNotFoundError, OSError, ValueError) as error:
        msg = f"{name}: {error}"
        raise KnowledgeError(msg) from error
    _check_finite(policy, name)
    _check_order(policy, name)
    _check_drugs(policy, name)
    return policy


def _check_drugs(policy: Policy, name: str) -> None:
    """Refuse names that the drug tables do not have: no rule would ever see them."""
    rows = read_table("drugs.csv", DRUG_COLUMNS)
    known = {name for row in rows for name in (row["ingredient"], row["class"])}
    if strange := sorted(policy.drug_times.keys() - known):
        msg = f"{name}: drug_times: no class or ingredient of drugs.csv is called {', '.join(strange)}"
        raise KnowledgeError(msg)
    of_class = {row["ingredient"] for row in rows if QT_CLASSES & {row["class"], row["also"]}}
    if strange := sorted(policy.qt_drugs - of_class):
        allowed = ", ".join(sorted(QT_CLASSES))
        msg = f"{name}: qt_drugs: drugs.csv has no {', '.join(strange)} among {allowed}"
        raise KnowledgeError(msg)


def _check_finite(policy: Policy, name: str) -> None:
    """Refuse ``nan`` and ``inf``, which TOML allows: nothing can be compared with them."""
    for number in policy.numbers.values():
        values = list(number.printed.values()) if isinstance(number, Limit) else []
        values += [number.value] if isinstance(number, Figure) else []
        if not all(value.is_finite() for value in values):
            msg = f"{name}: {number.id} must be a finite number"
            raise KnowledgeError(msg)


def _check_order(policy: Policy, name: str) -> None:
    """Refuse magnesium limits that do not rise from severe to high: a status would vanish or swallow another."""
    numbers = policy.magnesium
    for unit in numbers.severe.printed:
        limits = [limit.printed[unit] for limit in (numbers.severe, numbers.low, numbers.borderline, numbers.high)]
        if limits != sorted(limits):
            msg = f"{name}: the magnesium limits in {unit} must rise from severe over low and borderline to high"
            raise KnowledgeError(msg)
    grades = policy.ctcae
    for unit in grades.grade_2.printed:
        limits = [limit.printed[unit] for limit in (grades.grade_4, grades.grade_3, grades.grade_2)]
        if limits != sorted(limits):
            msg = f"{name}: the CTCAE limits in {unit} must rise from grade 4 to grade 2"
            raise KnowledgeError(msg)


def _with_ids(table: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Give every number its dotted path as id."""
    result: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            place = f"{path}{key}"
            result[key] = _with_ids(value, f"{place}.")
            if "basis" in value:
                result[key]["id"] = place
        else:
            result[key] = value
    return result
