"""Whether a potassium-sparing diuretic may be mentioned: text only, and only where wasting persists.

Amiloride lets magnesium back in by its effect on the potential [S1-033]; an aldosterone antagonist may be considered if
safely tolerated [S0-206]. Neither source gives safety limits: potassium and kidney limits are local.
"""

from __future__ import annotations

from magnesium.femg import FractionalExcretion, Reading
from magnesium.picture import ClinicalPicture
from magnesium.status import acting, possible
from magnesium.words import listed, name

_RENAL = frozenset({Reading.RENAL, Reading.RENAL_LIKELY})
_RAISE_POTASSIUM = ("calcineurin_inhibitor", "ace_inhibitor", "arb", "trimethoprim", "heparin", "potassium")
_TEXT = "Persisting loss: consider amiloride or an aldosterone antagonist, if tolerated"


def sparing_diuretic(picture: ClinicalPicture) -> tuple[str, ...]:
    """Return the sentence on amiloride and aldosterone antagonists, or nothing."""
    if not (_persists(picture) and _renal(picture) and _safe(picture)):
        return ()
    company = [name(exposure) for code in _RAISE_POTASSIUM for exposure in picture.on(code)]
    risk = f"; risk of hyperkalemia with {listed(company)}" if company else ""
    return (f"{_TEXT}{risk}.",)


def _persists(picture: ClinicalPicture) -> bool:
    """Low now and on an earlier result far enough before."""
    reading, policy = picture.magnesium, picture.policy
    if not reading.deficient or reading.result is None:
        return False
    now = reading.result.when.earliest
    return any(
        now - earlier.when.latest >= policy.sparing.persisting.delta
        and (status := acting(possible(earlier.quantity, policy))) is not None
        and status.deficient
        for earlier in reading.usable
    )


def _renal(picture: ClinicalPicture) -> bool:
    """A renal cause: FEMg says so, a known tubulopathy, or a drug that wastes in the kidney."""
    femg = picture.femg
    read = isinstance(femg, FractionalExcretion) and femg.reading in _RENAL
    drugs = any(i.drug.drug_class.site != "gut" for i in picture.wasting)
    return read or drugs or bool(picture.problems.salt_losing_tubulopathy)


def _safe(picture: ClinicalPicture) -> bool:
    numbers, potassium, kidney = picture.policy.sparing, picture.potassium.highest, picture.kidney
    return (
        potassium is not None
        and not picture.potassium.unverified
        and numbers.potassium_below.below(potassium.quantity) is True
        and kidney.egfr is not None
        and numbers.egfr_from.below(kidney.egfr) is False
        and not kidney.impaired_acutely
        and not kidney.unverified
        and not picture.on("potassium_sparing")
        and not picture.on("mra")
        and not picture.problems.pregnancy
        and not picture.minor
    )
