"""How loud a finding may be, whatever its rule says: populations and doubtful results hold it down.

Sources: clinical specification §1.1 (unverified newer result), §1.10 (populations). All local unless said otherwise.
"""

from __future__ import annotations

from magnesium.picture import ClinicalPicture
from magnesium.status import Currency
from magnesium.verdict import Indicator
from magnesium.words import unread

PEDIATRIC = "Under 18: pediatric limits are not configured; adult limits are shown and no dose is proposed."


def restrained(
    indicator: Indicator, picture: ClinicalPicture, *, unverified: bool, palliative_silent: bool = False
) -> Indicator | None:
    """Return the indicator a finding may have, or None where it must not be shown.

    Args:
        indicator: what the rule asks for.
        picture: the patient.
        unverified: a newer result of the analyte the rule rests on exists and could not be read.
        palliative_silent: the topic is never shown to palliative patients, not even at critical.
    """
    if picture.minor:
        indicator = Indicator.INFO
    if unverified:
        indicator = indicator.at_most(Indicator.WARNING)
    if picture.problems.palliative:
        shown = indicator is Indicator.CRITICAL and picture.policy.palliative_critical and not palliative_silent
        return indicator if shown else None
    return indicator


def for_age_of_result(indicator: Indicator, picture: ClinicalPicture) -> Indicator:
    """Return the indicator one step lower where the magnesium is aging (inpatient, beyond the current window)."""
    return indicator.lowered() if picture.magnesium.currency is Currency.AGING else indicator


def unread_notes(picture: ClinicalPicture) -> tuple[str, ...]:
    """Return what to say of a newer magnesium that could not be read; the guard says it of a potassium that is low."""
    return (unread("magnesium"),) if picture.magnesium.unverified else ()


def population_notes(picture: ClinicalPicture) -> tuple[str, ...]:
    """Return the sentences a reader needs about who the limits are for."""
    return (*((PEDIATRIC,) if picture.minor else ()), *_targets(picture))


def _targets(picture: ClinicalPicture) -> tuple[str, ...]:
    """Usual targets may be out of reach where the kidney cannot hold salt [kdigo-gitelman-2017]."""
    low = picture.magnesium.deficient or picture.magnesium.stale_deficient or picture.potassium.low
    if not (low and picture.problems.salt_losing_tubulopathy):
        return ()
    numbers = picture.policy.population
    magnesium, potassium = numbers.gitelman_magnesium.text, numbers.gitelman_potassium.text
    return (f"Known Gitelman or Bartter syndrome: Mg {magnesium} and K {potassium} may not be reachable.",)
