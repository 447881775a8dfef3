"""Kidney function for the guards and for reading FEMg: reported eGFR, else CKD-EPI 2021; acute injury; dialysis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from magnesium.facts import Analyte, LabResult, PatientFacts, Setting, Sex, Unusable
from magnesium.policy import KidneyNumbers, Policy
from magnesium.problems import Problems
from magnesium.quantity import Comparator, Quantity
from magnesium.results import Series, highest, if_current, lowest, newest_current, series
from magnesium.units import unit_of


class Filtration(StrEnum):
    """Filtration as the guards read it (policy ``kidney.full`` and ``kidney.reduced``)."""

    FULL = "full"
    REDUCED = "reduced"
    POOR = "poor"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KidneyFunction:
    """What is known of the kidneys now."""

    filtration: Filtration
    egfr: Quantity | None = None
    """In mL/min/1.73m2: as reported, or computed by CKD-EPI 2021 (``computed``)."""
    computed: bool = False
    basis: LabResult | None = None
    """The eGFR or the creatinine it rests on."""
    acute_injury: str = ""
    """Why acute kidney injury is assumed; empty if nothing says so."""
    dialysis: bool = False
    oliguria: bool = False
    unverified: tuple[Unusable, ...] = ()
    """Creatinine results that may be newer than the basis and could not be used: the kidneys may have got worse."""

    @property
    def words(self) -> str:
        """Filtration as a card tells it."""
        if self.egfr is not None:
            return f"eGFR {self.egfr.text}"
        poor = self.filtration is Filtration.POOR
        return "chronic kidney disease of stage 4 or 5" if poor else "kidney function unknown or too old"

    @property
    def impaired_acutely(self) -> bool:
        """Whether filtration cannot be trusted: acute injury, oliguria, dialysis or any other KRT."""
        return bool(self.acute_injury) or self.dialysis or self.oliguria


def read_kidney(facts: PatientFacts, problems: Problems, policy: Policy, as_of: datetime) -> KidneyFunction:
    """Read kidney function at ``as_of``.

    A creatinine-based estimate is not computed under acute injury, on dialysis, in pregnancy or under the age of
    ``kidney.adult``; without it the function is unknown, unless a laboratory reported an eGFR.
    """
    window = policy.current.kidney_inpatient if facts.setting is Setting.INPATIENT else policy.current.kidney_outpatient
    measured = series(facts, Analyte.CREATININE, policy, as_of)
    creatinine = if_current(highest(measured.newest), window, as_of)
    reported = newest_current(facts, Analyte.EGFR, policy, as_of, window=window, of_several=lowest)
    injury = (_acute_injury(creatinine, measured, policy) if creatinine else "") or problems.acute_kidney_injury
    dialysis = bool(problems.dialysis)
    estimate: Quantity | None = None
    if creatinine and not (injury or dialysis or problems.pregnancy):
        estimate = ckd_epi_2021(creatinine.quantity, facts, policy.kidney, as_of)
    basis: LabResult | None = None
    egfr: Quantity | None = None
    computed = False
    if reported and not (injury or dialysis):
        basis, egfr = reported, reported.quantity
    # A creatinine drawn since says more of the kidneys now than an eGFR that has gone out of date.
    if creatinine and estimate and (basis is None or basis.when.surely_before(creatinine.when)):
        basis, egfr, computed = creatinine, estimate, True
    return KidneyFunction(
        filtration=_band(egfr, policy.kidney) if egfr else _without_egfr(problems),
        egfr=egfr,
        computed=computed,
        basis=basis,
        acute_injury=injury,
        dialysis=dialysis,
        oliguria=bool(problems.oliguria),
        unverified=_unverified(measured, basis),
    )


def _band(egfr: Quantity, numbers: KidneyNumbers) -> Filtration:
    if numbers.full.below(egfr) is False:
        return Filtration.FULL
    if numbers.reduced.below(egfr) is True:
        return Filtration.POOR
    # A bounded eGFR that may lie on either side of 30 is not good enough to propose orders on.
    return Filtration.REDUCED if numbers.reduced.below(egfr) is False else Filtration.UNKNOWN


def _unverified(measured: Series, basis: LabResult | None) -> tuple[Unusable, ...]:
    """Return the unusable creatinine results that may be newer than what kidney function rests on.

    Hemolysis hardly changes creatinine, and a suspect specimen is drawn again for its potassium: it says nothing here.
    """
    unusable = (u for u in measured.unverified_newer if u.reason != "suspect-specimen")
    return tuple(u for u in unusable if u.when is None or basis is None or u.when.latest >= basis.when.earliest)


def _without_egfr(problems: Problems) -> Filtration:
    return Filtration.POOR if problems.advanced_ckd else Filtration.UNKNOWN


def ckd_epi_2021(creatinine: Quantity, facts: PatientFacts, numbers: KidneyNumbers, as_of: datetime) -> Quantity | None:
    """Return the eGFR in mL/min/1.73m2 by the race-free CKD-EPI creatinine equation of 2021, rounded to one decimal.

    ``142 x min(SCr/k, 1)^a x max(SCr/k, 1)^-1.200 x 0.9938^age (x 1.012 if female)``, SCr in mg/dL
    [ckd-epi-2021]. None for a bounded creatinine, unknown sex or age, or under the adult age.
    """
    age = age_in_years(facts, as_of)
    if creatinine.comparator or facts.patient.sex is Sex.UNKNOWN or age is None or age < numbers.adult.value:
        return None
    female = facts.patient.sex is Sex.FEMALE
    kappa = numbers.ckd_epi_kappa_female if female else numbers.ckd_epi_kappa_male
    alpha = numbers.ckd_epi_alpha_female if female else numbers.ckd_epi_alpha_male
    milligram = unit_of(Analyte.CREATININE, "mg/dL")
    filtration = unit_of(Analyte.EGFR, "mL/min/1.73m2")
    assert milligram is not None  # both stand in the unit table, which the tests hold  # noqa: S101
    assert filtration is not None  # noqa: S101
    ratio = float(creatinine.canonical / milligram.to_canonical) / float(kappa.value)
    egfr = (
        float(numbers.ckd_epi_scale.value)
        * min(ratio, 1.0) ** float(alpha.value)
        * max(ratio, 1.0) ** float(numbers.ckd_epi_above.value)
        * float(numbers.ckd_epi_age.value) ** age
        * (float(numbers.ckd_epi_female.value) if female else 1.0)
    )
    return Quantity(Decimal(f"{egfr:.1f}"), filtration)


def age_in_years(facts: PatientFacts, as_of: datetime) -> int | None:
    """Return the age in full years; of a partial birth date the youngest age it allows. None if unknown."""
    birth = facts.patient.birth
    if birth is None:
        return None
    born = birth.latest
    today = as_of.astimezone(born.tzinfo)
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _acute_injury(newest: LabResult, measured: Series, policy: Policy) -> str:
    """Return why the newest creatinine shows acute injury, or "" (policy ``kidney.aki_*``).

    A bound counts only where it shows injury whatever the true value is.
    """
    numbers = policy.kidney
    if newest.quantity.comparator in {Comparator.LESS, Comparator.AT_MOST}:
        return ""
    for earlier in measured.before(newest):
        if earlier.quantity.comparator in {Comparator.MORE, Comparator.AT_LEAST}:
            continue
        since = newest.when.latest - earlier.when.earliest
        if since <= numbers.aki_ratio_window.delta and _ratio(newest, earlier) >= Fraction(numbers.aki_ratio.value):
            return f"creatinine {newest.quantity.text}, {numbers.aki_ratio.text} times {earlier.quantity.text} or more"
        if since <= numbers.aki_rise_window.delta and _rose(newest.quantity, earlier.quantity, numbers):
            return f"creatinine rose from {earlier.quantity.text} to {newest.quantity.text}"
    return ""


def _ratio(newest: LabResult, earlier: LabResult) -> Fraction:
    return newest.quantity.canonical / earlier.quantity.canonical


def _rose(newest: Quantity, earlier: Quantity, numbers: KidneyNumbers) -> bool:
    """Whether the rise reaches the limit printed for the unit, if both share one; else by conversion."""
    if newest.unit.printed == earlier.unit.printed:
        return newest.printed_value - earlier.printed_value >= numbers.aki_rise.printed[newest.unit.printed]
    return newest.canonical - earlier.canonical >= Fraction(numbers.aki_rise.printed[newest.unit.canonical])
