"""A magnesium that is due because of a drug in force.

What it says
    The drug, how often magnesium is wanted with it, and the last result or that there is none; offers a serum Mg.
Why
    Hypomagnesemia is often silent until it is severe [S0-200]; the interval follows how fast the drug wastes.
When it is silent
    A magnesium within the interval and its grace; a serum magnesium already ordered; dialysis; palliative care;
    obstetric magnesium therapy; another card already asks for magnesium (hooks/one_card.py).
When it cannot tell
    It never needs to: an unknown magnesium is what it is about.
Sources
    fda-ppi-2011 (PPI with a diuretic or digoxin); S0, S1 (classes); all other intervals local.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from magnesium import words
from magnesium.drugs import InForce, Monitored
from magnesium.grounds import grounds
from magnesium.picture import ClinicalPicture
from magnesium.restraint import population_notes, restrained, unread_notes
from magnesium.verdict import Finding, Indicator, Proposal, Quiet, Topic, Verdict

_THRESHOLDS = (
    "monitoring.grace_percent",
    "monitoring.grace_least",
    "monitoring.digoxin",
    "monitoring.ppi",
    "magnesium.after_dose",
)
_CITATIONS = ("S0-200", "fda-ppi-2011", "local")
_DIURETICS = ("loop_diuretic", "thiazide")


@dataclass(frozen=True, slots=True)
class _Due:
    """A drug in force and the interval at which magnesium is wanted with it."""

    held: InForce
    interval: timedelta


def judge(picture: ClinicalPicture) -> Verdict:
    """Judge whether a magnesium is due."""
    topic = Topic.MONITORING
    if picture.problems.dialysis or picture.obstetric_magnesium:
        return Quiet(topic, "dialysis or obstetric magnesium therapy")
    due = [drug for drug in _monitored(picture) if _overdue(picture, drug.interval)]
    if not due:
        return Quiet(topic, "no monitored drug in force, or magnesium is within its interval")
    shortest = min(drug.interval for drug in due)
    if picture.magnesium_test_ordered(shortest):
        return Quiet(topic, "a serum magnesium is already ordered")
    shown = restrained(Indicator.INFO, picture, unverified=False, palliative_silent=True)
    if shown is None:
        return Quiet(topic, "palliative care")
    return _finding(picture, due, shown)


def _monitored(picture: ClinicalPicture) -> list[_Due]:
    """Every drug in force that has an interval of its own, and the two combinations that have one."""
    found = [
        _Due(held, held.drug.monitored_every(picture.policy))
        for held in picture.regimen.in_force
        if held.wasting and _due_by_class(held)
    ]
    regimen, numbers = picture.regimen, picture.policy.monitoring
    if regimen.of(*_DIURETICS, "ppi"):
        found += [_Due(held, numbers.digoxin.delta) for held in regimen.of("digoxin")]
    if regimen.of(*_DIURETICS, "digoxin") and _long_term(picture, "ppi"):
        found += [_Due(held, numbers.ppi.delta) for held in regimen.of("ppi")]
    return found


def _due_by_class(held: InForce) -> bool:
    monitored = held.drug.drug_class.monitored
    return monitored is Monitored.AFTER_STOP or (monitored is Monitored.ALWAYS and not held.washing_out)


def _long_term(picture: ClinicalPicture, code: str) -> bool:
    """In force for the policy's long term; a course whose start is unknown counts as long."""
    start = picture.regimen.start_by_class.get(code)
    chronic = picture.policy.exposure.chronic.delta
    return bool(picture.regimen.of(code)) and (start is None or start.surely_by(picture.as_of - chronic))


def _overdue(picture: ClinicalPicture, interval: timedelta) -> bool:
    result = picture.magnesium.result
    if result is None or picture.magnesium.status is None:
        return True
    numbers = picture.policy.monitoring
    share = interval * float(numbers.grace_percent.value) / 100
    grace = max(share, numbers.grace_least.delta)
    return _flattered(picture) or not result.when.possibly_within(interval + grace, picture.as_of)


def _flattered(picture: ClinicalPicture) -> bool:
    """Whether the newest magnesium is one that says little: drawn shortly after a dose, and not low all the same."""
    status = picture.magnesium.status
    return picture.after_dose and not (status is not None and status.deficient)


def _finding(picture: ClinicalPicture, due: list[_Due], indicator: Indicator) -> Finding:
    result = picture.magnesium.result
    names = words.few((d.held.drug.ingredient for d in due), 2)
    last = f"Last {words.result(result)}." if result else "No usable serum magnesium on file."
    flattered = _flattered(picture)
    wait = f", {picture.policy.magnesium.after_dose.text} or more after the last intravenous dose" if flattered else ""
    return Finding(
        topic=Topic.MONITORING,
        indicator=indicator,
        summary=f"Serum magnesium is due on {names}",
        what=(
            last,
            *(("Drawn shortly after intravenous magnesium: it may flatter.",) if flattered else ()),
            *dict.fromkeys(
                f"{words.sentence(d.held.drug.ingredient)}: magnesium every {d.interval.days} d." for d in due
            ),
        ),
        why=("Drug-induced magnesium loss is often silent until it is severe.",),
        act=(f"Check serum magnesium{wait}.", *unread_notes(picture), *population_notes(picture)),
        proposals=(Proposal.SERUM_MAGNESIUM,),
        evidence=grounds(
            picture,
            result,
            *(d.held.exposure for d in due),
            thresholds=_THRESHOLDS,
            citations=(*_CITATIONS, *dict.fromkeys(s for d in due for s in d.held.drug.drug_class.sources)),
        ),
    )
