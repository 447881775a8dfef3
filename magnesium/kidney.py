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
from magnesium.words import value


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
    """In mL/min/1.73m2: as reported, or computed by CKD-EPI 2021 (``computed``); a bound where only that is sure."""
    computed: bool = False
    basis: LabResult | None = None
    """The eGFR or the creatinine it rests on."""
    acute_injury: str = ""
    """Why acute kidney injury is assumed; empty if nothing says so."""
    injured_lately: bool = False
    """Whether that injury may lie within the policy's time: an older one only holds orders back."""
    dialysis: bool = False
    oliguria: bool = False
    unverified: tuple[Unusable, ...] = ()
    """Creatinine results that may be newer than the basis and could not be used: the kidneys may have got worse."""

    @property
    def rests_on_creatinine(self) -> bool:
        """Whether a creatinine was read for it, though it may tell nothing of this patient."""
        return self.basis is not None and self.basis.analyte is Analyte.CREATININE

    @property
    def words(self) -> str:
        """Filtration as a card tells it."""
        if self.egfr is not None:
            return f"eGFR {self.egfr.text}"
        if self.filtration is Filtration.POOR:
            return "chronic kidney disease of stage 4 or 5"
        return f"no eGFR from {value(self.basis)}" if self.basis is not None else "kidney function unknown or too old"

    @property
    def impaired_acutely(self) -> bool:
        """Whether filtration cannot be trusted: acute injury, oliguria, dialysis or any other KRT."""
        return bool(self.acute_injury) or self.dialysis or self.oliguria


