"""Magnesium and potassium given as replacement, told apart from salts of other drugs, laxatives and fluids.

Losartan potassium and esomeprazole magnesium never get here: the readers know their ingredient, not their salt.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from magnesium.drugs import had_by, of_class
from magnesium.facts import Exposure, ExposureKind, ExposureStatus, LabResult, PatientFacts, Route
from magnesium.policy import Policy

# Salts taken as antacid, laxative or bowel preparation rather than to replace magnesium.
_ANTACID_SALTS = frozenset(
    {
        "magnesium carbonate",
        "magnesium hydroxide",
        "magnesium salicylate",
        "magnesium silicate",
        "magnesium trisilicate",
    }
)
_TO_DRINK = ("solution", "soln", "liquid", "suspension", "powder", "effervescent", "bottle", "citroma")
"""Words of a form or a name that tell magnesium citrate to drink, a laxative, from tablets."""
INJECTED = frozenset({Route.INTRAVENOUS, Route.PARENTERAL})
"""Routes that reach the blood at once, or nearly so."""


def magnesium_load(exposure: Exposure) -> bool:
    """Whether a product brings magnesium into the body, for whatever purpose."""
    return of_class(exposure, "magnesium")


def magnesium_replacement(exposure: Exposure) -> bool:
    """Whether a product replaces magnesium.

    Not: antacids and laxatives, bowel preparations (oral sulfate, liquid citrate), products that hold further
    ingredients such as multivitamins.
    """
    if not magnesium_load(exposure) or exposure.other_ingredients:
        return False
    salts = set(exposure.ingredients)
    if salts & _ANTACID_SALTS:
        return False
    oral = exposure.route not in INJECTED
    if "magnesium sulfate" in salts and exposure.route is Route.ORAL:
        return False
    said = f"{exposure.dose_form} {exposure.label}".casefold()  # of an order without a code the name is all there is
    return not ("magnesium citrate" in salts and oral and any(word in said for word in _TO_DRINK))


def intravenous_magnesium(exposure: Exposure) -> bool:
    """Whether a product is injected magnesium (intramuscular counts: it reaches the blood as well)."""
    sulfate_of_unknown_route = exposure.route is Route.SYSTEMIC and "magnesium sulfate" in exposure.ingredients
    return magnesium_load(exposure) and (exposure.route in INJECTED or sulfate_of_unknown_route)


def potassium_replacement(exposure: Exposure, policy: Policy) -> bool:
    """Whether a product replaces potassium.

    Potassium among other ingredients (maintenance fluids, bowel preparations) counts only from the policy's daily
    amount, where that can be read.
    """
    if not of_class(exposure, "potassium"):
        return False
    if not exposure.other_ingredients:
        return True
    amount = exposure.daily_amount
    return amount is not None and amount.value >= policy.potassium.maintenance_amount.value


def began_after(exposure: Exposure, moment: datetime, as_of: datetime) -> bool:
    """Whether a product was surely begun after ``moment`` (a sample) and by ``as_of``."""
    if exposure.kind is ExposureKind.DRAFT or exposure.start is None:
        return False
    return exposure.start.surely_after(moment) and exposure.start.surely_by(as_of)


def magnesium_given_before(
    sample: LabResult, facts: PatientFacts, policy: Policy, *, collected_over: timedelta = timedelta()
) -> bool:
    """Whether magnesium may have reached the patient while urine was collected, or shortly before it.

    Shortly is ``femg.after_intravenous`` or ``femg.after_oral``. As-needed and single-dose orders count only through
    their administrations.
    """
    return any(_reached(e, sample, policy, collected_over) for e in facts.exposures if magnesium_load(e))


def magnesium_perhaps_given_before(sample: LabResult, facts: PatientFacts, policy: Policy) -> bool:
    """Whether a magnesium order that ended nobody knows when may have run to a sample.

    It counts if it began no longer than ``femg.order_without_end`` before the sample.
    """
    return any(_over_unknown_when(e) and _begun_shortly_before(e, sample, policy) for e in facts.exposures)


def _over_unknown_when(exposure: Exposure) -> bool:
    over = exposure.status is ExposureStatus.ENDED and exposure.end is None
    return over and magnesium_load(exposure) and not (exposure.as_needed or exposure.single_dose)


def _begun_shortly_before(exposure: Exposure, sample: LabResult, policy: Policy) -> bool:
    if exposure.start is None or exposure.start.surely_after(sample.when.latest):
        return False
    return exposure.start.possibly_within(policy.femg.order_without_end.delta, sample.when.earliest)


def _reached(exposure: Exposure, sample: LabResult, policy: Policy, collected_over: timedelta) -> bool:
    if exposure.kind is not ExposureKind.ADMINISTRATION and (exposure.as_needed or exposure.single_dose):
        return False
    window = policy.femg.after_intravenous if intravenous_magnesium(exposure) else policy.femg.after_oral
    return had_by(sample.when, exposure, window.delta + collected_over, policy)
