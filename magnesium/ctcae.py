"""The CTCAE grade of a low magnesium, as text for patients on drugs whose toxicity is counted that way.

CTCAE v5.0, "Hypomagnesemia": grade 1 below the lower limit of normal, 2 below 0.5 mmol/L (1.2 mg/dL), 3 below 0.4
(0.9), 4 below 0.3 (0.7). The lower limit of normal is the laboratory's own where the result carries it, else the
policy's. The limits are applied in the unit reported, as printed for it. Grade 4 is given on the value alone; whether
there are "life-threatening consequences", the other half of its wording, no laboratory value tells.
"""

from __future__ import annotations

from magnesium.facts import LabResult
from magnesium.picture import ClinicalPicture
from magnesium.policy import Policy
from magnesium.quantity import Comparator, Quantity

_GRADED_CLASSES = frozenset({"platinum", "anti_egfr", "egfr_tki", "mtor_inhibitor"})
_LOWEST_GRADE = 1
_BOUNDED_ABOVE = frozenset({Comparator.EXACT, Comparator.LESS, Comparator.AT_MOST})


def graded(picture: ClinicalPicture) -> bool:
    """Whether the patient has, or recently had, a drug whose magnesium toxicity is graded by CTCAE."""
    return any(held.drug.drug_class.code in _GRADED_CLASSES for held in picture.regimen.in_force)


def ctcae_grade(result: LabResult, policy: Policy) -> int | None:
    """Return the grade that a magnesium surely reaches; None if it is not surely below the lower limit of normal.

    A bounded result gets the mildest grade it allows: ``<0.6 mmol/L`` is at least grade 1.

    Raises:
        KeyError: a unit for which the policy prints no magnesium limit.
    """
    if not _below_normal(result, policy):
        return None
    limits = {4: policy.ctcae.grade_4, 3: policy.ctcae.grade_3, 2: policy.ctcae.grade_2}
    return next((grade for grade, limit in limits.items() if limit.below(result.quantity)), _LOWEST_GRADE)


def _below_normal(result: LabResult, policy: Policy) -> bool:
    own = result.reference_low
    if own is None:
        return policy.magnesium.borderline.below(result.quantity) is True
    return _surely_below(result.quantity, own)


def _surely_below(quantity: Quantity, limit: Quantity) -> bool:
    """Compare in the unit printed where both have it, so that no conversion moves a value across the limit."""
    if quantity.unit.printed == limit.unit.printed:
        return quantity.interval.high < (limit.printed_value, 0)
    return quantity.comparator in _BOUNDED_ABOVE and quantity.canonical < limit.canonical