def read_kidney(facts: PatientFacts, problems: Problems, policy: Policy, as_of: datetime) -> KidneyFunction:
    """Read kidney function at ``as_of``.

    A creatinine-based estimate is not computed under acute injury, on dialysis, in pregnancy or under the age of
    ``kidney.adult``; without it the function is unknown, unless a laboratory reported an eGFR. Where sex, age or an
    exact creatinine is missing, only an eGFR that is surely poor is read.
    """
    window = policy.current.kidney_inpatient if facts.setting is Setting.INPATIENT else policy.current.kidney_outpatient
    measured = series(facts, Analyte.CREATININE, policy, as_of)
    creatinine = if_current(highest(measured.newest), window, as_of)
    reported = newest_current(facts, Analyte.EGFR, policy, as_of, window=window, of_several=lowest)
    shown_by = _acute_injury(creatinine, measured, policy) if creatinine else ""
    lately = bool(problems.acute_kidney_injury) or _injured_lately(creatinine if shown_by else None, policy, as_of)
    dialysis = bool(problems.dialysis)
    estimate: Quantity | None = None
    if creatinine and not (lately or dialysis or problems.pregnancy):
        estimate = _estimate(creatinine.quantity, facts, policy, as_of)
    basis: LabResult | None = None
    egfr: Quantity | None = None
    computed = False
    if reported and not (lately or dialysis):
        basis, egfr = reported, reported.quantity
    # A creatinine drawn since says more of the kidneys now than an eGFR that has gone out of date.
    if creatinine and not (lately or dialysis) and (basis is None or basis.when.surely_before(creatinine.when)):
        poor = egfr is not None and _band(egfr, policy.kidney) is Filtration.POOR
        # One that tells nothing by itself takes an order away and no warning.
        if estimate or not poor:
            basis, egfr, computed = creatinine, estimate, estimate is not None
    return KidneyFunction(
        filtration=_band(egfr, policy.kidney) if egfr else _without_egfr(problems),
        egfr=egfr,
        computed=computed,
        basis=basis,
        acute_injury=shown_by or problems.acute_kidney_injury,
        injured_lately=lately,
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


def _estimate(creatinine: Quantity, facts: PatientFacts, policy: Policy, as_of: datetime) -> Quantity | None:
    """Return the eGFR, or where it cannot be computed a bound from above, if that bound alone says that it is poor."""
    exact = ckd_epi_2021(creatinine, facts, policy, as_of)
    if exact is not None:
        return exact
    bound = _at_most(creatinine, facts, policy, as_of)
    poor = bound is not None and _band(bound, policy.kidney) is Filtration.POOR
    return bound if poor else None


def ckd_epi_2021(creatinine: Quantity, facts: PatientFacts, policy: Policy, as_of: datetime) -> Quantity | None:
    """Return the eGFR in mL/min/1.73m2 by the race-free CKD-EPI creatinine equation of 2021, rounded to one decimal.

    None for a bounded creatinine, unknown sex or age, or under the adult age.
    """
    age = age_in_years(facts, policy, as_of)
    if creatinine.comparator or facts.patient.sex is Sex.UNKNOWN or age is None or age < policy.kidney.adult.value:
        return None
    return _filtration(_ckd_epi(creatinine, facts.patient.sex, age, policy.kidney))


def _at_most(creatinine: Quantity, facts: PatientFacts, policy: Policy, as_of: datetime) -> Quantity | None:
    """Return the most that the eGFR of an adult can be: the higher of both sexes, at the youngest age that is possible.

    The least creatinine that a bound allows gives it; a creatinine known only from above gives none.
    """
    age, adult = age_in_years(facts, policy, as_of), int(policy.kidney.adult.value)
    if creatinine.comparator in {Comparator.LESS, Comparator.AT_MOST} or (age is not None and age < adult):
        return None
    known = facts.patient.sex
    sexes = (Sex.FEMALE, Sex.MALE) if known is Sex.UNKNOWN else (known,)
    most = max(_ckd_epi(creatinine, sex, adult if age is None else age, policy.kidney) for sex in sexes)
    return _filtration(most, Comparator.LESS if creatinine.comparator is Comparator.MORE else Comparator.AT_MOST)


def _filtration(egfr: float, comparator: Comparator = Comparator.EXACT) -> Quantity:
    unit = unit_of(Analyte.EGFR, "mL/min/1.73m2")
    assert unit is not None  # stands in the unit table, which the tests hold  # noqa: S101
    return Quantity(Decimal(f"{egfr:.1f}"), unit, comparator)


def _ckd_epi(creatinine: Quantity, sex: Sex, age: int, numbers: KidneyNumbers) -> float:
    """Return ``142 x min(SCr/k, 1)^a x max(SCr/k, 1)^-1.200 x 0.9938^age (x 1.012 if female)``, SCr in mg/dL.

    Source: ckd-epi-2021.
    """
    female = sex is Sex.FEMALE
    kappa = numbers.ckd_epi_kappa_female if female else numbers.ckd_epi_kappa_male
    alpha = numbers.ckd_epi_alpha_female if female else numbers.ckd_epi_alpha_male
    milligram = unit_of(Analyte.CREATININE, "mg/dL")
    assert milligram is not None  # stands in the unit table, which the tests hold  # noqa: S101
    ratio = float(creatinine.canonical / milligram.to_canonical) / float(kappa.value)
    egfr: float = (
        float(numbers.ckd_epi_scale.value)
        * min(ratio, 1.0) ** float(alpha.value)
        * max(ratio, 1.0) ** float(numbers.ckd_epi_above.value)
        * float(numbers.ckd_epi_age.value) ** age
        * (float(numbers.ckd_epi_female.value) if female else 1.0)
    )
    return egfr


def age_in_years(facts: PatientFacts, policy: Policy, as_of: datetime) -> int | None:
    """Return the age in full years; of a partial birth date the youngest age it allows.

    None if it is unknown, or higher than anybody's (``population.oldest``): such a birth date stands for none.
    """
    birth = facts.patient.birth
    if birth is None:
        return None
    born = birth.latest
    today = as_of.astimezone(born.tzinfo)
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return age if age <= policy.population.oldest.value else None


def _injured_lately(newest: LabResult | None, policy: Policy, as_of: datetime) -> bool:
    """Whether a creatinine that shows acute injury may lie within the time for which a recorded injury counts."""
    return newest is not None and newest.when.possibly_within(policy.kidney.aki_condition.delta, as_of)


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
